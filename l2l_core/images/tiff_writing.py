"""Writing TIFF: ImageJ hyperstacks, and OME-TIFF where asked for or where ImageJ's form ends."""

from __future__ import annotations

import json
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import ImageFormatError
from l2l_core.images.axes import reorder
from l2l_core.images.logs import quiet
from l2l_core.images.tiff_metadata import KEY
from l2l_core.images.units import convert, unit_symbol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from l2l_core.images.image import Length

# What ImageJ itself calls them, so that Fiji shows a scale bar in them.
IMAGEJ_UNITS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm", "centimeter": "cm"}
IMAGEJ_TYPES = ("uint8", "uint16", "float32")
OME_TYPES = (*IMAGEJ_TYPES, "int8", "int16", "int32", "uint32", "float64")

# Offsets of a classic TIFF have 32 bits; some room is left for its tables.
CLASSIC_LIMIT = 2**32 - 2**25


def write_tiff(
    path: Path,
    array: NDArray[Any],
    axes: str,
    pixel_size: Mapping[str, Length],
    channel_names: Sequence[str] | None,
    provenance: Mapping[str, Any] | None,
) -> None:
    """Write a TIFF that Fiji opens as a hyperstack with its pixel size and unit.

    Pixels of a type that ImageJ has not, and images above 4 GB, get the metadata of an OME-TIFF
    (and BigTIFF), which Fiji opens through Bio-Formats.
    """
    if array.dtype.name not in IMAGEJ_TYPES or array.nbytes > CLASSIC_LIMIT:
        write_ome_tiff(path, array, axes, pixel_size, channel_names, provenance)
        return
    import tifffile

    order = "".join(axis for axis in "TZCYX" if axis in axes)
    planes = reorder(array, axes, order)
    metadata: dict[str, Any] = {"axes": order}
    resolution = None
    sizes = _common_unit(pixel_size)
    if sizes:
        unit, lengths = sizes
        metadata["unit"] = IMAGEJ_UNITS.get(unit, unit)
        resolution = (1 / lengths["X"], 1 / lengths["Y"])
        if "Z" in lengths:
            metadata["spacing"] = lengths["Z"]
    if "T" in pixel_size and "T" in axes:
        seconds = convert(pixel_size["T"].value, pixel_size["T"].unit, "second")
        if seconds:
            metadata["finterval"] = seconds
    if channel_names and "C" in axes:
        # ImageJ labels planes, the channels of one first.
        repeats = prod(planes.shape[:-2]) // len(channel_names)
        metadata["Labels"] = list(channel_names) * repeats
        metadata["mode"] = "composite"
    if provenance is not None:
        metadata[KEY] = json.dumps(provenance)
    with quiet("tifffile"):
        tifffile.imwrite(
            path,
            np.asarray(planes, order="C"),
            imagej=True,
            photometric="minisblack",
            resolution=resolution,
            metadata=metadata,
        )


def _common_unit(pixel_size: Mapping[str, Length]) -> tuple[str, dict[str, float]] | None:
    """Return Z, Y and X in the unit of X; ImageJ has one unit for all, and none without X and Y."""
    if "X" not in pixel_size or "Y" not in pixel_size:
        return None
    unit = pixel_size["X"].unit
    lengths = {
        axis: convert(pixel_size[axis].value, pixel_size[axis].unit, unit)
        for axis in "ZYX"
        if axis in pixel_size
    }
    known = {axis: value for axis, value in lengths.items() if value}
    return (unit, known) if "X" in known and "Y" in known else None


def write_ome_tiff(
    path: Path,
    array: NDArray[Any],
    axes: str,
    pixel_size: Mapping[str, Length],
    channel_names: Sequence[str] | None,
    provenance: Mapping[str, Any] | None,
) -> None:
    """Write an OME-TIFF, as BigTIFF above 4 GB.

    Raises
    ------
    ImageFormatError
        If OME-TIFF has no such pixel type.
    """
    import tifffile

    if array.dtype.name not in OME_TYPES:
        raise ImageFormatError(
            f"{path}: TIFF has no place for pixels of type {array.dtype.name} here; cast them to "
            f"one of {', '.join(OME_TYPES)}"
        )
    metadata: dict[str, Any] = {"axes": axes}
    for axis, key in (
        ("T", "TimeIncrement"),
        ("Z", "PhysicalSizeZ"),
        ("Y", "PhysicalSizeY"),
        ("X", "PhysicalSizeX"),
    ):
        symbol = unit_symbol(pixel_size[axis].unit) if axis in pixel_size else ""
        if symbol:
            metadata[key] = pixel_size[axis].value
            metadata[f"{key}Unit"] = symbol
    if channel_names:
        names = list(channel_names)
        metadata["Channel"] = {"Name": names if "C" in axes else names[:1]}
    if provenance is not None:
        metadata["CommentAnnotation"] = {"Namespace": KEY, "Value": json.dumps(provenance)}
    with quiet("tifffile"):
        tifffile.imwrite(
            path,
            np.asarray(array, order="C"),
            ome=True,
            bigtiff=array.nbytes > CLASSIC_LIMIT,
            photometric="minisblack",
            metadata=metadata,
        )
