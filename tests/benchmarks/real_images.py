"""Train on real images, restore what was kept apart, and compare with the best Gaussian filter.

``python -m tests.benchmarks.real_images --out bench/real-images [vesicles] [microtubules]``, from
the repository root; the folder of images is named in L2L_REAL_DATA, or lies in ``../shared/data``.
docs/real-images.md says what comes out. Whatever was trained before is not trained again.

Nothing here chooses a setting by what is held out: the configurations of docs/examples/real-images
are taken as they are, and only loss, seed and place of the images are set.
"""

import argparse
import os
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from attrs import define, field
from scipy import ndimage

from l2l_core.components.factory import get
from l2l_core.config_file import load_config
from l2l_core.data.training_set import prepare
from l2l_core.images.matching import fit_gain
from l2l_core.images.reading import open_image
from l2l_core.reports.content import Example
from l2l_core.reports.html import write_panel_png
from l2l_core.workflows.comparison import SIGMAS
from l2l_core.workflows.model import load_model
from l2l_core.workflows.progress import TrainingProgress
from l2l_core.workflows.restore import restore_file
from l2l_core.workflows.train import train
from tests.benchmarks.result import Result, write

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "docs" / "examples" / "real-images"
LOSSES = {"mse": (), "mae": (), "ms_ssim": ("loss.options.preset=paper-3",)}
CELL = "SSIM within the cell"
# By column the metric, and which of several is the best.
METRICS = {"NRMSE": ("nrmse", min), "SSIM": ("ssim", max), CELL: ("ssim", max)}
LOW, HIGH = 1, 99.8
SCORED = (
    "gain and offset fitted a plane; data range 1; NRMSE relative to the benchmark's root mean "
    "square, lower is better"
)
FAVOUR = (
    "the best Gaussian is for each metric the best on the very images that are scored, which "
    "favours it"
)
CELL_NOTE = (
    "the cell is where label_b, blurred by 6 px, is above 0.02, with its holes; SSIM windows that "
    "lie within it count, with gain and offset of the whole plane"
)
EVERYWHERE = (slice(None), slice(None))


@define
class Task:
    """What is trained on, what is scored, and against what.

    ``references[plane]`` is the scaled benchmark of a plane; ``regions`` are the parts of a plane
    that are scored, by name, and ``baselines`` further images that are.  ``masks[plane]`` is where
    the cell is; without it there is no such column.
    """

    name: str
    source: Path
    target: Path
    references: dict
    title: str
    method: str = "L2L"
    regions: dict = field(factory=lambda: {"": EVERYWHERE})
    baselines: dict = field(factory=dict)
    masks: dict = field(factory=dict)
    notes: list = field(factory=list)

    @property
    def metrics(self):
        return {name: what for name, what in METRICS.items() if name != CELL or self.masks}

    @property
    def config(self):
        return CONFIGS / f"{self.name}.toml"

    @property
    def places(self):
        return (f"data.input={self.source}", f"data.target={self.target}")

    def pixels(self):
        return open_image(self.source).read()


def vesicles(data, seeds):
    """Two labels: planes 0 to 13 train, 14 is the gap, 15 and 16 are scored."""
    folder = data / "vesicles-two-labels"
    benchmark = open_image(folder / "label_b.ome.tif").read()
    scaled = _scaled(benchmark, benchmark[:14])
    return Task(
        name="vesicles",
        source=folder / "label_a.ome.tif",
        target=folder / "label_b.ome.tif",
        references={plane: scaled[plane] for plane in (15, 16)},
        masks={plane: _cell_of(scaled[plane]) for plane in (15, 16)},
        title="Vesicles: label_a restored, against label_b",
        notes=[
            "mean of the planes 15 and 16, which were held out",
            "the 1st and 99.8th percentile of label_b in the planes 0 to 13 are 0 and 1",
            CELL_NOTE,
        ],
    )


def _cell_of(reference):
    return ndimage.binary_fill_holes(ndimage.gaussian_filter(reference, 6) > 0.02)


def microtubules(data, seeds):
    """Repeats of one field: frames 0 to 9 train; each later one against the mean of the others."""
    source = data / "microtubules-repeats" / "TIRF_200Hz.tif"
    frames = open_image(source).read().astype(np.float64)
    training, held_out = frames[:10], range(10, 20)
    references = {
        frame: _scaled(
            np.mean([frames[k] for k in held_out if k != frame], axis=0), training.mean(0)
        )
        for frame in held_out
    }
    task = Task(
        name="microtubules",
        source=source,
        target=source,
        references=references,
        title="Microtubules: one frame restored, against the mean of nine others",
        method="N2N",
        baselines={"mean of the 10 frames that train": training.mean(0)},
        notes=[
            "mean of the frames 10 to 19, which were held out; each against the other nine of them",
            "the 1st and 99.8th percentile of the mean of the frames 0 to 9 are 0 and 1",
        ],
    )
    halves = {_columns(task, seed) for seed in seeds}
    if len(halves) > 1:
        raise SystemExit(f"the seeds {seeds} divide the field differently: {halves}; take others")
    unseen, seen = halves.pop()
    task.regions = {
        "half that never trained": (slice(None), slice(*unseen)),
        "half that trained": (slice(None), slice(*seen)),
    }
    return task


def _columns(task, seed):
    """Return the columns that validate, and those that train, each as first and last + 1."""
    split = prepare(load_config(task.config, (*task.places, f"seed={seed}")), CONFIGS).split
    (validating,), (training,) = split.validation, split.train
    return tuple((part.box["X"].start, part.box["X"].stop) for part in (validating, training))


