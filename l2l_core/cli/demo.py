"""``l2l demo``: the whole way on simulated cells."""

from __future__ import annotations

import click

from l2l_core.cli.output import columns, say


@click.command()
@click.option("--out", default="demo", show_default=True, type=click.Path(), help="Folder to make.")
@click.option("--backend", default="auto", show_default=True, help="Engine: torch, ... or auto.")
@click.option(
    "--epochs", type=click.IntRange(min=1), default=24, show_default=True, help="Of 50 steps each."
)
def command(out: str, backend: str, epochs: int) -> None:
    """Simulate pairs, train a small network, restore held-out images and write a report.

    Takes a few minutes on two processor cores.  An interrupted demo goes on where it stopped.
    """
    from l2l_core.reports.tables import outcome
    from l2l_core.workflows.demo import commands, demo
    from l2l_core.workflows.progress import TrainingProgress

    display = TrainingProgress()
    try:
        result = demo(out, backend=backend, epochs=epochs, display=display)
    finally:
        display.close()
    say(outcome(result.comparison.rows))
    say(columns([("report", str(result.report)), ("picture", str(result.picture))], indent=0))
    say("The same, step by step:")
    say([f"  {line}" for line in commands(result.folder)])
