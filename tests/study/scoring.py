"""Scores of every method on test images: against the benchmark, against the truth, and alone.

Against the benchmark as ``l2l crossvalidate`` does it: the 1st and 99.8th percentile of the
benchmark are 0 and 1, which is the data range, and gain and offset are fitted. A filter's options
are those that score best on the images that train, by the very metric that it is then judged by.
"""

import json
from math import nan

import attrs
import numpy as np

from l2l_core.components.factory import get
from l2l_core.errors import StatisticsError
from l2l_core.images.matching import fit_gain
from l2l_core.images.reading import open_image
from l2l_core.workflows.fold_scores import choose_metrics, score_planes
from l2l_core.workflows.model import load_model
from l2l_core.workflows.tuning import GRIDS, candidates
from tests.study.plan import SAMPLES
from tests.study.specimens import tolerance
from tests.study.training import write_text

INDICES = {
    "nrmse": "nrmse",
    "ssim": "ssim",
    "ms3": "ms_ssim:preset='paper-3'",
    "ms5": "ms_ssim:preset='paper-5'",
}
"""Against the benchmark, by short name."""

TRUTH = {
    "precision": "structure_precision",
    "recall": "structure_recall",
    "hallucination": "hallucination_rate",
    "suppression": "background_suppression",
}
"""Against the truth, by short name."""

TUNED_BY = ("nrmse", "ms3")
TUNED_ON = 3
"""How many of the images that train a filter's options are chosen by."""

LINES = ("actin", "tubulin")
"""Specimens with lines whose width can be taken."""


def indices(image, benchmark, names=tuple(INDICES)):
    """Return the indices of an image (C, N, Y, X) against the benchmark, means over channels."""
    metrics = choose_metrics([INDICES[name] for name in names])
    found = score_planes(image, benchmark, metrics).values
    return {name: float(np.mean(found[INDICES[name]])) for name in names}


def against_truth(image, truth, specimen):
    """Return what of an image (Y, X) is real, and what of the truth was found.

    NaN where a field happens to show no structure.
    """
    if truth.min() == truth.max():
        return dict.fromkeys((*TRUTH, "f1"), nan)
    near = tolerance(specimen)
    scores = {
        name: float(get("metric", metric, tolerance=near)(image, truth, axes="YX"))
        for name, metric in TRUTH.items()
    }
    both = scores["precision"] + scores["recall"]
    # Where nothing was restored the precision is NaN, and nothing was found either.
    scores["f1"] = 2 * scores["precision"] * scores["recall"] / both if both > 0 else 0.0
    return scores


def alone(image, specimen):
    """Return contrasts of an image (Y, X), and the width of its lines in pixels."""
    sample = SAMPLES.get(specimen, 0.1)
    scores = {
        "michelson": _of_one(get("metric", "michelson_contrast", sample=sample), image),
        "rms": _of_one(get("metric", "rms_contrast"), image),
    }
    if specimen in LINES:
        scores["width"] = _of_one(get("metric", "line_width"), image)
    return scores


def _of_one(metric, image):
    """Return a metric of one image, NaN where there is nothing to be measured in it."""
    try:
        return float(metric(image, axes="YX"))
    except StatisticsError:
        return nan


def score(study, group, restored, *, benchmark=True):
    """Return the scores of each test image by one method.

    Parameters
    ----------
    restored : dict
        Image (Y, X) by file name.
    benchmark : bool
        Whether the image can be held against the benchmark.
    """
    folder = study.images(group, "test")
    rows = {}
    for name, image in sorted(restored.items()):
        wanted, truth = (_read(folder / side / name) for side in ("benchmark", "truth"))
        rows[name] = {
            **(indices(image[None, None], wanted[None, None]) if benchmark else {}),
            **against_truth(image, truth, group.specimen),
            **alone(image, group.specimen),
        }
    return rows


def write_scores(study, group, method, make):
    """Write the scores of one method unless they are there; `make` gives its images by name."""
    place = study.scores(group, method)
    if not place.exists():
        write_text(place, json.dumps(score(study, group, make()), indent=1) + "\n")


def read_scores(study, group, method):
    """Return the scores of each test image by one method."""
    return json.loads(study.scores(group, method).read_text(encoding="utf-8"))


def score_raw(study, group):
    """Score input, benchmark and the blurred truth, which no method made."""
    test = study.images(group, "test")
    for side in ("input", "benchmark", "truth"):
        write_scores(study, group, side, lambda side=side: read_folder(test / side))


def score_networks(study, group):
    """Score what the networks of a group made of the test images."""
    for training in study.of_group(group):
        place = study.scores(group, training.method)
        if place.exists():
            continue
        images = read_folder(study.restored(training))
        rows = score(study, group, images, benchmark=training.scheme != "reverse")
        if training.scheme == "l2l" and training.loss != "mae":
            plain = read_folder(study.restored(attrs.evolve(training, loss="mae")))
            for name, row in rows.items():
                row["from_mae"] = distance(images[name], plain[name])
        write_text(place, json.dumps(rows, indent=1) + "\n")


def distance(image, other):
    """Return how far an image is from another, over its deviation, after one gain and offset."""
    gain, offset = fit_gain(image, other)
    return float(np.sqrt(np.mean((gain * image + offset - other) ** 2)) / np.std(other))


def score_filters(study, group):
    """Tune every filter on images that train, by each of two indices, and score it."""
    for name in GRIDS:
        chosen = None
        for index in TUNED_BY:
            method = f"{name}:{index}"
            if study.scores(group, method).exists():
                continue
            chosen = chosen or tune(study, group, name)
            made = spec(name, chosen[index])
            write_scores(study, group, method, lambda made=made: filtered(study, group, made))
            write_text(study.scores(group, f"{method}-options"), json.dumps(chosen[index]) + "\n")


def tune(study, group, name):
    """Return for each index the options of a filter that score best on images that train."""
    train = study.images(group, "train")
    names = sorted(path.name for path in (train / "input").iterdir())[:TUNED_ON]
    pairs = [(_read(train / "input" / one), _read(train / "benchmark" / one)) for one in names]
    tried = []
    for options in candidates(GRIDS[name]):
        with load_model(spec(name, options)) as model:
            found = [
                indices(model.restore(image, "YX")[None, None], wanted[None, None], TUNED_BY)
                for image, wanted in pairs
            ]
        tried.append((options, {k: float(np.mean([one[k] for one in found])) for k in TUNED_BY}))
    best = {"nrmse": min, "ms3": max}
    return {k: best[k](tried, key=lambda one, k=k: one[1][k])[0] for k in TUNED_BY}


def filtered(study, group, spec):
    """Return the test images of a group after a filter, by name."""
    images = read_folder(study.images(group, "test") / "input")
    with load_model(spec) as model:
        return {name: model.restore(image, "YX") for name, image in images.items()}


def read_folder(folder):
    """Return all images of a folder, by name."""
    return {path.name: _read(path) for path in sorted(folder.iterdir())}


def spec(name, options):
    return f"{name}:" + ",".join(f"{key}={value}" for key, value in options.items())


def _read(path):
    with open_image(path) as image:
        return image.read()
