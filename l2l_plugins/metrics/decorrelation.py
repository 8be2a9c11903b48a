"""Resolution of one image by decorrelation analysis.

An image is compared with itself after its spectrum was made white (every amplitude is 1, the phase
stays) and cut off at a radius r:

    d(r) = sum over |f| < r of |F(f)|  /  sqrt( sum of |F(f)|^2  *  number of f with |f| < r )

Signal within r raises d, noise lowers it, so d has a maximum near the highest frequency that holds
signal.  High-pass filters of many widths, each applied before, weaken the coarse detail, so that
the maximum moves towards the finest detail; of all maxima the one at the highest frequency counts,
k, in units of half a cycle for each pixel, and the resolution is 2 / k pixels.  A second round
looks closer, at frequencies and filters around that maximum.

A. Descloux, K. S. Grussmayer, A. Radenovic, "Parameter-free image resolution estimation based on
decorrelation analysis", Nature Methods 16, 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_core.errors import ImageError, StatisticsError
from l2l_plugins.metrics.planewise import PlanewiseMetric, check_varies
from l2l_plugins.metrics.spectra import frequencies, multiplicity, spectrum, tapered

if TYPE_CHECKING:
    from l2l_plugins.metrics.checks import Plane

_RADII = 50
_FILTERS = 10
_SMALLEST = 16
_FINEST_FILTER = 0.15
_DROP = 0.0005
"""By how much a curve has to fall behind its maximum, so that rounding makes none."""
_LOWEST = 0.05
"""Height below which a maximum is noise."""


@define(frozen=True, eq=False)
class Amplitudes:
    """The upper part of a spectrum in the order of radius.

    Parameters
    ----------
    radius : ndarray of float64, (N,)
        In units of half a cycle for each pixel, rising, up to 1.
    amplitude : ndarray of float64, (N,)
        Of the image's spectrum.
    count : ndarray of float64, (N,)
        How many frequencies each stands for.
    """

    radius: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    count: NDArray[np.float64]

    def without_coarse(self, width: float) -> Amplitudes:
        """Return the amplitudes behind a high-pass filter, 1 - exp(-2 (width radius)^2).

        An image less itself after a Gaussian filter of 2 / pi times `width` pixels has them.
        """
        kept = 1.0 - np.exp(-2.0 * (width * self.radius) ** 2)
        return Amplitudes(self.radius, self.amplitude * kept, self.count)


def amplitudes(image: NDArray[np.float64], mask: NDArray[np.bool_] | None = None) -> Amplitudes:
    """Return the amplitudes of a plane (Y, X), faded out at its rim and without its mean."""
    fy, fx = frequencies(image.shape)
    radius = np.broadcast_to(2.0 * np.hypot(fy, fx), (image.shape[0], fx.size)).ravel()
    inside = np.flatnonzero((radius > 0) & (radius <= 1.0))
    order = inside[np.argsort(radius[inside], kind="stable")]
    values = np.abs(spectrum(tapered(image, mask))).ravel()
    return Amplitudes(radius[order], values[order], multiplicity(image.shape).ravel()[order])


def decorrelation(spectrum: Amplitudes, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return d(r), 0 to 1, at rising radii; the module tells the formula.

    Parameters
    ----------
    spectrum : Amplitudes
    radii : ndarray of float64, (N,)
        In units of half a cycle for each pixel.
    """
    ends = np.searchsorted(spectrum.radius, radii)
    cross = np.concatenate([[0.0], np.cumsum(spectrum.count * spectrum.amplitude)])[ends]
    number = np.concatenate([[0.0], np.cumsum(spectrum.count)])[ends]
    power = float(np.sum(spectrum.count * spectrum.amplitude**2))
    scale = np.sqrt(power * number)
    return np.asarray(np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 0))


def last_maximum(curve: NDArray[np.float64]) -> int:
    """Return the place of the maximum that a curve falls behind of; 0 where it only falls.

    A curve that still rises at its end is cut short until one is found.
    """
    end = curve.size
    while end > 1:
        place = int(np.argmax(curve[:end]))
        if place == 0:
            return 0
        if place < end - 1 and curve[place] - curve[place:end].min() >= _DROP:
            return place
        end -= 1
    return 0


def finest_period(spectrum: Amplitudes, side: int) -> float:
    """Return the resolution in pixels, at least 2.

    Parameters
    ----------
    spectrum : Amplitudes
    side : int
        The image's longer side in pixels, which bounds the filters.

    Raises
    ------
    StatisticsError
        If no curve has a maximum: there is nothing but noise.
    """
    radii = np.linspace(0.0, 1.0, _RADII)
    found = [(*_maximum(spectrum, radii), np.inf)]
    first = found[0][0]
    coarsest = 2.0 / first if first > 0 else side / 2
    widths = np.concatenate(
        [[side / 4], np.geomspace(max(coarsest, 2 * _FINEST_FILTER), _FINEST_FILTER, _FILTERS)]
    )
    found += _maxima(spectrum, widths, radii)
    best = max(found)
    if best[0] > 0:
        step = radii[1]
        near = int(np.argmin(np.abs(widths - min(best[2], widths[0]))))
        widths = np.geomspace(
            widths[max(near - 1, 0)], widths[min(near + 1, widths.size - 1)], _FILTERS
        )
        low = max(best[0] - step, 0.0)
        found += _maxima(spectrum, widths, np.linspace(low, min(low + 0.4, 1.0), _RADII))
        best = max(found)
    if not best[0] > 0:
        raise StatisticsError(
            "the decorrelation analysis found no maximum, as of an image of noise alone or of one "
            "that its noise hides; expected an image with structure"
        )
    return 2.0 / float(best[0])


def _maximum(spectrum: Amplitudes, radii: NDArray[np.float64]) -> tuple[float, float]:
    """Return radius and height of the maximum; both 0 where there is none, or too low a one."""
    curve = decorrelation(spectrum, radii)
    place = last_maximum(curve)
    height = float(curve[place])
    return (float(radii[place]), height) if place and height >= _LOWEST else (0.0, 0.0)


def _maxima(
    spectrum: Amplitudes, widths: NDArray[np.float64], radii: NDArray[np.float64]
) -> list[tuple[float, float, float]]:
    return [
        (*_maximum(spectrum.without_coarse(float(width)), radii), float(width)) for width in widths
    ]


@define(frozen=True)
class DecorrelationResolution(PlanewiseMetric):
    """Resolution of one image by decorrelation analysis; 2 pixels or more, smaller is finer.

    Each plane by itself.  It needs no reference and no parameters, but some noise: the maximum
    that it looks for is where noise begins.  It tells the finest detail that the image holds and
    not whether the detail is true.  Ignores the data range.

    Parameters
    ----------
    pixel_size : float, optional
        Side of a pixel in the unit that the resolution should have; 1 for pixels.

    References
    ----------
    A. Descloux et al., "Parameter-free image resolution estimation based on decorrelation
    analysis", Nature Methods 16, 2019.
    """

    title = "decorrelation analysis"
    compares: ClassVar[bool] = False

    pixel_size: float = field(default=1.0, validator=validators.gt(0))

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the resolution of a plane."""
        shape = plane.image.shape
        if min(shape) < _SMALLEST:
            raise ImageError(
                f"a decorrelation analysis got an image of {shape[0]} by {shape[1]} pixels; "
                f"expected at least {_SMALLEST} along each side"
            )
        check_varies(plane.image, plane.mask, self.title)
        spectrum = amplitudes(plane.image, plane.mask)
        return finest_period(spectrum, max(shape)) * self.pixel_size
