"""Claim 7: how much more images help, and how much validating by patch flatters."""

import json
from collections import defaultdict

import attrs
import numpy as np

from l2l_core.config_file import load_config
from l2l_core.data.simulation import write_pairs
from l2l_core.data.training_set import prepare
from l2l_core.workflows.crossvalidation import CrossValidation, crossvalidate
from l2l_core.workflows.fold_statistics import finite_mean, relative_change
from l2l_core.workflows.model import load_model
from tests.study.claims import Claim, minus, negative
from tests.study.plan import LOSSES, Group
from tests.study.rules import Statement
from tests.study.specimens import options_of
from tests.study.training import overrides_of, write_text

SPECIMEN = "actin"
SEED = 2000
FOLDS = 4
NRMSE, MS5 = "nrmse", "ms_ssim:preset='paper-5'"


def numbers(study):
    """Return the numbers of images: a quarter, half and all."""
    every = study.scale.validated
    return every // 4, every // 2, every


def cross_validate(study, display=None):
    """Cross-validate, as the command would; goes on where it was stopped."""
    place = study.out / "crossvalidation"
    if (place / "summary.json").exists():
        return
    images = study.out / "specimens" / "crossvalidation"
    if not (images / "parameters.json").exists():
        side = study.scale.side
        options = attrs.evolve(options_of(SPECIMEN), size=(side, side))
        write_pairs(SPECIMEN, images, study.scale.validated, SEED, options)
    plan = CrossValidation(
        folds=min(FOLDS, numbers(study)[0]),
        images=numbers(study),
        repeats=len(study.scale.seeds),
        metrics=(NRMSE, MS5) if study.scale.side >= 128 else (NRMSE,),
    )
    group = Group(SPECIMEN, SEED)
    config = next(one for one in study.by_patch()).preset
    overrides = (
        f"data.input='{images / 'input'}'",
        f"data.target='{images / 'benchmark'}'",
        f"seed={group.seed}",
        "data.validation=0.2",
        "restorer.backend=torch",
        LOSSES["ms3"],
        *study.scale.network,
        f"train.epochs={study.scale.fold_epochs}",
    )
    crossvalidate(config, place, plan, overrides=overrides, resume=place.exists(), display=display)


def changes(study):
    """Return for each metric and number of images the mean relative change of each repetition."""
    lines = (study.out / "crossvalidation" / "results.jsonl").read_text(encoding="utf-8")
    found = defaultdict(lambda: defaultdict(list))
    for row in map(json.loads, lines.splitlines()):
        for metric, sides in row["metrics"].items():
            before, after = finite_mean(sides["input"]), finite_mean(sides["restoration"])
            found[metric, row["images"]][row["repeat"]].append(relative_change(before, after))
    return {
        key: tuple(float(np.mean(repeats[one])) for one in sorted(repeats))
        for key, repeats in found.items()
    }


def score_by_patch(study):
    """Score each network on patches that it kept out, and another one on the same patches.

    Both were trained in the same way, on images of the same kind; the second has never seen the
    images that the patches are from.
    """
    place = study.out / "scores" / "by-patch.json"
    if place.exists():
        return
    trainings = list(study.by_patch())
    rows = {}
    for training, stranger in zip(trainings, trainings[1:] + trainings[:1], strict=True):
        config = load_config(training.preset, overrides_of(study, training))
        patches = prepare(config, training.preset.parent).validation
        rows[str(training.group.seed)] = {
            who: _error(study.run(one), patches)
            for who, one in (("own", training), ("stranger", stranger))
        }
    write_text(place, json.dumps(rows, indent=1) + "\n")


def _error(run, patches):
    """Return the mean absolute error on normalised patches, as training takes it."""
    with load_model(run, backend="torch") as model:
        errors = [
            np.abs(model.restorer.restore(one.input[None])["mean"][0] - one.target).mean()
            for one in patches
        ]
    return float(np.mean(errors))


def optimism(study):
    """Return by how many percent the error on strange images is larger, for each seed."""
    rows = json.loads((study.out / "scores" / "by-patch.json").read_text(encoding="utf-8"))
    return tuple(
        100 * (rows[str(seed)]["stranger"] / rows[str(seed)]["own"] - 1)
        for seed in study.scale.seeds
    )


def statements_of(study):
    """Return the statements of claim 7."""
    few, some, all_ = numbers(study)
    found = changes(study)
    gains = {}
    for metric, title in ((NRMSE, "NRMSE"), (MS5, "5S-SSIM")):
        for less, more in ((few, some), (some, all_)):
            gain = minus(found[metric, more], found[metric, less])
            gains[title, more] = negative(gain) if metric == NRMSE else gain
            yield Statement(
                SPECIMEN,
                f"gain in the relative change of {title} from {less} to {more} images, in percent",
                gains[title, more],
            )
    yield Statement(
        SPECIMEN,
        f"gain in 5S-SSIM from {few} to {some} images less that from {some} to {all_}",
        minus(gains["5S-SSIM", some], gains["5S-SSIM", all_]),
    )
    yield Statement(
        SPECIMEN,
        "error on patches of images never seen, above that on held-out patches of images that "
        "train, in percent",
        optimism(study),
    )


NUMBERS = Claim(
    7,
    "Scores rise with the number of images and level off; validation by patch is too optimistic",
    "Repeated cross-validation by image with a quarter, half and all of the images: relative "
    "change of NRMSE (as a fall) and 5S-SSIM, a repetition in the place of a seed. A network that "
    "kept a quarter of the patches of its images out, and one of another seed that never saw these "
    "images, both on those patches: mean absolute error.",
    statements_of,
    (),
)
