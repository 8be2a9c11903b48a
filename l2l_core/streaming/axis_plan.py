"""The tiles along one axis: where each one starts, what it keeps, and how many there are.

Coordinates are pixels of the padded input unless said otherwise; ranges are half-open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import define

if TYPE_CHECKING:
    from l2l_core.components.geometry import Geometry

Range: TypeAlias = tuple[int, int]


def round_up(value: int, multiple: int) -> int:
    """Return the least multiple that is not below `value`."""
    return -(-value // multiple) * multiple


def round_down(value: int, multiple: int) -> int:
    """Return the largest multiple that is not above `value`."""
    return value // multiple * multiple


@define(frozen=True)
class AxisPlan:
    """The tiles along one axis.

    Parameters
    ----------
    size : int
        Pixels of the image.
    before, after : int
        Pixels that padding adds on either side.
    keep : (int, int)
        What all tiles keep together, on the lattice.
    start, stop : int
        What all tiles read together.
    tile : int
        Side of a tile.
    halo : int
        Pixels between an inner edge of a tile and what it keeps.
    count : int
        Number of tiles.
    scale : int
        Output pixels for an input pixel.
    """

    size: int
    before: int
    after: int
    keep: Range
    start: int
    stop: int
    tile: int
    halo: int
    count: int
    scale: int

    @property
    def padded(self) -> int:
        """Side of the padded image."""
        return self.before + self.size + self.after

    def read(self, index: int) -> Range:
        """Return what tile `index` reads."""
        # The last tile is shifted inward, so that it ends where the reading ends.
        start = min(self.start + index * (self.tile - 2 * self.halo), self.stop - self.tile)
        return start, start + self.tile

    def kept(self, index: int) -> Range:
        """Return what tile `index` keeps, padding included."""
        first = self.keep[0] if index == 0 else self.read(index - 1)[1] - self.halo
        last = self.keep[1] if index == self.count - 1 else self.read(index)[1] - self.halo
        return first, last


def is_whole(name: str, halo: int | None, geometry: Geometry) -> bool:
    """Whether an axis always goes into one tile: looked at as a whole, or not in the output."""
    return halo is None or name not in geometry.output_axes


def plan_axis(geometry: Geometry, i: int, size: int, wanted: int, region: Range) -> AxisPlan:
    """Return the tiles along axis `i` of a geometry.

    Parameters
    ----------
    geometry : Geometry
        The restorer's.
    i : int
        Position of the axis in ``geometry.axes``.
    size : int
        Pixels of the image.
    wanted : int
        Side of a tile at the most; enough for two halos and a step of the lattice.
    region : (int, int)
        What is restored, in pixels of the image.
    """
    multiple, halo = geometry.multiple[i], geometry.lattice_halo[i]
    before, after = geometry.padding.split(-size % multiple)
    padded = before + size + after
    if is_whole(geometry.axes[i], halo, geometry):
        side, reach = padded, 0
        keep = start, stop = 0, padded
    else:
        reach = halo or 0
        side = min(round_down(wanted, multiple), padded)
        keep = (
            round_down(before + region[0], multiple),
            min(round_up(before + region[1], multiple), padded),
        )
        start, stop = max(0, keep[0] - reach), min(padded, keep[1] + reach)
        # A region smaller than a tile still gets a tile of the one size, shifted inward.
        start = min(start, padded - side)
        stop = max(stop, start + side)
    count = 1 if stop - start == side else 1 + -(-(stop - start - side) // (side - 2 * reach))
    return AxisPlan(
        size=size,
        before=before,
        after=after,
        keep=keep,
        start=start,
        stop=stop,
        tile=side,
        halo=reach,
        count=count,
        scale=geometry.scale[i],
    )
