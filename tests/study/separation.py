"""Claim 9: two structures from one image. How well each comes out, and where both overlap."""

import json
from math import nan

import numpy as np

from l2l_core.components.factory import get
from l2l_core.images.matching import fit_gain
from l2l_core.images.reading import open_image
from l2l_plugins.metrics.structure import near, otsu
from tests.study.claims import Claim, minus
from tests.study.plan import LOSS_TITLES, SUPERPOSED
from tests.study.rules import Statement
from tests.study.specimens import tolerance
from tests.study.training import write_text

STRUCTURES = ("nucleus", "membrane")


def score_separation(study, group):
    """Score input and restorations of the test images, structure by structure."""
    test = study.images(group, "test")
    for training in (None, *study.of_group(group)):
        method = "input" if training is None else training.method
        place = study.scores(group, method)
        if place.exists():
            continue
        folder = test / "input" if training is None else study.restored(training)
        rows = {}
        for path in sorted(folder.iterdir()):
            image = _planes(path)
            # One image is both guesses of what was not separated.
            image = np.broadcast_to(image, (len(STRUCTURES), *image.shape[1:]))
            benchmark, truth = (_planes(test / side / path.name) for side in ("benchmark", "truth"))
            rows[path.name] = score(image, benchmark, truth)
        write_text(place, json.dumps(rows, indent=1) + "\n")


def score(image, benchmark, truth):
    """Return the scores of images (structure, Y, X): by structure correlation and errors."""
    reach = tolerance(SUPERPOSED)
    regions = [_structure(one, reach) for one in np.asarray(truth, np.float64)]
    both = regions[0] & regions[1]
    scores = {}
    for number, name in enumerate(STRUCTURES):
        wanted = np.asarray(benchmark[number], np.float64)
        gain, offset = fit_gain(image[number], wanted)
        error = gain * image[number].astype(np.float64) + offset - wanted
        pearson = get("metric", "pearson")
        known = truth[number].min() < truth[number].max()
        scores[f"{name} correlation"] = (
            float(pearson(image[number], truth[number], axes="YX")) if known else nan
        )
        scores[f"{name} error where both are"] = _relative(error, wanted, both)
        scores[f"{name} error elsewhere"] = _relative(error, wanted, regions[number] & ~both)
    return scores


def _structure(truth, reach):
    if truth.min() == truth.max():
        return np.zeros(truth.shape, dtype=bool)
    return near(truth > otsu(truth), reach)


def _relative(error, wanted, region):
    if not region.any():
        return nan
    return float(np.sqrt(np.mean(error[region] ** 2) / np.mean(wanted[region] ** 2)))


def _planes(path):
    with open_image(path) as image:
        pixels = image.read()
    return pixels if pixels.ndim == 3 else pixels[None]


def statements(table):
    """Return the statements of claim 9."""
    for loss in ("mae", "ms3"):
        method = f"separation-{loss}"
        for name in STRUCTURES:
            key = f"{name} correlation"
            yield Statement(
                name,
                f"correlation with the truth, restored less superposed, {LOSS_TITLES[loss]}",
                table.more(SUPERPOSED, key, method, "input"),
            )
            yield Statement(
                name,
                "relative error where both structures are less that where one is, "
                f"{LOSS_TITLES[loss]}",
                minus(
                    table.values(SUPERPOSED, method, f"{name} error where both are"),
                    table.values(SUPERPOSED, method, f"{name} error elsewhere"),
                ),
            )


SEPARATION = Claim(
    9,
    "Two structures are separated from one image; where they overlap it is weaker",
    "Pearson correlation of each restored channel, and of the superposed image, with the true "
    "structure; root mean square error over the benchmark's root mean square, where both "
    "structures are and where only one is.",
    statements,
    (SUPERPOSED,),
)
