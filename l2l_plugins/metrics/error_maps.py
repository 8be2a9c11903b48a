"""Where two images differ: RMS maps, and error maps scaled to another resolution.

A restoration that is finer than its reference cannot be subtracted from it.  Blurred by a Gaussian,
and with a gain and an offset, all three fitted by least squares, it should give the reference back;
what is left is the error.  Its root mean square, here as a share of the reference's span, is the
resolution-scaled error (RSE), and the correlation of both is the resolution-scaled Pearson
coefficient (RSP).

S. Culley et al., "Quantitative mapping and minimization of super-resolution optical imaging
artifacts", Nature Methods 15, 2018.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_core.errors import AxesError, ImageError
from l2l_core.images.matching import PairMoments, pair_moments
from l2l_plugins.metrics.checks import checked_pixels, checked_range
from l2l_plugins.metrics.planewise import PlanewiseMetric, check_varies, counted

if TYPE_CHECKING:
    from l2l_plugins.metrics.checks import Plane

_COARSE = 17
"""Blurs that are tried before the best one is refined."""


@define(frozen=True, eq=False)
class ScaledErrors:
    """How a fine image, made coarse, differs from a coarse reference; one plane.

    Parameters
    ----------
    map : ndarray of float64, (Y, X)
        Absolute errors in units of the reference; NaN outside the mask.
    fitted : ndarray of float64, (Y, X)
        The image after blur, gain and offset, in units of the reference; NaN outside the mask.
    sigma : float
        Standard deviation of the blur in pixels.
    gain, offset : float
        What the blurred image was multiplied by, and what was added.
    rmse : float
        Root mean square of the errors in units of the reference.
    pearson : float
        Correlation of the blurred image with the reference, -1 to 1.
    """

    map: NDArray[np.float64]
    fitted: NDArray[np.float64]
    sigma: float
    gain: float
    offset: float
    rmse: float
    pearson: float


def rms_map(
    image: NDArray[Any],
    reference: NDArray[Any],
    *,
    window: int = 7,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Return the root mean square difference of two images around each pixel.

    Parameters
    ----------
    image, reference : ndarray, (Y, X) or (Z, Y, X)
        Such as a restoration and the raw image, in the same units: fit gain and offset before,
        with :func:`l2l_core.images.matching.fit_gain`.
    window : int, optional
        Side in pixels of the square (in stacks the cube) around each pixel, odd; it is cut off
        at the rim.  1 gives the absolute difference.
    mask : ndarray of bool, optional
        Pixels that count.

    Returns
    -------
    ndarray of float64
        In the shape and units of the images; NaN outside the mask.

    Raises
    ------
    ImageError
        If shapes or the mask do not fit, a pixel that counts is not finite, or the window is even.
    """
    from scipy.ndimage import uniform_filter

    if window < 1 or window % 2 == 0:
        raise ImageError(f"an RMS map got a window of {window} pixels; expected an odd number")
    image, reference = np.asarray(image), np.asarray(reference)
    kept = checked_pixels(image, reference, mask, "RMS map")
    square = np.square(image.astype(np.float64) - reference.astype(np.float64))
    if kept is None:
        kept = np.ones(image.shape, dtype=bool)
    share = uniform_filter(kept.astype(np.float64), window, mode="constant")
    total = uniform_filter(np.where(kept, square, 0.0), window, mode="constant")
    # The running sum of the filter may leave a number just below 0.
    mean = np.divide(np.maximum(total, 0.0), share, out=np.full(image.shape, np.nan), where=kept)
    return np.asarray(np.sqrt(mean))


