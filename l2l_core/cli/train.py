"""``l2l train``: one configuration, one run folder, one model."""

from __future__ import annotations

import click

from l2l_core.cli.output import columns, say


@click.command()
@click.argument("config", type=click.Path())
@click.option(
    "--out", required=True, type=click.Path(), help="Run folder to make; must not exist yet."
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out where it stopped.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a value of the configuration, such as train.epochs=20; may be repeated.",
)
@click.option("--backend", help="Engine, instead of what the configuration says.")
@click.option("--device", help="cpu, gpu or gpu:N, instead of what the configuration says.")
def command(
    config: str,
    out: str,
    resume: bool,
    overrides: tuple[str, ...],
    backend: str | None,
    device: str | None,
) -> None:
    """Train on the pairs that CONFIG names.

    CONFIG is a TOML file; "l2l config init" writes one with comments.  The run folder holds the
    model, checkpoints, the log, the configuration and a report; it is never overwritten.  A run
    that was interrupted or killed goes on with --resume as if nothing had happened.
    """
    from l2l_core.workflows.progress import TrainingProgress
    from l2l_core.workflows.train import train

    changes = [*overrides]
    if backend is not None:
        changes.append(f"restorer.backend={backend}")
    if device is not None:
        changes.append(f"restorer.device={device}")
    display = TrainingProgress()
    try:
        result = train(config, out=out, resume=resume, overrides=changes, display=display)
    finally:
        display.close()
    say(
        columns(
            [
                ("model", str(result.model)),
                ("report", str(result.report)),
                ("best epoch", f"{result.fit.best_epoch} of {result.fit.epochs}"),
                ("best loss", f"{result.fit.best_loss:.5g}"),
            ],
            indent=0,
        )
    )
