"""Scale bars: of a round length, in a corner where nothing else is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patheffects import withStroke

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from l2l_core.images.image import Length
    from l2l_core.reports.regions import Box

_NANOMETERS = {"nanometer": 1.0, "micrometer": 1e3, "millimeter": 1e6, "angstrom": 0.1}

_LABEL, _TALL = 0.24, 0.16
"""Room of a bar with its label, in shares of the width and the height of what is shown."""


def nanometers(size: Length | None) -> float | None:
    """Return the side of a pixel in nanometres; None where that is not known."""
    if size is None or size.unit not in _NANOMETERS or not size.value > 0:
        return None
    return size.value * _NANOMETERS[size.unit]


def scale_bar_length(pixels: int, pixel_nm: float) -> tuple[float, str]:
    """Return the length of a scale bar in pixels, about a quarter of an image, and its label.

    Parameters
    ----------
    pixels : int
        Width of the image.
    pixel_nm : float
        Side of a pixel, in nanometres.
    """
    longest = 0.3 * pixels * pixel_nm
    exponent = np.floor(np.log10(longest))
    length = max(
        m * 10.0**e for m in (1, 2, 5) for e in (exponent - 1, exponent) if m * 10.0**e <= longest
    )
    label = f"{length:g} nm" if length < 1000 else f"{length / 1000:g} µm"
    return float(length / pixel_nm), label


def draw_scale_bar(axes: Axes, box: Box, pixel_size: Length | None, drawn: Box) -> None:
    """Draw a bar with its label into a corner; nothing where the size of a pixel is not known.

    Parameters
    ----------
    axes : Axes
    box : Box
        What is shown.
    pixel_size : Length, optional
    drawn : Box
        What else is drawn there, which the bar keeps off where a corner is free.
    """
    pixel_nm = nanometers(pixel_size)
    if pixel_nm is None:
        return
    length, label = scale_bar_length(box.width, pixel_nm)
    x, y = _corner(box, max(length, _LABEL * box.width), drawn)
    axes.plot(
        [x - length / 2, x + length / 2],
        [y, y],
        color="white",
        linewidth=3,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=4.5, foreground="black")],
    )
    axes.text(
        x,
        y - 0.025 * box.height,
        label,
        color="white",
        fontsize=8,
        ha="center",
        va="bottom",
        path_effects=[withStroke(linewidth=2, foreground="black")],
    )


def _corner(box: Box, length: float, drawn: Box) -> tuple[float, float]:
    """Return the middle of the bar in the first free corner; the lower right one if none is."""
    right = box.x + 0.95 * box.width - length / 2 - 0.5
    left = box.x + 0.05 * box.width + length / 2 - 0.5
    lower, upper = box.y + 0.94 * box.height - 0.5, box.y + _TALL * box.height - 0.5
    corners = [(x, y) for y in (lower, upper) for x in (right, left)]
    for x, y in corners:
        beside = x + length / 2 < drawn.x - 1 or x - length / 2 > drawn.x + drawn.width
        off = y + 0.03 * box.height < drawn.y - 1 or y - 0.13 * box.height > drawn.y + drawn.height
        if beside or off:
            return x, y
    return corners[0]
