"""Resolution by Fourier ring correlation: up to which detail two noisy images agree.

    FRC(f) = Re sum(F1 conj(F2)) / sqrt(sum |F1|^2 sum |F2|^2)

over all frequencies of a ring around f.  It falls from 1 to 0 where the noise, which is another
one in each image, takes over; the resolution is 1 / f where it first falls below a threshold, 1/7
as a rule.  The sums go over three neighbouring rings, each as wide as the spectrum's step, so that
the curve does not cross by chance.

A single image gives two by a checkerboard: each block of two by two pixels has two diagonals, and
the two pixels of a diagonal go into different halves.  The halves have half as many pixels along
each axis, so that nothing finer than 4 pixels of the image can be seen, and they are shifted by
half their own pixel, which is taken back in the spectrum.  A quarter of the pixels has a quarter of
the signal's power in each frequency, and all of the noise's, as far as that is white; so a
correlation c of the halves stands for 4 c / (1 + 3 c) of two repeats of the whole image.

R. P. J. Nieuwenhuizen et al., "Measuring image resolution in optical nanoscopy", Nature Methods
10, 2013; S. Koho et al., "Fourier ring correlation simplifies image restoration in fluorescence
microscopy", Nature Communications 10, 2019, whose empirical calibration of the checkerboard is not
applied here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_core.errors import ImageError, StatisticsError
from l2l_plugins.metrics.planewise import PlanewiseMetric, check_varies
from l2l_plugins.metrics.spectra import (
    frequencies,
    multiplicity,
    ring_sums,
    spectrum,
    tapered,
)

if TYPE_CHECKING:
    from l2l_plugins.metrics.checks import Plane

_SMALLEST = 16
"""Pixels along a side below which there are too few rings."""


@define(frozen=True, eq=False)
class RingCorrelation:
    """A Fourier ring correlation.

    Parameters
    ----------
    frequency : ndarray of float64, (N,)
        In cycles for each pixel, rising, up to half a cycle.
    correlation : ndarray of float64, (N,)
        -1 to 1.
    finest : float
        The shortest period in pixels that the images can hold.
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]
    finest: float = 2.0

    def resolution(self, threshold: float = 1 / 7) -> float:
        """Return the period in pixels at which the correlation first falls below a threshold.

        The finest that the images can hold, where it never does.

        Raises
        ------
        StatisticsError
            If it is below from the start: the two images have nothing in common.
        """
        below = np.flatnonzero(self.correlation < threshold)
        if not below.size:
            return self.finest
        first = int(below[0])
        if first == 0:
            raise StatisticsError(
                f"the Fourier ring correlation is {self.correlation[0]:.3g} at the coarsest "
                f"detail, below the threshold of {threshold:.3g}; expected two images of one "
                "field, aligned to each other, with different noise"
            )
        high, low = self.correlation[first - 1], self.correlation[first]
        share = (high - threshold) / (high - low)
        before, after = self.frequency[first - 1], self.frequency[first]
        return 1.0 / float(before + share * (after - before))


def ring_correlation(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    mask: NDArray[np.bool_] | None = None,
) -> RingCorrelation:
    """Return the Fourier ring correlation of two images of one field.

    Parameters
    ----------
    one, other : ndarray of float64, (Y, X)
        Of equal shape, each in its own units; gain and offset do not matter.
    mask : ndarray of bool, (Y, X), optional
        Pixels that count.

    Returns
    -------
    RingCorrelation
        A Hann window is applied, and the mean removed.
    """
    _check_sides(one.shape)
    spectra = [spectrum(tapered(image, mask)) for image in (one, other)]
    return _of_spectra([(spectra[0], spectra[1])], one.shape)


