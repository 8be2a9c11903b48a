"""How two images of one field go together: joint moments in one pass, and the gain that fits best.

Moments of parts are merged by Chan's update, in float64, so that an image larger than memory gives
the same numbers as the whole (T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing
the sample variance", The American Statistician 37, 1983).
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define

from l2l_core.errors import ImageError, StatisticsError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@define(frozen=True)
class PairMoments:
    """Moments of pixel pairs (image, reference).

    Parameters
    ----------
    count : int
        Number of pixels.
    image_mean, reference_mean : float
        In each image's own units.
    image_square, reference_square : float
        Sums of squared deviations from the mean.
    product : float
        Sum of the products of both deviations.
    error_square : float
        Sum of ``(image - reference) ** 2``.
    reference_low, reference_high : float
        Extremes of the reference.
    """

    count: int = 0
    image_mean: float = 0.0
    reference_mean: float = 0.0
    image_square: float = 0.0
    reference_square: float = 0.0
    product: float = 0.0
    error_square: float = 0.0
    reference_low: float = inf
    reference_high: float = -inf

    def merged(self, other: PairMoments) -> PairMoments:
        """Return the moments of both sets of pixels together."""
        count = self.count + other.count
        if not self.count or not other.count:
            return other if other.count else self
        share = other.count / count
        image_step = other.image_mean - self.image_mean
        reference_step = other.reference_mean - self.reference_mean
        between = self.count * share
        return PairMoments(
            count=count,
            image_mean=self.image_mean + share * image_step,
            reference_mean=self.reference_mean + share * reference_step,
            image_square=self.image_square + other.image_square + between * image_step**2,
            reference_square=self.reference_square
            + other.reference_square
            + between * reference_step**2,
            product=self.product + other.product + between * image_step * reference_step,
            error_square=self.error_square + other.error_square,
            reference_low=min(self.reference_low, other.reference_low),
            reference_high=max(self.reference_high, other.reference_high),
        )

    @property
    def gain(self) -> float:
        """Factor that fits the image to the reference best; 0 for a constant image."""
        return self.product / self.image_square if self.image_square > 0 else 0.0

    @property
    def residual_square(self) -> float:
        """Sum of squared errors that is left after gain and offset were fitted, 0 or more."""
        return max(self.reference_square - self.gain * self.product, 0.0)


def pair_moments(
    image: NDArray[Any], reference: NDArray[Any], mask: NDArray[np.bool_] | None = None
) -> PairMoments:
    """Return the joint moments of two images.

    Parameters
    ----------
    image, reference : ndarray
        Of equal shape, any axes, any real dtype, finite where they count.
    mask : ndarray of bool, optional
        Pixels that count, broadcastable to `image`; all where it is left out.

    Returns
    -------
    PairMoments
    """
    if mask is not None:
        counted = np.broadcast_to(mask, image.shape)
        image, reference = image[counted], reference[counted]
    if image.size == 0:
        return PairMoments()
    x = image.astype(np.float64).ravel()
    y = reference.astype(np.float64).ravel()
    error = float(np.sum(np.square(x - y)))
    x_mean, y_mean = float(x.mean()), float(y.mean())
    low, high = float(y.min()), float(y.max())
    # Rounding of the mean would make a constant image seem to vary.
    x = np.zeros_like(x) if x.min() == x.max() else x - x_mean
    y = np.zeros_like(y) if low == high else y - y_mean
    return PairMoments(
        count=x.size,
        image_mean=x_mean,
        reference_mean=y_mean,
        image_square=float(x @ x),
        reference_square=float(y @ y),
        product=float(x @ y),
        error_square=error,
        reference_low=low,
        reference_high=high,
    )


def fit_gain(
    image: NDArray[Any], reference: NDArray[Any], mask: NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """Return gain and offset with which an image comes nearest to a reference.

    ``gain * image + offset`` has the least mean squared error; for comparing images in different
    units.  Pixels that are not finite in either image are left out.

    Parameters
    ----------
    image, reference : ndarray
        Of equal shape, any axes, any real dtype, each in its own units.
    mask : ndarray of bool, optional
        Pixels that count, broadcastable to `image`; all where it is left out.

    Returns
    -------
    gain : float
        In units of the reference per unit of the image.
    offset : float
        In units of the reference.

    Raises
    ------
    ImageError
        If the shapes differ.
    StatisticsError
        If no pixel counts, or the image is constant and so fits with any gain.

    Examples
    --------
    >>> fit_gain(np.array([0.0, 1.0, 2.0]), np.array([5.0, 7.0, 9.0]))
    (2.0, 5.0)
    """
    if image.shape != reference.shape:
        raise ImageError(
            f"an image of shape {image.shape} cannot be fitted to a reference of shape "
            f"{reference.shape}; expected equal shapes"
        )
    finite = np.isfinite(image) & np.isfinite(reference)
    moments = pair_moments(image, reference, finite if mask is None else finite & mask)
    if not moments.count:
        raise StatisticsError(
            "no pixel is left to fit a gain to: all are NaN, infinite or outside the mask"
        )
    if not moments.image_square > 0:
        raise StatisticsError(
            f"the image is {moments.image_mean:g} in each of the {moments.count} pixels that "
            "count, so no gain fits it to the reference; expected at least two values"
        )
    return moments.gain, moments.reference_mean - moments.gain * moments.image_mean
