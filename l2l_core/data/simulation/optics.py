"""From places of light to an image: the grid of pixels and the point spread function.

Sources are points.  Each is spread onto 3 x 3 pixels with the quadratic B-spline, whose variance
is 1/4 px^2 wherever the point lies within its pixel (as in the triangular-shaped clouds of
Hockney & Eastwood, "Computer Simulation Using Particles", 1988).  The image is then filtered with
a Gaussian of the variance that is missing.  So the point spread function has the width that was
asked for at every sub-pixel position, to 1 % at the narrowest that is allowed, and no light is
lost or turned negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.ndimage
from attrs import define

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

FWHM_PER_SIGMA = 2.0 * float(np.sqrt(2.0 * np.log(2.0)))
"""Full width at half maximum of a Gaussian of unit standard deviation."""

MIN_FWHM_PIXELS = 1.8
"""A narrower point spread function is not sampled well enough to be drawn."""

_SPLINE_VARIANCE = 0.25


@define(frozen=True)
class Grid:
    """The pixels that a field is drawn on: the field and a margin, whose light enters the field.

    Parameters
    ----------
    size : (int, int)
        Pixels of the field along Y and X.
    pixel_um : float
        Side of a pixel, in micrometres.
    margin : int
        Pixels drawn beyond each border of the field, at the least.
    origin_um : (float, float), optional
        Where the field's corner lies in the specimen along Y and X, in micrometres: not at (0, 0)
        after the stage has drifted.
    """

    size: tuple[int, int]
    pixel_um: float
    margin: int
    origin_um: tuple[float, float] = (0.0, 0.0)

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels along Y and X, margins included."""
        height, width = self.size
        return height + 2 * self.margin, width + 2 * self.margin

    @property
    def extent_um(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """First and last coordinate along Y and X in micrometres, from the field's corner."""
        low = -self.margin * self.pixel_um
        height, width = (low + n * self.pixel_um for n in self.shape)
        return (low, height), (low, width)

    def coordinates_um(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the pixels' centres along Y, shape (Y, 1), and X, shape (1, X), in micrometres.

        They are places in the specimen.
        """
        y, x = (
            ((np.arange(n) - self.margin + 0.5) * self.pixel_um + origin).astype(np.float32)
            for n, origin in zip(self.shape, self.origin_um, strict=True)
        )
        return y[:, None], x[None, :]

    def crop(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the field out of an image on this grid, (Y, X), without the margins."""
        height, width = self.size
        m = self.margin
        return np.ascontiguousarray(image[m : m + height, m : m + width])


def spread(
    grid: Grid, positions: NDArray[np.float64], amounts: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Spread points onto the pixels of a grid.

    Parameters
    ----------
    grid : Grid
    positions : ndarray of float, (N, 2)
        Along Y and X, in micrometres in the specimen.
    amounts : ndarray of float, (N,)
        Light of each point, any unit; points beyond the grid are left out.

    Returns
    -------
    ndarray of float32, (Y, X) of ``grid.shape``
        Amount for each square micrometre; times the area of a pixel it sums up to that of the
        points inside.
    """
    height, width = grid.shape
    pixels = (positions - np.array(grid.origin_um)) / grid.pixel_um + (grid.margin - 0.5)
    nearest = np.rint(pixels).astype(np.intp)
    inside = ((nearest >= 1) & (nearest < np.array([height - 1, width - 1]))).all(axis=1)
    nearest, offset, amounts = (
        nearest[inside],
        (pixels - nearest)[inside],
        np.asarray(amounts, np.float64)[inside],
    )
    # Quadratic B-spline at the three nearest pixels along each axis: (axis, neighbour) -> weights.
    weights = [
        (0.5 * (0.5 - offset[:, a]) ** 2, 0.75 - offset[:, a] ** 2, 0.5 * (0.5 + offset[:, a]) ** 2)
        for a in (0, 1)
    ]
    flat = nearest[:, 0] * width + nearest[:, 1]
    image = np.zeros(height * width)
    for i, along_y in enumerate(weights[0]):
        row = amounts * along_y
        for j, along_x in enumerate(weights[1]):
            index = flat + ((i - 1) * width + (j - 1))
            image += np.bincount(index, row * along_x, minlength=image.size)
    return (image.reshape(height, width) / grid.pixel_um**2).astype(np.float32)


def blur(image: NDArray[np.float32], grid: Grid, fwhm_um: float) -> NDArray[np.float32]:
    """Filter what :func:`spread` drew so that a point is as wide as the point spread function.

    Parameters
    ----------
    image : ndarray of float32, (Y, X) of ``grid.shape``
    grid : Grid
        Beyond its borders there is no light.
    fwhm_um : float
        Full width at half maximum of a point in the result, in micrometres.

    Returns
    -------
    ndarray of float32, (Y, X) of ``grid.shape``
        Never negative; the sum is that of `image`, less what leaves the grid.

    Raises
    ------
    ValueError
        If the width is under ``MIN_FWHM_PIXELS`` pixels.
    """
    fwhm = fwhm_um / grid.pixel_um
    if fwhm < MIN_FWHM_PIXELS:
        raise ValueError(
            f"a point spread function {1000 * fwhm_um:g} nm wide is {fwhm:.2f} pixels of "
            f"{1000 * grid.pixel_um:g} nm; expected at least {MIN_FWHM_PIXELS} pixels: choose "
            "smaller pixels or a wider point spread function"
        )
    variance = (fwhm / FWHM_PER_SIGMA) ** 2 - _SPLINE_VARIANCE
    return scipy.ndimage.gaussian_filter(image, np.sqrt(variance), mode="constant", truncate=5.0)


def unit_peak(fwhm_um: float, dimension: int) -> float:
    """Return what makes the brightest pixel of an ideal object 1.

    An object of one unit of amount per micrometre (a line, `dimension` 1), per point (0) or per
    square micrometre (2) has the peak ``(2 pi sigma^2) ** (-(2 - dimension) / 2)`` per square
    micrometre behind a Gaussian; this is its inverse.
    """
    sigma = fwhm_um / FWHM_PER_SIGMA
    return float((2.0 * np.pi * sigma**2) ** ((2 - dimension) / 2))


def smooth_field(grid: Grid, length_um: float, rng: Generator) -> NDArray[np.float32]:
    """Return a smooth Gaussian random field, (Y, X) of ``grid.shape``, mean 0 and variance 1.

    White noise on nodes `length_um` apart, spread with Gaussians of that standard deviation; each
    pixel is divided by the deviation that it would have, so the variance is the same everywhere.
    The nodes belong to the specimen: a grid with another origin shows the same field displaced.
    """
    factors = []
    for (low, high), pixels, origin in zip(grid.extent_um, grid.shape, grid.origin_um, strict=True):
        nodes = np.arange(low - 3 * length_um, high + 4 * length_um, length_um)
        centres = low + (np.arange(pixels) + 0.5) * grid.pixel_um + origin
        weights = np.exp(-0.5 * ((centres[:, None] - nodes) / length_um) ** 2)
        weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
        factors.append(weights.astype(np.float32))
    noise = rng.standard_normal((factors[0].shape[1], factors[1].shape[1]), dtype=np.float32)
    return np.asarray(factors[0] @ noise @ factors[1].T)