def resolution_scaled_errors(
    image: NDArray[Any],
    reference: NDArray[Any],
    *,
    max_sigma: float = 10.0,
    mask: NDArray[np.bool_] | None = None,
) -> ScaledErrors:
    """Return how an image, blurred as fits best, differs from a reference; the module tells how.

    Parameters
    ----------
    image : ndarray, (Y, X)
        The finer image, any units.
    reference : ndarray, (Y, X)
        The coarser image of the same field, aligned to it.
    max_sigma : float, optional
        Largest blur that is tried, in pixels.
    mask : ndarray of bool, (Y, X), optional
        Pixels that count; the blur is taken over them alone.

    Returns
    -------
    ScaledErrors

    Raises
    ------
    AxesError
        If the images are no planes.
    ImageError
        If shapes or the mask do not fit, or a pixel that counts is not finite.
    StatisticsError
        If one of the images is constant.
    """
    from scipy.optimize import minimize_scalar

    title = "resolution-scaled error"
    image, reference = np.asarray(image), np.asarray(reference)
    kept = checked_pixels(image, reference, mask, title)
    if image.ndim != 2:
        raise AxesError(f"a {title} map got images of shape {image.shape}; expected planes (Y, X)")
    fine, coarse = image.astype(np.float64), reference.astype(np.float64)
    check_varies(fine, kept, title)
    check_varies(coarse, kept, title, "reference")

    def residual(sigma: float) -> float:
        return pair_moments(_blurred(fine, sigma, kept), coarse, kept).residual_square

    sigmas = np.linspace(0.0, max_sigma, _COARSE)
    errors = [residual(float(sigma)) for sigma in sigmas]
    best = int(np.argmin(errors))
    sigma = float(sigmas[best])
    if max_sigma > 0:
        around = (float(sigmas[max(best - 1, 0)]), float(sigmas[min(best + 1, _COARSE - 1)]))
        found = minimize_scalar(residual, bounds=around, method="bounded", options={"xatol": 1e-3})
        sigma = float(found.x) if found.fun < errors[best] else sigma
    blurred = _blurred(fine, sigma, kept)
    moments = pair_moments(blurred, coarse, kept)
    offset = moments.reference_mean - moments.gain * moments.image_mean
    fitted = moments.gain * blurred + offset
    error = np.abs(coarse - fitted)
    rmse = float(np.sqrt(np.mean(np.square(counted(error, kept)))))
    if kept is not None:
        fitted, error = np.where(kept, fitted, np.nan), np.where(kept, error, np.nan)
    return ScaledErrors(error, fitted, sigma, moments.gain, offset, rmse, _pearson(moments))


def _blurred(
    image: NDArray[np.float64], sigma: float, kept: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    if kept is None:
        return np.asarray(gaussian_filter(image, sigma)) if sigma > 0 else image
    image = np.where(kept, image, 0.0)
    if not sigma > 0:
        return image
    weight = gaussian_filter(kept.astype(np.float64), sigma)
    blurred = gaussian_filter(image, sigma)
    return np.divide(blurred, weight, out=np.zeros_like(image), where=kept)


def _pearson(moments: PairMoments) -> float:
    scale = float(np.sqrt(moments.image_square) * np.sqrt(moments.reference_square))
    return min(max(moments.product / scale, -1.0), 1.0) if scale > 0 else 0.0


@define(frozen=True)
class ResolutionScaledError(PlanewiseMetric):
    """Resolution-scaled error (RSE), 0 for an image that gives the reference back when blurred.

    The root mean square error after blur, gain and offset, over the data range; by default over
    the reference's span.  Each plane by itself.  It finds what the reference does not show, down
    to the reference's resolution and no finer.

    Parameters
    ----------
    max_sigma : float, optional
        Largest blur that is tried, as the standard deviation in pixels.

    References
    ----------
    S. Culley et al., "Quantitative mapping and minimization of super-resolution optical imaging
    artifacts", Nature Methods 15, 2018.
    """

    title = "resolution-scaled error"

    max_sigma: float = field(default=10.0, validator=validators.ge(0))

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the error in a plane."""
        found = resolution_scaled_errors(
            plane.image, plane.reference, max_sigma=self.max_sigma, mask=plane.mask
        )
        if data_range is None:
            span = float(np.ptp(counted(plane.reference, plane.mask)))
        else:
            span = checked_range(data_range, self.title)
        return found.rmse / span

    def error_map(
        self,
        image: NDArray[Any],
        reference: NDArray[Any],
        *,
        mask: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Return the absolute errors after the blur, gain and offset that fit best."""
        return resolution_scaled_errors(image, reference, max_sigma=self.max_sigma, mask=mask).map


@define(frozen=True)
class ResolutionScaledPearson(PlanewiseMetric):
    """Resolution-scaled Pearson coefficient (RSP), -1 to 1; that of the blurred image.

    Each plane by itself.  Ignores the data range; gain and offset of both images do not change it.

    Parameters
    ----------
    max_sigma : float, optional
        Largest blur that is tried, as the standard deviation in pixels.

    References
    ----------
    S. Culley et al., "Quantitative mapping and minimization of super-resolution optical imaging
    artifacts", Nature Methods 15, 2018.
    """

    title = "resolution-scaled correlation"

    max_sigma: float = field(default=10.0, validator=validators.ge(0))

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the correlation in a plane."""
        return resolution_scaled_errors(
            plane.image, plane.reference, max_sigma=self.max_sigma, mask=plane.mask
        ).pearson
