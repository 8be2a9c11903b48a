"""Metrics from the joint moments of an image and its reference; they run over parts of an image."""

from __future__ import annotations

from abc import abstractmethod
from math import inf, log10, nan, sqrt
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from attrs import define, field, validators

from l2l_core.components import MergeableMetric
from l2l_core.images.matching import PairMoments, pair_moments
from l2l_plugins.metrics.checks import checked_pixels, checked_range, checked_reference, planes

if TYPE_CHECKING:
    from numpy.typing import NDArray


class MomentMetric(MergeableMetric):
    """A metric that is a function of :class:`~l2l_core.images.matching.PairMoments`."""

    title: ClassVar[str]

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
        values = [
            self.finish(
                pair_moments(plane.image, plane.reference, plane.mask), data_range=data_range
            )
            for plane in planes(image, reference, mask=mask, axes=axes, metric=self.title)
        ]
        return float(np.mean(values))

    def start(self) -> PairMoments:
        """Return the moments of no pixels."""
        return PairMoments()

    def add(
        self,
        state: PairMoments,
        image: NDArray[Any],
        reference: NDArray[Any] | None = None,
        *,
        mask: NDArray[np.bool_] | None = None,
    ) -> PairMoments:
        """Return the moments with the pixels of one piece added."""
        image = np.asarray(image)
        other = np.asarray(checked_reference(reference, self.title))
        counted = checked_pixels(image, other, mask, self.title, may_be_empty=True)
        return state.merged(pair_moments(image, other, counted))

    def merge(self, one: PairMoments, other: PairMoments) -> PairMoments:
        """Return the moments of two sets of pieces together."""
        return one.merged(other)

    @abstractmethod
    def finish(self, state: PairMoments, *, data_range: float | None = None) -> float:
        """Return the metric of all pixels that were added; NaN where there were none."""


@define(frozen=True)
class Psnr(MomentMetric):
    """Peak signal-to-noise ratio, ``10 log10(data_range ** 2 / mean squared error)``, in dB.

    Infinite for equal images.  The data range has to be given: the number means nothing without.
    """

    title = "PSNR"

    def finish(self, state: PairMoments, *, data_range: float | None = None) -> float:
        """Return the PSNR in dB."""
        span = checked_range(data_range, self.title)
        return _decibels(span, state.error_square, state.count)


@define(frozen=True)
class SiPsnr(MomentMetric):
    """Scale-invariant PSNR in dB: PSNR after the best gain and offset, for images in other units.

    ``10 log10(data_range ** 2 / mean((gain * image + offset - reference) ** 2))``, where gain and
    offset have the least mean squared error.  Without a `data_range` it is the reference's maximum
    less its minimum, as in the literature on content-aware restoration, so that the number depends
    on the reference alone; with a mask, over the pixels that count.  Not symmetric.  A constant
    image scores as its mean would; a constant reference gives NaN.

    References
    ----------
    M. Weigert et al., "Content-aware image restoration: pushing the limits of fluorescence
    microscopy", Nature Methods 15, 2018.
    """

    title = "SI-PSNR"

    def finish(self, state: PairMoments, *, data_range: float | None = None) -> float:
        """Return the SI-PSNR in dB."""
        span = state.reference_high - state.reference_low
        if data_range is not None:
            span = checked_range(data_range, self.title)
        if not state.reference_square > 0:
            return nan
        # What is left of equal images is the rounding of the sums.
        rounding = 1e-14 * state.reference_square
        residual = state.residual_square
        return _decibels(span, 0.0 if residual <= rounding else residual, state.count)


def _decibels(span: float, error_square: float, count: int) -> float:
    if not count:
        return nan
    return 10.0 * log10(span**2 * count / error_square) if error_square > 0 else inf


@define(frozen=True)
class Nrmse(MomentMetric):
    """Root mean squared error as a share of the reference's strength; 0 for equal images.

    NaN where that strength is 0.  Ignores the data range.

    Parameters
    ----------
    normalization : {"rms", "min-max", "mean", "std"}, optional
        What the error is divided by: the root mean square of the reference, its maximum less its
        minimum, its mean, or its standard deviation.  The first is the Euclidean distance between
        the images over the reference's norm (J. R. Fienup, "Invariant error metrics for image
        reconstruction", Applied Optics 36, 1997).
    """

    title = "NRMSE"

    normalization: Literal["rms", "min-max", "mean", "std"] = field(
        default="rms", validator=validators.in_(("rms", "min-max", "mean", "std"))
    )

    def finish(self, state: PairMoments, *, data_range: float | None = None) -> float:
        """Return the NRMSE."""
        if not state.count:
            return nan
        variance = state.reference_square / state.count
        strength = {
            "rms": sqrt(variance + state.reference_mean**2),
            "min-max": state.reference_high - state.reference_low,
            "mean": abs(state.reference_mean),
            "std": sqrt(variance),
        }[self.normalization]
        return sqrt(state.error_square / state.count) / strength if strength > 0 else nan

    def error_map(
        self,
        image: NDArray[Any],
        reference: NDArray[Any],
        *,
        mask: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Return the root mean square difference in a square of 7 pixels around each pixel."""
        from l2l_plugins.metrics.error_maps import rms_map

        return rms_map(image, reference, mask=mask)


@define(frozen=True)
class Pearson(MomentMetric):
    """Pearson's correlation coefficient, -1 to 1; 1 for images that differ by gain and offset.

    Symmetric.  NaN where one of the images is constant: a correlation is not defined there.
    Ignores the data range.
    """

    title = "Pearson's correlation"

    def finish(self, state: PairMoments, *, data_range: float | None = None) -> float:
        """Return the correlation."""
        scale = sqrt(state.image_square) * sqrt(state.reference_square)
        return min(max(state.product / scale, -1.0), 1.0) if scale > 0 else nan
