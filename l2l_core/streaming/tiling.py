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
from l2l_core.errors import ImageError, TilingError

Range: TypeAlias = tuple[int, int]

_PREFERRED = {1: (4096,), 2: (1024, 1024), 3: (64, 256, 256)}


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _down(value: int, multiple: int) -> int:
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
        _up(size, multiple)
        if _is_whole(name, halo, geometry)
        else min(2 * (halo or 0) + multiple, _up(size, multiple))
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
        sides.append(_up(chosen, multiple))
    return tuple(sides)


def halved(plan: Plan) -> tuple[int, ...] | None:
    """Return sides half as long as those of a plan, None where they cannot be any smaller."""
    least = least_tile(plan.shape, plan.geometry)
    smaller = tuple(
        max(low, _down(side // 2, multiple))
        for side, low, multiple in zip(plan.tile, least, plan.geometry.multiple, strict=True)
    )
    return None if smaller == plan.tile else smaller


def _is_whole(name: str, halo: int | None, geometry: Geometry) -> bool:
    """Whether an axis always goes into one tile: looked at as a whole, or not in the output."""
    return halo is None or name not in geometry.output_axes


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
    wanted = _sides(tile, geometry)
    whole = tuple((0, side) for side in shape)
    region = whole if region is None else tuple((int(a), int(b)) for a, b in region)
    if any(not 0 <= a < b <= side for (a, b), side in zip(region, shape, strict=True)):
        raise ImageError(f"the region {region} is empty or outside of an image of shape {shape}")
    _check(wanted, shape, geometry)
    return Plan(
        geometry,
        shape,
        region,
        tuple(_axis(i, shape[i], wanted[i], region[i], geometry) for i in range(len(shape))),
    )


def _sides(tile: int | Sequence[int] | None, geometry: Geometry) -> tuple[int, ...]:
    if tile is None:
        return preferred_tile(geometry)
    sides = (tile,) * len(geometry.axes) if isinstance(tile, int) else tuple(tile)
    if len(sides) != len(geometry.axes):
        raise TilingError(
            f"a tile of {sides} has {len(sides)} sides; expected one number, or one for each of "
            f"the axes {geometry.axes}"
        )
    return sides


def _check(wanted: Sequence[int], shape: Sequence[int], geometry: Geometry) -> None:
    """Refuse a tile that could keep nothing."""
    least = least_tile(shape, geometry)
    short = [
        name
        for name, side, low, halo in zip(
            geometry.axes, wanted, least, geometry.lattice_halo, strict=True
        )
        if side < low and not _is_whole(name, halo, geometry)
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


def _axis(i: int, size: int, wanted: int, region: Range, geometry: Geometry) -> AxisPlan:
    multiple, halo = geometry.multiple[i], geometry.lattice_halo[i]
    before, after = geometry.padding.split(-size % multiple)
    padded = before + size + after
    if _is_whole(geometry.axes[i], halo, geometry):
        side, reach = padded, 0
        keep = start, stop = 0, padded
    else:
        reach = halo or 0
        side = min(_down(wanted, multiple), padded)
        keep = (
            _down(before + region[0], multiple),
            min(_up(before + region[1], multiple), padded),
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
