"""What an image file holds: axes, pixel size, intensities, saturation and hot pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import asdict, define

from l2l_core.images.axes import reorder
from l2l_core.images.hot_pixels import hot_pixels
from l2l_core.images.image import Image, ImageInfo
from l2l_core.images.reading import open_image
from l2l_core.images.statistics import ChannelStatistics, summarize

if TYPE_CHECKING:
    from pathlib import Path

PERCENTILES = (0.1, 1.0, 2.0, 50.0, 99.0, 99.8, 99.9)
"""Percentiles that are shown, in percent."""

_PLANES = 16
_SIDE = 2048


@define(frozen=True)
class HotPixels:
    """How many pixels of a channel are hot.

    Parameters
    ----------
    count, pixels : int
        Hot ones, and how many were looked at: up to 16 planes, evenly spaced, and the middle
        2048 x 2048 pixels of a wide plane.
    """

    count: int
    pixels: int

    @property
    def share(self) -> float:
        """Share of the pixels looked at, 0 to 1."""
        return self.count / self.pixels if self.pixels else 0.0


@define(frozen=True)
class Inspection:
    """What is known of an image after one look at all of its pixels.

    Parameters
    ----------
    info : ImageInfo
        What the file says.
    channels : tuple of ChannelStatistics
        Exact statistics of each channel.
    hot : tuple of HotPixels
        Of each channel.
    """

    info: ImageInfo
    channels: tuple[ChannelStatistics, ...]
    hot: tuple[HotPixels, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what is not finite becomes None."""
        return {
            "path": self.info.path,
            "format": self.info.format,
            "axes": self.info.axes,
            "shape": list(self.info.shape),
            "dtype": self.info.dtype,
            "pixel_size": {axis: asdict(size) for axis, size in self.info.pixel_size.items()},
            "channel_names": list(self.info.channel_names or ()),
            "provenance": self.info.metadata.get("provenance"),
            "levels": self.info.metadata.get("levels", 1),
            "channels": [
                {**_channel(one), "hot_pixels": {**asdict(hot), "share": hot.share}}
                for one, hot in zip(self.channels, self.hot, strict=True)
            ],
        }


def inspect(path: str | Path, *, axes: str | None = None, level: int = 0) -> Inspection:
    """Look at an image file; it is read in blocks and never held.

    Parameters
    ----------
    path : str or Path
        The image.
    axes : str, optional
        Its axes, where the file does not say.
    level : int, optional
        Level of a pyramid.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    with open_image(path, axes=axes, level=level) as image:
        return Inspection(image.info, summarize(image, PERCENTILES), _hot(image))


def _hot(image: Image) -> tuple[HotPixels, ...]:
    sizes = image.info.sizes
    window: dict[str, slice | int] = {}
    for axis in "YX":
        start = max(0, (sizes[axis] - _SIDE) // 2)
        window[axis] = slice(start, start + _SIDE)
    depth = sizes.get("Z", 1)
    total = sizes.get("T", 1) * depth
    used = min(_PLANES, total)
    counts = [0] * sizes.get("C", 1)
    pixels = 0
    for number in range(used):
        t, z = divmod((2 * number + 1) * total // (2 * used), depth)
        where = {**window, **{axis: at for axis, at in (("T", t), ("Z", z)) if axis in sizes}}
        planes = reorder(image.read(**where), image.axes, "CYX", where=image.info.path)
        pixels += planes[0].size
        for channel, plane in enumerate(planes):
            counts[channel] += int(np.count_nonzero(hot_pixels(plane)))
    return tuple(HotPixels(count, pixels) for count in counts)


def _channel(one: ChannelStatistics) -> dict[str, Any]:
    moments = one.moments
    known = moments.count > 0
    return {
        "pixels": moments.count,
        "minimum": float(moments.minimum) if known else None,
        "maximum": float(moments.maximum) if known else None,
        "mean": float(moments.mean) if known else None,
        "std": float(moments.std) if known else None,
        "percentiles": {f"{p:g}": float(v) for p, v in one.percentiles.items()} if known else {},
        "saturated": float(one.saturated),
    }
