"""What viewers show of a restored store from and to, taken from the smallest of its levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.images.ome_zarr_pyramid import open_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from l2l_core.images.ome_zarr_pyramid import StoreLayout

_SHOWN = (0.1, 99.9)
"""Percentiles that are black and white."""

_PIXELS = 2**24
"""Of the level at the most: the middle planes and frames of a long one are enough."""


def shown_ranges(place: str, layout: StoreLayout) -> list[tuple[float, float]]:
    """Return for each channel what a viewer shows as black and as white.

    Parameters
    ----------
    place : str
        Of the store.
    layout : StoreLayout

    Returns
    -------
    list of (float, float)
        In units of the pixels; different from one another also where a channel is flat.
    """
    level = len(layout.levels) - 1
    shape = layout.levels[level][0]
    plane = shape[-1] * shape[-2]
    area = []
    for axis, size in zip(layout.axes, shape, strict=True):
        room = size if axis in "CYX" else max(1, min(size, _PIXELS // plane))
        area.append(((size - room) // 2, (size - room) // 2 + room))
        plane *= room if axis not in "YX" else 1
    pixels = open_levels(place, layout).read(level, tuple(area))
    channels = (
        np.moveaxis(pixels, layout.axes.index("C"), 0) if "C" in layout.axes else pixels[None]
    )
    return [_shown(channel[np.isfinite(channel)]) for channel in channels]


def _shown(values: NDArray[Any]) -> tuple[float, float]:
    if values.size == 0:
        return (0.0, 1.0)
    low, high = np.percentile(values, _SHOWN)
    return (float(low), float(high) if high > low else float(low) + 1.0)
