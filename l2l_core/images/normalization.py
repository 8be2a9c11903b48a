"""Intensity normalisation as frozen numbers: percentile, mean and deviation, minimum and maximum.

All methods are affine, ``y = (x - offset) / scale`` for each channel, so a model keeps two numbers
a channel for its input and two for its target, and nothing is ever computed from a tile.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from attrs import define, field

from l2l_core.errors import AxesError, StatisticsError
from l2l_core.images.image import from_array
from l2l_core.images.statistics import channel_blocks, channels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from l2l_core.images.image import Image

Method = Literal["percentile", "mean_std", "min_max", "none"]
METHODS: tuple[Method, ...] = ("percentile", "mean_std", "min_max", "none")


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@define(frozen=True)
class Normalization:
    """Two numbers a channel: ``y = (x - offset) / scale``.

    Parameters
    ----------
    offset, scale : tuple of float
        In the units of the image; what becomes 0, and how much above it becomes 1.

    Raises
    ------
    StatisticsError
        If there are not as many of one as of the other, if one is not finite, or a scale is 0.

    Examples
    --------
    >>> Normalization((100.0,), (50.0,)).apply(np.array([[100, 150]], np.uint16))
    array([[0., 1.]], dtype=float32)
    """

    offset: tuple[float, ...] = field(converter=_floats)
    scale: tuple[float, ...] = field(converter=_floats)

    def __attrs_post_init__(self) -> None:
        """Refuse numbers that would make pixels infinite."""
        if len(self.offset) != len(self.scale) or not self.offset:
            raise StatisticsError(
                f"normalisation with {len(self.offset)} offsets and {len(self.scale)} scales; "
                "expected one of each for every channel"
            )
        if not all(map(isfinite, self.offset + self.scale)) or 0 in self.scale:
            raise StatisticsError(
                f"normalisation with offset {self.offset} and scale {self.scale}; expected finite "
                "numbers, and no scale of 0"
            )

    @classmethod
    def identity(cls, channels: int = 1) -> Self:
        """Return the normalisation that changes nothing."""
        return cls((0.0,) * channels, (1.0,) * channels)

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Sequence[float]]) -> Self:
        """Return what :meth:`to_dict` wrote."""
        return cls(tuple(numbers["offset"]), tuple(numbers["scale"]))

    def to_dict(self) -> dict[str, list[float]]:
        """Return the numbers as JSON takes them."""
        return {"offset": list(self.offset), "scale": list(self.scale)}

    @property
    def channels(self) -> int:
        """For how many channels there are numbers."""
        return len(self.offset)

    def apply(self, array: NDArray[Any], channel_axis: int | None = 0) -> NDArray[np.float32]:
        """Return ``(array - offset) / scale``.

        Parameters
        ----------
        array : ndarray, any axes, any real dtype
        channel_axis : int or None
            Where the channels are; None for an array of one channel without such an axis.

        Returns
        -------
        ndarray of float32, same shape
            NaN stays NaN.

        Raises
        ------
        AxesError
            If the array has another number of channels.
        """
        offset, scale = self._numbers(array, channel_axis)
        result = array.astype(np.float32)
        result -= offset
        result /= scale
        return result

    def invert(self, array: NDArray[Any], channel_axis: int | None = 0) -> NDArray[np.float32]:
        """Return ``array * scale + offset``: what :meth:`apply` had taken away.

        Parameters
        ----------
        array : ndarray, any axes, any real dtype
        channel_axis : int or None
            Where the channels are; None for an array of one channel without such an axis.

        Returns
        -------
        ndarray of float32, same shape

        Raises
        ------
        AxesError
            If the array has another number of channels.
        """
        offset, scale = self._numbers(array, channel_axis)
        result = array.astype(np.float32)
        result *= scale
        result += offset
        return result

    def _numbers(
        self, array: NDArray[Any], channel_axis: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        found = 1 if channel_axis is None else array.shape[channel_axis]
        if found != self.channels:
            raise AxesError(
                f"an array of shape {array.shape} has {found} channels along axis {channel_axis}, "
                f"but the normalisation has numbers for {self.channels}; select the channels first"
            )
        shape = [1] * array.ndim
        if channel_axis is not None:
            shape[channel_axis] = self.channels
        return (
            np.array(self.offset, np.float32).reshape(shape),
            np.array(self.scale, np.float32).reshape(shape),
        )


def measure(
    image: Image | NDArray[Any],
    axes: str = "",
    *,
    method: Method = "percentile",
    low: float = 2.0,
    high: float = 99.8,
    where: str = "",
    ignore: float | None = None,
) -> Normalization:
    """Take the numbers of an image: per channel, over all of its T, Z, Y and X.

    An :class:`Image` is read in blocks and never held whole; the numbers are exact all the same.
    Pixels that are NaN or infinite are left out.

    Parameters
    ----------
    image : Image or ndarray
    axes : str
        Axes of an array; an image knows its own.
    method : {"percentile", "mean_std", "min_max", "none"}
        What becomes 0 and 1: the percentiles `low` and `high`; mean and mean plus one standard
        deviation; the extremes; 0 and 1 themselves.
    low, high : float
        Percentiles, in percent.
    where : str
        What a message calls the image; its path by default.
    ignore : float, optional
        A pixel value that is left out, such as the filling of empty areas of a mosaic.

    Returns
    -------
    Normalization

    Raises
    ------
    StatisticsError
        If a channel is constant or has no finite pixel, or if `low` is not below `high`.
    AxesError
        If `axes` does not fit the array.
    """
    # Measuring makes a Normalization, and so stands above it.
    from l2l_core.images.measuring import Measuring

    if isinstance(image, np.ndarray):
        image = from_array(image, axes)
        where = where or "array"
    measuring = Measuring.start(
        image.dtype,
        channels(image),
        method=method,
        low=low,
        high=high,
        where=where or image.info.path,
        ignore=ignore,
    )
    while not measuring.done:
        found = measuring.fresh()
        for channel, block in channel_blocks(image):
            own = measuring.fresh()
            measuring.add(own, channel, block)
            found = measuring.merge(found, own)
        measuring = measuring.finish(found)
    return measuring.normalization()


def average(normalizations: Sequence[Normalization]) -> Normalization:
    """Return the mean of the numbers of several images, each of them counting once.

    Raises
    ------
    StatisticsError
        If there is none, or if their channels differ in number.
    """
    counts = sorted({normalization.channels for normalization in normalizations})
    if len(counts) != 1:
        found = "none" if not counts else f"images of {' and '.join(map(str, counts))} channels"
        raise StatisticsError(
            f"statistics of a set of images: got {found}; expected one image or more, all with "
            "the same number of channels"
        )
    return Normalization(
        np.mean([n.offset for n in normalizations], axis=0),
        np.mean([n.scale for n in normalizations], axis=0),
    )
