"""``l2l crossvalidate``: what methods do to images that they never saw."""

from __future__ import annotations

from pathlib import Path

import click

from l2l_core.cli import method_options
from l2l_core.cli.output import columns, say, say_json


def _numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """Return whole numbers above 0 that are separated by commas."""
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r} is no list of whole numbers such as 8,16,32")
    return tuple(int(part) for part in parts)


@click.command()
@click.argument("config", type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="Folder to make.")
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="Parts that the drawn images are divided into.",
)
@click.option(
    "--images",
    metavar="N[,N...]",
    default="",
    callback=_numbers,
    help="How many images (groups) are drawn, such as 8,16,32,64; all by default.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    help="Cross-validations for each number of images; 3 to 10, more for fewer, by default.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of draws and folds."
)
@method_options.loss
@method_options.variant
@method_options.filter_
@click.option("--no-training", is_flag=True, help="Only the filters.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME[:OPTIONS]",
    help="Metric instead of nrmse and ms_ssim with 5 scales; may be repeated, or several "
    "separated by commas.",
)
@method_options.truth
@click.option(
    "--fixed-epochs",
    is_flag=True,
    help="Take train.epochs as it is, not in proportion to the number of images.",
)
@method_options.resume
@method_options.overrides
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def command(
    config: str,
    out: str,
    folds: int,
    images: tuple[int, ...],
    repeats: int | None,
    seed: int,
    losses: tuple[str, ...],
    variants: tuple[str, ...],
    filters: tuple[str, ...],
    no_training: bool,
    metrics: tuple[str, ...],
    truth: str,
    fixed_epochs: bool,
    resume: bool,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Cross-validate on the pairs that CONFIG names, by image.

    Images are drawn and divided into folds; what is held out of a fold is restored by what learnt
    from the others, and scored against the benchmark.  All losses, variants and filters meet the
    same folds.  A run that was interrupted or killed goes on with --resume; with further losses,
    filters, repeats or numbers of images it trains only what is new.
    """
    from l2l_core.workflows.crossvalidation import CrossValidation, crossvalidate
    from l2l_core.workflows.evaluate import split_metrics
    from l2l_core.workflows.fold_report import cautions, change_cells, contest_cells, to_plain
    from l2l_core.workflows.fold_scores import DATA_RANGE_SOURCE, DEFAULT_METRICS
    from l2l_core.workflows.progress import TrainingProgress

    plan = CrossValidation(
        folds=folds,
        images=images,
        repeats=repeats or 0,
        seed=seed,
        losses=losses,
        variants=variants,
        filters=filters,
        metrics=tuple(one for text in metrics for one in split_metrics(text)) or DEFAULT_METRICS,
        truth=str(Path(truth).resolve()) if truth else "",
        train=not no_training,
        scale_epochs=not fixed_epochs,
    )
    display = TrainingProgress()
    try:
        found = crossvalidate(
            config, out, plan, overrides=overrides, resume=resume, display=display
        )
    finally:
        display.close()
    if as_json:
        say_json(to_plain(found.summary, found.files))
        return
    header = ("metric", "images", "method", "change [95 % interval]", "input", "restored", "CVs")
    say(columns([header, *map(change_cells, found.summary.changes)], indent=0))
    say("")
    header = ("metric", "images", "paired", "better", "pairs", "t-test p", "Wilcoxon p")
    say(columns([header, *map(contest_cells, found.summary.contests)], indent=0))
    say("")
    say(f"data range 1 ({DATA_RANGE_SOURCE}), gain and offset of each plane fitted")
    say("")
    for caution in cautions(found.summary):
        say(caution)
    say("")
    say(columns([("report", str(found.files.report)), ("picture", str(found.files.picture)),
                 ("results", str(found.files.results))], indent=0))  # fmt: skip
