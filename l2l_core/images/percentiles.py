"""Exact percentiles from counts, never from samples, with little and mergeable state.

8- and 16-bit pixels take one histogram; wider ones are searched 16 bits at a time, one pass over
the image for each.  Bits are counted as they are, and only the counts are put into the order of the
values (Terdiman's radix trick for floats), which is quicker than to turn each pixel into a key.
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from attrs import define, evolve, field

from l2l_core.errors import StatisticsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

WORD = 16
BUCKETS = 1 << WORD

# Pixels that are counted at once: few enough that what comes between stays in the cache.
CACHED = 1 << 18


def key_value(key: int, dtype: np.dtype[Any]) -> float:
    """Return the pixel value that `key` stands for, among unsigned integers of the same order."""
    width = 8 * dtype.itemsize
    if dtype.kind == "i":
        return float(key - (1 << (width - 1)))
    if dtype.kind == "f":
        bits = np.array(key_bits(key, width, "f"), f"u{dtype.itemsize}")
        # Adding zero turns minus zero into zero.
        return float(bits.view(f"f{dtype.itemsize}")) + 0.0
    return float(key)


def key_bits(key: int, width: int, kind: str) -> int:
    """Return the uppermost `width` bits of the pixels whose keys begin with `key`.

    Parameters
    ----------
    key : int
        Among unsigned integers that sort as the pixels do.
    width : int
        How many bits `key` has.
    kind : str
        ``dtype.kind`` of the pixels.
    """
    sign = 1 << (width - 1)
    if kind == "i" or (kind == "f" and key & sign):
        return key ^ sign
    # The larger the bits of a negative number, the lower it is.
    return key ^ ((1 << width) - 1) if kind == "f" else key


def pixel_bits(block: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels of a block as unsigned integers of the same bits, flat.

    Raises
    ------
    StatisticsError
        If the pixels are no real numbers.
    """
    refuse_unordered(block.dtype)
    flat = np.ascontiguousarray(block.reshape(-1), block.dtype.newbyteorder("="))
    return flat.view(f"u{flat.dtype.itemsize}")


def refuse_unordered(dtype: np.dtype[Any]) -> None:
    """Refuse pixels that cannot be sorted.

    Raises
    ------
    StatisticsError
        If they are no real numbers.
    """
    if dtype.kind not in "iubf":
        raise StatisticsError(f"pixels of type {dtype} have no order; expected real numbers")


def _count_bytes(counts: NDArray[np.int64], bits: NDArray[np.uint8]) -> None:
    """Count bytes, two at a time: that takes half as many steps."""
    even = bits.size // 2 * 2
    pairs = np.zeros(BUCKETS, np.int64)
    for start in range(0, even, 2 * CACHED):
        piece = bits[start : min(start + 2 * CACHED, even)]
        pairs += np.bincount(piece.view(np.uint16), minlength=BUCKETS)
    square = pairs.reshape(counts.size, counts.size)
    counts += square.sum(axis=0) + square.sum(axis=1)
    counts[bits[even:]] += 1


