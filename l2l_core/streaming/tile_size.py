"""How large a tile is: the least that keeps something, the usual one, the one that fits best."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import gcd, prod
from typing import TYPE_CHECKING

from l2l_core.errors import TilingError
from l2l_core.streaming.axis_plan import Range, is_whole, plan_axis, round_down, round_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l2l_core.components.geometry import Geometry
    from l2l_core.streaming.tiling import Plan

_PREFERRED = {1: (4096,), 2: (1024, 1024), 3: (64, 256, 256)}


def least_tile(shape: Sequence[int], geometry: Geometry) -> tuple[int, ...]:
    """Return the smallest sides that a tile can have: two halos and one step of the lattice.

    Parameters
    ----------
    shape : sequence of int
        Sides of the image, one for each of ``geometry.axes``.
    geometry : Geometry
        The restorer's.
    """
    return tuple(
        round_up(size, multiple)
        if is_whole(name, halo, geometry)
        else min(2 * (halo or 0) + multiple, round_up(size, multiple))
        for name, size, halo, multiple in zip(
            geometry.axes, shape, geometry.lattice_halo, geometry.multiple, strict=True
        )
    )


def preferred_tile(geometry: Geometry) -> tuple[int, ...]:
    """Return the sides of a tile where nobody asks for any.

    The restorer's own where it has them; otherwise 1024 x 1024 pixels, 64 x 256 x 256 in three
    dimensions, and more where the halo would leave less than half of that.
    """
    usual = _PREFERRED[len(geometry.axes)]
    sides = []
    for own, size, halo, multiple in zip(
        geometry.tile, usual, geometry.lattice_halo, geometry.multiple, strict=True
    ):
        least = 2 * (halo or 0) + multiple
        chosen = max(own, least) if own else max(size, 2 * (halo or 0) + size // 2, least)
        sides.append(round_up(chosen, multiple))
    return tuple(sides)


def halved(plan: Plan) -> tuple[int, ...] | None:
    """Return sides half as long as those of a plan, None where they cannot be any smaller."""
    least = least_tile(plan.shape, plan.geometry)
    smaller = tuple(
        max(low, round_down(side // 2, multiple))
        for side, low, multiple in zip(plan.tile, least, plan.geometry.multiple, strict=True)
    )
    return None if smaller == plan.tile else smaller


def asked_tile(tile: int | Sequence[int] | None, geometry: Geometry) -> tuple[int, ...]:
    """Return one side for each axis of what a person asked for, or of what is preferred.

    Raises
    ------
    TilingError
        If there are more or fewer sides than axes.
    """
    if tile is None:
        return preferred_tile(geometry)
    sides = (tile,) * len(geometry.axes) if isinstance(tile, int) else tuple(tile)
    if len(sides) != len(geometry.axes):
        raise TilingError(
            f"a tile of {sides} has {len(sides)} sides; expected one number, or one for each of "
            f"the axes {geometry.axes}"
        )
    return sides


def refuse_small(wanted: Sequence[int], shape: Sequence[int], geometry: Geometry) -> None:
    """Refuse a tile that could keep nothing of an image.

    Raises
    ------
    TilingError
        If a tile is too small to hold two halos and a step of the lattice.
    """
    least = least_tile(shape, geometry)
    short = [
        name
        for name, side, low, halo in zip(
            geometry.axes, wanted, least, geometry.lattice_halo, strict=True
        )
        if side < low and not is_whole(name, halo, geometry)
    ]
    if short:
        raise TilingError(
            f"a tile of {' x '.join(map(str, wanted))} pixels ({geometry.axes}) is too small along "
            f"{', '.join(short)}: with a halo of {_said(geometry.lattice_halo)} on either side and "
            f"steps of {_said(geometry.multiple)}, it needs at least "
            f"{' x '.join(map(str, least))}; ask for a larger tile, or for none"
        )


def _said(numbers: Sequence[int | None]) -> str:
    texts = ["the whole axis" if n is None else str(n) for n in numbers]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)


def fitted_tile(
    unit: Sequence[int],
    geometry: Geometry,
    tile: int | Sequence[int] | None = None,
    *,
    shape: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """Return the one size of tiles that restores an image unit by unit with the least work.

    A unit of 4096 pixels with a halo of 40 takes 5 tiles of 1024, and as well 5 of 900.

    Parameters
    ----------
    unit : sequence of int
        Sides of a unit in pixels of the image, one for each of ``geometry.axes``; units start
        from the image's first pixel.
    geometry : Geometry
        The restorer's.
    tile : int or sequence of int, optional
        Sides of a tile at the most, halo included; :func:`preferred_tile` by default.
    shape : sequence of int, optional
        Sides of the whole image, which is then fitted as a whole; by default a unit in the
        midst of a very large image is.

    Returns
    -------
    tuple of int
        Sides on the lattice, not above `tile` but along an axis that always goes into one tile.
        Of all sides from there down to half of it no other has fewer pixels computed; below that
        a few pixels less would cost many more calls.  Of two that are as good the larger.

    Raises
    ------
    TilingError
        If `tile` is too small to hold two halos and a step of the lattice.
    """
    wanted = asked_tile(tile, geometry)
    refuse_small(wanted, shape or unit, geometry)
    return tuple(
        _fitted(geometry, i, unit[i], wanted[i], shape[i] if shape else None)
        for i in range(len(geometry.axes))
    )


def halo_share(
    shape: Sequence[int],
    unit: Sequence[int],
    geometry: Geometry,
    tile: int | Sequence[int] | None = None,
) -> float:
    """Return how many pixels are computed for each that is kept, beyond that one.

    Parameters
    ----------
    shape : sequence of int
        Sides of the whole image, one for each of ``geometry.axes``.
    unit : sequence of int
        Sides of a unit in pixels of the image.
    geometry : Geometry
        The restorer's.
    tile : int or sequence of int, optional
        Sides of a tile at the most, halo included.

    Returns
    -------
    float
        0.0 where no pixel is computed twice; 0.25 where a quarter more is computed.

    Raises
    ------
    TilingError
        If `tile` is too small to hold two halos and a step of the lattice.
    """
    wanted = asked_tile(tile, geometry)
    refuse_small(wanted, shape, geometry)
    computed = prod(
        _computed(geometry, i, size, side, _regions(geometry, i, size, length))
        for i, (size, side, length) in enumerate(zip(shape, wanted, unit, strict=True))
    )
    return computed / prod(shape) - 1.0


# The images of a batch are often of one size.
@lru_cache(maxsize=64)
def _fitted(geometry: Geometry, i: int, unit: int, wanted: int, size: int | None) -> int:
    multiple, halo = geometry.multiple[i], geometry.lattice_halo[i]
    if halo is None or is_whole(geometry.axes[i], halo, geometry):
        return round_up(size or unit, multiple)
    most = round_down(wanted, multiple)
    if size is None:
        # A unit may start anywhere on the lattice: taken is where it touches most steps of it.
        size = round_up(3 * (unit + most + halo), 2 * multiple)
        start = size // 2 - gcd(unit, multiple)
        regions = Counter({(start, start + unit): 1})
    else:
        regions = _regions(geometry, i, size, unit)
    longest = max(_needed(geometry, i, size, region) for region in regions)
    least = max(2 * halo + multiple, round_up(-(-min(most, longest) // 2), multiple))
    # From the largest down: min() returns the first of those that are as good.
    sides = range(most, min(least, most) - 1, -multiple)
    return min(sides, key=lambda side: _computed(geometry, i, size, side, regions))


def _regions(geometry: Geometry, i: int, size: int, unit: int) -> Counter[Range]:
    """Return one unit of each kind along an axis, and how many are of its kind."""
    kinds: dict[int, Range] = {}
    counted: Counter[Range] = Counter()
    for start in range(0, size, unit):
        region = (start, min(start + unit, size))
        # The number of tiles depends on nothing but how much they have to read together.
        counted[kinds.setdefault(_needed(geometry, i, size, region), region)] += 1
    return counted


def _needed(geometry: Geometry, i: int, size: int, region: Range) -> int:
    multiple, halo = geometry.multiple[i], geometry.lattice_halo[i]
    axis = plan_axis(geometry, i, size, 2 * (halo or 0) + multiple, region)
    return axis.stop - axis.start


def _computed(geometry: Geometry, i: int, size: int, side: int, regions: Counter[Range]) -> int:
    """Return how many pixels along one axis go into tiles."""
    plans = ((plan_axis(geometry, i, size, side, region), n) for region, n in regions.items())
    return sum(axis.tile * axis.count * n for axis, n in plans)
