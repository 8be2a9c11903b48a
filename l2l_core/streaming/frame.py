"""Which axes of an image a method works in, which it goes over one by one, and what comes out."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from l2l_core.components.geometry import Geometry
from l2l_core.errors import AxesError, ImageError
from l2l_core.images.axes import AXES
from l2l_core.images.writing import cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from l2l_core.streaming.tiling import Range


def outer_axes(axes: str, geometry: Geometry, *, each_channel: bool) -> str:
    """Return the axes that are gone over one position at a time, in canonical order.

    Parameters
    ----------
    axes : str
        Of the image.
    geometry : Geometry
        The restorer's.
    each_channel : bool
        Whether channels are among them, as for a filter of single images.
    """
    inner = set(geometry.axes) | (set() if each_channel else {"C"})
    return "".join(axis for axis in AXES if axis in axes and axis not in inner)


def restored_axes(axes: str, geometry: Geometry, *, each_channel: bool) -> str:
    """Return the axes of a restoration, in canonical order.

    Those of the image, more or less where the method has it so; a channel axis where the image has
    one or where several channels come out.

    Parameters
    ----------
    axes, geometry, each_channel
        As for :func:`outer_axes`.
    """
    found = {*outer_axes(axes, geometry, each_channel=each_channel), *geometry.output_axes}
    if "C" in axes or (geometry.channels_out > 1 and not each_channel):
        found.add("C")
    return "".join(axis for axis in AXES if axis in found)


def counted(count: int) -> str:
    """Return a number of channels in words."""
    return "1 channel" if count == 1 else f"{count} channels"


@define(frozen=True)
class Frame:
    """An image as a method sees it.

    Parameters
    ----------
    axes : str
        Of the image, in its own order.
    shape : tuple of int
        Of the image.
    geometry : Geometry
        The restorer's.
    each_channel : bool
        Whether the method takes the channels of an image one by one.
    lengths : dict of str to int, optional
        Length of the axes that come out and did not go in.

    Raises
    ------
    AxesError
        If the image lacks an axis that the method works in, or has other channels.
    ImageError
        If the image has no pixels.
    """

    axes: str
    shape: tuple[int, ...]
    geometry: Geometry
    each_channel: bool = False
    lengths: dict[str, int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Refuse an image that the method cannot take."""
        missing = [axis for axis in self.geometry.axes if axis not in self.axes]
        if missing:
            raise AxesError(
                f"the model works in {self.geometry.axes}, and the array of axes {self.axes} has "
                f"no {', '.join(missing)}; give a volume, or use a model for planes"
            )
        if 0 in self.shape:
            raise ImageError(f"the array of axes {self.axes} and shape {self.shape} has no pixels")
        found, wanted = self.sizes.get("C", 1), self.geometry.channels_in
        if found != wanted and not self.each_channel:
            raise AxesError(
                f"the model takes {counted(wanted)}, and the array of axes {self.axes} and shape "
                f"{self.shape} has {counted(found)}; select those that it was trained on"
            )

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis of the image."""
        return dict(zip(self.axes, self.shape, strict=True))

    @property
    def sides(self) -> tuple[int, ...]:
        """Length of each axis that the method works in."""
        return tuple(self.sizes[axis] for axis in self.geometry.axes)

    @property
    def outer(self) -> str:
        """Axes that are gone over one position at a time, in canonical order."""
        return outer_axes(self.axes, self.geometry, each_channel=self.each_channel)

    @property
    def arranged(self) -> str:
        """Axes of the image in the order in which it is worked through."""
        return self.outer + ("" if self.each_channel else "C") + self.geometry.axes

    @property
    def scale(self) -> dict[str, int]:
        """How many pixels come out for one that goes in, by axis."""
        return dict(zip(self.geometry.axes, self.geometry.scale, strict=True))

    @property
    def output_axes(self) -> str:
        """Axes of the restoration, in canonical order; see :func:`restored_axes`."""
        return restored_axes(self.axes, self.geometry, each_channel=self.each_channel)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the restoration, one number for each of :attr:`output_axes`.

        Raises
        ------
        ImageError
            If the method adds an axis whose length is not in `lengths`.
        """
        return tuple(self._length(axis) for axis in self.output_axes)

    def _length(self, axis: str) -> int:
        if axis == "C" and not self.each_channel:
            return self.geometry.channels_out
        if axis in self.sizes:
            return self.sizes[axis] * self.scale.get(axis, 1)
        if axis not in self.lengths:
            raise ImageError(f"nobody has said how long the axis {axis} is that the method adds")
        return self.lengths[axis]

    @property
    def new_axes(self) -> str:
        """Axes that come out and did not go in, other than channels."""
        return "".join(axis for axis in self.geometry.output_axes if axis not in self.geometry.axes)

    @property
    def whole(self) -> str:
        """Axes of the restoration that one piece of work always holds from end to end.

        The channels that come out together, axes that are new, and those that the method looks at
        as a whole.
        """
        unbounded = {
            axis
            for axis, halo in zip(self.geometry.axes, self.geometry.halo, strict=True)
            if halo is None
        }
        together = set() if self.each_channel else {"C"}
        held = together | unbounded | set(self.new_axes)
        return "".join(axis for axis in self.output_axes if axis in held)

    @property
    def load(self) -> int:
        """How many pixels are read for one that is restored, at least 1.

        More than 1 where channels become fewer, or planes become one.
        """
        used_up = (
            side
            for axis, side in zip(self.geometry.axes, self.sides, strict=True)
            if axis not in self.geometry.output_axes
        )
        read = prod(used_up) * (1 if self.each_channel else self.geometry.channels_in)
        made = 1 if self.each_channel else self.geometry.channels_out
        made *= prod(self._length(axis) for axis in self.new_axes)
        made *= prod(self.scale[axis] for axis in self.geometry.axes)
        return max(1, -(-read // made))

    def positions(self) -> Iterator[tuple[Range, ...]]:
        """Yield the box of each outer position, the last outer axis fastest.

        An axis that is new has (0, 0) where nobody has said how long it is.
        """
        for index in product(*(range(self.sizes[axis]) for axis in self.outer)):
            at = dict(zip(self.outer, index, strict=True))
            yield tuple(
                (at[axis], at[axis] + 1)
                if axis in at
                else (0, self.lengths.get(axis, 0) if axis in self.new_axes else self._length(axis))
                for axis in self.output_axes
            )

    def region(self, box: Sequence[Range]) -> tuple[Range, ...]:
        """Return what has to be restored for a part of the restoration.

        Parameters
        ----------
        box : sequence of (int, int)
            One for each of :attr:`output_axes`, in its pixels.

        Returns
        -------
        tuple of (int, int)
            One for each of ``geometry.axes``, in pixels of the image.
        """
        asked = dict(zip(self.output_axes, box, strict=True))
        ranges = []
        for axis, side in zip(self.geometry.axes, self.sides, strict=True):
            if axis not in self.geometry.output_axes:
                ranges.append((0, side))
                continue
            start, stop = asked[axis]
            factor = self.scale[axis]
            ranges.append((start // factor, -(-stop // factor)))
        return tuple(ranges)


def put_position(
    results: dict[str, NDArray[Any]],
    restored: Mapping[str, NDArray[np.float32]],
    frame: Frame,
    box: Sequence[Range],
    kind: np.dtype[Any],
) -> None:
    """Put one outer position into the results, which begin when the first one comes out.

    Parameters
    ----------
    results : dict of ndarray
        By output, over ``frame.output_axes``; filled.
    restored : mapping of ndarray
        Float32, with the sides of `box`.
    frame : Frame
    box : sequence of (int, int)
        One of :meth:`Frame.positions`.
    kind : dtype
        Of the results; integers are rounded and saturate.
    """
    at = dict(zip(frame.output_axes, box, strict=True))
    place = tuple(slice(*at[a]) if a in frame.outer else slice(None) for a in frame.output_axes)
    for name, values in restored.items():
        if name not in results:
            sides = zip(frame.output_axes, values.shape, strict=True)
            shape = [frame.sizes[a] if a in frame.outer else side for a, side in sides]
            results[name] = np.empty(shape, dtype=kind)
        results[name][place] = cast(values, kind)
