"""Restored structure against the true one: what is real, what was found, what was invented.

Both images are made binary: what is brighter than a threshold is structure, by default Otsu's
threshold of each image.  A pixel agrees with the other image where that has structure within a
tolerance, a disc (in stacks a ball) of the point spread function's size, since a restoration that
lies beside the truth by less than the optics resolve is no invention.

    precision = restored structure near true structure / restored structure
    recall    = true structure near restored structure / true structure
    rate      = connected objects of restored structure that are invented / all of them

An object is invented where less than half of its pixels lie near true structure.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_core.components import Metric
from l2l_plugins.metrics.checks import Plane, checked_reference, planes
from l2l_plugins.metrics.planewise import check_varies, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

_REAL_SHARE = 0.5
_PERCENT: Any = validators.optional([validators.ge(0.0), validators.lt(100.0)])
_SHARE: Any = validators.optional([validators.gt(0.0), validators.lt(1.0)])


@define(frozen=True, eq=False)
class StructurePair:
    """Restored and true structure of one channel, (Y, X) or (Z, Y, X).

    Parameters
    ----------
    restored, true : ndarray of bool
        Nothing outside the mask.
    near_restored, near_true : ndarray of bool
        What lies within the tolerance of each.
    """

    restored: NDArray[np.bool_]
    true: NDArray[np.bool_]
    near_restored: NDArray[np.bool_]
    near_true: NDArray[np.bool_]

    @property
    def precision(self) -> float:
        """Share of the restored structure that is real; 1 where nothing was restored."""
        restored = np.count_nonzero(self.restored)
        real = np.count_nonzero(self.restored & self.near_true)
        return float(real / restored) if restored else 1.0

    @property
    def recall(self) -> float:
        """Share of the true structure that was found."""
        found = np.count_nonzero(self.true & self.near_restored)
        return float(found / np.count_nonzero(self.true))

    def invented(self, smallest: int = 1) -> tuple[int, int]:
        """Return how many objects of restored structure are invented, and how many there are.

        Parameters
        ----------
        smallest : int, optional
            Pixels below which an object is not counted.
        """
        from scipy.ndimage import generate_binary_structure, label

        neighbours = generate_binary_structure(self.restored.ndim, self.restored.ndim)
        labels, number = label(self.restored, neighbours)
        sizes = np.bincount(labels.ravel(), minlength=number + 1)[1:]
        real = np.bincount(labels[self.near_true], minlength=number + 1)[1:]
        large = sizes >= smallest
        return int(np.count_nonzero(large & (real < _REAL_SHARE * sizes))), int(large.sum())


def otsu(pixels: NDArray[np.float64]) -> float:
    """Return Otsu's threshold of pixels that vary."""
    from skimage.filters import threshold_otsu

    low, high = float(pixels.min()), float(pixels.max())
    scaled = (pixels - low) / (high - low)  # bins of very large or small numbers may be empty
    level = float(threshold_otsu(scaled))  # type: ignore[no-untyped-call]
    return low + (high - low) * level


def near(structure: NDArray[np.bool_], tolerance: float) -> NDArray[np.bool_]:
    """Return the pixels whose distance to structure is `tolerance` pixels or less."""
    if not structure.any():
        return np.zeros(structure.shape, dtype=bool)
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~structure) <= tolerance)


@define(frozen=True, eq=False)
class Truth:
    """One channel and where its truth has structure; all (Y, X) or (Z, Y, X).

    Parameters
    ----------
    channel : Plane
        Image, truth and mask.
    structure, near : ndarray of bool
        True structure, and what lies within the tolerance of it.
    """

    channel: Plane
    structure: NDArray[np.bool_]
    near: NDArray[np.bool_]


@define(frozen=True)
class TruthMetric(Metric):
    """A metric of an image whose truth is known; each channel by itself, and their mean."""

    title = "comparison with the truth"

    tolerance: float = field(default=2.0, validator=validators.ge(0))
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
            pixels = counted(channel.reference, channel.mask)
            if self.truth_threshold is None:
                level = otsu(pixels)
            else:
                low, high = float(pixels.min()), float(pixels.max())
                level = low + self.truth_threshold * (high - low)
            structure = channel.reference > level
            if channel.mask is not None:
                structure &= channel.mask
            yield Truth(channel, structure, near(structure, self.tolerance))


