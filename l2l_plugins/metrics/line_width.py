"""Widths of thin structure: full widths at half maximum of profiles across its ridges.

Profiles are drawn at random along the straight parts of ridges where no other ridge runs beside,
averaged over 20 pixels along the ridge and fitted with a Gaussian on a constant background, as
label2label measures the width of microtubules.
"""

from __future__ import annotations

from math import inf, log, sqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_core.errors import StatisticsError
from l2l_plugins.metrics.planewise import PlanewiseMetric, check_varies
from l2l_plugins.metrics.ridges import Stretch, skeleton, stretches

if TYPE_CHECKING:
    from l2l_plugins.metrics.checks import Plane

FWHM = 2 * sqrt(2 * log(2))
"""Full width at half maximum of a Gaussian of standard deviation 1."""

_EXPLAINED = 0.9
"""Share of a profile's variance that a Gaussian has to explain."""


@define(frozen=True, eq=False)
class LineProfile:
    """One profile across a ridge, and the Gaussian that was fitted to it.

    Parameters
    ----------
    centre : tuple of float
        (Y, X) of the ridge in pixels.
    angle : float
        Of the ridge against the X axis in radians, with Y pointing down.
    distance : ndarray of float64, (N,)
        From the ridge, in pixels.
    intensity : ndarray of float64, (N,)
        Mean along the ridge, in the image's units.
    fitted : ndarray of float64, (N,)
        The Gaussian with its background, in the image's units.
    width : float
        Full width at half maximum in pixels.
    uncertainty : float
        Standard error of the width in pixels, from the scatter around the fit.
    """

    centre: tuple[float, float]
    angle: float
    distance: NDArray[np.float64]
    intensity: NDArray[np.float64]
    fitted: NDArray[np.float64]
    width: float
    uncertainty: float


@define(frozen=True)
class LineWidths:
    """The profiles of one plane, at least one.

    Parameters
    ----------
    profiles : tuple of LineProfile
        In the order in which they were drawn.
    """

    profiles: tuple[LineProfile, ...]

    @property
    def widths(self) -> NDArray[np.float64]:
        """Full widths at half maximum in pixels."""
        return np.array([profile.width for profile in self.profiles])

    @property
    def median(self) -> float:
        """Median width in pixels."""
        return float(np.median(self.widths))

    @property
    def uncertainty(self) -> float:
        """Standard error of the median in pixels; that of the fit where there is one profile."""
        if len(self.profiles) == 1:
            return self.profiles[0].uncertainty
        # 1.4826 times the median deviation is a standard deviation, and the median of normal
        # values has sqrt(pi / 2) times the standard error of their mean.
        spread = 1.4826 * float(np.median(np.abs(self.widths - self.median)))
        return sqrt(np.pi / 2) * spread / sqrt(len(self.profiles))


