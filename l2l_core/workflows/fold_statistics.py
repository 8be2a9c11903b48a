"""What cross-validations say together: relative changes, confidence intervals, paired tests."""

from __future__ import annotations

from math import isfinite, nan
from typing import TYPE_CHECKING

import numpy as np
from attrs import define

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL = 0.95
"""Of the confidence intervals."""


@define(frozen=True)
class Interval:
    """A mean and its confidence interval.

    Parameters
    ----------
    mean : float
        NaN where there is no value.
    low, high : float
        Ends of the interval; NaN where one value alone tells nothing of the spread.
    count : int
        How many finite values there were.
    """

    mean: float
    low: float
    high: float
    count: int


@define(frozen=True)
class PairedTests:
    """How two methods differ on the same images.

    Parameters
    ----------
    pairs : int
        How many images both have a finite score of.
    difference : float
        Mean of the second method's score less the first's.
    t_p, wilcoxon_p : float
        Two-sided p of the paired t-test and of the Wilcoxon signed-rank test; NaN with fewer than
        two pairs, 1 where no pair differs.
    """

    pairs: int
    difference: float
    t_p: float
    wilcoxon_p: float


def relative_change(before: float, after: float) -> float:
    """Return by how many percent of its amount a number changed; NaN where it was 0."""
    return 100.0 * (after - before) / abs(before) if before else nan


def finite_mean(values: Sequence[float]) -> float:
    """Return the mean of the finite values, NaN where there is none."""
    finite = [value for value in values if isfinite(value)]
    return float(np.mean(finite)) if finite else nan


def interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Return the mean of some values and the confidence interval of it by Student's t.

    Parameters
    ----------
    values : sequence of float
        One for each cross-validation; those that are not finite are left out.
    level : float, optional
        Share of such intervals that hold the mean of all cross-validations that could be drawn, if
        these were independent and normally distributed.

    Notes
    -----
    Cross-validations that draw from one set of images share some, so they are alike, and more so
    the nearer N comes to all: the interval then tells of the divisions and of the chance in
    training, and is too narrow for what other images of the same kind would give.
    """
    from scipy import stats

    finite = np.array([value for value in values if isfinite(value)], np.float64)
    if not finite.size:
        return Interval(nan, nan, nan, 0)
    mean = float(finite.mean())
    if finite.size == 1:
        return Interval(mean, nan, nan, 1)
    error = float(finite.std(ddof=1)) / finite.size**0.5
    reach = float(stats.t.ppf(0.5 + level / 2, finite.size - 1)) * error
    return Interval(mean, mean - reach, mean + reach, int(finite.size))


def paired_tests(first: Sequence[float], second: Sequence[float]) -> PairedTests:
    """Return whether the second of two methods scores otherwise than the first.

    Parameters
    ----------
    first, second : sequence of float
        The score of each image by either method, in the same order of images.  An image that was
        held out several times has one score, the mean, or it would count as several.

    Notes
    -----
    Images of one fold were restored by one network, so the pairs are not quite independent, and
    nothing is corrected for the number of tests that a table holds.
    """
    from scipy import stats

    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    both = np.isfinite(one) & np.isfinite(two)
    differences = two[both] - one[both]
    count = int(differences.size)
    mean = float(differences.mean()) if count else nan
    if count < 2:
        return PairedTests(count, mean, nan, nan)
    if not differences.any():
        return PairedTests(count, 0.0, 1.0, 1.0)
    # Equal differences have no spread to compare their mean with, but for the rounding.
    equal = np.ptp(differences) <= 1e-12 * np.abs(differences).max()
    t_p = 0.0 if equal else float(stats.ttest_rel(two[both], one[both]).pvalue)
    # Differences that are nothing but rounding would be ranked like any other.
    rounded = np.round(differences, 12)
    wilcoxon_p = float(stats.wilcoxon(rounded).pvalue) if rounded.any() else 1.0
    return PairedTests(count, mean, t_p, wilcoxon_p)