def checkerboard_correlation(
    image: NDArray[np.float64], mask: NDArray[np.bool_] | None = None
) -> RingCorrelation:
    """Return the Fourier ring correlation of the halves of one image; the module tells how.

    Parameters
    ----------
    image : ndarray of float64, (Y, X)
        Its noise has to be another one in each pixel: no filter, no interpolation before.
    mask : ndarray of bool, (Y, X), optional
        Pixels that count; a block of two by two counts where all of it does.

    Returns
    -------
    RingCorrelation
        Up to a quarter of a cycle for each pixel of the image.
    """
    height, width = (side - side % 2 for side in image.shape)
    blocks = {(y, x): image[y:height:2, x:width:2] for y in (0, 1) for x in (0, 1)}
    kept = None
    if mask is not None:
        kept = np.logical_and.reduce([mask[y:height:2, x:width:2] for y in (0, 1) for x in (0, 1)])
        if not kept.any():
            raise ImageError(
                "the checkerboard of a Fourier ring correlation got a mask without a block of two "
                "by two pixels; expected a mask of larger patches"
            )
    shape = blocks[0, 0].shape
    _check_sides(shape)
    spectra = {place: spectrum(tapered(half, kept)) for place, half in blocks.items()}
    fy, fx = frequencies(shape)
    pairs = [
        # The second half lies half a pixel of its own lower, and to the right or to the left.
        (spectra[0, 0], spectra[1, 1] * np.exp(-1j * np.pi * (fy + fx))),
        (spectra[0, 1], spectra[1, 0] * np.exp(-1j * np.pi * (fy - fx))),
    ]
    halves = _of_spectra(pairs, shape)
    correlation = np.where(
        halves.correlation > 0,
        4 * halves.correlation / (1 + 3 * np.maximum(halves.correlation, 0)),
        halves.correlation,
    )
    return RingCorrelation(halves.frequency / 2, correlation, finest=4.0)


def _check_sides(shape: tuple[int, ...]) -> None:
    if min(shape) < _SMALLEST:
        raise ImageError(
            f"a Fourier ring correlation of images of {shape[0]} by {shape[1]} pixels has too few "
            f"rings; expected at least {_SMALLEST} pixels along each side, twice as many for a "
            "checkerboard"
        )


def _of_spectra(
    pairs: list[tuple[NDArray[Any], NDArray[Any]]], shape: tuple[int, ...]
) -> RingCorrelation:
    fy, fx = frequencies(shape)
    side = min(shape)
    # Ring 0 is the mean alone; rings are centred on multiples of the step.
    ring = np.rint(np.hypot(fy, fx) * side).astype(np.intp)
    number = side // 2 + 1
    weight = multiplicity(shape)
    sums = np.zeros((3, number))
    for one, other in pairs:
        for row, values in enumerate((one * other.conj(), np.abs(one) ** 2, np.abs(other) ** 2)):
            sums[row] += ring_sums(ring, weight * values.real, number)
    # The window smears the mean, which was removed, into the first ring.
    inner = np.pad(sums[:, 1:], ((0, 0), (1, 1)))
    cross, first, second = inner[:, :-2] + inner[:, 1:-1] + inner[:, 2:]
    power = np.sqrt(first * second)
    correlation = np.divide(cross, power, out=np.zeros_like(cross), where=power > 0)
    return RingCorrelation(np.arange(1, number) / side, correlation)


@define(frozen=True)
class FrcResolution(PlanewiseMetric):
    """Resolution by Fourier ring correlation; 2 pixels or more, smaller is finer.

    Two repeats of one field are given as image and reference, or one image alone is split by a
    checkerboard; each plane by itself.  It says up to which detail signal exceeds noise, and not
    whether the detail is true: what a network invents in both images correlates too.  A network's
    output of one image has no noise that differs between pixels, so its checkerboard says nothing.
    Ignores the data range.

    Parameters
    ----------
    halves : {"repeats", "checkerboard"}, optional
        Whether image and reference are the two halves, or the pixels of the image alone.
    threshold : float, optional
        Correlation at which detail counts as lost; 1/7 by convention.
    pixel_size : float, optional
        Side of a pixel in the unit that the resolution should have; 1 for pixels.
    """

    title = "Fourier ring correlation"

    halves: Literal["repeats", "checkerboard"] = field(
        default="repeats", validator=validators.in_(("repeats", "checkerboard"))
    )
    threshold: float = field(default=1 / 7, validator=[validators.gt(0.0), validators.lt(1.0)])
    pixel_size: float = field(default=1.0, validator=validators.gt(0))

    @property
    def compares(self) -> bool:  # type: ignore[override]
        """Whether there has to be a reference."""
        return self.halves == "repeats"

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the resolution of a plane."""
        check_varies(plane.image, plane.mask, self.title)
        if self.halves == "repeats":
            check_varies(plane.reference, plane.mask, self.title, "reference")
            curve = ring_correlation(plane.image, plane.reference, plane.mask)
        else:
            curve = checkerboard_correlation(plane.image, plane.mask)
        return curve.resolution(self.threshold) * self.pixel_size
