"""What an image file holds: axes, pixel size, intensities and saturation, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict, define

from l2l_core.images.image import ImageInfo
from l2l_core.images.reading import open_image
from l2l_core.images.statistics import ChannelStatistics, summarize

if TYPE_CHECKING:
    from pathlib import Path

PERCENTILES = (0.1, 1.0, 2.0, 50.0, 99.0, 99.8, 99.9)
"""Percentiles that are shown, in percent."""


@define(frozen=True)
class Inspection:
    """What is known of an image after one look at all of its pixels.

    Parameters
    ----------
    info : ImageInfo
        What the file says.
    channels : tuple of ChannelStatistics
        Exact statistics of each channel.
    """

    info: ImageInfo
    channels: tuple[ChannelStatistics, ...]

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
            "channels": [_channel(one) for one in self.channels],
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
        return Inspection(image.info, summarize(image, PERCENTILES))


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
