"""``l2l simulate``: pairs of images whose truth is known."""

from __future__ import annotations

import click

from l2l_core.cli.output import columns, say


@click.command()
@click.argument("specimen")
@click.option("--out", required=True, type=click.Path(), help="Folder to make.")
@click.option("--pairs", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--size", type=click.IntRange(min=16), help="Side of an image in pixels.")
def command(specimen: str, out: str, pairs: int, seed: int, size: int | None) -> None:
    """Simulate pairs of one structure under two labels, with the truth.

    SPECIMEN is filaments.  The input label has the lower contrast, the benchmark label the higher
    one; each has its own background.  The same seed gives the same pixels.
    """
    from attrs import evolve

    from l2l_core.data.simulation import SPECIMENS, write_pairs
    from l2l_core.workflows.progress import CountingProgress

    options = SPECIMENS.get(specimen)
    if options is not None and size is not None:
        options = evolve(options, size=(size, size))
    display = CountingProgress(f"simulating {specimen}", "pair")
    try:
        written = write_pairs(specimen, out, pairs, seed, options, progress=display)
    finally:
        display.close()
    say(
        columns(
            [
                ("input", str(written.input)),
                ("benchmark", str(written.benchmark)),
                ("truth", str(written.truth)),
                ("parameters", str(written.parameters)),
            ],
            indent=0,
        )
    )
