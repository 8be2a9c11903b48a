"""The whole way on simulated cells: pairs, training, restorations, and a report with the truth.

Everything is done by the same functions that a user's own images go through; the commands that
would do the same are in the report and printed at the end.
"""

from __future__ import annotations

import json
from pathlib import Path

from attrs import define

from l2l_core.components.training import Events
from l2l_core.data.simulation import write_pairs
from l2l_core.errors import OutputError
from l2l_core.images.reading import list_images, open_image
from l2l_core.reports.content import BENCHMARK, INPUT, RESTORATION, TRUTH, ReportContent
from l2l_core.reports.html import write_panel_png, write_report
from l2l_core.workflows.comparison import GAUSSIAN, Case, Comparison, compare, examples
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restore import restore_file
from l2l_core.workflows.run_report import history, run_facts
from l2l_core.workflows.train import RunResult, train

SPECIMEN = "filaments"
TRAIN_PAIRS, HELD_OUT_PAIRS = 24, 6
TRAIN_SEED, HELD_OUT_SEED = 1, 1001
SHOWN = 3

_TRUTH = (
    "Truth is the structure alone, evenly labelled and without noise, seen through the same point "
    "spread function."
)

CONFIG = """\
# The demo's training run; "l2l config init" writes one for your own images.
seed = 1

[data]
input = "train/input"           # images of the label with the lower contrast
target = "train/benchmark"      # and of the one with the higher contrast, with the same names
validation = 0.125              # three images choose the best epoch and train nothing

[patches]
shape = [64, 64]
validation = 48

[[augment]]
name = "rotate90"

[[augment]]
name = "flip"

[restorer]
name = "care"
backend = "{backend}"
options = {{ depth = 2, kernel = 3, first_filters = 16 }}

[loss]
name = "ms_ssim"                # the paper's choice for actin
options = {{ preset = "paper-3" }}

[train]
epochs = {epochs}
steps_per_epoch = 50
batch_size = 8
learning_rate = 0.001
plateau_patience = 4
"""


@define(frozen=True)
class DemoResult:
    """What the demo made.

    Parameters
    ----------
    folder : Path
        Everything is in it.
    report : Path
        The page to look at.
    picture : Path
        The first held-out field as a PNG: input, restoration, benchmark and truth.
    run : RunResult
        The training run.
    comparison : Comparison
        Scores on the held-out fields.
    """

    folder: Path
    report: Path
    picture: Path
    run: RunResult
    comparison: Comparison


def demo(
    out: str | Path, *, backend: str = "auto", epochs: int = 24, display: Events | None = None
) -> DemoResult:
    """Simulate pairs, train a small network, restore held-out images and write a report.

    What is there already from an earlier call is kept, so that an interrupted demo goes on.

    Parameters
    ----------
    out : str or Path
        Folder to make.
    backend : str, optional
        Engine.
    epochs : int, optional
        Of 50 steps of 8 patches each.
    display : Events, optional
        Told what goes on.

    Returns
    -------
    DemoResult

    Raises
    ------
    OutputError
        If there is something else in the folder.
    """
    display = display or Events()
    folder = Path(out)
    text = CONFIG.format(backend=backend, epochs=epochs)
    _claim(folder, text)
    for name, pairs, seed in (
        ("train", TRAIN_PAIRS, TRAIN_SEED),
        ("held-out", HELD_OUT_PAIRS, HELD_OUT_SEED),
    ):
        if not _is_simulated(folder / name, pairs, seed):
            display.message(f"simulating {pairs} pairs of {SPECIMEN}, seed {seed}")
            write_pairs(SPECIMEN, folder / name, pairs, seed)
    run = train(folder / "config.toml", folder / "run", resume=True, display=display)
    cases = _restore(folder, run, backend, display)
    comparison = compare(cases)
    report, picture = folder / "report.html", folder / "demo.png"
    shown = examples(cases[:SHOWN])
    write_report(report, _content(folder, run, comparison, cases))
    write_panel_png(picture, shown[0])
    return DemoResult(folder, report, picture, run, comparison)


def _claim(folder: Path, text: str) -> None:
    """Make the folder, or find it as an earlier demo left it."""
    config = folder / "config.toml"
    if config.is_file() and config.read_text(encoding="utf-8") == text:
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"{folder} exists and is not what this demo would go on with; choose another folder "
            "with --out, or remove it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(text, encoding="utf-8")


def _is_simulated(folder: Path, pairs: int, seed: int) -> bool:
    try:
        found = json.loads((folder / "parameters.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(found["seed"] == seed and len(found["pairs"]) == pairs)


def _restore(folder: Path, run: RunResult, backend: str, display: Events) -> list[Case]:
    cases = []
    held_out = folder / "held-out"
    display.message(f"restoring {HELD_OUT_PAIRS} images that were not trained on")
    with load_model(run.model, backend=backend) as model:
        for path in list_images(held_out / "input"):
            out = folder / "restored" / path.name
            restore_file(model, path, out)
            places = {
                INPUT: path,
                RESTORATION: out,
                BENCHMARK: held_out / "benchmark" / path.name,
                TRUTH: held_out / "truth" / path.name,
            }
            images = {name: open_image(place) for name, place in places.items()}
            cases.append(
                Case(
                    name=path.name,
                    images={name: image.read() for name, image in images.items()},
                    pixel_size=images[INPUT].info.pixel_size.get("X"),
                )
            )
    return cases


def _content(
    folder: Path, run: RunResult, comparison: Comparison, cases: list[Case]
) -> ReportContent:
    return ReportContent(
        title="Label2label on simulated cells",
        summary=(
            f"{TRAIN_PAIRS} pairs of simulated fields show the same branched filaments under two "
            "labels: each binds in patches, brings a cytosolic background and puncta of its own, "
            "and is blurred and counted with noise. A small network learned to predict the label "
            "of higher contrast, the benchmark, from the one of lower contrast, the input. It "
            f"never saw the truth, nor any of the {len(cases)} fields below."
        ),
        metrics=comparison.rows,
        examples=examples(cases[:SHOWN]),
        history=history(run.folder),
        config=(folder / "config.toml").read_text(encoding="utf-8"),
        facts={**run_facts(run.folder), "commands": "; ".join(commands(folder))},
        notes=(_TRUTH, comparison.note),
        baseline=GAUSSIAN,
    )


def commands(folder: Path) -> tuple[str, ...]:
    """Return the commands that do what the demo did."""
    return (
        f"l2l simulate {SPECIMEN} --out {folder}/train --pairs {TRAIN_PAIRS} --seed {TRAIN_SEED}",
        f"l2l train {folder}/config.toml --out {folder}/run",
        f"l2l restore {folder}/run {folder}/held-out/input --out {folder}/restored",
    )
