"""Taking the numbers of a normalisation in passes that can be divided, stopped and taken up again.

What blocks of an image add up to is a handful of arrays, which are counted anywhere and merged
afterwards.  Counts merge exactly whatever their order; sums of floats do not, so whoever merges
keeps the order of the blocks, and then every run has the same last bit.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from attrs import astuple, define, evolve
from numpy.typing import NDArray

from l2l_core.errors import StatisticsError
from l2l_core.images.axes import at
from l2l_core.images.normalization import METHODS, Method, Normalization
from l2l_core.images.percentiles import PercentileSearch
from l2l_core.images.statistics import Moments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

_MUCH = 1 / 3
"""Share of pixels of one value from which on it may be the filling of empty areas."""

Partial: TypeAlias = dict[str, NDArray[Any]]
"""What some blocks add up to: an array for each channel of which there are pixels."""


@define(frozen=True)
class Measuring:
    """Search for the numbers of one image's normalisation, and how far it has come.

    Each pass is ``found = measuring.fresh()``, then ``measuring.add(found, channel, block)`` for
    every block (or ``measuring.merge(found, other)`` of what was added up elsewhere, in the order
    of the blocks), then ``measuring = measuring.finish(found)``, until ``measuring.done``.

    Parameters
    ----------
    method : {"percentile", "mean_std", "min_max", "none"}
    channels : int
    where : str
        What a message calls the image.
    ignore : float or None
        A pixel value that is left out.
    searches : tuple of PercentileSearch
        One for each channel, where pixels are counted: for the method "percentile", and for
        integers of 8 and 16 bits.
    moments : tuple of Moments
        One for each channel, once they are known.
    """

    method: Method
    channels: int
    where: str = ""
    ignore: float | None = None
    searches: tuple[PercentileSearch, ...] = ()
    moments: tuple[Moments, ...] = ()

    @classmethod
    def start(
        cls,
        dtype: np.dtype[Any] | str,
        channels: int,
        *,
        method: Method = "percentile",
        low: float = 2.0,
        high: float = 99.8,
        where: str = "",
        ignore: float | None = None,
    ) -> Self:
        """Return a search that has not seen a pixel.

        Parameters
        ----------
        dtype : numpy.dtype or str
            Of the pixels.
        channels : int
        method, low, high, where, ignore
            As :func:`l2l_core.images.normalization.measure` takes them.

        Raises
        ------
        StatisticsError
            If the method is unknown, or if `low` is not below `high`.
        """
        if method not in METHODS:
            raise StatisticsError(
                f"unknown method of normalisation {method!r}; choose one of {', '.join(METHODS)}"
            )
        # Nothing equals NaN, and what is infinite is left out anyway.
        ignore = float(ignore) if ignore is not None and isfinite(ignore) else None
        dtype = np.dtype(dtype)
        searches: tuple[PercentileSearch, ...] = ()
        if method == "percentile":
            if not 0 <= low < high <= 100:
                raise StatisticsError(
                    f"{at(where)}percentiles {low:g} and {high:g}; expected 0 <= low < high <= 100"
                )
            searches = (PercentileSearch(dtype, (0, low, high, 100), ignore),) * channels
        elif method != "none" and dtype.kind in "iub" and dtype.itemsize <= 2:
            searches = (PercentileSearch(dtype, (0, 100), ignore),) * channels
        return cls(method, channels, where, ignore, searches)

    @classmethod
    def from_dict(cls, stated: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` wrote."""
        return cls(
            method=stated["method"],
            channels=stated["channels"],
            where=stated["where"],
            ignore=stated["ignore"],
            searches=tuple(map(PercentileSearch.from_dict, stated["searches"])),
            moments=tuple(Moments(*numbers) for numbers in stated["moments"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the search, and how far it is, as JSON takes it."""
        return {
            "method": self.method,
            "channels": self.channels,
            "where": self.where,
            "ignore": self.ignore,
            "searches": [search.to_dict() for search in self.searches],
            "moments": [list(astuple(moments)) for moments in self.moments],
        }

    @property
    def passes_left(self) -> int:
        """How often the pixels are still to be read."""
        if self.method == "percentile":
            return max(search.passes_left for search in self.searches)
        return 0 if self.method == "none" or self.moments else 1

    @property
    def done(self) -> bool:
        """Whether :meth:`normalization` can be asked for."""
        return self.passes_left == 0

    @property
    def _names(self) -> list[str]:
        if self.channels == 1:
            return [self.where]
        return [f"{self.where}, channel {channel}" for channel in range(self.channels)]

    def fresh(self) -> Partial:
        """Return what no block adds up to."""
        return {}

    def add(self, partial: Partial, channel: int, block: NDArray[Any]) -> None:
        """Add the pixels of a channel in one block to `partial`.

        Parameters
        ----------
        partial : dict of str to ndarray
            Changed in place.
        channel : int
        block : ndarray, any axes
            In the type of the image.
        """
        key = str(channel)
        if self.searches:
            search = self.searches[channel]
            if key not in partial:
                partial[key] = search.start()
            search.add(partial[key], block)
        else:
            row = np.array([astuple(Moments.of(block, self.ignore))], np.float64)
            partial[key] = np.concatenate([partial[key], row]) if key in partial else row

    def merge(self, first: Partial, second: Partial) -> Partial:
        """Return what the blocks of both add up to.

        Parameters
        ----------
        first : dict of str to ndarray
            What all blocks before add up to; not to be used any more.
        second : dict of str to ndarray
            What the blocks that follow add up to.
        """
        for key, found in second.items():
            if key not in first:
                first[key] = found
            elif self.searches:
                first[key] += found
            else:
                first[key] = np.concatenate([first[key], found])
            if not self.searches:
                # One by one: of blocks that were merged in other groups the last bit may differ.
                first[key] = np.array([astuple(_merged(first[key]))], np.float64)
        return first

    def finish(self, partial: Partial) -> Self:
        """Return the search with what one pass over all pixels has found.

        Raises
        ------
        StatisticsError
            If a channel has no finite pixel.
        """
        keys = [str(channel) for channel in range(self.channels)]
        if self.method == "percentile":
            searches = tuple(
                search.finish(partial.get(key, search.start()))
                for key, search in zip(keys, self.searches, strict=True)
            )
            self._refuse_empty([search.count for search in searches])
            return evolve(self, searches=searches)
        if self.searches:
            moments = tuple(
                _counted(search, partial.get(key, search.start()))
                for key, search in zip(keys, self.searches, strict=True)
            )
        else:
            moments = tuple(_merged(partial.get(key, np.empty((0, 7)))) for key in keys)
        self._refuse_empty([one.count for one in moments])
        return evolve(self, moments=moments)

    def _refuse_empty(self, counts: list[int]) -> None:
        for count, name in zip(counts, self._names, strict=True):
            if count == 0:
                raise StatisticsError(
                    f"{at(name)}there is no finite pixel to take statistics from: all are NaN or "
                    "left out; remove the image from the set"
                )

    @property
    def remark(self) -> str:
        """What looks like the filling of empty areas among the pixels; empty where nothing does.

        Filling has the lowest value, and so much of it pulls the percentiles of what was measured.
        """
        if self.method != "percentile" or self.ignore is not None or not self.done:
            return ""
        for search, name in zip(self.searches, self._names, strict=True):
            value, share = search.values[0], search.lowest / max(1, search.count)
            if share > _MUCH and value != search.values[-1]:
                shown = f"{value:g}" if float(f"{value:g}") == value else repr(value)
                return (
                    f"{at(name)}{share:.0%} of the pixels are exactly {shown}, the lowest value, "
                    "which pulls the percentiles that normalise the image; if that fills areas "
                    f"without an image, begin anew with --ignore {shown} and --restart"
                )
        return ""

    def normalization(self) -> Normalization:
        """Return the numbers.

        Raises
        ------
        StatisticsError
            If a channel is constant, if nearly all of its pixels are equal, or if a pass is still
            to be made.
        """
        if not self.done:
            raise StatisticsError("numbers are asked for before the last pass over the pixels")
        if self.method == "none":
            return Normalization.identity(self.channels)
        if self.method == "percentile":
            numbers = self._each(_percentile, self.searches)
        elif self.method == "mean_std":
            numbers = self._each(_mean_std, self.moments)
        else:
            numbers = self._each(_min_max, self.moments)
        return Normalization(*zip(*numbers, strict=True))

    def _each(
        self, take: Callable[[T, str], tuple[float, float]], found: tuple[T, ...]
    ) -> list[tuple[float, float]]:
        return [take(one, name) for one, name in zip(found, self._names, strict=True)]


def _counted(search: PercentileSearch, counts: NDArray[np.int64]) -> Moments:
    """Return the moments of integers that were counted."""
    (ordered,) = search.in_order(counts)
    lowest = -ordered.size // 2 if search.dtype.kind == "i" else 0
    values = np.arange(lowest, lowest + ordered.size)
    return Moments.of_counts(values, ordered, int(counts.sum() - ordered.sum()))


def _merged(rows: NDArray[np.float64]) -> Moments:
    """Return the moments of blocks of which each row has those of one, in their order."""
    merged = Moments()
    for count, left_out, mean, squares, minimum, maximum, at_maximum in rows.tolist():
        merged = merged.merge(
            Moments(int(count), int(left_out), mean, squares, minimum, maximum, int(at_maximum))
        )
    return merged


def _refuse_constant(minimum: float, maximum: float, where: str) -> None:
    if minimum == maximum:
        kind = "0" if minimum == 0 else f"the same value, {minimum:g}"
        raise StatisticsError(
            f"{at(where)}all pixels are {kind}, so the image has no contrast to normalise; remove "
            "it from the set, or choose the method 'none'"
        )


def _percentile(search: PercentileSearch, where: str) -> tuple[float, float]:
    minimum, low, high, maximum = search.values
    _refuse_constant(minimum, maximum, where)
    if low == high:
        _, first, last, _ = search.percentiles
        raise StatisticsError(
            f"{at(where)}the percentiles {first:g} and {last:g} are both {low:g}, although pixels "
            f"go from {minimum:g} to {maximum:g}: nearly all are equal; set the percentiles "
            "further apart, or choose the method 'min_max'"
        )
    return low, high - low


def _mean_std(moments: Moments, where: str) -> tuple[float, float]:
    _refuse_constant(moments.minimum, moments.maximum, where)
    return moments.mean, moments.std


def _min_max(moments: Moments, where: str) -> tuple[float, float]:
    _refuse_constant(moments.minimum, moments.maximum, where)
    return moments.minimum, moments.maximum - moments.minimum
