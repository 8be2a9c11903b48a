"""``l2l compare``: networks, losses and filters on one data set, in one table and one page."""

from __future__ import annotations

import click

from l2l_core.cli import method_options
from l2l_core.cli.output import columns, say, say_json

_ACROSS = 4
"""Metrics beside each other."""


@click.command()
@click.argument("sources", metavar="CONFIG|RUN...", nargs=-1, type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="Folder to make.")
@method_options.loss
@method_options.variant
@method_options.filter_
@click.option(
    "--no-training",
    is_flag=True,
    help="Do not train the configuration; it says where the images are.",
)
@click.option(
    "--input", "input_", default="", type=click.Path(), help="Images that nothing is trained on."
)
@click.option("--target", default="", type=click.Path(), help="Their benchmarks.")
@method_options.truth
@click.option(
    "--hold-out",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the configuration's images that is held out, without --input.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of that draw."
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME[:OPTIONS]",
    help="Metric instead of the usual ones, such as ms_ssim:scales=5,filter_size=7; may be "
    "repeated, or several separated by commas.",
)
@method_options.resume
@method_options.overrides
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def command(
    sources: tuple[str, ...],
    out: str,
    losses: tuple[str, ...],
    variants: tuple[str, ...],
    filters: tuple[str, ...],
    no_training: bool,
    input_: str,
    target: str,
    truth: str,
    hold_out: float,
    seed: int,
    metrics: tuple[str, ...],
    resume: bool,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare methods on images that none of them was trained on.

    A CONFIG is trained with every --loss and --variant; every RUN, a finished run or a model, only
    restores.  Without --input and --target a share of the images of CONFIG is held out, or, of
    runs alone, the images that they validated on are taken.  A comparison that was interrupted or
    killed goes on with --resume, which trains only what is new.
    """
    from l2l_core.workflows.compared_report import (
        beside_table,
        best_cells,
        header_cells,
        standing_cells,
        to_plain,
    )
    from l2l_core.workflows.evaluate import split_metrics
    from l2l_core.workflows.fold_scores import DATA_RANGE_SOURCE
    from l2l_core.workflows.method_comparison import MethodComparison, compare_methods
    from l2l_core.workflows.progress import TrainingProgress

    plan = MethodComparison(
        losses=losses,
        variants=variants,
        filters=filters,
        train=not no_training,
        input=input_,
        target=target,
        truth=truth,
        hold_out=hold_out,
        seed=seed,
        metrics=tuple(one for text in metrics for one in split_metrics(text)),
    )
    display = TrainingProgress()
    try:
        found = compare_methods(
            sources, out, plan, overrides=overrides, resume=resume, display=display
        )
    finally:
        display.close()
    summary = found.summary
    if as_json:
        say_json({**to_plain(summary, found.about), "report": str(found.files.report)})
        return
    best = best_cells(summary)
    table = [header_cells(summary)]
    for number, one in enumerate(summary.standings):
        cells = standing_cells(one, summary.metrics)
        marks = [" *" if (number, column) in best else "" for column in range(len(cells))]
        table.append(tuple(map(str.__add__, cells, marks)))
    # A terminal has room for some metrics beside each other.
    for start in range(1, len(table[0]), _ACROSS):
        say(columns([(row[0], *row[start : start + _ACROSS]) for row in table], indent=0))
        say("")
    count = len(summary.images)
    shown = "mean over the images [95 % interval]" if count > 1 else "of one image"
    say(f"images: {count}; {shown}; * the best; ↑ higher is better, ↓ lower is better")
    say([text for text in (beside_table(summary),) if text])
    say(f"data range 1 ({DATA_RANGE_SOURCE}), gain and offset of each plane fitted")
    say("")
    say(summary.verdict)
    say([one.text for one in summary.verdicts] if summary.contests else [])
    say([text for text in (summary.caution, *found.about.remarks) if text])
    say("")
    say(columns([("report", str(found.files.report)), ("results", str(found.files.results))],
                indent=0))  # fmt: skip
