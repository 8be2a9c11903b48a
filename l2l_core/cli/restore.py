"""``l2l restore``: a model, images in, restorations out."""

from __future__ import annotations

import click

from l2l_core.cli.output import columns, remark, say, say_json


@click.command()
@click.argument("model")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path())
@click.option(
    "--out",
    required=True,
    type=click.Path(),
    help="Image to write, or folder where there are several inputs. NAME.zarr is written unit by "
    "unit, for images of any size.",
)
@click.option(
    "--then",
    multiple=True,
    metavar="FILTER",
    help="Filter that follows the model, by name, such as binary_map:threshold=300; may be given "
    "several times.",
)
@click.option("--axes", help="Axes of the inputs, where the files do not say, such as ZYX.")
@click.option("--channel", help="Restore this channel alone: its number from 0, or its name.")
@click.option("--level", type=click.IntRange(min=0), default=0, help="Level of a pyramid.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "uint16", "uint8"]),
    default="float32",
    show_default=True,
    help="Pixel type to write; integers are rounded and saturate.",
)
@click.option(
    "--statistics",
    type=click.Choice(["image", "model"]),
    help="Normalise by each image's own numbers, or by those in the model; the model's default "
    "otherwise.",
)
@click.option(
    "--ignore",
    type=float,
    metavar="VALUE",
    help="Leave pixels of this value out of the image's statistics: the filling of empty areas.",
)
@click.option("--tile", type=click.IntRange(min=1), help="Side of a tile in pixels, halo included.")
@click.option(
    "--unit",
    type=click.IntRange(min=1),
    help="Side in pixels of what is written at once to a .zarr.  [default: 4096]",
)
@click.option(
    "--compression",
    type=click.Choice(["lz4", "zstd", "none"]),
    default="lz4",
    show_default=True,
    help="Of a .zarr.",
)
@click.option(
    "--ome-zarr",
    "version",
    type=click.Choice(["0.4", "0.5"]),
    help="Version of a .zarr; the input's otherwise, or 0.5.",
)
@click.option(
    "--all-outputs", is_flag=True, help="Write every output, such as the scale, beside the mean."
)
@click.option("--backend", default="auto", show_default=True, help="Engine: torch, ... or auto.")
@click.option("--device", default="auto", show_default=True, help="cpu, gpu, gpu:N or auto.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Restore with N processes on this computer.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Restore on a dask cluster: tcp://HOST:PORT, or a scheduler file, NAME.json.",
)
@click.option(
    "--ledger",
    type=click.Path(),
    help="Folder that says what of a .zarr or a batch is done; OUT.l2l otherwise.",
)
@click.option("--restart", is_flag=True, help="Make restorations anew that are there already.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@click.pass_context
def command(
    context: click.Context,
    /,
    model: str,
    inputs: tuple[str, ...],
    out: str,
    then: tuple[str, ...],
    backend: str,
    device: str,
    as_json: bool,
    **options: object,
) -> None:
    """Restore images with MODEL.

    MODEL is a run or model folder, or a filter by name, such as gaussian:sigma=1.5.  INPUT is an
    image, a folder, a glob, a plate, or the URL of a zarr store.  A restoration that is there
    already is left alone, one that was stopped goes on; anything else at its place is never
    overwritten.
    """
    from l2l_core.workflows.model import load_model
    from l2l_core.workflows.progress import RestoreProgress
    from l2l_core.workflows.restore import restore_files

    with load_model(model, backend=backend, device=device, then=then) as loaded:
        remark(loaded.describe())
        remark(loaded.normalized_by(options["statistics"]))  # type: ignore[arg-type]
        results = restore_files(
            loaded,
            inputs,
            out,
            progress=RestoreProgress(),
            **options,  # type: ignore[arg-type]
        )
    if as_json:
        say_json({"restored": [result.to_dict() for result in results]})
    else:
        say(columns([result.row() for result in results], indent=0))
    context.exit(1 if any(result.error for result in results) else 0)
