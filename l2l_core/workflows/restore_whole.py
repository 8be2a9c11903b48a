"""Restore an image into one file, in memory: TIFF, NumPy and PNG cannot be written in parts.

A restoration that this model made of this image with these options is recognised by what stands in
its metadata and left alone; whatever else lies at its place is never overwritten unasked.
"""

from __future__ import annotations

import time
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from l2l_core.components.options import unstructure
from l2l_core.errors import ImageError, OutputError
from l2l_core.images.places import Place, name_of
from l2l_core.images.reading import open_image
from l2l_core.images.writing import write_image
from l2l_core.workflows.recognition import finished, job
from l2l_core.workflows.restoration import NOT_A_MEASUREMENT, Restored
from l2l_core.workflows.restore_places import (
    chosen_channel,
    kept_names,
    output_places,
    pixel_size,
    suffix_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from l2l_core.images.image import Image
    from l2l_core.workflows.model import Model
    from l2l_core.workflows.restoration import RestoreOptions, TileProgress


def restore_whole(
    model: Model,
    source: Place,
    out: Path,
    options: RestoreOptions,
    *,
    restart: bool = False,
    progress: Callable[[str], TileProgress] | None = None,
) -> Restored:
    """Restore one image into one file.

    Parameters
    ----------
    model : Model
    source : Path or str
    out : Path
        Its suffix chooses the format.
    options : RestoreOptions
    restart : bool, optional
        Whether a restoration that is there already is made anew.
    progress : callable, optional
        Makes the display for an image of a name.

    Raises
    ------
    ImageError, OutputError
        If the image cannot be restored, does not fit into memory, or cannot be written.
    """
    if suffix_of(out) == ".png" and options.dtype == "float32":
        raise OutputError(
            f"{out}: a PNG holds uint8 or uint16, and a restoration is float32 by default; ask for "
            "the dtype uint8 or uint16, or write a .tif"
        )
    with open_image(source, axes=options.axes, level=options.level) as opened:
        image = chosen_channel(opened, options.channel)
        return _restore(model, image, source, out, options, restart, progress)


def _restore(
    model: Model,
    image: Image,
    source: Place,
    out: Path,
    options: RestoreOptions,
    restart: bool,
    progress: Callable[[str], TileProgress] | None,
) -> Restored:
    # How a store is written has no influence on a file.
    how = {
        key: value
        for key, value in unstructure(options).items()
        if key not in ("unit", "compression", "version")
    }
    provenance = {
        **model.provenance(),
        "source": name_of(source),
        "how": how,
        "note": NOT_A_MEASUREMENT,
        "job": job(model.provenance(), source, how),
    }
    places = output_places(model, out, all_outputs=options.all_outputs)
    if not restart and finished([Path(place) for place in places.values()], provenance["job"]):
        with open_image(out) as former:
            shape, axes = former.shape, former.axes
        return Restored(str(source), str(out), shape, axes, skipped=True)
    _check_memory(image, out, len(places))
    started = time.monotonic()
    display = progress(name_of(source)) if progress else None
    try:
        outputs = model.restore(
            image.read(),
            image.axes,
            outputs="all",
            tile=options.tile,
            dtype=options.dtype,
            statistics=model.measure(image, statistics=options.statistics, ignore=options.ignore),
            progress=display,
        )
    finally:
        if display:
            display.close()
    written = model.output_axes(image.axes)
    for name, place in places.items():
        write_image(
            place,
            outputs[name],
            written,
            pixel_size=pixel_size(image, model.geometry),
            channel_names=kept_names(image, outputs[name].shape, written, model.info.appearance),
            provenance={**provenance, "output": name},
        )
    shape = tuple(outputs["mean"].shape)
    return Restored(str(source), str(out), shape, written, time.monotonic() - started)


def _check_memory(image: Image, out: Path, outputs: int) -> None:
    """Refuse what would be killed half-way: the image, and each output as float32, are held."""
    pixels = prod(image.shape)
    needed = pixels * (image.dtype.itemsize + 4 + 4 * outputs)
    free = psutil.virtual_memory().available
    if needed > free:
        raise ImageError(
            f"{image.info.path} has {pixels / 1e6:,.0f} megapixels, and restoring it into one file "
            f"takes about {needed / 1e9:,.0f} GB of memory, of which {free / 1e9:,.0f} GB are "
            f"free; give --out a name that ends in .zarr, such as {out.stem}.zarr: that is written "
            "in parts and takes little memory"
        )
