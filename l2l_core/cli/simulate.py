"""``l2l simulate``: pairs of images whose truth is known."""

from __future__ import annotations

import click

from l2l_core.cli.output import columns, say


@click.command()
@click.argument("specimen")
@click.option("--out", required=True, type=click.Path(), help="Folder to make.")
@click.option(
    "--pairs", type=click.IntRange(min=1), default=16, show_default=True, help="How many."
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Any number; another one gives other specimens.",
)
@click.option(
    "--size",
    type=click.IntRange(min=16),
    help="Side of an image in pixels; the specimen's own otherwise.",
)
@click.option("--repeat", is_flag=True, help="Expose each input twice, for noise2noise.")
@click.option(
    "--average",
    type=click.IntRange(min=2),
    metavar="FRAMES",
    help="Write the means of so many exposures too, for training on clean images.",
)
@click.option(
    "--drift",
    type=click.FloatRange(min=0),
    metavar="NM",
    help="Move the stage by up to so many nanometres along Y and X between the two labels.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["ome-tiff", "ome-zarr"]),
    default="ome-tiff",
    show_default=True,
    help="Of the files.",
)
def command(
    specimen: str,
    out: str,
    pairs: int,
    seed: int,
    size: int | None,
    repeat: bool,
    average: int | None,
    drift: float | None,
    format_: str,
) -> None:
    """Simulate pairs of one structure under two labels, with the truth.

    SPECIMEN is one of these:

    \b
      filaments         branched filaments in fields of 256 pixels; the demo's specimen
      actin             stress fibres, branched filaments and the cortex of spread cells
      tubulin           microtubules that bend away from an organising centre
      caveolae          puncta of 60 to 100 nm by STED, 10 nm pixels, counted photons
      paxillin          adhesion plaques at the rim, over a cytosol that both labels show
      nucleus_membrane  nucleus and membrane in one image; the benchmark has a channel of each

    The input label has the lower contrast, the benchmark label the higher one; each has its own
    background.  The same seed gives the same pixels.
    """  # noqa: D301
    from attrs import evolve

    from l2l_core.data.simulation import SPECIMENS, write_pairs
    from l2l_core.workflows.progress import CountingProgress

    options = SPECIMENS.get(specimen)
    if options is not None:
        options = evolve(
            options,
            size=options.size if size is None else (size, size),
            repeat=repeat,
            average_frames=average or 0,
            drift_nm=drift or 0.0,
        )
    display = CountingProgress(f"simulating {specimen}", "pair")
    try:
        written = write_pairs(specimen, out, pairs, seed, options, format=format_, progress=display)
    finally:
        display.close()
    places = {
        "input": written.input,
        "benchmark": written.benchmark,
        "truth": written.truth,
        "second exposure": written.input_repeat,
        "input, average": written.input_average,
        "benchmark, average": written.benchmark_average,
        "parameters": written.parameters,
    }
    rows = [(name, str(place)) for name, place in places.items() if place is not None]
    say(columns(rows, indent=0))
