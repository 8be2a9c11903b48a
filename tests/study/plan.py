"""What the study is made of: its size, the networks it trains, and where all of it lies."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import define, field

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "study"
PRESETS = ROOT / "l2l_core" / "cli" / "presets"

ONE_STRUCTURE = ("actin", "tubulin", "caveolae", "paxillin")
UNCORRELATED = "paxillin_uncorrelated"
SUPERPOSED = "nucleus_membrane"

PAPERS_LOSS = {"actin": "ms3", "tubulin": "ms3", "caveolae": "ms3", "paxillin": "mae"}
"""The loss that was best to the eyes of the paper's authors."""

SAMPLES = {"caveolae": 0.01}
"""Share of the brightest pixels that the Michelson contrast takes, where it is not a tenth."""

LOSSES = {
    "mae": "loss={name='mae'}",
    "ssim": "loss={name='ssim'}",
    "ms3": "loss={name='ms_ssim', options={preset='paper-3'}}",
    "ms5": "loss={name='ms_ssim', options={preset='paper-5'}}",
}
"""By short name; the index of similarity with one, three and five scales."""

LOSS_TITLES = {"mae": "L1", "ssim": "SSIM", "ms3": "3S-SSIM", "ms5": "5S-SSIM"}
SCHEME_TITLES = {
    "l2l": "L2L",
    "n2n": "noise2noise",
    "reverse": "reverse direction",
    "separation": "separation",
    "patch": "validated by patch",
}


@define(frozen=True)
class Scale:
    """How large the study is.

    Parameters
    ----------
    name : str
    side : int
        Of an image, in pixels.
    train, test : int
        Pairs that train (an eighth of them validates) and pairs that are scored, for each seed.
    seeds : tuple of int
        Each has specimens, a division and initial weights of its own.
    network : tuple of str
        What is changed of the presets.
    validated : int
        Images of the cross-validations.
    fold_epochs : int
        Epochs for all of these.
    """

    name: str
    side: int
    train: int
    test: int
    seeds: tuple[int, ...]
    network: tuple[str, ...]
    validated: int
    fold_epochs: int


_SMALL_NETWORK = (
    "restorer.options={kernel=3, first_filters=8}",
    "train.epochs=16",
    "train.steps_per_epoch=50",
    "train.batch_size=4",
    "train.learning_rate=0.001",
    "train.plateau_patience=4",
    "patches.validation=32",
)

SCALES = {
    "small": Scale("small", 384, 8, 4, (1, 2, 3, 4, 5), _SMALL_NETWORK, 16, 8),
    # The presets as they are: CSBDeep's network and schedule, as many pairs as the paper had.
    "full": Scale("full", 1024, 64, 16, (1, 2, 3, 4, 5), (), 64, 100),
    # Says nothing; for the tests of the study itself.
    "tiny": Scale(
        "tiny",
        128,
        2,
        1,
        (1, 2),
        (
            *_SMALL_NETWORK[4:],
            "restorer.options={kernel=3, first_filters=2, depth=1}",
            "train.epochs=1",
            "train.steps_per_epoch=1",
            "train.batch_size=1",
            "patches.shape=[64, 64]",
            "data.validation=0",
        ),
        8,
        1,
    ),
}


@define(frozen=True)
class Group:
    """The specimens of one seed: those that train, and those that are scored."""

    specimen: str
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.specimen}-{self.seed}"

    @property
    def seeds(self) -> dict[str, int]:
        """Seeds of the two simulations; none is met twice, nor below 1000 in a trial."""
        return {"train": self.seed, "test": 1000 + self.seed}


@define(frozen=True)
class Training:
    """One network that is trained.

    Parameters
    ----------
    group : Group
    scheme : str
        A key of ``SCHEME_TITLES``.
    loss : str
        A key of ``LOSSES``.
    """

    group: Group
    scheme: str
    loss: str

    @property
    def method(self) -> str:
        """Scheme and loss: what it is called among the methods of a group."""
        return f"{self.scheme}-{self.loss}"

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.group.name}-{self.method}"

    @property
    def sides(self) -> tuple[str, str]:
        """Folders of what goes in and of what should come out."""
        return {
            "n2n": ("input", "input_repeat"),
            "reverse": ("benchmark", "input"),
        }.get(self.scheme, ("input", "benchmark"))

    @property
    def preset(self) -> Path:
        """Configuration that it starts from."""
        specimen = self.group.specimen.removesuffix("_uncorrelated")
        name = "separation" if specimen == SUPERPOSED else specimen
        return PRESETS / f"{name}.toml"


def title(method: str) -> str:
    """Return the name of a method for people."""
    scheme, _, loss = method.partition("-")
    if loss not in LOSS_TITLES:
        return method
    return f"{SCHEME_TITLES[scheme]}, {LOSS_TITLES[loss]}"


# By specimen the networks that the claims ask for; dicts keep the order in which they are trained.
_METHODS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "actin": (
        *(("l2l", loss) for loss in LOSSES),
        ("n2n", "ms3"),
        ("reverse", "ms3"),
    ),
    "tubulin": (
        *(("l2l", loss) for loss in LOSSES),
        ("n2n", "ms3"),
        ("reverse", "ms3"),
    ),
    "caveolae": (("l2l", "mae"), ("l2l", "ms3"), ("l2l", "ms5"), ("n2n", "ms3")),
    "paxillin": (("l2l", "mae"), ("l2l", "ms3"), ("l2l", "ms5"), ("n2n", "ms3"), ("n2n", "mae")),
    UNCORRELATED: (("l2l", "mae"), ("l2l", "ms3")),
    SUPERPOSED: (("separation", "mae"), ("separation", "ms3")),
}


@define(frozen=True)
class Study:
    """All networks and images of a study, and where they lie.

    Parameters
    ----------
    scale : Scale
    out : Path
    """

    scale: Scale
    out: Path = field(converter=Path)

    def groups(self) -> Iterator[Group]:
        """Yield the specimens of every seed, seed by seed."""
        for seed in self.scale.seeds:
            for specimen in _METHODS:
                yield Group(specimen, seed)

    def of_group(self, group: Group) -> Iterator[Training]:
        """Yield the networks of a group."""
        for scheme, loss in _METHODS[group.specimen]:
            yield Training(group, scheme, loss)

    def by_patch(self) -> Iterator[Training]:
        """Yield networks whose validation is by patch, in the images that they train on."""
        for seed in self.scale.seeds:
            yield Training(Group("actin", seed), "patch", "mae")

    def images(self, group: Group, part: str) -> Path:
        """Return the folder of the pairs that train (``"train"``) or are scored (``"test"``)."""
        return self.out / "specimens" / group.name / part

    def run(self, training: Training) -> Path:
        """Return the run folder of a network."""
        return self.out / "runs" / training.name

    def restored(self, training: Training) -> Path:
        """Return the folder of what a network makes of the test images."""
        return self.out / "restored" / training.name

    def scores(self, group: Group, method: str) -> Path:
        """Return the file of the scores of one method."""
        # No colon: Windows has no such file names.
        name = f"{group.name}-{method.replace(':', '-by-')}.json"
        return self.out / "scores" / name
