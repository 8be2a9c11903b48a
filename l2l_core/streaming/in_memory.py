"""Restore an image that fits into memory, tile by tile, with the result of the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from l2l_core.errors import AxesError, ComponentError, OutOfMemory
from l2l_core.streaming.tile_size import halved
from l2l_core.streaming.tiling import Plan, Tile, plan
from l2l_core.streaming.window import read_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from l2l_core.components.geometry import Geometry
    from l2l_core.components.restorer import Restorer

    Progress = Callable[[int, int], None]
    Read = Callable[[tuple[slice, ...]], NDArray[Any]]

_BATCH_PIXELS = 1024 * 1024
"""Pixels that go into one call where nobody says how many; small tiles are put together."""


def restore_array(
    restorer: Restorer,
    array: NDArray[np.float32],
    *,
    tile: int | Sequence[int] | None = None,
    batch: int | None = None,
    fill: float | Sequence[float] | None = None,
    progress: Progress | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Restore one image in memory.

    Parameters
    ----------
    restorer : Restorer
        What restores a batch of tiles.
    array : ndarray
        (C, [Z,] Y, X) float32 over ``restorer.geometry.axes``, normalised as the restorer wants.
    tile : int or sequence of int, optional
        Sides of a tile at the most, halo included; changes memory and speed, never the result.
    batch : int, optional
        Tiles in one call; as many as make about a megapixel by default.
    fill : float or one for each channel, optional
        What stands in for pixels that are NaN or infinite: by default 0, the background of a
        normalised image, and the mean of the channel for a restorer of raw intensities.
    progress : callable, optional
        Called with the number of finished tiles and of all tiles; begins anew where the tiles
        have to be made smaller.

    Returns
    -------
    dict of ndarray
        For each of ``geometry.outputs`` (C_out, [Z,] Y, X) with the sides of the image times
        ``geometry.scale``, of ``geometry.dtype``.  A pixel that is NaN or infinite in any channel
        of the input is NaN in every channel here, and has been `fill` to its neighbours: beyond
        the receptive field nothing changes, whatever the method does with a NaN.

    Raises
    ------
    AxesError, ImageError
        If the array's dimensions or channels are not the restorer's.
    TilingError
        If the tile is too small for the halo.
    OutOfMemory
        If the device has no memory even for one tile of the smallest size.
    ComponentError
        If the restorer returns something else than its geometry says.
    """
    geometry = restorer.geometry
    _check_input(array, restorer)
    pixels, missing = filled(array, fill, normalizes=restorer.normalizes)
    tiles = plan(pixels.shape[1:], tiled(geometry), tile)
    restored, _ = restore_tiles(
        restorer, lambda at: pixels[(slice(None), *at)], tiles, batch=batch, progress=progress
    )
    if missing is not None:
        blank(restored, missing, geometry)
    return restored


def tiled(geometry: Geometry) -> Geometry:
    """Return a geometry of which the plan has one tile where there are global statistics."""
    return evolve(geometry, halo=None) if geometry.statistics_stages else geometry


def _check_input(array: NDArray[Any], restorer: Restorer) -> None:
    geometry = restorer.geometry
    if array.ndim != 1 + len(geometry.axes):
        raise AxesError(
            f"got an array of shape {array.shape}; {type(restorer).__name__} expects the axes "
            f"C{geometry.axes}, one channel axis and then {len(geometry.axes)} in space"
        )
    if array.shape[0] != geometry.channels_in:
        raise AxesError(
            f"got {array.shape[0]} channels; {type(restorer).__name__} takes "
            f"{geometry.channels_in}; choose the channels that it was made for"
        )