@define(frozen=True)
class _StructureMetric(TruthMetric):
    title = "structure"

    percentile: float | None = field(default=None, validator=_PERCENT)

    @abstractmethod
    def of_structures(self, pair: StructurePair) -> float:
        """Return the metric of one channel."""

    def of_truth(self, truth: Truth) -> float:
        """Return the metric of one channel."""
        return self.of_structures(self.structures(truth))

    def structures(self, truth: Truth) -> StructurePair:
        """Return the structure of one channel, as the metric sees it."""
        channel = truth.channel
        pixels = counted(channel.image, channel.mask)
        if pixels.max() > pixels.min():
            percentile = self.percentile
            level = otsu(pixels) if percentile is None else np.percentile(pixels, percentile)
            restored = channel.image > level
        else:
            # A restoration may rightly or wrongly leave nothing; that is no structure.
            restored = np.zeros(channel.image.shape, dtype=bool)
        if channel.mask is not None:
            restored &= channel.mask
        return StructurePair(restored, truth.structure, near(restored, self.tolerance), truth.near)


@define(frozen=True)
class StructurePrecision(_StructureMetric):
    """Share of the restored structure that is real, 0 to 1; the reference is the truth.

    1 where nothing was restored: then recall is 0.  Ignores the data range; gain and offset of
    both images do not change it.

    Parameters
    ----------
    tolerance : float, optional
        Distance in pixels up to which structure beside the truth is real; half of the full width
        at half maximum of the point spread function is fair.
    percentile : float, optional
        Percentile of the image above which a pixel is structure; Otsu's threshold where left out.
    truth_threshold : float, optional
        Brightness of the truth above which a pixel is structure, as a share of the way from its
        minimum to its maximum; Otsu's threshold where left out.
    """

    title = "structure precision"

    def of_structures(self, pair: StructurePair) -> float:
        """Return the precision."""
        return pair.precision


@define(frozen=True)
class StructureRecall(_StructureMetric):
    """Share of the true structure that was found, 0 to 1; the reference is the truth.

    Ignores the data range; gain and offset of both images do not change it.

    Parameters
    ----------
    tolerance : float, optional
        Distance in pixels up to which structure beside the truth is real; half of the full width
        at half maximum of the point spread function is fair.
    percentile : float, optional
        Percentile of the image above which a pixel is structure; Otsu's threshold where left out.
    truth_threshold : float, optional
        Brightness of the truth above which a pixel is structure, as a share of the way from its
        minimum to its maximum; Otsu's threshold where left out.
    """

    title = "structure recall"

    def of_structures(self, pair: StructurePair) -> float:
        """Return the recall."""
        return pair.recall


@define(frozen=True)
class HallucinationRate(_StructureMetric):
    """Share of the connected objects of restored structure that are invented, 0 to 1.

    The reference is the truth.  An object is invented where less than half of its pixels lie
    within the tolerance of true structure.  0 where there is no object.  What is invented but
    hangs together with real structure is no object of its own; `structure_precision` counts it.
    Ignores the data range; gain and offset of both images do not change it.

    Parameters
    ----------
    tolerance : float, optional
        Distance in pixels up to which structure beside the truth is real; half of the full width
        at half maximum of the point spread function is fair.
    percentile : float, optional
        Percentile of the image above which a pixel is structure; Otsu's threshold where left out.
    truth_threshold : float, optional
        Brightness of the truth above which a pixel is structure, as a share of the way from its
        minimum to its maximum; Otsu's threshold where left out.
    smallest : int, optional
        Pixels below which an object is not counted.
    """

    title = "hallucination rate"

    smallest: int = field(default=1, validator=validators.ge(1))

    def of_structures(self, pair: StructurePair) -> float:
        """Return the rate."""
        invented, number = pair.invented(self.smallest)
        return invented / number if number else 0.0
