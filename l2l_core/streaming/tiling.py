"""Cut an image into tiles of which the restored, kept parts equal the restored whole image.

Pure integers, so that a plan of 10^12 pixels costs nothing until a tile of it is asked for.
Three rules make it exact.  Every tile starts and ends on the restorer's lattice, in the
coordinates of the *padded* image.  Every edge of a tile is either the padded image's own or a halo
away from all pixels that are kept.  A tile at the border is shifted inward, never padded, so that
all tiles of a plan are of one size.  What is kept is cropped, never blended, and each pixel of the
output comes from one tile.

Coordinates are pixels of the padded input unless said otherwise; ranges are half-open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TypeAlias, overload

from attrs import define

from l2l_core.components.geometry import Geometry
from l2l_core.errors import ImageError
from l2l_core.streaming.axis_plan import AxisPlan, plan_axis
from l2l_core.streaming.tile_size import asked_tile, refuse_small

Range: TypeAlias = tuple[int, int]


@define(frozen=True)
class Tile:
    """One tile of a :class:`Plan`.

    Parameters
    ----------
    index : int
        Position in the plan.
    read : tuple of (int, int)
        For each input axis the range that goes into the restorer, in the padded image.
    keep : tuple of slice
        For each output axis what is kept of what comes out, in output pixels of the tile.
    write : tuple of slice
        For each output axis where that goes, in output pixels of the plan's region.
    """

    index: int
    read: tuple[Range, ...]
    keep: tuple[slice, ...]
    write: tuple[slice, ...]


@define(frozen=True)
class Plan(Sequence[Tile]):
    """All tiles of an image or of a region of it: a sequence that makes each tile on demand.

    Parameters
    ----------
    geometry : Geometry
        The restorer's.
    shape : tuple of int
        Sides of the whole image, one for each of ``geometry.axes``.
    region : tuple of (int, int)
        What is restored, in pixels of the image.
    axes : tuple of AxisPlan
        One for each of ``geometry.axes``.
    """

    geometry: Geometry
    shape: tuple[int, ...]
    region: tuple[Range, ...]
    axes: tuple[AxisPlan, ...]

    @property
    def tile(self) -> tuple[int, ...]:
        """Sides of every tile, halo included."""
        return tuple(axis.tile for axis in self.axes)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Sides of the restored region, one for each output axis; None where the method says."""
        sides: dict[str, int] = {
            name: (stop - start) * axis.scale
            for name, axis, (start, stop) in zip(
                self.geometry.axes, self.axes, self.region, strict=True
            )
        }
        return tuple(sides.get(name) for name in self.geometry.output_axes)

    @property
    def tile_output_shape(self) -> tuple[int | None, ...]:
        """Sides of what comes out for one tile, one for each output axis."""
        sides = {
            name: axis.tile * axis.scale
            for name, axis in zip(self.geometry.axes, self.axes, strict=True)
        }
        return tuple(sides.get(name) for name in self.geometry.output_axes)

    def __len__(self) -> int:
        return prod(axis.count for axis in self.axes)

    @overload
    def __getitem__(self, index: int) -> Tile: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tile]: ...
    def __getitem__(self, index: int | slice) -> Tile | Sequence[Tile]:
        """Return tile `index`; the last axis runs fastest."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"tile {index} of a plan with {len(self)} tiles")
        rest, steps = position, []
        for axis in reversed(self.axes):
            rest, step = divmod(rest, axis.count)
            steps.append(step)
        return self._at(position, tuple(reversed(steps)))

    def __iter__(self) -> Iterator[Tile]:
        # Sequence's own iterator ends on an IndexError, and would swallow one of ours.
        return (self[index] for index in range(len(self)))

    def _at(self, index: int, steps: tuple[int, ...]) -> Tile:
        read, keep, write = [], {}, {}
        for name, axis, step, (first, last) in zip(
            self.geometry.axes, self.axes, steps, self.region, strict=True
        ):
            source = axis.read(step)
            read.append(source)
            low, high = axis.kept(step)
            # Crop to the region: neither padding nor what only fills up to the lattice stays.
            low, high = max(low, axis.before + first), min(high, axis.before + last)
            keep[name] = slice((low - source[0]) * axis.scale, (high - source[0]) * axis.scale)
            origin = axis.before + first
            write[name] = slice((low - origin) * axis.scale, (high - origin) * axis.scale)
        whole = slice(None)
        return Tile(
            index,
            tuple(read),
            tuple(keep.get(name, whole) for name in self.geometry.output_axes),
            tuple(write.get(name, whole) for name in self.geometry.output_axes),
        )


def plan(
    shape: Sequence[int],
    geometry: Geometry,
    tile: int | Sequence[int] | None = None,
    *,
    region: Sequence[Range] | None = None,
) -> Plan:
    """Return the tiles that restore an image, or a region of one.

    Parameters
    ----------
    shape : sequence of int
        Sides of the whole image, one for each of ``geometry.axes``.
    geometry : Geometry
        The restorer's.
    tile : int or sequence of int, optional
        Sides of a tile at the most, halo included; rounded down to the lattice, and cut to the
        image.  None leaves them to :func:`preferred_tile`.
    region : sequence of (int, int), optional
        Part of the image that is restored, in pixels of the image; the whole by default.  Its
        pixels come out as they do in the whole image, wherever it begins and ends, so that an
        image can be restored region by region.

    Returns
    -------
    Plan
        Tiles of one size: the least of `tile` and the padded image.

    Raises
    ------
    TilingError
        If a tile is too small to hold two halos and a step of the lattice.
    ImageError
        If the shape does not fit the axes, or a side is empty.
    """
    shape = tuple(int(side) for side in shape)
    if len(shape) != len(geometry.axes) or min(shape) < 1:
        raise ImageError(
            f"an image of the shape {shape} cannot be cut into tiles; expected one side of at "
            f"least 1 for each of the axes {geometry.axes}"
        )
    wanted = asked_tile(tile, geometry)
    whole = tuple((0, side) for side in shape)
    region = whole if region is None else tuple((int(a), int(b)) for a, b in region)
    if any(not 0 <= a < b <= side for (a, b), side in zip(region, shape, strict=True)):
        raise ImageError(f"the region {region} is empty or outside of an image of shape {shape}")
    refuse_small(wanted, shape, geometry)
    return Plan(
        geometry,
        shape,
        region,
        tuple(plan_axis(geometry, i, shape[i], wanted[i], region[i]) for i in range(len(shape))),
    )
