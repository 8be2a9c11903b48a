"""Straight stretches along the ridges of an image, where profiles across can be taken.

A ridge is where the image curves down most strongly across one direction: the larger eigenvalue of
the Hessian, taken with derivatives of a Gaussian (C. Steger, "An unbiased detector of curvilinear
structures", IEEE Transactions on Pattern Analysis and Machine Intelligence 20, 1998).  What is
above Otsu's threshold is thinned to a skeleton and cut at junctions.  A stretch is a parabola
through the skeleton's pixels around one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define
from numpy.typing import NDArray

from l2l_plugins.metrics.truth import otsu

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEND = 0.25
"""Slope of a stretch at its ends against its middle, above which it is too bent."""
_SCATTER = 0.8
"""Root mean square distance in pixels of the skeleton from the parabola, likewise."""


@define(frozen=True, eq=False)
class Stretch:
    """A piece of a ridge: a point, a direction, and a parabola in the frame of both.

    Parameters
    ----------
    centre : tuple of float
        (Y, X) in pixels.
    angle : float
        Of the ridge against the X axis, in radians; Y points down.
    parabola : ndarray of float64, (3,)
        Coefficients, highest power first, of the distance across as a function of that along.
    """

    centre: tuple[float, float]
    angle: float
    parabola: NDArray[np.float64]

    def places(
        self, along: NDArray[np.float64], across: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the places (2, N along, M across) in Y and X of points in the frame."""
        u = along[:, None] + 0 * across[None, :]
        v = np.polyval(self.parabola, along)[:, None] + across[None, :]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.stack([self.centre[0] + u * sin + v * cos, self.centre[1] + u * cos - v * sin])

    def frame(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far points (N, 2) in Y and X lie along, and across from the parabola."""
        return _in_frame(points - np.array(self.centre), self.angle, self.parabola)


def _in_frame(
    offsets: NDArray[np.float64], angle: float, parabola: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cos, sin = np.cos(angle), np.sin(angle)
    u = offsets[:, 0] * sin + offsets[:, 1] * cos
    v = offsets[:, 0] * cos - offsets[:, 1] * sin
    return u, v - np.polyval(parabola, u)


def ridge_strength(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return how strongly an image (Y, X) curves down across its strongest direction, 0 or more.

    Parameters
    ----------
    image : ndarray of float64, (Y, X)
        Finite.
    sigma : float
        Standard deviation in pixels of the Gaussian; that of the ridges is best.
    """
    from scipy.ndimage import gaussian_filter

    yy, yx, xx = (gaussian_filter(image, sigma, order=order) for order in ((2, 0), (1, 1), (0, 2)))
    lowest = (yy + xx) / 2 - np.hypot((yy - xx) / 2, yx)
    return np.asarray(np.maximum(-lowest, 0.0))


def skeleton(image: NDArray[np.float64], sigma: float) -> NDArray[np.bool_]:
    """Return the middle lines of the ridges of an image (Y, X), one pixel wide."""
    from skimage.morphology import skeletonize

    strength = ridge_strength(image, sigma)
    if not strength.max() > strength.min():
        return np.zeros(image.shape, dtype=bool)
    ridges = strength > otsu(strength.ravel())
    return np.asarray(skeletonize(ridges), np.bool_)  # type: ignore[no-untyped-call]


def stretches(
    lines: NDArray[np.bool_], length: float, clearance: float, rng: np.random.Generator
) -> Iterator[Stretch]:
    """Yield stretches in random order, their middles no nearer to each other than their length.

    Parameters
    ----------
    lines : ndarray of bool, (Y, X)
        A skeleton.
    length : float
        Of a stretch, in pixels.
    clearance : float
        Distance in pixels across within which no other line may run.
    rng : Generator
        What the order is drawn from.
    """
    from scipy.ndimage import convolve, label
    from scipy.spatial import KDTree

    neighbours = convolve(lines.astype(np.int64), np.ones((3, 3), np.int64), mode="constant") - 1
    pieces, _ = label(lines & (neighbours < 3), np.ones((3, 3)))
    points = np.argwhere(lines).astype(np.float64)
    piece = pieces[lines]
    middles = np.flatnonzero(piece > 0)
    if not middles.size:
        return
    tree = KDTree(points)
    taken: list[NDArray[np.float64]] = []
    for middle in rng.permutation(middles):
        centre = points[middle]
        if any(np.hypot(*(centre - other)) < length for other in taken):
            continue
        around = np.array(tree.query_ball_point(centre, length / 2 + 1), np.intp)
        found = _stretch(centre, points[around[piece[around] == piece[middle]]], length)
        if found is None:
            continue
        near = points[tree.query_ball_point(centre, length / 2 + clearance + 1)]
        along, across = found.frame(near)
        beside = (np.abs(along) <= length / 2) & (np.abs(across) <= clearance)
        if np.any(beside & (np.abs(across) > 3 * _SCATTER)):
            continue
        taken.append(centre)
        yield found


def _stretch(
    centre: NDArray[np.float64], points: NDArray[np.float64], length: float
) -> Stretch | None:
    """Return the stretch through points of a skeleton; None where they are too few or too bent."""
    if len(points) < max(0.6 * length, 4):
        return None
    offsets = points - centre
    spread = np.cov((offsets - offsets.mean(axis=0)).T)
    # The eigenvector of the larger eigenvalue points along the ridge.
    direction = np.linalg.eigh(spread)[1][:, -1]
    angle = float(np.arctan2(direction[0], direction[1]))
    along, across = _in_frame(offsets, angle, np.zeros(3))
    if along.min() > -0.4 * length or along.max() < 0.4 * length:
        return None
    parabola = np.polyfit(along, across, 2)
    scatter = float(np.sqrt(np.mean((across - np.polyval(parabola, along)) ** 2)))
    if scatter > _SCATTER or abs(parabola[0]) * length > _BEND:
        return None
    return Stretch((float(centre[0]), float(centre[1])), angle, parabola)
