"""One TOML file is one run: the tables of a configuration as frozen values."""

from __future__ import annotations

from typing import Any, Literal

from attrs import define, field, validators

from l2l_core.components.training import Schedule


@define(frozen=True, kw_only=True)
class ComponentConfig:
    """A component and its options: ``{name = "ms_ssim", options = {scales = 3}}``, or its name."""

    name: str
    options: dict[str, Any] = field(factory=dict)


@define(frozen=True, kw_only=True)
class AugmenterConfig(ComponentConfig):
    """One ``[[augment]]`` table: an augmenter and how often it is used."""

    probability: float = field(default=1.0, validator=[validators.ge(0), validators.le(1)])


@define(frozen=True, kw_only=True)
class SelectConfig:
    """Which planes, frames and channels are used: ``z = "0:14"``, ``c = 1``, ``t = "0,2,5"``.

    A text is a slice as Python's, or positions separated by commas; empty means all.
    """

    z: int | str = ""
    t: int | str = ""
    c: int | str = ""


@define(frozen=True, kw_only=True)
class DataConfig:
    """Table ``[data]``: where the pairs are, and how they are split.

    Parameters
    ----------
    input, target : str or list of str
        A folder, a glob or a file each, or lists of them; relative to the configuration's folder.
        Without `target`, both come from the files of `input` (two channels, two positions).
    table : str
        CSV file with the columns ``input`` and ``target``, instead of both.
    axes : str
        Axes of the files where they do not say, such as ``"ZYX"``.
    select : table
        Planes, frames and channels of input and target alike.
    input_select, target_select : table
        The same for one of them, beside `select`: ``input_select = {c = 0}``.
    match : str
        Regular expression whose first group is what the names of two partners share; by default
        what is left of the names without the prefix and the suffix that all of one side share.
    group : str
        What is never on both sides of the split: ``"file"``, blocks of an axis (``"Z:4"``, four
        planes), or a column of the table (``"column:animal"``).
    validation : float
        Share of the images that is kept out of training, 0 to below 1.
    split : {"image", "patch"}
        By image, or by patch as the paper did.
    gap : int
        Planes, or pixels where there is only one plane, left out between blocks of one image.
    contrast_sample : float
        Share of the pixels, the brightest ones, that counts as structure where the contrasts of
        the labels are told (``l2l data contrast``); training does not depend on it.
    """

    input: str | tuple[str, ...] = ""
    target: str | tuple[str, ...] = ""
    table: str = ""
    axes: str = ""
    select: SelectConfig = SelectConfig()
    input_select: SelectConfig = SelectConfig()
    target_select: SelectConfig = SelectConfig()
    match: str = ""
    group: str = "file"
    validation: float = field(default=0.1, validator=[validators.ge(0), validators.lt(1)])
    split: Literal["image", "patch"] = "image"
    gap: int = field(default=1, validator=validators.ge(0))
    contrast_sample: float = field(default=0.1, validator=[validators.gt(0), validators.lt(1)])


@define(frozen=True, kw_only=True)
class NormalizerConfig:
    """Table ``[normalize.input]`` or ``[normalize.target]``.

    Parameters
    ----------
    method : {"percentile", "mean_std", "min_max", "none"}
        What becomes 0 and 1: two percentiles, mean and mean plus one standard deviation, or the
        extremes.
    low, high : float
        The percentiles, in percent.
    scope : {"image", "dataset"}
        The numbers of each image, or one set of numbers of all training images.
    """

    method: Literal["percentile", "mean_std", "min_max", "none"] = "percentile"
    low: float = field(default=2.0, validator=[validators.ge(0), validators.lt(100)])
    high: float = field(default=99.8, validator=[validators.gt(0), validators.le(100)])
    scope: Literal["image", "dataset"] = "image"


@define(frozen=True, kw_only=True)
class NormalizeConfig:
    """Table ``[normalize]``: input and target apart, and in whose units a restoration comes out.

    Parameters
    ----------
    output : {"target", "input", "normalized"}
        Units of a restoration: the target's (its numbers over the training set), those of the
        image that is restored, or none.
    """

    input: NormalizerConfig = NormalizerConfig()
    target: NormalizerConfig = NormalizerConfig()
    output: Literal["target", "input", "normalized"] = "target"


@define(frozen=True, kw_only=True)
class PatchesConfig:
    """Table ``[patches]``: what is cut out of the images for training.

    Parameters
    ----------
    shape : list of int
        Sides of a patch in pixels, (Y, X) or (Z, Y, X); its length chooses 2D or 3D.
    foreground : float
        A patch counts if its middle holds a pixel brighter than this share of the image's bright
        percentile (CSBDeep's rule); 0 takes patches from anywhere.
    percentile : float
        That bright percentile, in percent.
    augmented : float
        Share of the patches that go through the augmenters.
    validation : int
        How many patches the validation samples are, at the most.
    """

    shape: tuple[int, ...] = field(
        default=(128, 128),
        validator=[
            validators.min_len(2),
            validators.max_len(3),
            validators.deep_iterable(validators.ge(1)),
        ],
    )
    foreground: float = field(default=0.4, validator=[validators.ge(0), validators.lt(1)])
    percentile: float = field(default=99.9, validator=[validators.gt(0), validators.le(100)])
    augmented: float = field(default=1.0, validator=[validators.ge(0), validators.le(1)])
    validation: int = field(default=64, validator=validators.ge(1))


@define(frozen=True, kw_only=True)
class RestorerConfig:
    """Table ``[restorer]``: the method, its engine, its options, and what follows it.

    Parameters
    ----------
    name, backend, device : str
        The method, and what computes it.
    options : dict
        The method's own.
    chain : list
        Filters without training that follow whenever the model restores; training, and what is
        logged of it, sees the method alone.
    """

    name: str = "care"
    backend: str = "auto"
    device: str = "auto"
    options: dict[str, Any] = field(factory=dict)
    chain: tuple[ComponentConfig, ...] = ()


@define(frozen=True, kw_only=True)
class TrainConfig(Schedule):
    """Table ``[train]``: the schedule, what is logged, and where training starts from.

    Parameters
    ----------
    metrics : list
        Metrics on the validation patches, logged after each epoch.
    start_from : str
        A model folder whose weights are fine-tuned; empty for a fresh start.
    """

    metrics: tuple[str | ComponentConfig, ...] = ()
    start_from: str = ""


@define(frozen=True, kw_only=True)
class RunConfig:
    """A whole configuration.

    Parameters
    ----------
    seed : int
        Of everything that is random: split, patches, augmentation, initial weights.
    loss : dict
        A loss for each role of the restorer; ``[loss]`` with a ``name`` is the role ``target``.
    """

    seed: int = field(default=1, validator=validators.ge(0))
    data: DataConfig
    normalize: NormalizeConfig = NormalizeConfig()
    patches: PatchesConfig = PatchesConfig()
    augment: tuple[AugmenterConfig, ...] = ()
    restorer: RestorerConfig = RestorerConfig()
    loss: dict[str, ComponentConfig] = field(
        factory=lambda: {"target": ComponentConfig(name="mae")}
    )
    train: TrainConfig = TrainConfig()