TASKS = {"vesicles": vesicles, "microtubules": microtubules}


def _scaled(image, training):
    low, high = np.percentile(training, (LOW, HIGH))
    return (image.astype(np.float64) - low) / (high - low)


def score(task, candidates, region):
    """Return for each column the mean over the planes of a task; `candidates` by plane."""
    values = {name: [] for name in task.metrics}
    for plane, whole in task.references.items():
        image, reference = np.asarray(candidates[plane], np.float64)[region], whole[region]
        gain, offset = fit_gain(image, reference)
        for name, (metric, _) in task.metrics.items():
            mask = task.masks[plane][region] if name == CELL else None
            fitted = gain * image + offset
            one = get("metric", metric)(fitted, reference, data_range=1.0, axes="YX", mask=mask)
            values[name].append(one)
    return {name: fmean(some) for name, some in values.items()}


def gaussians(task, region):
    """Return for each column the standard deviation of the best Gaussian filter, and its score."""
    pixels = task.pixels().astype(np.float32)
    found = {}
    for sigma in SIGMAS:
        filtered = {p: ndimage.gaussian_filter(pixels[p], sigma) for p in task.references}
        found[sigma] = score(task, filtered, region)
    best = {}
    for name, (_, choose) in task.metrics.items():
        value, sigma = choose((found[sigma][name], sigma) for sigma in SIGMAS)
        best[name] = (sigma, value)
    return best


def restored(task, loss, seed, out, backend):
    """Train, unless it is done, and return the restoration of all planes."""
    run = out / "runs" / f"{task.name}-{loss}-{seed}"
    overrides = (*task.places, f"loss.name={loss}", *LOSSES[loss], f"seed={seed}")
    if backend != "auto":
        run = run.with_name(f"{run.name}-{backend}")
        overrides += (f"restorer.backend={backend}",)
    display = TrainingProgress()
    try:
        train(task.config, run, resume=True, overrides=overrides, display=display)
    finally:
        display.close()
    place = out / "restored" / f"{run.name}.ome.tif"
    place.parent.mkdir(parents=True, exist_ok=True)
    with load_model(run, backend=backend) as model:
        restore_file(model, task.source, place, restart=True)
    return open_image(place).read()


def tabulate(task, seeds, out, backends=("auto",)):
    """Train with every loss and seed; return the table."""
    pixels = task.pixels()
    images = {
        loss if backend == "auto" else f"{loss} on {backend}": [
            restored(task, loss, seed, out, backend) for seed in seeds
        ]
        for loss in LOSSES
        for backend in backends
    }
    # By method, the stacks that are scored: one for each seed.
    stacks = {
        "input": [pixels],
        **{f"{task.method}, {loss}": restorations for loss, restorations in images.items()},
        **{name: [[image] * len(pixels)] for name, image in task.baselines.items()},
    }
    rows, raw = [], {}
    for name, region in task.regions.items():
        found = {m: [score(task, one, region) for one in some] for m, some in stacks.items()}
        cells = {
            m: [_cell([one[k] for one in some]) for k in task.metrics] for m, some in found.items()
        }
        best = gaussians(task, region)
        gaussian = [f"{value:.3f} (sigma {sigma:g})" for sigma, value in best.values()]
        ordered = [("input", cells.pop("input")), ("best Gaussian", gaussian), *cells.items()]
        rows += [[*([name] if name else []), method, *values] for method, values in ordered]
        raw[name or "all"] = {**found, "best Gaussian": best}
    picture(task, images, out)
    return Result(
        title=task.title,
        columns=[*([] if "" in task.regions else ["region"]), "method", *task.metrics],
        rows=rows,
        notes=[*task.notes, SCORED, f"mean and standard deviation over the seeds {seeds}", FAVOUR],
        raw={"scores": raw, "seeds": list(seeds)},
    )


def _cell(values):
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{fmean(values):.3f} ± {stdev(values):.3f}"


def picture(task, images, out):
    """Draw the first scored plane, by every method and fitted to the benchmark, and a crop."""
    plane, reference = next(iter(task.references.items()))
    region = next(iter(task.regions.values()))
    pixels = task.pixels()[plane].astype(np.float32)
    shown = {"input": pixels}
    for sigma in sorted({found for found, _ in gaussians(task, region).values()}):
        shown[f"Gaussian {sigma:g}"] = ndimage.gaussian_filter(pixels, sigma)
    shown |= {f"{task.method}, {loss}": some[0][plane] for loss, some in images.items()}
    fitted = {}
    for name, image in shown.items():
        gain, offset = fit_gain(image, reference)
        fitted[name] = gain * image + offset
    example = Example(name=task.name, images={**fitted, "benchmark": reference})
    write_panel_png(out / f"{task.name}.png", example)


def data_folder():
    """Return the folder of the real images."""
    named = os.environ.get("L2L_REAL_DATA")
    return Path(named) if named else ROOT.parent / "shared" / "data"


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.real_images")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TASKS)}; all by default")
    parser.add_argument("--out", type=Path, default=Path("bench/real-images"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--backends", nargs="+", default=["auto"], help="engines that train, side by side"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(TASKS):
        parser.error(f"no images {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    if not data_folder().is_dir():
        parser.error(f"there is no folder {data_folder()}; name the real images in L2L_REAL_DATA")
    for name in arguments.names or TASKS:
        task = TASKS[name](data_folder(), arguments.seeds)
        result = tabulate(task, arguments.seeds, arguments.out, arguments.backends)
        print(write(result, arguments.out, name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
