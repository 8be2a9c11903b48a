"""Read a tile of the padded image from an image that nobody padded.

Padding is a rule about which pixel stands where, so a tile at the border is read by that rule;
a padded copy of a whole image never exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from l2l_core.streaming.tiling import Plan, Range, Tile


def read_window(
    read: Callable[[tuple[slice, ...]], NDArray[Any]], plan: Plan, tile: Tile
) -> NDArray[np.float32]:
    """Return the pixels that go into the restorer for one tile.

    Parameters
    ----------
    read : callable
        Takes slices along ``plan.geometry.axes``, in pixels of the image, and returns
        (C, [Z,] Y, X).
    plan : Plan
        The tiles.
    tile : Tile
        One of them.

    Returns
    -------
    ndarray
        (C, [Z,] Y, X) float32 with the sides of ``plan.tile``.
    """
    mode = plan.geometry.padding.mode
    inside: list[slice] = []
    gathered: dict[int, list[int]] = {}
    for number, (axis, (start, stop)) in enumerate(zip(plan.axes, tile.read, strict=True)):
        if axis.before <= start and stop <= axis.before + axis.size:
            inside.append(slice(start - axis.before, stop - axis.before))
            continue
        positions = source((start, stop), axis.size, axis.before, mode)
        real = [position for position in positions if position >= 0]
        first = min(real)
        inside.append(slice(first, max(real) + 1))
        gathered[number] = [p - first if p >= 0 else -1 for p in positions]
    pixels = np.asarray(read(tuple(inside)), dtype=np.float32)
    for number, positions in gathered.items():
        pixels = np.take(pixels, positions, axis=number + 1)
        if -1 in positions:
            outside = np.asarray(positions) < 0
            pixels[(slice(None),) * (number + 1) + (outside,)] = 0.0
    return pixels


def source(read: Range, size: int, before: int, mode: str) -> list[int]:
    """Return which pixel of the image stands at each position of a range of the padded image.

    Parameters
    ----------
    read : (int, int)
        Range in the padded image.
    size : int
        Pixels of the image.
    before : int
        Pixels of padding before it.
    mode : {"reflect", "symmetric", "edge", "constant"}
        As in :func:`numpy.pad`; ``constant`` has -1 for a padded pixel.

    Returns
    -------
    list of int
        Positions in the image.
    """
    return [_source(position - before, size, mode) for position in range(*read)]


def _source(position: int, size: int, mode: str) -> int:
    if 0 <= position < size:
        return position
    if mode == "constant":
        return -1
    if mode == "edge" or size == 1:
        return 0 if position < 0 else size - 1
    period = 2 * size if mode == "symmetric" else 2 * (size - 1)
    folded = position % period
    # Behind its middle the period runs backwards: symmetric repeats the edge, reflect does not.
    return folded if folded < size else period - folded - (1 if mode == "symmetric" else 0)
