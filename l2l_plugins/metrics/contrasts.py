"""Contrast of an image, as label2label takes it, and how a restoration raised it.

The formulas are told in :mod:`l2l_core.images.appearance`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define, field, validators

from l2l_core.images.appearance import Contrast, contrast
from l2l_plugins.metrics.planewise import PlanewiseMetric, check_varies, filled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from l2l_plugins.metrics.checks import Plane

_SHARE: Any = [validators.gt(0), validators.lt(1)]


@define(frozen=True)
class MichelsonContrast(PlanewiseMetric):
    """Michelson contrast, how far the brightest pixels stand above the rest, 0 to 1.

    (S - B) / (S + B) with S the mean of the sample, B that of all other pixels, after a Gaussian
    filter of 2 pixels and with the 1st and 99th percentile at 0 and 1.  Needs no reference and
    ignores the data range; gain and offset of the image do not change it.

    Parameters
    ----------
    sample : float, optional
        Share of the pixels that counts as the structure, the brightest ones: 0.1, or 0.01 for
        sparse puncta such as caveolae.

    References
    ----------
    E. Peli, "Contrast in complex images", Journal of the Optical Society of America A 7, 1990.
    """

    title = "Michelson contrast"
    compares: ClassVar[bool] = False

    sample: float = field(default=0.1, validator=_SHARE)

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the contrast of a plane."""
        return _contrast(plane.image, plane.mask, self.title, sample=self.sample).michelson


@define(frozen=True)
class RmsContrast(PlanewiseMetric):
    """RMS contrast, the standard deviation of the scaled intensities, 0 to 0.5.

    After a Gaussian filter of 2 pixels, with the 1st and 99th percentile at 0 and 1 and what lies
    beyond cut off.  Needs no reference and ignores the data range; gain and offset of the image
    do not change it.

    References
    ----------
    E. Peli, "Contrast in complex images", Journal of the Optical Society of America A 7, 1990.
    """

    title = "RMS contrast"
    compares: ClassVar[bool] = False

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the contrast of a plane."""
        return _contrast(plane.image, plane.mask, self.title).rms


@define(frozen=True)
class ContrastGain(PlanewiseMetric):
    """Michelson contrast of the image over that of the reference; above 1 where it rose.

    The reference is what the image is held against: the raw image for the gain of a restoration,
    the benchmark to see whether a restoration exceeds it.  Ignores the data range.

    Parameters
    ----------
    sample : float, optional
        Share of the pixels that counts as the structure, the brightest ones: 0.1, or 0.01 for
        sparse puncta such as caveolae.
    """

    title = "contrast gain"

    sample: float = field(default=0.1, validator=_SHARE)

    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the gain of a plane."""
        before = _contrast(
            plane.reference, plane.mask, self.title, what="reference", sample=self.sample
        ).michelson
        after = _contrast(plane.image, plane.mask, self.title, sample=self.sample).michelson
        return after / before if before > 0 else inf


def _contrast(
    image: NDArray[np.float64],
    mask: NDArray[np.bool_] | None,
    metric: str,
    *,
    what: str = "image",
    sample: float = 0.1,
) -> Contrast:
    """Return both contrasts; pixels outside the mask are left out."""
    check_varies(image, mask, metric, what)
    return contrast(filled(image, mask), sample=sample)
