"""How large units and their chunks are: files of a size that stores like, and a bounded memory."""

from __future__ import annotations

from math import lcm, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIDE, _LEAST_SIDE = 4096, 64
_DEPTH, _LEAST_DEPTH = 128, 32

_UNIT_PIXELS = 2**25
"""Pixels of a unit where nobody asks for a side: 128 MiB of float32."""

_JOINED_PIXELS = 2**24
"""Pixels up to which planes of outer axes share a unit."""

_CHUNK_SIDE_IN_SHARD, _CHUNK_SIDE = 512, 1024

_CHUNK_PIXELS_3D = 2**20


def unit_sides(
    shape: Sequence[int],
    axes: str,
    *,
    inner: str,
    whole: str,
    side: int | None,
    scale: Mapping[str, int],
    load: int = 1,
) -> tuple[int, ...]:
    """Return the sides of units that tile an image; they may reach beyond it.

    Parameters
    ----------
    shape : sequence of int
        Sides of the image.
    axes : str
        Its axes, of ``"TCZYX"`` in that order, with Y and X.
    inner, whole, side, scale, load
        As in :func:`l2l_core.streaming.units.plan_grid`.

    Returns
    -------
    tuple of int
        Along Y and X multiples of 8 and of the scale, along an inner Z of 16 and of the scale, but
        for axes that are held whole.
    """
    size = dict(zip(axes, shape, strict=True))
    sides = {name: size[name] if name in whole else 1 for name in axes}
    if "Z" in size and "Z" in inner and "Z" not in whole:
        sides["Z"] = _depth(size["Z"], side, lcm(16, scale.get("Z", 1)), load)
    extent = {name: min(sides[name], size[name]) for name in axes}
    plane = side or _SIDE
    while side is None and plane > _LEAST_SIDE:
        for name in "YX":
            extent[name] = size[name] if name in whole else min(plane, size[name])
        pixels = prod(extent.values())
        # What is read counts down to units of one chunk in a file; those of less store badly.
        small = plane <= _CHUNK_SIDE_IN_SHARD or pixels * load <= _UNIT_PIXELS
        if pixels <= _UNIT_PIXELS and small:
            break
        plane //= 2
    for name in "YX":
        sides[name] = size[name] if name in whole else _rounded(plane, scale.get(name, 1))
    pixels = prod(min(sides[name], size[name]) for name in axes)
    for name in reversed(axes):
        if name in inner or name in whole:
            continue
        room = min(_JOINED_PIXELS, _UNIT_PIXELS // load)
        count = -(-size[name] // max(1, room // pixels))
        # Equal parts take up more than half of the room, so that a cut axis is the last that is
        # joined.
        sides[name] = -(-size[name] // count)
        pixels *= sides[name]
    return tuple(sides[name] for name in axes)


def _depth(size: int, side: int | None, step: int, load: int) -> int:
    """Return the depth of equally thick units of a volume, in multiples of `step`."""
    limit = _DEPTH
    plane = (side or _CHUNK_SIDE_IN_SHARD) ** 2 * load
    while limit > _LEAST_DEPTH and limit * plane > _UNIT_PIXELS:
        limit //= 2
    count = -(-size // max(step, limit // step * step))
    return -(-size // (count * step)) * step


def _rounded(side: int, scale: int) -> int:
    """Return the side of 8 to 15 times a power of two that is not above `side`.

    Its halves can then be cut into equal chunks at every level.
    """
    step = lcm(max(8, 1 << (side.bit_length() - 4)), scale)
    if step > side:
        step = lcm(8, scale)
    return max(step, side // step * step)


def chunk_sides(
    unit: Sequence[int], axes: str, *, inner: str, alone: Sequence[bool], sharded: bool
) -> tuple[int, ...]:
    """Return the sides of the chunks of one level.

    Parameters
    ----------
    unit : sequence of int
        What a unit has of the level, one side for each of `axes`.
    axes : str
        Axes of the level, with Y and X.
    inner : str
        Spatial axes that the method works in.
    alone : sequence of bool
        For each axis whether there is only one unit along it.
    sharded : bool
        Whether many chunks share a file.

    Returns
    -------
    tuple of int
        Sides that divide those of the unit, except along an axis on which it is alone.  Time
        points and channels are chunks of their own.
    """
    limit = _CHUNK_SIDE_IN_SHARD if sharded else _CHUNK_SIDE
    chunks = dict.fromkeys(axes, 1)
    for name, length, single in zip(axes, unit, alone, strict=True):
        if name in "YX":
            chunks[name] = min(length, limit) if single else _divisor(length, limit)
    if "Z" in axes:
        # A chunk of a stack holds several of its planes where those are small.
        pixels = _CHUNK_PIXELS_3D if "Z" in inner else limit * limit
        most = max(1, pixels // (chunks["Y"] * chunks["X"]))
        length, single = unit[axes.index("Z")], alone[axes.index("Z")]
        chunks["Z"] = -(-length // -(-length // most)) if single else _divisor(length, most)
    return tuple(chunks[name] for name in axes)


def _divisor(length: int, most: int) -> int:
    """Return the largest number up to `most` that divides `length`."""
    return next(d for d in range(min(length, most), 0, -1) if length % d == 0)
