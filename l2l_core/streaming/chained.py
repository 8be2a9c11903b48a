"""Filters behind a restorer, part by part: each asks for its box and halo of what stands before.

What lies between two steps is the whole restored image to the step that follows: it is cut at the
image's border and filled up there by that step's own rule, as if it had been written.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, evolve

from l2l_core.components.restorer import Restorer
from l2l_core.images.image import Image, ImageInfo
from l2l_core.images.statistics import measure_moments
from l2l_core.streaming.boxes import Numbers, restore_box
from l2l_core.streaming.frame import Frame
from l2l_core.streaming.in_memory import tiled
from l2l_core.streaming.tile_size import fitted_tile, preferred_tile
from l2l_core.streaming.tiling import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from l2l_core.components.geometry import Geometry
    from l2l_core.streaming.tiling import Range

_BLOCK = 1024
"""Sides along Y and X of what is best computed as a whole where a restoration is read."""


@define(frozen=True)
class Step:
    """A filter that follows a restorer.

    Parameters
    ----------
    restorer : Restorer
        For one channel, of raw intensities.
    on_device : bool
        Whether it computes on the device, which one thread uses at a time.
    """

    restorer: Restorer
    on_device: bool = False


def chained_geometry(first: Geometry, steps: Sequence[Geometry]) -> Geometry:
    """Return the geometry of a restorer and of filters that take each of its channels apart.

    A step may work in planes behind one of volumes, and in volumes behind one of planes.

    Parameters
    ----------
    first : Geometry
        Of the restorer; its outputs other than ``mean`` do not come out.
    steps : sequence of Geometry
        Of the filters in their order, for one channel each.

    Raises
    ------
    ValueError
        If the restorer gives other axes than it takes.
    """
    axes = max((first.axes, *(step.axes for step in steps)), key=len)
    whole = evolve(_over(first, axes), outputs=("mean",))
    for step in steps:
        count = first.channels_out
        whole = whole.then(evolve(_over(step, axes), channels_in=count, channels_out=count))
    return whole


def _over(geometry: Geometry, axes: str) -> Geometry:
    """Return a geometry over more axes, along which it takes pixels one by one."""
    if axes == geometry.axes or geometry.axes != geometry.output_axes:
        return geometry

    def spread(values: tuple[Any, ...], other: Any) -> tuple[Any, ...]:
        own = dict(zip(geometry.axes, values, strict=True))
        return tuple(own.get(axis, other) for axis in axes)

    return evolve(
        geometry,
        axes=axes,
        output_axes=axes,
        halo=spread(geometry.halo, 0),
        multiple=spread(geometry.multiple, 1),
        scale=spread(geometry.scale, 1),
        tile=spread(geometry.tile, 0),
    )


def restore_chained(
    restorer: Restorer,
    steps: Sequence[Step],
    image: Image,
    frame: Frame,
    box: Sequence[Range],
    numbers: Numbers,
    *,
    tile: Sequence[int] | None = None,
    outputs: Sequence[str] = ("mean",),
    lock: AbstractContextManager[Any] | None = None,
) -> tuple[dict[str, NDArray[np.float32]], tuple[int, ...]]:
    """Restore a part of an image, and let filters follow.

    Parameters
    ----------
    restorer : Restorer
    steps : sequence of Step
        With none of them this is :func:`~l2l_core.streaming.boxes.restore_box`.
    image, box, outputs
        As for :func:`~l2l_core.streaming.boxes.restore_box`.
    frame : Frame
        Of the image and of :func:`chained_geometry`.
    numbers : Numbers
        Of `restorer`, and what stands in for pixels without a value in each of `steps`.
    tile : sequence of int, optional
        Sides of a tile at the most, over the frame's axes; of `restorer`, whose tiles take the
        memory.
    lock : context manager, optional
        Held while the restorer's device computes; filters that use no device go on outside of it.

    Returns
    -------
    dict of ndarray, tuple of int
        As of :func:`~l2l_core.streaming.boxes.restore_box`; the sides are over the frame's axes,
        and not below `tile` unless the device had no memory for it.

    Raises
    ------
    ImageError, TilingError, OutOfMemory, ComponentError
        As :func:`~l2l_core.streaming.boxes.restore_box`.
    """
    if not steps:
        return restore_box(
            restorer, image, frame, box, numbers, tile=tile, outputs=outputs, lock=lock
        )
    stages = _stages(restorer, steps, image, frame, numbers, tile=tile, lock=lock)
    values, _ = stages[-1].restore(box)
    return values, stages[0].fitting(frame, tile)


def fills_between(
    restorer: Restorer,
    steps: Sequence[Step],
    image: Image,
    frame: Frame,
    numbers: Numbers,
    *,
    lock: AbstractContextManager[Any] | None = None,
) -> tuple[tuple[float, ...], ...]:
    """Return for each step what stands in for pixels without a value: the channels' means.

    They are those of what the step takes, so an image with such pixels is restored once for each
    step, and held in parts; what it costs to find out that it has none is to read it.

    Parameters
    ----------
    restorer, steps, image, frame, numbers, lock
        As for :func:`restore_chained`.

    Returns
    -------
    tuple of (tuple of float)
        Empty where the image has a value everywhere.
    """
    if image.dtype.kind != "f":
        return ()
    if all(set(step.restorer.geometry.halo) == {0} for step in steps):
        # No pixel has an influence on another, so that anything will do.
        return ((0.0,),) * len(steps)
    if _has_values(image):
        return ()
    fills: tuple[tuple[float, ...], ...] = ()
    for index in range(len(steps)):
        known = evolve(numbers, steps=fills)
        stages = _stages(restorer, steps[:index], image, frame, known, lock=lock)
        moments = measure_moments(stages[-1].image)
        fills += (tuple(m.mean for m in moments),)
    return fills


def _has_values(image: Image) -> bool:
    return all(np.isfinite(image.read(**place)).all() for place in image.blocks())


def _stages(
    restorer: Restorer,
    steps: Sequence[Step],
    image: Image,
    frame: Frame,
    numbers: Numbers,
    *,
    tile: Sequence[int] | None = None,
    lock: AbstractContextManager[Any] | None = None,
) -> list[_Stage]:
    own = evolve(frame, geometry=tiled(restorer.geometry))
    stages = [_Stage(restorer, image, own, numbers, _tile_of(own, frame, tile), lock)]
    for index, step in enumerate(steps):
        before = stages[-1].image
        own = Frame(before.axes, before.shape, step.restorer.geometry, each_channel=True)
        held = lock if step.on_device else None
        stages.append(_Step(step.restorer, before, own, numbers.of_step(index), lock=held))
    return stages


def _tile_of(own: Frame, frame: Frame, tile: Sequence[int] | None) -> tuple[int, ...] | None:
    """Return the sides of the restorer's tiles at the most.

    Where a step looks at the whole of an axis the tile is as long, and the restorer's need not be.
    """
    if tile is None:
        return None
    sides = dict(zip(frame.geometry.axes, tile, strict=True))
    halos = dict(zip(frame.geometry.axes, frame.geometry.halo, strict=True))
    return tuple(
        min(sides[axis], usual) if halos[axis] is None and halo is not None else sides[axis]
        for axis, halo, usual in zip(
            own.geometry.axes, own.geometry.halo, preferred_tile(own.geometry), strict=True
        )
    )


@define(eq=False)
class _Stage:
    """A restorer or filter and the image that it takes; a source of what comes out of it."""

    restorer: Restorer
    taken: Image
    frame: Frame
    numbers: Numbers
    tile: tuple[int, ...] | None = None
    lock: AbstractContextManager[Any] | None = None
    fitted: tuple[int, ...] | None = None

    @property
    def image(self) -> Image:
        """What comes out, computed where it is read."""
        info = ImageInfo(
            self.taken.info.path, self.frame.output_axes, self.frame.output_shape, "float32"
        )
        return Image(info, self)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Sides of blocks whose halo is a small part of them, and axes that come out together."""
        frame = self.frame
        return tuple(
            1 if axis in frame.outer else min(size, _BLOCK) if axis in "YX" else size
            for axis, size in zip(frame.output_axes, frame.output_shape, strict=True)
        )

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the restoration at `index`."""
        values, _ = self.restore([(part.start, part.stop) for part in index])
        return values["mean"][tuple(slice(None, None, part.step) for part in index)]

    def restore(
        self, box: Sequence[Range]
    ) -> tuple[dict[str, NDArray[np.float32]], tuple[int, ...]]:
        """Return the restoration of a box, and the tile that there was memory for."""
        values, self.fitted = restore_box(
            self.restorer,
            self.taken,
            self.frame,
            box,
            self.numbers,
            tile=self.fitted or self._asked(box),
            lock=self.lock,
        )
        return values, self.fitted

    def _asked(self, box: Sequence[Range]) -> tuple[int, ...] | None:
        """Return the sides of tiles at the most."""
        return self.tile

    def fitting(self, frame: Frame, tile: Sequence[int] | None) -> tuple[int, ...]:
        """Return over the axes of the whole chain what :func:`restore_chained` says of tiles."""
        fitted = self.fitted
        assert fitted is not None  # noqa: S101 - a stage that was read has a tile
        asked = plan(self.frame.sides, self.frame.geometry, self.tile).tile
        if tile is not None and fitted == asked:
            return tuple(tile)
        own = dict(zip(self.frame.geometry.axes, fitted, strict=True))
        wanted = frame.sides if tile is None else tile
        return tuple(
            own.get(axis, side) for axis, side in zip(frame.geometry.axes, wanted, strict=True)
        )


@define(eq=False)
class _Step(_Stage):
    """A filter, whose tiles are no larger than what is asked: all that they read is restored."""

    def _asked(self, box: Sequence[Range]) -> tuple[int, ...] | None:
        region = self.frame.region(box)
        return fitted_tile([stop - start for start, stop in region], self.frame.geometry)