@define(frozen=True)
class PercentileSearch:
    """Search for exact percentiles, in as many passes over the pixels as they have 16-bit words.

    Each pass is ``counts = search.start()``, then ``search.add(counts, block)`` for every block
    (or ``search.merge(a, b)`` of counts from elsewhere), then ``search = search.finish(counts)``,
    until ``search.done``. The result does not depend on how the pixels were cut into blocks, and
    equals ``np.nanpercentile(pixels.astype(float), percentiles, method="linear")``.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the pixels.
    percentiles : tuple of float
        In percent.
    ignore : float, optional
        A value that is left out, such as the filling of empty areas of a mosaic.
    count : int
        Pixels that counted in the first pass.
    lowest : int
        How many of them have the lowest value, once the last pass is over; 0 where the percentile
        0 is not asked for.
    """

    dtype: np.dtype[Any] = field(converter=np.dtype)
    percentiles: tuple[float, ...]
    ignore: float | None = None
    count: int = 0
    lowest: int = 0
    _prefixes: tuple[int, ...] = (0,)
    _targets: dict[int, tuple[int, int]] = field(factory=dict)
    _passes: int = 0

    @classmethod
    def from_dict(cls, stated: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` wrote."""
        return cls(
            dtype=stated["dtype"],
            percentiles=tuple(stated["percentiles"]),
            ignore=stated["ignore"],
            count=stated["count"],
            lowest=stated["lowest"],
            prefixes=tuple(stated["prefixes"]),
            targets={rank: (prefix, rest) for rank, prefix, rest in stated["targets"]},
            passes=stated["passes"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the search, and how far it is, as JSON takes it."""
        return {
            "dtype": self.dtype.name,
            "percentiles": list(self.percentiles),
            "ignore": self.ignore,
            "count": self.count,
            "lowest": self.lowest,
            "prefixes": list(self._prefixes),
            "targets": [[rank, *found] for rank, found in self._targets.items()],
            "passes": self._passes,
        }

    @property
    def words(self) -> int:
        """How many passes it takes."""
        return max(1, self.dtype.itemsize * 8 // WORD)

    @property
    def passes_left(self) -> int:
        """How many passes are still to be made, unless no pixel counts."""
        return 0 if self.done else self.words - self._passes

    @property
    def done(self) -> bool:
        """Whether :attr:`values` can be asked for."""
        return self._passes == self.words or (self._passes > 0 and self.count == 0)

    @property
    def _buckets(self) -> int:
        return min(BUCKETS, 1 << (8 * self.dtype.itemsize))

    @property
    def _shift(self) -> int:
        """How many bits are below the word that is counted."""
        return (self.words - 1 - self._passes) * WORD

    def start(self) -> NDArray[np.int64]:
        """Return empty counts for the pass that comes."""
        return np.zeros((len(self._prefixes), self._buckets), np.int64)

    def add(self, counts: NDArray[np.int64], block: NDArray[Any]) -> None:
        """Count the pixels of one block into `counts`."""
        bits = pixel_bits(block)
        if bits.size == 0:
            return
        pieces = [bits[start : start + CACHED] for start in range(0, bits.size, CACHED)]
        if self._passes:
            self._count_below(counts, pieces)
        elif self._buckets < BUCKETS:
            _count_bytes(counts[0], bits)
        else:
            for piece in pieces:
                words = (piece >> self._shift).astype(np.intp)
                counts[0] += np.bincount(words, minlength=BUCKETS)
        if self.words > 1:
            self._take_back(counts, pieces)

    def _count_below(self, counts: NDArray[np.int64], pieces: list[NDArray[Any]]) -> None:
        """Count the next word of the pixels that begin with one of the prefixes."""
        upper = self._shift + WORD
        prefixes = self._prefix_bits()
        # The smallest type that holds them is the fastest to compare.
        kind = np.min_scalar_type((1 << (WORD * self._passes)) - 1)
        near = []
        for piece in pieces:
            heads = (piece >> upper).astype(kind)
            mask = heads == prefixes[0]
            for prefix in prefixes[1:]:
                mask |= heads == prefix
            near.append(piece[mask])
        found = np.concatenate(near)
        heads = (found >> upper).astype(kind)
        for row, prefix in enumerate(prefixes):
            words = (found[heads == prefix] >> self._shift).astype(np.uint16)
            counts[row] += np.bincount(words, minlength=BUCKETS)

    def _prefix_bits(self) -> list[int]:
        if not self._passes:
            return [0]
        return [key_bits(p, WORD * self._passes, self.dtype.kind) for p in self._prefixes]

    def _take_back(self, counts: NDArray[np.int64], pieces: list[NDArray[Any]]) -> None:
        """Take the value `ignore` out of the counts again: it shares buckets with others."""
        for left_out in self._ignored_bits():
            head = left_out >> (self._shift + WORD)
            for row, prefix in enumerate(self._prefix_bits()):
                if head == prefix:
                    word = (left_out >> self._shift) % BUCKETS
                    counts[row, word] -= sum(np.count_nonzero(p == left_out) for p in pieces)

    def _ignored_bits(self) -> list[int]:
        """Return the bits of the value `ignore`; none where no pixel can have it."""
        if self.ignore is None:
            return []
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.array(self.ignore).astype(self.dtype)
        if self.dtype.kind == "f" and value == 0:
            return [0, 1 << (8 * self.dtype.itemsize - 1)]
        if self.dtype.kind != "f" and value != self.ignore:
            return []
        return [int(pixel_bits(value)[0])]

    @staticmethod
    def merge(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts of two sets of blocks together."""
        return first + second

    def in_order(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts in the order of the values, without those that are left out."""
        if self._passes:
            if self.dtype.kind != "f":
                return counts
            sign = 1 << (WORD * self._passes - 1)
            # The larger the bits of a negative number, the lower it is.
            rows = zip(counts, self._prefixes, strict=True)
            return np.stack([row if prefix & sign else row[::-1] for row, prefix in rows])
        counts = counts.copy()
        if self.words == 1:
            counts[0, self._ignored_bits()] = 0
        if self.dtype.kind in "ub":
            return counts
        positive, negative = np.split(counts[0], 2)
        if self.dtype.kind == "f":
            infinite = int(pixel_bits(np.array(np.inf, self.dtype))[0]) >> self._shift
            positive[infinite:] = 0
            negative[infinite:] = 0
            negative = negative[::-1]
        return np.concatenate([negative, positive])[None]

    def finish(self, counts: NDArray[np.int64]) -> PercentileSearch:
        """Return the search with what one pass over all pixels has found."""
        counts = self.in_order(counts)
        total = int(counts.sum()) if self._passes == 0 else self.count
        if total == 0:
            return evolve(self, count=0, passes=self._passes + 1)
        targets = self._targets or {rank: (0, rank) for rank in self._ranks(total)}
        sums = np.cumsum(counts, axis=1)
        found = {}
        lowest = 0
        for rank, (prefix, rest) in targets.items():
            row = self._prefixes.index(prefix)
            word = int(np.searchsorted(sums[row], rest, side="right"))
            before = int(sums[row, word - 1]) if word else 0
            found[rank] = ((prefix << WORD) | word, rest - before)
            if rank == 0:
                lowest = int(counts[row, word])
        return evolve(
            self,
            count=total,
            lowest=lowest,
            prefixes=tuple(sorted({prefix for prefix, _ in found.values()})),
            targets=found,
            passes=self._passes + 1,
        )

    def _ranks(self, total: int) -> set[int]:
        places = [(total - 1) * (percentile / 100) for percentile in self.percentiles]
        return {rank for p in places for rank in (floor(p), min(floor(p) + 1, total - 1))}

    @property
    def values(self) -> tuple[float, ...]:
        """The percentiles, NaN where no pixel counted.

        Raises
        ------
        StatisticsError
            If a pass is still to be made.
        """
        if not self.done:
            raise StatisticsError("percentiles are asked for before the last pass over the pixels")
        if self.count == 0:
            return (float("nan"),) * len(self.percentiles)
        return tuple(self._value(percentile) for percentile in self.percentiles)

    def _value(self, percentile: float) -> float:
        place = (self.count - 1) * (percentile / 100)
        rank = floor(place)
        below = key_value(self._targets[rank][0], self.dtype)
        above = key_value(self._targets[min(rank + 1, self.count - 1)][0], self.dtype)
        share = place - rank
        # From the nearer end, as NumPy does, so that the last bit agrees.
        if share < 0.5:
            return below + (above - below) * share
        return above - (above - below) * (1 - share)