@define(frozen=True)
class LineWidth(PlanewiseMetric):
    """Median full width at half maximum in pixels of profiles across ridges; smaller is sharper.

    For filaments; needs no reference and ignores the data range.  Each plane by itself.  A width
    below that of the point spread function over the pixels says that a network drew thin lines,
    not that the microscope resolved them.

    Parameters
    ----------
    profiles : int, optional
        How many profiles are drawn at most.
    average : int, optional
        Pixels along the ridge over which a profile is averaged.
    reach : int, optional
        Pixels to both sides of the ridge that a profile spans, and within which no other ridge
        may run.
    sigma : float, optional
        Standard deviation in pixels of the Gaussian with which ridges are found.
    seed : int, optional
        Of the draw.
    pixel_size : float, optional
        Side of a pixel in the unit that the width should have; 1 for pixels.
    """

    title = "line width"
    compares: ClassVar[bool] = False

    profiles: int = field(default=20, validator=validators.ge(1))
    average: int = field(default=20, validator=validators.ge(5))
    reach: int = field(default=8, validator=validators.ge(3))
    sigma: float = field(default=2.0, validator=validators.gt(0))
    seed: int = field(default=0, validator=validators.ge(0))
    pixel_size: float = field(default=1.0, validator=validators.gt(0))

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the median width in a plane."""
        return self.measure(plane.image, plane.mask).median * self.pixel_size

    def measure(
        self, image: NDArray[np.float64], mask: NDArray[np.bool_] | None = None
    ) -> LineWidths:
        """Return all profiles with their fits; for plots, and for the spread of widths.

        Parameters
        ----------
        image : ndarray of float64, (Y, X)
            Finite where it counts.
        mask : ndarray of bool, (Y, X), optional
            Pixels that count; a profile lies within it as a whole.

        Raises
        ------
        StatisticsError
            If the image is constant, or has no ridge to take a profile across.
        """
        from scipy.ndimage import spline_filter

        check_varies(image, mask, self.title)
        kept = np.ones(image.shape, dtype=bool) if mask is None else mask
        filled = np.where(kept, image, np.median(image[kept]))
        lines = skeleton(filled, self.sigma) & kept
        # A cubic spline: linear interpolation would widen what it samples.
        spline = spline_filter(filled, order=3)
        found: list[LineProfile] = []
        rng = np.random.default_rng(self.seed)
        tried = 0
        for stretch in stretches(lines, self.average, self.reach, rng):
            tried += 1
            profile = self._profile(spline, kept, stretch)
            if profile is not None:
                found.append(profile)
            if len(found) == self.profiles:
                break
        if not found:
            raise StatisticsError(
                f"{self.title} found no ridge to take a profile across: {tried} straight stretches "
                f"of {self.average} pixels without another ridge within {self.reach} pixels, none "
                "of them with the profile of a line; expected filaments, or other values of "
                "average, reach and sigma"
            )
        return LineWidths(tuple(found))

    def _profile(
        self, spline: NDArray[np.float64], kept: NDArray[np.bool_], stretch: Stretch
    ) -> LineProfile | None:
        """Return the profile across a stretch; None where it leaves the image or is no Gaussian."""
        from scipy.ndimage import map_coordinates

        distance = np.arange(-self.reach, self.reach + 1.0)
        along = np.arange(float(self.average)) - (self.average - 1) / 2
        places = stretch.places(along, distance)
        if not map_coordinates(kept, places, order=0, cval=0, output=np.uint8).all():
            return None
        sampled = map_coordinates(spline, places, order=3, prefilter=False)
        intensity = np.asarray(sampled.mean(axis=0), np.float64)
        fit = _fit_gaussian(distance, intensity)
        if fit is None:
            return None
        fitted, width, uncertainty = fit
        return LineProfile(
            stretch.centre, stretch.angle, distance, intensity, fitted, width, uncertainty
        )


def _gaussian(
    x: NDArray[np.float64], height: float, centre: float, sigma: float, background: float
) -> NDArray[np.float64]:
    return np.asarray(background + height * np.exp(-((x - centre) ** 2) / (2 * sigma**2)))


def _fit_gaussian(
    distance: NDArray[np.float64], intensity: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float] | None:
    """Return fit, width and its standard error; None where the profile is no line's."""
    from scipy.optimize import curve_fit

    low, high = float(intensity.min()), float(intensity.max())
    if not high > low:
        return None
    # Scaled, so that the fit takes the same steps in any unit.
    scaled = (intensity - low) / (high - low)
    reach = float(distance[-1])
    try:
        best, covariance = curve_fit(
            _gaussian,
            distance,
            scaled,
            p0=(1.0, 0.0, reach / 4, 0.0),
            bounds=([0.0, -reach / 2, 0.2, -2.0], [4.0, reach / 2, reach, 2.0]),
        )
    except RuntimeError:
        return None
    fitted = _gaussian(distance, *best)
    explained = 1.0 - float(np.sum((scaled - fitted) ** 2) / np.sum((scaled - scaled.mean()) ** 2))
    width = FWHM * float(best[2])
    if explained < _EXPLAINED or width > 1.5 * reach:
        return None
    variance = float(covariance[2, 2])
    uncertainty = FWHM * sqrt(variance) if variance >= 0 else inf
    return low + (high - low) * fitted, width, uncertainty
