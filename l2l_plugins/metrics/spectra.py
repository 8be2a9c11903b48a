"""Spectra of planes for measures of resolution: the window, and the radius of each frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TAPER = 8.0
"""Pixels over which an image fades out towards what is masked."""


def tapered(image: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Return a plane without its mean, faded out towards its rim and towards what is masked.

    A rim or a hole with a sharp edge has detail of its own, which would count as the image's.

    Parameters
    ----------
    image : ndarray of float64, (Y, X)
    mask : ndarray of bool, (Y, X), optional
        Pixels that count; the others may hold anything.

    Returns
    -------
    ndarray of float64, (Y, X)
        In the image's units.
    """
    window = np.hanning(image.shape[0] + 2)[1:-1, None] * np.hanning(image.shape[1] + 2)[1:-1]
    if mask is not None and not mask.all():
        from scipy.ndimage import distance_transform_edt

        depth = np.clip(distance_transform_edt(mask) / _TAPER, 0.0, 1.0)
        window = window * np.sin(0.5 * np.pi * depth) ** 2
        image = np.where(mask, image, 0.0)
    mean = float(np.sum(window * image)) / float(np.sum(window))
    return np.asarray(window * (image - mean))


def spectrum(image: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the spectrum of a real plane, (Y, X // 2 + 1), where all of it is told."""
    from scipy import fft

    return np.asarray(fft.rfft2(image))


def frequencies(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the frequencies of :func:`spectrum` along Y and X, in cycles for each pixel."""
    from scipy import fft

    return fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None, :]


def multiplicity(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return how often each value of :func:`spectrum` stands in the full one: once or twice."""
    counts = np.full((1, shape[1] // 2 + 1), 2.0)
    counts[0, 0] = 1.0
    if shape[1] % 2 == 0:
        counts[0, -1] = 1.0
    return np.broadcast_to(counts, (shape[0], counts.size))


def ring_sums(ring: NDArray[np.intp], values: NDArray[Any], number: int) -> NDArray[np.float64]:
    """Return the sums of real values by ring; those of ring `number` and beyond are left out."""
    places = np.minimum(ring, number).ravel()
    sums = np.bincount(places, values.ravel(), minlength=number + 1)
    return np.asarray(sums[:number], np.float64)
