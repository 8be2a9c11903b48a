"""``l2l model export-onnx``: a model as one file for other software."""

from __future__ import annotations

import click

from l2l_core.cli.output import remark, say


@click.command("export-onnx")
@click.argument("model", type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="File to write; must be new.")
def command(model: str, out: str) -> None:
    """Write MODEL as an ONNX graph of normalised images.

    How to normalise, what the sides must be multiples of, and how far a pixel looks stand in the
    file's metadata.
    """
    from l2l_core.workflows.export import export_onnx

    record = export_onnx(model, out)
    geometry = record.geometry
    say(
        f"{out}: {record.restorer}, image (N, {geometry.channels_in}, "
        f"{', '.join(geometry.axes)}) float32 -> {', '.join(geometry.outputs)}"
    )
    remark("the graph takes normalised images; its metadata say how they are normalised")
    if record.chain:
        remark(record.without_chain)
