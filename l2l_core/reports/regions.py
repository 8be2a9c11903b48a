"""Where a reader should look: a crop full of structure, and a line across one of its ridges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.ndimage
from attrs import define

if TYPE_CHECKING:
    from numpy.typing import NDArray


@define(frozen=True)
class Box:
    """A rectangle of pixels.

    Parameters
    ----------
    y, x : int
        First row and column.
    height, width : int
    """

    y: int
    x: int
    height: int
    width: int

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return these pixels of a plane."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


@define(frozen=True)
class Line:
    """A straight line.

    Parameters
    ----------
    start, end : (float, float)
        Along Y and X, in pixels of the plane.
    """

    start: tuple[float, float]
    end: tuple[float, float]

    @property
    def length(self) -> float:
        """In pixels."""
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))

    @property
    def frame(self) -> Box:
        """The least rectangle of pixels that it lies in."""
        (top, bottom), (left, right) = map(sorted, zip(self.start, self.end, strict=True))
        y, x = int(np.floor(top)), int(np.floor(left))
        return Box(y, x, int(np.ceil(bottom)) - y + 1, int(np.ceil(right)) - x + 1)

    def profile(self, image: NDArray[Any], width: int = 3) -> NDArray[np.float64]:
        """Return the intensities along the line, a pixel apart, averaged across `width` pixels."""
        steps = round(self.length) + 1
        along = np.linspace(self.start, self.end, steps)
        unit = np.subtract(self.end, self.start) / max(self.length, 1e-9)
        across = np.array([-unit[1], unit[0]])
        offsets = np.arange(width) - (width - 1) / 2
        places = along[None] + offsets[:, None, None] * across
        values = scipy.ndimage.map_coordinates(
            np.asarray(image, np.float64), places.reshape(-1, 2).T, order=1, mode="nearest"
        )
        return np.asarray(values.reshape(width, steps).mean(axis=0), np.float64)


def whole(image: NDArray[Any], side: int) -> Box:
    """Return the middle of a plane, at most `side` pixels in each direction."""
    height, width = min(image.shape[0], side), min(image.shape[1], side)
    return Box((image.shape[0] - height) // 2, (image.shape[1] - width) // 2, height, width)


def richest(image: NDArray[Any], within: Box, side: int) -> Box:
    """Return the square of `side` pixels inside a box that holds most detail.

    Parameters
    ----------
    image : ndarray, (Y, X)
        Any real dtype; NaN counts as the median.
    """
    plane = _smooth(within.cut(image))
    height, width = min(side, within.height), min(side, within.width)
    # The square root keeps one very bright spot from outweighing a network of filaments.
    bright = np.sqrt(plane - plane.min())
    detail = scipy.ndimage.gaussian_gradient_magnitude(bright, 1.0)
    amount = scipy.ndimage.uniform_filter(detail, (height, width))
    valid = amount[
        height // 2 : within.height - (height - 1) // 2,
        width // 2 : within.width - (width - 1) // 2,
    ]
    y, x = np.unravel_index(int(np.argmax(valid)), valid.shape)
    return Box(within.y + int(y), within.x + int(x), height, width)


def across_ridge(image: NDArray[Any], within: Box, length: float) -> Line:
    """Return a line across the brightest ridge near the middle of a box.

    The ridge runs where the intensity curves least; the line stands at right angles to it, along
    the eigenvector of the greatest curvature of the smoothed image.

    Parameters
    ----------
    image : ndarray, (Y, X)
        Any real dtype; NaN counts as the median.
    within : Box
    length : float
        In pixels; shorter where the box is smaller.
    """
    plane = _smooth(within.cut(image))
    yy, yx, xx = (
        scipy.ndimage.gaussian_filter(plane, 1.5, order=order) for order in ((2, 0), (1, 1), (0, 2))
    )
    middle = np.hypot((yy - xx) / 2, yx)
    ridge = middle - (yy + xx) / 2
    reach = min(length, within.height - 1, within.width - 1) / 2
    y, x = np.mgrid[: within.height, : within.width]
    far = np.maximum(abs(y - (within.height - 1) / 2), abs(x - (within.width - 1) / 2))
    limit = max(0.5, (min(within.height, within.width) - 1) / 2 - reach)
    at = np.unravel_index(int(np.argmax(np.where(far <= limit, ridge, -np.inf))), ridge.shape)
    # Of the matrix (yy yx; yx xx), the most negative curvature lies along this direction.
    angle = 0.5 * np.arctan2(2 * yx[at], xx[at] - yy[at]) + np.pi / 2
    step = reach * np.array([np.sin(angle), np.cos(angle)])
    centre = np.array([within.y + at[0], within.x + at[1]], np.float64)
    start, end = centre - step, centre + step
    return Line((float(start[0]), float(start[1])), (float(end[0]), float(end[1])))


def _smooth(image: NDArray[Any]) -> NDArray[np.float64]:
    plane = np.array(image, np.float64)
    finite = np.isfinite(plane)
    plane[~finite] = np.median(plane[finite]) if finite.any() else 0.0
    return np.asarray(scipy.ndimage.gaussian_filter(plane, 1.0), np.float64)
