"""Cut an output and its pyramid into units: the files that one task writes, and nobody else.

Pure integers: a grid of 10^12 pixels costs a few numbers for each level, and a unit is made when
it is asked for.  Stage 0 restores, and writes levels 0 to 3 of what it restored; stage 1 reads
level 3 and writes levels 4 to 6; and so on to the top.  At every level a unit starts on whole
pixels and on whole files, so that two units can be written at the same time, in any order, and
again.

Sides are in pixels of the output; ranges are half-open.
"""

from __future__ import annotations

from math import lcm, prod
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define

from l2l_core.errors import AxesError, OutputError, TilingError
from l2l_core.streaming.unit_sizes import chunk_sides, unit_sides

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Range: TypeAlias = tuple[int, int]

GRID_VERSION = 1
"""Grows where the same arguments give other units, so that half a restoration is not mixed."""

_LEVELS = 3
"""Levels that a unit writes above the one that it starts from."""


@define(frozen=True)
class LevelGrid:
    """One level of the pyramid and its files.

    Parameters
    ----------
    shape : tuple of int
        Sides of the level.
    chunks : tuple of int
        Sides of a chunk; they divide `unit`.
    unit : tuple of int
        Sides of what one unit owns of the level: a shard, or a block of whole chunks.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    unit: tuple[int, ...]


@define(frozen=True)
class Unit:
    """One unit of a :class:`Grid`.

    Parameters
    ----------
    stage, index : int
        Its position.
    box : tuple of (int, int)
        What it covers, for each axis, in pixels of the level that its stage starts from.
    """

    stage: int
    index: int
    box: tuple[Range, ...]

    @property
    def pixels(self) -> int:
        """How many pixels the box has."""
        return prod(stop - start for start, stop in self.box)


@define(frozen=True)
class Grid:
    """All units of one image, stage by stage; the last axis runs fastest.

    Parameters
    ----------
    axes : str
        Axes of the output.
    levels : tuple of LevelGrid
        The pyramid, the full size first.

    Examples
    --------
    >>> grid = plan_grid((10_000, 20_000), "YX", inner="YX")
    >>> grid.stages, grid.count(0), grid.count(1)
    (2, 15, 1)
    >>> unit = grid.unit(0, 14)
    >>> unit.box, grid.area(unit, 3)
    (((8192, 10000), (16384, 20000)), ((1024, 1250), (2048, 2500)))
    """

    axes: str
    levels: tuple[LevelGrid, ...]

    @property
    def stages(self) -> int:
        """Number of stages; a stage starts when all units before it are written."""
        return 1 + max(0, len(self.levels) - 2) // _LEVELS

    def written_levels(self, stage: int) -> range:
        """Return the levels that units of a stage write."""
        if not 0 <= stage < self.stages:
            raise IndexError(f"stage {stage} of a grid with {self.stages} stages")
        base = stage * _LEVELS
        return range(base + (stage > 0), min(base + _LEVELS + 1, len(self.levels)))

    def count(self, stage: int) -> int:
        """Return the number of units of a stage."""
        return prod(self._counts(stage))

    def unit(self, stage: int, index: int) -> Unit:
        """Return unit `index` of a stage."""
        steps = self._steps(stage, index)
        base = self.levels[stage * _LEVELS]
        first = self.levels[self.written_levels(stage)[0]]
        sides = tuple(
            side * 2 if stage and name in "YX" else side
            for name, side in zip(self.axes, first.unit, strict=True)
        )
        return Unit(stage, index, _box(steps, sides, base.shape))

    def area(self, unit: Unit, level: int) -> tuple[Range, ...]:
        """Return what a unit writes of one of its stage's levels; never empty.

        Parameters
        ----------
        unit : Unit
            A unit of this grid.
        level : int
            Level of the pyramid, 0 at full size.

        Returns
        -------
        tuple of (int, int)
            For each axis the range, in pixels of the level.

        Raises
        ------
        IndexError
            If units of this stage do not write that level.
        """
        written = self.written_levels(unit.stage)
        if level not in written:
            raise IndexError(
                f"level {level} is not written by stage {unit.stage}, which writes "
                f"{written[0]} to {written[-1]}"
            )
        grid = self.levels[level]
        return _box(self._steps(unit.stage, unit.index), grid.unit, grid.shape)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for a manifest or another process."""
        return {
            "version": GRID_VERSION,
            "axes": self.axes,
            "levels": [
                {
                    "shape": list(level.shape),
                    "chunks": list(level.chunks),
                    "unit": list(level.unit),
                }
                for level in self.levels
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Grid:
        """Return the grid of which these are the plain values.

        Raises
        ------
        OutputError
            If they are of another version of the grid.
        """
        if values.get("version") != GRID_VERSION:
            raise OutputError(
                f"units of version {values.get('version')} of the grid, expected {GRID_VERSION}; "
                "go on with the version of label2label that began, or start again"
            )
        return cls(
            values["axes"],
            tuple(
                LevelGrid(tuple(level["shape"]), tuple(level["chunks"]), tuple(level["unit"]))
                for level in values["levels"]
            ),
        )

    def _counts(self, stage: int) -> tuple[int, ...]:
        level = self.levels[self.written_levels(stage)[0]]
        return tuple(-(-side // unit) for side, unit in zip(level.shape, level.unit, strict=True))

    def _steps(self, stage: int, index: int) -> tuple[int, ...]:
        counts = self._counts(stage)
        if not 0 <= index < prod(counts):
            raise IndexError(f"unit {index} of a stage with {prod(counts)} units")
        rest, steps = index, []
        for count in reversed(counts):
            rest, step = divmod(rest, count)
            steps.append(step)
        return tuple(reversed(steps))


def _box(steps: Sequence[int], sides: Sequence[int], shape: Sequence[int]) -> tuple[Range, ...]:
    return tuple(
        (step * side, min((step + 1) * side, size))
        for step, side, size in zip(steps, sides, shape, strict=True)
    )


def plan_grid(
    shape: Sequence[int],
    axes: str,
    *,
    inner: str,
    whole: str = "",
    side: int | None = None,
    scale: Mapping[str, int] | None = None,
    sharded: bool = True,
    load: int = 1,
) -> Grid:
    """Return the units that write a restoration and its pyramid.

    Parameters
    ----------
    shape : sequence of int
        Sides of the restoration, one for each of `axes`.
    axes : str
        Its axes, of ``"TCZYX"`` in that order, with Y and X.
    inner : str
        Spatial axes that the method works in, ``"YX"`` or ``"ZYX"``.  Along the others whole
        planes or volumes lie beside one another, and small ones share a unit.
    whole : str
        Axes that a unit always holds whole: the channels of a network with several, or what a
        method looks at as a whole.
    side : int, optional
        Side of a unit along Y and X, rounded down to what halves three times: the multiples of 8
        up to 128, and 8 sizes for each factor of 2 from there.  By default 4096, and less where
        a unit would have more than 2^25 pixels.
    scale : mapping of str to int, optional
        Pixels of the restoration for one of the input, for each axis where there are several;
        units start on whole pixels of the input.
    sharded : bool
        Whether a unit is one file of many chunks (Zarr 3), or as many files as chunks (Zarr 2),
        which are larger then.
    load : int, optional
        Pixels that are read for one of the restoration, where planes or channels become one. Units
        are smaller then, down to 512 pixels along Y and X, unless `side` is given.

    Returns
    -------
    Grid
        The same for the same arguments, on every computer.

    Raises
    ------
    AxesError
        If shape and axes do not belong together.
    TilingError
        If the side is too small.
    """
    shape = tuple(int(size) for size in shape)
    _check_axes(shape, axes)
    scales = dict(scale or {})
    step = max(lcm(8, scales.get(name, 1)) for name in "YX")
    if side is not None and side < step:
        raise TilingError(
            f"a unit of {side} x {side} pixels is too small; expected a multiple of {step}, so "
            "that three levels of the pyramid have whole pixels; ask for a larger side, or for none"
        )
    # The floor of images loads NumPy, which the grid itself does without.
    from l2l_core.images.pyramid import level_shapes

    shapes = level_shapes(shape, axes)
    levels: list[LevelGrid] = []
    for base in range(0, max(1, len(shapes) - 1), _LEVELS):
        sides = unit_sides(
            shapes[base],
            axes,
            inner=inner,
            whole=whole,
            side=side,
            scale=scales,
            # A later stage reads the level below, of the same channels and planes.
            load=1 if base else load,
        )
        alone = tuple(a >= b for a, b in zip(sides, shapes[base], strict=True))
        for level in range(base + (base > 0), min(base + _LEVELS + 1, len(shapes))):
            owned = tuple(
                size if single else full >> (level - base if name in "YX" else 0)
                for name, size, single, full in zip(axes, shapes[level], alone, sides, strict=True)
            )
            chunks = chunk_sides(owned, axes, inner=inner, alone=alone, sharded=sharded)
            # Chunks of the only unit along an axis may reach beyond the image: no other is there.
            unit = tuple(-(-length // c) * c for length, c in zip(owned, chunks, strict=True))
            levels.append(LevelGrid(shapes[level], chunks, unit))
    return Grid(axes, tuple(levels))


def _check_axes(shape: tuple[int, ...], axes: str) -> None:
    canonical = "".join(name for name in "TCZYX" if name in axes)
    if axes != canonical or not axes.endswith("YX"):
        raise AxesError(f"axes {axes!r} of a restoration; expected some of TCZYX, with Y and X")
    if len(shape) != len(axes) or min(shape) < 1:
        raise AxesError(
            f"a restoration of the shape {shape} cannot be cut into units; expected one side of "
            f"at least 1 for each of the axes {axes}"
        )
