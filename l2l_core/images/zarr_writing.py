"""Writing OME-Zarr 0.4 and 0.5 with one level, and plain zarr arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import ImageFormatError
from l2l_core.images.zarr_stores import PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from l2l_core.images.image import Length

VERSIONS = ("0.4", "0.5")
KINDS = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


def chunk_shape(shape: Sequence[int], axes: str, side: int = 1024) -> tuple[int, ...]:
    """Return chunks of whole small planes, or squares of large ones; planes of Z are joined."""
    sides = {axis: min(size, side) for axis, size in zip(axes, shape, strict=True) if axis in "YX"}
    room = side * side // max(1, sides.get("Y", 1) * sides.get("X", 1))
    return tuple(
        sides.get(axis, min(size, max(1, room)) if axis == "Z" else 1)
        for axis, size in zip(axes, shape, strict=True)
    )


def write_zarr(
    path: Path,
    array: NDArray[Any],
    axes: str,
    pixel_size: Mapping[str, Length],
    channel_names: Sequence[str] | None,
    provenance: Mapping[str, Any] | None,
) -> None:
    """Write a zarr (v3) root array that names its axes."""
    import zarr

    attributes: dict[str, Any] = {}
    if pixel_size:
        attributes["pixel_size"] = {
            axis: [length.value, length.unit] for axis, length in pixel_size.items()
        }
    if channel_names:
        attributes["channel_names"] = list(channel_names)
    if provenance is not None:
        attributes[PROVENANCE] = dict(provenance)
    zarr.create_array(
        str(path),
        data=np.asarray(array, order="C"),
        chunks=chunk_shape(array.shape, axes),
        dimension_names=list(axes.lower()),
        attributes=attributes,
    )


def write_ome_zarr(
    path: Path,
    array: NDArray[Any],
    axes: str,
    pixel_size: Mapping[str, Length],
    channel_names: Sequence[str] | None,
    provenance: Mapping[str, Any] | None,
    *,
    version: str = "0.5",
    name: str = "",
) -> None:
    """Write an OME-Zarr image of one level.

    Parameters
    ----------
    path : Path
        The store; it does not exist yet.
    array : ndarray, axes `axes`
    axes : str
        In the order ``TCZYX``.
    pixel_size, channel_names, provenance
        As in :func:`l2l_core.images.writing.write_image`.
    version : {"0.4", "0.5"}
    name : str
        What the image is called.

    Raises
    ------
    ImageFormatError
        If the version is another one.
    """
    import zarr

    if version not in VERSIONS:
        raise ImageFormatError(
            f"{path}: OME-Zarr {version} cannot be written; choose one of {', '.join(VERSIONS)}"
        )
    scale = [pixel_size[axis].value if axis in pixel_size and axis != "C" else 1.0 for axis in axes]
    multiscale: dict[str, Any] = {
        "name": name,
        "axes": [_axis(axis, pixel_size.get(axis)) for axis in axes],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        ],
    }
    ome: dict[str, Any] = {"multiscales": [multiscale]}
    if channel_names:
        ome["omero"] = {"channels": [_channel(label, array.dtype) for label in channel_names]}
    old = version == "0.4"
    if old:
        multiscale["version"] = version
        attributes = ome
    else:
        attributes = {"ome": {"version": version, **ome}}
    if provenance is not None:
        attributes = {**attributes, PROVENANCE: dict(provenance)}
    group = zarr.create_group(str(path), zarr_format=2 if old else 3, attributes=attributes)
    pixels = group.create_array(
        "0",
        shape=array.shape,
        dtype=array.dtype,
        chunks=chunk_shape(array.shape, axes),
        dimension_names=None if old else list(axes.lower()),
        chunk_key_encoding={"name": "v2" if old else "default", "separator": "/"},
    )
    pixels[...] = np.asarray(array, order="C")


def _axis(axis: str, length: Length | None) -> dict[str, str]:
    entry = {"name": axis.lower(), "type": KINDS[axis]}
    if length is not None and axis != "C":
        entry["unit"] = length.unit
    return entry


def _channel(label: str, dtype: np.dtype[Any]) -> dict[str, Any]:
    # Viewers insist on a window and a colour; the whole range in white promises nothing.
    highest = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
    window = {"min": 0.0, "max": highest, "start": 0.0, "end": highest}
    return {"label": label, "color": "FFFFFF", "window": window, "active": True}
