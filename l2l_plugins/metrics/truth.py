"""What is real in a channel, as its truth tells: what metrics against the truth begin with.

True structure is what exceeds Otsu's threshold of the truth.  That threshold follows the brightest
structure, a bundle of filaments, and what is fainter exists all the same: a restoration that shows
it invents nothing.  So a pixel of the truth is real where it is true structure, and also where it
exceeds half of the brightest pixel within two tolerances, the half maximum of its own filament or
spot, and a quarter of the threshold; both are counted from the median of what is below the
threshold, and noise of the truth itself, if it has any, by three standard deviations.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_core.components import Metric
from l2l_core.errors import ImageError
from l2l_plugins.metrics.checks import Plane, checked_reference, planes
from l2l_plugins.metrics.planewise import check_varies, counted
from l2l_plugins.restorers.checks import is_not_negative

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAINT = 0.25
_CORE = 0.5

Tolerance = float | tuple[float, ...]
"""Pixels along all axes, or one number for each of ``[Z,] Y, X``."""

_SHARE: Any = validators.optional([validators.gt(0.0), validators.lt(1.0)])


def otsu(pixels: NDArray[np.float64]) -> float:
    """Return Otsu's threshold of pixels that vary."""
    from skimage.filters import threshold_otsu

    low, high = float(pixels.min()), float(pixels.max())
    scaled = (pixels - low) / (high - low)  # bins of very large or small numbers may be empty
    level = float(threshold_otsu(scaled))  # type: ignore[no-untyped-call]
    return low + (high - low) * level


def near(structure: NDArray[np.bool_], tolerance: Tolerance) -> NDArray[np.bool_]:
    """Return the pixels whose distance to structure is `tolerance` pixels or less.

    With one number for each axis these are the radii of an ellipse (in stacks an ellipsoid).
    """
    if not structure.any():
        return np.zeros(structure.shape, dtype=bool)
    from scipy.ndimage import distance_transform_edt

    if isinstance(tolerance, tuple):
        # In units of the radii; of an axis without one the next pixel is far away.
        units = [1.0 / radius if radius else 1e9 for radius in tolerance]
        return np.asarray(distance_transform_edt(~structure, sampling=units) <= 1.0 + 1e-9)
    return np.asarray(distance_transform_edt(~structure) <= tolerance)


@define(frozen=True, eq=False)
class Truth:
    """One channel and where its truth has structure; all (Y, X) or (Z, Y, X).

    Parameters
    ----------
    channel : Plane
        Image, truth and mask.
    structure : ndarray of bool
        True structure, bright enough to be asked for.
    near : ndarray of bool
        What lies within the tolerance of anything real, faint structure as well.
    """

    channel: Plane
    structure: NDArray[np.bool_]
    near: NDArray[np.bool_]


@define(frozen=True)
class TruthMetric(Metric):
    """A metric of an image whose truth is known; each channel by itself, and their mean."""

    title = "comparison with the truth"

    tolerance: float | tuple[float, ...] = field(default=2.0, validator=is_not_negative)
    truth_threshold: float | None = field(default=None, validator=_SHARE)

    def __call__(
        self,
        image: NDArray[Any],
        reference: NDArray[Any] | None = None,
        *,
        data_range: float | None = None,
        mask: NDArray[np.bool_] | None = None,
        axes: str | None = None,
    ) -> float:
        """Return the metric of one image; see :class:`l2l_core.components.Metric`."""
        truths = self.truths(image, reference, mask=mask, axes=axes)
        return float(np.mean([self.of_truth(truth) for truth in truths]))

    @abstractmethod
    def of_truth(self, truth: Truth) -> float:
        """Return the metric of one channel."""

    def truths(
        self,
        image: NDArray[Any],
        reference: NDArray[Any] | None,
        *,
        mask: NDArray[np.bool_] | None = None,
        axes: str | None = None,
    ) -> Iterator[Truth]:
        """Yield each channel with its true structure.

        Parameters
        ----------
        image, reference, mask, axes
            As :class:`l2l_core.components.Metric` takes them; the reference is the truth.

        Raises
        ------
        ImageError
            As the metric.
        StatisticsError
            If the truth of a channel is constant.
        """
        given = checked_reference(reference, self.title)
        for channel in planes(image, given, mask=mask, axes=axes, metric=self.title):
            check_varies(channel.reference, channel.mask, self.title, "truth")
            if isinstance(self.tolerance, tuple) and len(self.tolerance) != channel.image.ndim:
                raise ImageError(
                    f"{self.title} got {len(self.tolerance)} tolerances for images of "
                    f"{channel.image.ndim} spatial axes; expected one number, or one for each axis"
                )
            pixels = counted(channel.reference, channel.mask)
            if self.truth_threshold is None:
                level = otsu(pixels)
            else:
                low, high = float(pixels.min()), float(pixels.max())
                level = low + self.truth_threshold * (high - low)
            kept = np.ones(channel.image.shape, bool) if channel.mask is None else channel.mask
            reference = np.where(kept, channel.reference, pixels.min())
            structure = reference > level
            real = structure | _faint(reference, pixels[pixels <= level], level, self.tolerance)
            yield Truth(channel, structure, near(real & kept, self.tolerance) & kept)


def _faint(
    reference: NDArray[np.float64], dark: NDArray[np.float64], level: float, tolerance: Tolerance
) -> NDArray[np.bool_]:
    """Return what of a truth is real where its brightest structure sets too high a level.

    Parameters
    ----------
    reference : ndarray of float64
    dark : ndarray of float64
        Its pixels up to the level.
    level : float
        What true structure exceeds.
    tolerance : Tolerance
        In pixels.
    """
    from scipy.ndimage import maximum_filter

    floor = float(np.median(dark))
    # 1.4826 times the median deviation is a standard deviation; a simulated truth has none.
    noise = 1.4826 * float(np.median(np.abs(dark - floor)))
    radii = np.broadcast_to(tolerance, reference.ndim)
    reach = np.maximum(np.ceil(2 * radii).astype(int), 2)
    crest = maximum_filter(reference, tuple(2 * reach + 1), mode="nearest")
    faint = reference - floor > max(_FAINT * (level - floor), 3.0 * noise)
    return np.asarray(faint & (reference - floor > _CORE * (crest - floor)))
