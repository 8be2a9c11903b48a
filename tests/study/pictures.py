"""The study's pictures: the same crops of all methods, and scores as dots, one a seed."""

from collections.abc import Sequence

import numpy as np
from attrs import define
from matplotlib.figure import Figure

from l2l_core.components.factory import get
from l2l_core.images.reading import open_image
from l2l_core.reports.figures import LIGHT, display_range, dress, to_png
from l2l_core.reports.regions import richest, whole
from tests.study.plan import ONE_STRUCTURE, PAPERS_LOSS, SUPERPOSED, UNCORRELATED, Group, title
from tests.study.separation import STRUCTURES
from tests.study.specimens import options_of, tolerance

CROP = 140
COLOURS = ("#8c959f", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
REAL, INVENTED, MISSED = (0.0, 0.62, 0.45), (0.90, 0.24, 0.0), (0.34, 0.71, 0.91)


@define(frozen=True)
class Dots:
    """Which scores are drawn: a panel for each metric, a group for each specimen.

    Parameters
    ----------
    specimens, methods : sequence of str
        ``"best"`` among the methods is the paper's loss of the specimen.
    metrics : dict of str to str
        Title by metric.
    """

    specimens: Sequence[str]
    methods: Sequence[str]
    metrics: dict


@define(frozen=True)
class Crops:
    """Which images are shown: a row for each specimen, a column for each method.

    Parameters
    ----------
    specimens, methods : sequence of str
    marked : bool
        Whether structure is coloured by whether it is real, instead of the image.
    """

    specimens: Sequence[str]
    methods: Sequence[str]
    marked: bool = False


ENDS = ("input", "benchmark")
DOTS = {
    1: Dots(
        ONE_STRUCTURE,
        (*ENDS, "n2n-best", "l2l-best", "truth"),
        {"michelson": "Michelson contrast", "rms": "RMS contrast"},
    ),
    2: Dots(
        ONE_STRUCTURE,
        ("input", "l2l-mae", "l2l-ms3", "l2l-ms5"),
        {"nrmse": "NRMSE", "ssim": "SSIM", "ms3": "3S-SSIM", "ms5": "5S-SSIM"},
    ),
    3: Dots(
        ("actin", "tubulin"),
        ("l2l-ssim", "l2l-ms3", "l2l-ms5", "l2l-mae"),
        {
            "width": "width of lines (px)",
            "hallucination": "invented objects",
            "from_mae": "distance from L1",
        },
    ),
    4: Dots(
        ONE_STRUCTURE,
        ("input", "n2n-ms3", "l2l-ms3"),
        {"hallucination": "invented objects", "precision": "precision"},
    ),
    5: Dots(
        ("paxillin", UNCORRELATED),
        ("input", "l2l-mae", "l2l-ms3"),
        {"f1": "F1", "hallucination": "invented objects"},
    ),
    6: Dots(
        ("actin", "tubulin"),
        (*ENDS, "l2l-ms3", "reverse-ms3"),
        {"f1": "F1", "michelson": "Michelson contrast"},
    ),
    8: Dots(
        ("tubulin",),
        (*ENDS, "l2l-mae", "l2l-ms3", "l2l-ms5", "truth"),
        {"width": "width of lines (px)"},
    ),
    9: Dots(
        (SUPERPOSED,),
        ("input", "separation-mae", "separation-ms3"),
        {f"{name} correlation": f"{name}: correlation" for name in STRUCTURES},
    ),
    10: Dots(
        ONE_STRUCTURE,
        (
            *("gaussian:ms3", "median:ms3", "nonlocal_means:ms3"),
            *("rolling_ball:ms3", "white_top_hat:ms3", "clahe:ms3", "l2l-best"),
        ),
        {"ms3": "3S-SSIM", "f1": "F1"},
    ),
}
CROPS = {
    1: Crops(ONE_STRUCTURE, ("input", "n2n-best", "l2l-best", "benchmark", "truth")),
    2: Crops(ONE_STRUCTURE, ("input", "l2l-mae", "l2l-ms3", "l2l-ms5", "benchmark")),
    3: Crops(("actin", "tubulin"), ("l2l-ssim", "l2l-ms3", "l2l-ms5", "l2l-mae", "truth")),
    4: Crops(ONE_STRUCTURE, ("input", "n2n-ms3", "l2l-ms3", "l2l-mae", "benchmark"), marked=True),
    5: Crops(("paxillin", UNCORRELATED), ("input", "l2l-mae", "l2l-ms3", "benchmark"), marked=True),
    6: Crops(("actin", "tubulin"), (*ENDS, "l2l-ms3", "reverse-ms3", "truth")),
    8: Crops(("tubulin",), ("input", "l2l-mae", "l2l-ms3", "benchmark", "truth")),
    9: Crops((SUPERPOSED,), ("input", "separation-mae", "separation-ms3", "benchmark", "truth")),
    10: Crops(ONE_STRUCTURE, ("input", "gaussian:ms3", "white_top_hat:ms3", "l2l-best", "truth")),
}
SAID = "green is real, red invented, blue missed"


def resolved(method, specimen):
    """Return the method that is meant where the paper's loss is asked for."""
    return method.replace("best", PAPERS_LOSS.get(specimen, ""))


def named(method):
    """Return a method's name for people."""
    if method.endswith("-best"):
        return title(method.replace("best", "mae")).replace("L1", "paper's loss")
    return title(method).removesuffix(":ms3")


def dots_figure(table, dots):
    """Draw the scores of each seed as a dot, and their mean as a bar."""
    columns = min(2, len(dots.metrics))
    rows = -(-len(dots.metrics) // columns)
    wide = 4.6 if len(dots.specimens) > 1 else 4.0
    figure = Figure(figsize=(wide * columns, 2.9 * rows + 0.5), layout="constrained")
    for index, (metric, said) in enumerate(dots.metrics.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        for number, method in enumerate(dots.methods):
            shift = 0.8 * ((number + 0.5) / len(dots.methods) - 0.5)
            for place, specimen in enumerate(dots.specimens):
                values = table.values(specimen, resolved(method, specimen), metric)
                spread = np.linspace(-0.2, 0.2, len(values)) * 0.8 / len(dots.methods)
                axes.plot(
                    place + shift + spread,
                    values,
                    "o",
                    color=COLOURS[number],
                    markersize=4,
                    label=named(method) if place == 0 else None,
                )
                mean = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
                reach = 0.32 / len(dots.methods)
                axes.hlines(mean, place + shift - reach, place + shift + reach, color=LIGHT.ink)
        labels = [name.replace("_", "\n") for name in dots.specimens]
        axes.set_xticks(range(len(labels)), labels)
        axes.set_title(said, fontsize=10)
        dress(axes, LIGHT)
        axes.grid(visible=False, axis="x")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=4 if columns > 1 else 2,
        frameon=False,
        fontsize=8.5,
    )
    return figure


def crops_figure(study, crops, read):
    """Draw the same crop of each method; `read` gives a test image by group and method."""
    seed = study.scale.seeds[0]
    rows = [(name, channel) for name in crops.specimens for channel in _channels(name)]
    side = 1.75
    figure = Figure(
        figsize=(side * len(crops.methods) + 0.3, side * len(rows) + 0.3), layout="constrained"
    )
    panels = figure.subplots(len(rows), len(crops.methods), squeeze=False)
    for number, (specimen, channel) in enumerate(rows):
        line = panels[number]
        group = Group(specimen, seed)
        truth = _channel(read(group, "truth"), channel)
        box = richest(truth, whole(truth, max(truth.shape)), min(CROP, *truth.shape))
        for axes, method in zip(line, crops.methods, strict=True):
            image = _channel(read(group, resolved(method, specimen)), channel)
            if crops.marked:
                axes.imshow(box.cut(marked(image, truth, specimen)), interpolation="nearest")
            else:
                low, high = display_range(box.cut(image))
                axes.imshow(box.cut(image), cmap="gray", vmin=low, vmax=high)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if number == 0:
                axes.set_title(named(method), fontsize=9)
        said = specimen if channel is None else STRUCTURES[channel]
        line[0].set_ylabel(said.replace("_", "\n"), fontsize=9)
    return figure


def _channels(specimen):
    return range(len(STRUCTURES)) if specimen == SUPERPOSED else (None,)


def _channel(image, channel):
    if channel is None or image.ndim == 2:
        return image
    return image[channel]


def marked(image, truth, specimen):
    """Return an image (Y, X, 3) with real, invented and missed structure in colours."""
    metric = get("metric", "structure_precision", tolerance=tolerance(specimen))
    (seen,) = metric.truths(image, truth, axes="YX")
    pair = metric.structures(seen)
    low, high = display_range(image)
    grey = np.clip((image - low) / (high - low), 0, 1) * 0.35
    picture = np.repeat(grey[..., None], 3, axis=2)
    picture[pair.true & ~pair.near_restored] = MISSED
    picture[pair.restored & pair.near_real] = REAL
    picture[pair.restored & ~pair.near_real] = INVENTED
    return picture


def reader(study, filtered):
    """Return a function from group and method to the first test image.

    `filtered` makes the images of a filter.
    """

    def read(group, method):
        test = study.images(group, "test")
        name = min(path.name for path in (test / "input").iterdir())
        if ":" in method:
            return filtered(group, method)[name]
        if (test / method).is_dir():
            return _pixels(test / method / name)
        return _pixels(study.out / "restored" / f"{group.name}-{method}" / name)

    return read


def _pixels(path):
    with open_image(path) as image:
        return image.read()


def scale_bar(specimen):
    """Return the side of a crop in micrometres."""
    return CROP * options_of(specimen).pixel_size_nm / 1000


def write_png(path, figure):
    """Write a figure with few colours, since it lies in the repository."""
    import io

    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(to_png(figure, 110))).convert("RGB")
    picture.quantize(128).save(path, optimize=True)
