"""Writing an image that is in memory as OME-Zarr with a pyramid."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from l2l_core.images.ome_zarr_creation import write_metadata
from l2l_core.images.ome_zarr_metadata import StoreLayout
from l2l_core.images.ome_zarr_pyramid import PyramidWriter
from l2l_core.images.pyramid import halve, level_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from l2l_core.images.image import Length
    from l2l_core.images.ome_zarr_metadata import Ints

_SHARD_SIDE, _SHARD_PIXELS = 4096, 2**24


def chunk_shape(shape: Sequence[int], axes: str, side: int = 1024) -> Ints:
    """Return chunks of whole small planes, or squares of large ones; planes of Z are joined."""
    sides = {axis: min(size, side) for axis, size in zip(axes, shape, strict=True) if axis in "YX"}
    room = side * side // max(1, sides.get("Y", 1) * sides.get("X", 1))
    return tuple(
        sides.get(axis, min(size, max(1, room)) if axis == "Z" else 1)
        for axis, size in zip(axes, shape, strict=True)
    )


def shard_shape(shape: Sequence[int], axes: str, chunks: Sequence[int]) -> Ints:
    """Return how many pixels share a file: whole chunks, of several planes where those are small.

    Parameters
    ----------
    shape, chunks : sequence of int
        One for each of `axes`.
    axes : str
    """
    sides = list(chunks)
    # Planes first, then what holds them, from the last axis on.
    for axis in sorted(range(len(axes)), key=lambda i: (axes[i] in "YX", i), reverse=True):
        limit = _SHARD_SIDE if axes[axis] in "YX" else sides[axis] * _SHARD_PIXELS // prod(sides)
        needed = -(-shape[axis] // chunks[axis])
        sides[axis] = chunks[axis] * max(1, min(needed, limit // chunks[axis]))
    return tuple(sides)


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
    """Write an OME-Zarr image, and halves of it until a plane is small.

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
    OSError
        If the disk is full, or the folder cannot be written to.
    """
    levels = []
    for shape in level_shapes(array.shape, axes):
        chunks = chunk_shape(shape, axes, 1024 if version == "0.4" else 512)
        levels.append((shape, chunks, shard_shape(shape, axes, chunks)))
    layout = StoreLayout(
        axes=axes,
        dtype=array.dtype.newbyteorder("=").name,
        levels=tuple(levels),
        version=version,
        pixel_size=pixel_size,
        channel_names=None if channel_names is None else tuple(channel_names),
        name=name,
    )
    write_metadata(path, layout, provenance)
    writer = PyramidWriter(path, layout)
    for level, (shape, _, _) in enumerate(layout.levels):
        if level:
            array = halve(array, axes)
        writer.fill(level, tuple((0, size) for size in shape), array)
