"""``l2l data``: look at images before they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from l2l_core.cli.output import columns, say, say_json

if TYPE_CHECKING:
    from l2l_core.workflows.inspection import Inspection


@click.group()
def command() -> None:
    """Look at images: axes, pixel size, intensities."""


@command.command("inspect")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--axes", help="Axes of the images, where the files do not say, such as ZYX.")
@click.option("--level", type=click.IntRange(min=0), default=0, help="Level of a pyramid.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def inspect_(paths: tuple[str, ...], axes: str | None, level: int, as_json: bool) -> None:
    """Show axes, shape, pixel size, percentiles and saturation of images.

    PATH is an image, a folder or a glob.  Percentiles are exact, over all pixels of a channel.
    """
    from l2l_core.images.reading import list_images
    from l2l_core.workflows.inspection import inspect

    found = [inspect(path, axes=axes, level=level) for path in list_images(list(paths))]
    if as_json:
        say_json({"images": [one.to_dict() for one in found]})
        return
    for number, one in enumerate(found):
        if number:
            say("")
        say(_described(one))


def _described(one: Inspection) -> list[str]:
    info = one.info
    sizes = ", ".join(f"{axis} {size}" for axis, size in info.pixel_size.items())
    facts = [
        ("axes", f"{info.axes}  {' x '.join(map(str, info.shape))}"),
        ("pixels", f"{info.dtype}, {info.format}"),
        ("pixel size", sizes or "not in the file"),
    ]
    rows: list[tuple[str, ...]] = []
    names = info.channel_names or ()
    for index, channel in enumerate(one.to_dict()["channels"]):
        if not rows:
            heads = (f"p{p}" for p in channel["percentiles"])
            rows.append(("channel", "min", *heads, "max", "mean", "std", "saturated"))
        if not channel["pixels"]:
            continue
        rows.append(
            (
                names[index] if index < len(names) else str(index),
                f"{channel['minimum']:g}",
                *(f"{value:.6g}" for value in channel["percentiles"].values()),
                f"{channel['maximum']:g}",
                f"{channel['mean']:.5g}",
                f"{channel['std']:.5g}",
                f"{100 * channel['saturated']:.2f} %",
            )
        )
    return [info.path, *columns(facts), *columns(rows)]
