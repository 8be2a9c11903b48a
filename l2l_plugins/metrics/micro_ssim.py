"""MicroSSIM, computed by its authors' package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators

from l2l_core.errors import ImageError, StatisticsError
from l2l_plugins.metrics.planewise import PlanewiseMetric, check_varies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from l2l_plugins.metrics.checks import Plane

_WINDOW = 11
"""Taps of the package's Gaussian window."""


@define(frozen=True)
class MicroSsim(PlanewiseMetric):
    """MicroSSIM, an SSIM for images of different offsets and ranges; 1 at best.

    From each image a percentile is taken as its background, and one factor brings the image to
    the reference's brightness so that the SSIM is largest.  The data range is the reference's,
    after the background was taken; one that is given is not used.  Background and factor are
    those of each plane by itself.  Not symmetric.  A mask has to be a rectangle.

    Parameters
    ----------
    background : int, optional
        Percentile of each image that is taken as its background, in percent.

    References
    ----------
    Ashesh, J. Deschamps, F. Jug, "MicroSSIM: improved structural similarity for comparing
    microscopy data", arXiv 2408.08747, 2024.
    """

    title = "MicroSSIM"

    background: int = field(default=3, validator=[validators.ge(0), validators.lt(100)])

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the index of a plane."""
        from microssim import micro_structural_similarity

        check_varies(plane.image, plane.mask, self.title)
        check_varies(plane.reference, plane.mask, self.title, "reference")
        image, reference = plane.image, plane.reference
        if plane.mask is not None:
            rectangle = _rectangle(plane.mask)
            image, reference = image[rectangle], reference[rectangle]
        if min(image.shape) < _WINDOW:
            raise ImageError(
                f"MicroSSIM got {image.shape[0]} by {image.shape[1]} pixels; expected at least "
                f"{_WINDOW} along each side, the size of its window"
            )
        if not reference.max() > np.percentile(reference, self.background):
            raise StatisticsError(
                f"MicroSSIM got a reference whose percentile {self.background} is its maximum; "
                "expected structure above the background"
            )
        # Rounding leaves variances below 0 in flat places, of which the package takes roots for
        # parts of the index that are not used.
        with np.errstate(invalid="ignore"):
            value = micro_structural_similarity(reference, image, bg_percentile=self.background)
        return float(value)


def _rectangle(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    rectangle = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    if not mask[rectangle].all():
        raise ImageError(
            "MicroSSIM got a mask that is no rectangle, and its windows cannot leave single pixels "
            "out; expected a rectangle, or ssim, which takes any mask"
        )
    return rectangle