def filled(
    array: NDArray[Any], fill: float | Sequence[float] | None, *, normalizes: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Return pixels of which none is missing, and where some were.

    Parameters
    ----------
    array : ndarray
        (C, [Z,] Y, X), of any real dtype.
    fill, normalizes
        As for :func:`restore_array` and of its restorer.

    Returns
    -------
    ndarray of float32, ndarray of bool or None
        The second is ([Z,] Y, X), None where nothing is missing.
    """
    pixels = np.asarray(array, dtype=np.float32)
    finite = np.isfinite(pixels)
    if finite.all():
        return pixels, None
    if fill is None and normalizes:
        fill = 0.0
    if fill is None:
        values = [
            float(channel[valid].mean(dtype=np.float64)) if valid.any() else 0.0
            for channel, valid in zip(pixels, finite, strict=True)
        ]
    else:
        values = list(np.broadcast_to(np.asarray(fill, dtype=np.float64), (len(pixels),)))
    pixels = pixels.copy()
    for channel, valid, value in zip(pixels, finite, values, strict=True):
        channel[~valid] = value
    return pixels, np.asarray(~finite.all(axis=0))


def blank(
    restored: dict[str, NDArray[np.float32]], missing: NDArray[np.bool_], geometry: Geometry
) -> None:
    """Write NaN where nothing was measured.

    Parameters
    ----------
    restored : dict of ndarray
        (C_out, [Z,] Y, X) each; changed in place.
    missing : ndarray of bool
        Over ``geometry.axes``, of the same region.
    geometry : Geometry
        The restorer's.
    """
    names = list(geometry.axes)
    for axis in reversed(range(len(names))):
        if names[axis] not in geometry.output_axes:
            missing = np.asarray(missing.any(axis=axis))
            del names[axis]
        elif geometry.scale[axis] > 1:
            missing = missing.repeat(geometry.scale[axis], axis=axis)
    kept = [name for name in geometry.output_axes if name in names]
    missing = missing.transpose([names.index(name) for name in kept])
    new = tuple(i for i, name in enumerate(geometry.output_axes) if name not in names)
    missing = np.expand_dims(missing, new)
    for values in restored.values():
        if np.issubdtype(values.dtype, np.floating):
            np.copyto(values, np.nan, where=missing)


def restore_tiles(
    restorer: Restorer,
    read: Read,
    tiles: Plan,
    *,
    batch: int | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, NDArray[np.float32]], tuple[int, ...]]:
    """Restore the region of a plan, with smaller batches, then smaller tiles, until they fit.

    Parameters
    ----------
    restorer : Restorer
    read : callable
        Takes slices along ``geometry.axes``, in pixels of the image, and returns (C, [Z,] Y, X)
        float32 without a missing pixel.
    tiles : Plan
    batch, progress
        As for :func:`restore_array`.

    Returns
    -------
    dict of ndarray
        (C_out, [Z,] Y, X) each, over the plan's region.
    tuple of int
        Sides of the tile that the device had memory for; worth knowing for the next region.

    Raises
    ------
    OutOfMemory, ComponentError
        As :func:`restore_array`.
    """
    together = min(batch or max(1, _BATCH_PIXELS // prod(tiles.tile)), len(tiles))
    while True:
        try:
            return _restore(restorer, read, tiles, together, progress), tiles.tile
        except OutOfMemory as error:
            if together > 1:
                together = max(1, together // 2)
                continue
            smaller = halved(tiles)
            if smaller is None:
                raise OutOfMemory(_out_of_memory(restorer, tiles, error)) from error
            tiles = plan(tiles.shape, tiles.geometry, smaller, region=tiles.region)


def _out_of_memory(restorer: Restorer, tiles: Plan, error: OutOfMemory) -> str:
    sides = " x ".join(map(str, tiles.tile))
    name = type(restorer).__name__
    if not tiles.geometry.bounded:
        why = f"{name} looks at the whole image at once, so its tiles cannot be made any smaller"
    else:
        why = f"{name} needs that much for its halo, so the tiles cannot be made any smaller"
    return (
        f"the device {restorer.device!r} has no memory for one tile of {sides} pixels "
        f"({tiles.geometry.axes}), and {why}; use a device with more memory (device='cpu'), end "
        f"other programs that use this one, or crop the image ({error})"
    )


def _restore(
    restorer: Restorer,
    read: Read,
    tiles: Plan,
    together: int,
    progress: Progress | None,
) -> dict[str, NDArray[np.float32]]:
    restored: dict[str, NDArray[np.float32]] = {}
    done = 0
    for group in _groups(tiles, together):
        stack = np.stack([read_window(read, tiles, tile) for tile in group])
        outputs = _called(restorer, stack)
        _check_output(restorer, tiles, outputs, len(group))
        for name in tiles.geometry.outputs:
            if name not in restored:
                restored[name] = _empty(outputs[name], tiles)
            for number, tile in enumerate(group):
                values = outputs[name][number][(slice(None), *tile.keep)]
                restored[name][(slice(None), *tile.write)] = values
        done += len(group)
        if progress is not None:
            progress(done, len(tiles))
    return restored


def _called(restorer: Restorer, stack: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    try:
        return restorer.restore(np.asarray(stack, order="C"))
    except OutOfMemory:
        raise
    except MemoryError as error:
        # Not every method stands on a backend: one on NumPy runs out of memory in NumPy's way.
        raise OutOfMemory(str(error) or "no memory left") from error


def _groups(tiles: Plan, together: int) -> Iterator[list[Tile]]:
    for first in range(0, len(tiles), together):
        yield [tiles[i] for i in range(first, min(first + together, len(tiles)))]


def _empty(output: NDArray[Any], tiles: Plan) -> NDArray[np.float32]:
    """Return the array that the kept parts go into; a new axis has the length that came out."""
    sides = [
        got if side is None else side
        for got, side in zip(output.shape[2:], tiles.output_shape, strict=True)
    ]
    return np.empty((output.shape[1], *sides), dtype=tiles.geometry.dtype)


def _check_output(restorer: Restorer, tiles: Plan, outputs: object, count: int) -> None:
    """Say whose mistake it is, before NumPy complains of two shapes, or casts in silence."""
    geometry = tiles.geometry
    name = type(restorer).__name__
    if not isinstance(outputs, Mapping) or not set(geometry.outputs) <= outputs.keys():
        got = ", ".join(map(repr, outputs)) if isinstance(outputs, Mapping) else ""
        raise ComponentError(
            f"{name}.restore() returned {got or _kind(outputs)}; expected a dict with "
            f"{', '.join(map(repr, geometry.outputs))}, as its geometry says"
        )
    expected = (count, geometry.channels_out, *tiles.tile_output_shape)
    for output in geometry.outputs:
        values = outputs[output]
        if not isinstance(values, np.ndarray) or not np.can_cast(
            values.dtype, geometry.dtype, "same_kind"
        ):
            raise ComponentError(
                f"{name}.restore() returned {output!r} as {_kind(values)}; expected a NumPy array "
                f"of {geometry.dtype}, as its geometry says"
            )
        got_shape = values.shape
        if len(got_shape) != len(expected) or any(
            e not in (None, g) for e, g in zip(expected, got_shape, strict=True)
        ):
            raise ComponentError(
                f"{name}.restore() returned {output!r} of shape {got_shape}; expected {expected} "
                f"(batch, channels, {geometry.output_axes}), as its geometry says"
            )


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return "an empty dict" if isinstance(value, Mapping) else f"a {type(value).__name__}"
