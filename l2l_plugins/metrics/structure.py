"""Restored structure against the true one: what is real, what was found, what was invented.

Both are made binary; :mod:`l2l_plugins.metrics.truth` tells what is true structure and what is
real.  Of a restoration structure is what is brighter than Otsu's threshold, but no more than the
brightest pixels that are as many as those near something real: of a hazy image Otsu's threshold is
the border of the cell, and all that lies within would count.  A pixel agrees with the truth where
that has something within a tolerance, a disc (in stacks a ball) of the point spread function's
size, since a restoration that lies beside the truth by less than the optics resolve is no
invention.

    precision = restored structure near something real / restored structure
    recall    = true structure near restored structure / true structure
    rate      = connected objects of restored structure that are invented / all of them

An object is invented where less than half of its pixels lie near something real.
"""

from __future__ import annotations

from abc import abstractmethod
from math import nan
from typing import Any

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_plugins.metrics.planewise import counted
from l2l_plugins.metrics.truth import Truth, TruthMetric, near, otsu

_REAL_SHARE = 0.5
_PERCENT: Any = validators.optional([validators.ge(0.0), validators.lt(100.0)])


@define(frozen=True, eq=False)
class StructurePair:
    """Restored and true structure of one channel, (Y, X) or (Z, Y, X).

    Parameters
    ----------
    restored, true : ndarray of bool
        Nothing outside the mask.
    near_restored, near_real : ndarray of bool
        What lies within the tolerance of restored structure, and of anything real.
    """

    restored: NDArray[np.bool_]
    true: NDArray[np.bool_]
    near_restored: NDArray[np.bool_]
    near_real: NDArray[np.bool_]

    @property
    def precision(self) -> float:
        """Share of the restored structure that is real; NaN where nothing was restored."""
        restored = np.count_nonzero(self.restored)
        real = np.count_nonzero(self.restored & self.near_real)
        return float(real / restored) if restored else nan

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
        real = np.bincount(labels[self.near_real], minlength=number + 1)[1:]
        large = sizes >= smallest
        return int(np.count_nonzero(large & (real < _REAL_SHARE * sizes))), int(large.sum())


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
        if not pixels.max() > pixels.min():
            # A restoration may rightly or wrongly leave nothing; that is no structure.
            restored = np.zeros(channel.image.shape, dtype=bool)
        elif self.percentile is not None:
            restored = channel.image > np.percentile(pixels, self.percentile)
        else:
            restored = channel.image > otsu(pixels)
            # Equal pixels count together, so that a binary image counts as a whole.
            rank = pixels.size - np.count_nonzero(truth.near)
            restored &= channel.image >= np.partition(pixels, rank)[rank]
        if channel.mask is not None:
            restored &= channel.mask
        return StructurePair(restored, truth.structure, near(restored, self.tolerance), truth.near)


@define(frozen=True)
class StructurePrecision(_StructureMetric):
    """Share of the restored structure that is real, 0 to 1; the reference is the truth.

    NaN where nothing was restored, of which no share can be taken: then recall is 0.  What is
    real but too faint to be true structure, which recall asks for, counts as real.  Ignores the
    data range; gain and offset of both images do not change it.

    Parameters
    ----------
    tolerance : float or tuple of float, optional
        Distance in pixels up to which structure beside the truth is real, one number for all axes
        or one for each of ``[Z,] Y, X``; half of the full width at half maximum of the point
        spread function is fair, and not less than 1.5.
    percentile : float, optional
        Percentile of the image above which a pixel is structure; where left out Otsu's threshold,
        or that of as many pixels as lie near something real if that is higher.
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

    Noise all over an image finds much of it, so it is to be read beside the precision.  Ignores
    the data range; gain and offset of both images do not change it.

    Parameters
    ----------
    tolerance : float or tuple of float, optional
        Distance in pixels up to which structure beside the truth is real, one number for all axes
        or one for each of ``[Z,] Y, X``; half of the full width at half maximum of the point
        spread function is fair, and not less than 1.5.
    percentile : float, optional
        Percentile of the image above which a pixel is structure; where left out Otsu's threshold,
        or that of as many pixels as lie near something real if that is higher.
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
    within the tolerance of something real.  NaN where there is no object: nothing was restored.
    What is invented but hangs together with real structure is no object of its own;
    `structure_precision` counts it.  Ignores the data range; gain and offset of both images do not
    change it.

    Parameters
    ----------
    tolerance : float or tuple of float, optional
        Distance in pixels up to which structure beside the truth is real, one number for all axes
        or one for each of ``[Z,] Y, X``; half of the full width at half maximum of the point
        spread function is fair, and not less than 1.5.
    percentile : float, optional
        Percentile of the image above which a pixel is structure; where left out Otsu's threshold,
        or that of as many pixels as lie near something real if that is higher.
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
        return invented / number if number else nan
