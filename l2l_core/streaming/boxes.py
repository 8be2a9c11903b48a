"""Restore any part of an image as it is in the restored whole, reading no more than that takes."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from attrs import define
from numpy.typing import NDArray

from l2l_core.errors import ImageError
from l2l_core.images.axes import reorder
from l2l_core.images.normalization import Normalization
from l2l_core.streaming.in_memory import blank, filled, restore_tiles, tiled
from l2l_core.streaming.tiling import plan
from l2l_core.streaming.window import source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from l2l_core.components.restorer import Restorer
    from l2l_core.images.image import Image
    from l2l_core.streaming.frame import Frame
    from l2l_core.streaming.tiling import Plan, Range

    Progress = Callable[[int, int], None]


@define(frozen=True)
class Numbers:
    """What takes an image to a method's units and back; of the whole image, never of a part.

    Parameters
    ----------
    before : Normalization, optional
        Taken away from what goes in; None for a method of raw intensities.
    after : Normalization, optional
        Put back on what comes out.
    fill : tuple of float, optional
        For each channel what stands in for a pixel without a value, where `before` is None; NaN
        where nobody can say, so that boxes with such pixels are refused.
    steps : tuple of (tuple of float)
        The same for each filter that follows, where the image has such pixels.
    """

    before: Normalization | None = None
    after: Normalization | None = None
    fill: tuple[float, ...] | None = None
    steps: tuple[tuple[float, ...], ...] = ()

    @property
    def known(self) -> bool:
        """Whether what stands in for pixels without a value is known, where it is needed."""
        fills = (self.fill or (), *self.steps)
        return not any(math.isnan(value) for fill in fills for value in fill)

    def of_step(self, index: int) -> Numbers:
        """Return the numbers of a filter that follows."""
        return Numbers(fill=self.steps[index] if index < len(self.steps) else (math.nan,))

    def of_channel(self, channel: int) -> Numbers:
        """Return the numbers of one channel, for a method that takes channels one by one."""
        return Numbers(
            _picked(self.before, channel),
            _picked(self.after, channel),
            self.fill and (self.fill[channel if len(self.fill) > 1 else 0],),
        )

    def describe(self) -> str:
        """Return in words what becomes 0 and 1."""
        if self.before is None:
            return "as they are"
        ends = [
            f"{offset:.6g} and {offset + scale:.6g}"
            for offset, scale in zip(self.before.offset, self.before.scale, strict=True)
        ]
        if len(ends) == 1:
            return f"{ends[0]} of the image"
        return "; ".join(f"{end} of channel {channel}" for channel, end in enumerate(ends))

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON takes them."""
        stated = {
            "before": self.before and self.before.to_dict(),
            "after": self.after and self.after.to_dict(),
            "fill": None if self.fill is None else list(self.fill),
        }
        return {**stated, "steps": list(map(list, self.steps))} if self.steps else stated

    @classmethod
    def from_dict(cls, stated: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` wrote."""
        before, after, fill = stated["before"], stated["after"], stated["fill"]
        return cls(
            before and Normalization.from_dict(before),
            after and Normalization.from_dict(after),
            None if fill is None else tuple(fill),
            tuple(map(tuple, stated.get("steps", ()))),
        )


def _picked(numbers: Normalization | None, channel: int) -> Normalization | None:
    if numbers is None or numbers.channels == 1:
        return numbers
    return Normalization((numbers.offset[channel],), (numbers.scale[channel],))


def with_units(
    name: str, values: NDArray[np.float32], after: Normalization | None
) -> NDArray[np.float32]:
    """Return an output in the units that `after` gives; a spread has no zero point.

    Parameters
    ----------
    name : str
        Of the output: only ``mean`` is shifted.
    values : ndarray
        (C, [Z,] Y, X) float32.
    after : Normalization, optional
    """
    if after is None:
        return values
    shifted = after if name == "mean" else Normalization((0.0,) * after.channels, after.scale)
    return shifted.invert(values)


def restore_box(
    restorer: Restorer,
    image: Image,
    frame: Frame,
    box: Sequence[Range],
    numbers: Numbers,
    *,
    tile: int | Sequence[int] | None = None,
    outputs: Sequence[str] = ("mean",),
    batch: int | None = None,
    lock: AbstractContextManager[Any] | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, NDArray[np.float32]], tuple[int, ...]]:
    """Restore a part of an image.

    Parameters
    ----------
    restorer : Restorer
    image : Image
        The whole; read in the part and its halo alone.
    frame : Frame
        Of the image.
    box : sequence of (int, int)
        The part, one range for each of ``frame.output_axes``, in pixels of the restoration; axes
        that are new come out from end to end.
    numbers : Numbers
    tile : int or sequence of int, optional
        Sides of a tile at the most.
    outputs : sequence of str
        Which of ``geometry.outputs``.
    batch : int, optional
        Tiles in one call.
    lock : context manager, optional
        Held while the device computes; reading and normalising go on outside of it.
    progress : callable, optional
        Called with the number of finished tiles and of all.

    Returns
    -------
    dict of ndarray
        For each of `outputs` float32 over ``frame.output_axes``, with the sides of `box`: pixel
        by pixel what the restoration of the whole image has there.
    tuple of int
        Sides of the tile that the device had memory for.

    Raises
    ------
    ImageFormatError
        If the pixels cannot be read.
    ImageError
        If some have no value, and `numbers` cannot say what stands in for them.
    TilingError, OutOfMemory, ComponentError
        As :func:`~l2l_core.streaming.in_memory.restore_array`.
    """
    geometry = restorer.geometry
    region = frame.region(box)
    tiles = plan(frame.sides, tiled(geometry), tile, region=region)
    extent = [_extent(axis, geometry.padding.mode) for axis in tiles.axes]
    pieces = [
        _Piece.of(pixels, at, frame, numbers, normalizes=restorer.normalizes)
        for at, pixels in _positions(_read(image, frame, box, extent), frame, box)
    ]
    restored = []
    with lock or nullcontext():
        for number, piece in enumerate(pieces):
            values, fitting = restore_tiles(
                restorer,
                partial(piece.read, extent=extent),
                tiles if tile is None else plan(frame.sides, tiles.geometry, tile, region=region),
                batch=batch,
                progress=shifted(progress, number, len(pieces)),
            )
            tile = fitting
            restored.append(values)
    finished = [
        piece.finish(values, tiles, extent, outputs)
        for piece, values in zip(pieces, restored, strict=True)
    ]
    return {
        name: _joined([values[name] for values in finished], frame, box) for name in outputs
    }, fitting


def shifted(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return a callback for one of `count` positions that reports on all of them."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, count * total)


def _extent(axis: Any, mode: str) -> Range:
    """Return which pixels of the image all tiles of a plan need along one axis."""
    positions = [p for p in source((axis.start, axis.stop), axis.size, axis.before, mode) if p >= 0]
    return min(positions), max(positions) + 1


def _read(
    image: Image, frame: Frame, box: Sequence[Range], extent: Sequence[Range]
) -> NDArray[Any]:
    """Return the pixels for a box, in the order ``frame.arranged``."""
    asked = dict(zip(frame.output_axes, box, strict=True))
    where = {axis: slice(*asked[axis]) for axis in frame.outer}
    where |= {axis: slice(*e) for axis, e in zip(frame.geometry.axes, extent, strict=True)}
    return reorder(image.read(**where), image.axes, frame.arranged)


def _positions(pixels: NDArray[Any], frame: Frame, box: Sequence[Range]) -> Any:
    """Yield the channel, if channels go one by one, and (C, [Z,] Y, X) of each outer position."""
    asked = dict(zip(frame.output_axes, box, strict=True))
    count = len(frame.outer)
    for index in np.ndindex(*pixels.shape[:count]):
        channel = 0
        if frame.each_channel and "C" in frame.outer:
            place = frame.outer.index("C")
            channel = asked["C"][0] + index[place]
        yield channel, pixels[index][np.newaxis] if frame.each_channel else pixels[index]


@define
class _Piece:
    """One position: normalised pixels, which of them had no value, and the way back."""

    pixels: NDArray[np.float32]
    missing: NDArray[np.bool_] | None
    after: Normalization | None

    @classmethod
    def of(
        cls,
        pixels: NDArray[Any],
        channel: int,
        frame: Frame,
        numbers: Numbers,
        *,
        normalizes: bool,
    ) -> _Piece:
        own = numbers.of_channel(channel) if frame.each_channel else numbers
        values = own.before.apply(pixels) if own.before else pixels.astype(np.float32)
        whole, missing = filled(values, own.fill, normalizes=normalizes)
        if missing is not None and own.fill is not None and np.isnan(own.fill).any():
            raise ImageError(
                "some pixels have no value, and what stands in for them is the mean of the whole "
                "image, which cannot be taken of a damaged one"
            )
        return cls(whole, missing, own.after)

    def read(self, at: tuple[slice, ...], extent: Sequence[Range]) -> NDArray[np.float32]:
        """Return pixels at slices that are counted in the image."""
        inside = tuple(
            slice(part.start - start, part.stop - start)
            for part, (start, _) in zip(at, extent, strict=True)
        )
        return self.pixels[(slice(None), *inside)]

    def finish(
        self,
        values: Mapping[str, NDArray[np.float32]],
        tiles: Plan,
        extent: Sequence[Range],
        outputs: Sequence[str],
    ) -> dict[str, NDArray[np.float32]]:
        """Return the outputs with their units, and NaN where nothing was measured."""
        finished = {name: with_units(name, values[name], self.after) for name in outputs}
        if self.missing is not None:
            inside = tuple(
                slice(first - start, last - start)
                for (first, last), (start, _) in zip(tiles.region, extent, strict=True)
            )
            blank(finished, self.missing[inside], tiles.geometry)
        return finished


def _joined(
    parts: Sequence[NDArray[np.float32]], frame: Frame, box: Sequence[Range]
) -> NDArray[np.float32]:
    """Put the positions together in the order of the restoration, cut to the box."""
    asked = dict(zip(frame.output_axes, box, strict=True))
    sides = [asked[axis][1] - asked[axis][0] for axis in frame.outer]
    stack = np.stack(parts) if len(parts) > 1 else parts[0][np.newaxis]
    own = frame.geometry.output_axes
    if frame.each_channel:
        stack, axes = stack[:, 0], frame.outer + own
    else:
        axes = frame.outer + "C" + own
    values = reorder(stack.reshape(*sides, *stack.shape[1:]), axes, frame.output_axes)
    # A region begins and ends on pixels of the image, a box on those of the restoration.
    cut = []
    for axis, (start, stop) in zip(frame.output_axes, box, strict=True):
        if axis in frame.new_axes:
            cut.append(slice(None))
            continue
        factor = frame.scale.get(axis, 1) if axis in own else 1
        first = start - start // factor * factor
        cut.append(slice(first, first + stop - start))
    return values[tuple(cut)]
