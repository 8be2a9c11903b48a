"""Cross-validate label2label on the real vesicles, by blocks of planes with a gap between them.

``python -m tests.study.vesicles --out build/study``; the folder of images is named in
L2L_REAL_DATA, as for docs/real-images.md. There is no truth: what is asked is whether a network
comes nearer to the second label than the best filter does.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from l2l_core.workflows.crossvalidation import CrossValidation, crossvalidate
from l2l_core.workflows.fold_statistics import finite_mean, interval
from l2l_core.workflows.progress import TrainingProgress
from tests.benchmarks.real_images import CONFIGS, data_folder
from tests.study.rules import Statement
from tests.study.training import write_text

SEEDS = (1, 2, 3, 4, 5)
LOSSES = ("mse", "ms_ssim:preset='paper-3'")
FILTERS = tuple(f"{name}:tune=true" for name in ("gaussian", "median", "nonlocal_means"))
METRICS = {"nrmse": "NRMSE", "ssim": "SSIM"}
# The planes with signal, in four blocks; beside a held-out one a plane is left out.
BLOCKS = ("data.select={z='9:17'}", "data.group='Z:2'", "data.gap=1")


def cross_validate(out, seed):
    """Cross-validate with one seed; goes on where it was stopped."""
    place = out / "vesicles" / f"seed-{seed}"
    if (place / "summary.json").exists():
        return place
    folder = data_folder() / "vesicles-two-labels"
    overrides = (
        f"data.input='{folder / 'label_a.ome.tif'}'",
        f"data.target='{folder / 'label_b.ome.tif'}'",
        *BLOCKS,
        f"seed={seed}",
    )
    plan = CrossValidation(
        folds=4, repeats=1, seed=seed, losses=LOSSES, filters=FILTERS, metrics=tuple(METRICS)
    )
    display = TrainingProgress()
    try:
        crossvalidate(
            CONFIGS / "vesicles.toml",
            place,
            plan,
            overrides=overrides,
            resume=place.exists(),
            display=display,
        )
    finally:
        display.close()
    return place


def scores(place):
    """Return for each metric and method, the input among them, the mean over all planes."""
    found = defaultdict(list)
    for row in map(json.loads, (place / "results.jsonl").read_text("utf-8").splitlines()):
        for metric, sides in row["metrics"].items():
            found[metric, row["method"]].append(finite_mean(sides["restoration"]))
            found[metric, "input"].append(finite_mean(sides["input"]))
    return {key: float(np.mean(values)) for key, values in found.items()}


def statements(by_seed):
    """Return whether each loss beats the input and the best filter."""
    for metric, title in METRICS.items():
        sign, choose = (-1, min) if metric == "nrmse" else (1, max)
        for loss in LOSSES:
            for name, others in (("the input", ("input",)), ("the best filter", FILTERS)):
                yield Statement(
                    "vesicles",
                    f"lead in {title} over {name}, {loss.partition(':')[0]}",
                    tuple(
                        sign * (one[metric, loss] - choose(one[metric, other] for other in others))
                        for one in by_seed
                    ),
                )


def write(by_seed, folder):
    """Write table and statements as Markdown."""
    methods = ("input", *FILTERS, *LOSSES)
    lines = [
        "| method | " + " | ".join(METRICS.values()) + " |",
        "|---|" + "---|" * len(METRICS),
    ]
    for method in methods:
        cells = []
        for metric in METRICS:
            found = interval([one[metric, method] for one in by_seed])
            cells.append(f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})")
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    lines += ["", "| statement: above 0 is | mean | 95 % interval | |", "|---|---|---|---|"]
    for one in statements(by_seed):
        found = one.interval
        span = f"{found.low:.3g} to {found.high:.3g}"
        lines.append(f"| {one.text} | {found.mean:.3g} | {span} | {one.outcome} |")
    write_text(folder / "vesicles-numbers.md", "\n".join([*lines, ""]))


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.study.vesicles", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/study"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    given = parser.parse_args()
    if not data_folder().is_dir():
        parser.error(f"there is no folder {data_folder()}; name the real images in L2L_REAL_DATA")
    by_seed = [scores(cross_validate(given.out, seed)) for seed in given.seeds]
    write(by_seed, given.out / "study")
    print((given.out / "study" / "vesicles-numbers.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
