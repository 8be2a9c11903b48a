"""Exact statistics of images of any size, block by block, with little and mergeable state.

Percentiles come from counts, never from samples: 8- and 16-bit pixels take one histogram; wider
ones are mapped to unsigned integers of the same order (Terdiman's radix trick for floats) and
searched 16 bits at a time, one pass over the image for each.  Mean and deviation follow Chan,
Golub and LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
variances".  Pixels that are NaN or infinite are left out of everything.
"""

from __future__ import annotations

from math import floor, inf, sqrt
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from attrs import define, evolve, field

from l2l_core.errors import StatisticsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from l2l_core.images.image import Image

WORD = 16
BUCKETS = 1 << WORD

# Pixels that are counted at once: few enough that what comes between stays in the cache.
CACHED = 1 << 18


def order_keys(values: NDArray[Any]) -> NDArray[Any]:
    """Map pixels to unsigned integers that sort as the pixels do.

    Parameters
    ----------
    values : ndarray, integers, booleans or floats without NaN

    Returns
    -------
    ndarray of uint16, uint32 or uint64
    """
    dtype = values.dtype.newbyteorder("=")
    values = np.ascontiguousarray(values, dtype=np.uint8 if dtype.kind == "b" else dtype)
    width = 8 * values.dtype.itemsize
    keys = values.view(f"u{values.dtype.itemsize}")
    sign = keys.dtype.type(1 << (width - 1))
    if values.dtype.kind == "i":
        keys = keys ^ sign
    elif values.dtype.kind == "f":
        # All bits flip of a negative number, whose shifted sign is all ones; else the sign alone.
        flips = (keys.view(f"i{values.dtype.itemsize}") >> (width - 1)).view(keys.dtype) | sign
        keys = keys ^ flips
    return keys.astype(np.uint16) if width == 8 else keys


def key_value(key: int, dtype: np.dtype[Any]) -> float:
    """Return the pixel value whose key by :func:`order_keys` is `key`."""
    width = 8 * dtype.itemsize
    sign = 1 << (width - 1)
    if dtype.kind == "i":
        return float(key - sign)
    if dtype.kind == "f":
        bits = key ^ sign if key & sign else key ^ ((1 << width) - 1)
        # Adding zero turns minus zero into zero.
        return float(np.array(bits, f"u{dtype.itemsize}").view(f"f{dtype.itemsize}")) + 0.0
    return float(key)


def valid_pixels(block: NDArray[Any], ignore: float | None = None) -> NDArray[Any]:
    """Return the pixels of a block that count, flat: finite, and not the value `ignore`."""
    flat = block.reshape(-1)
    if flat.dtype.kind == "f":
        finite = np.isfinite(flat)
        if not finite.all():
            flat = flat[finite]
    elif flat.dtype.kind not in "iub":
        raise StatisticsError(f"pixels of type {block.dtype} have no order; expected real numbers")
    if ignore is not None:
        flat = flat[flat != ignore]
    return flat


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
    """

    dtype: np.dtype[Any] = field(converter=np.dtype)
    percentiles: tuple[float, ...]
    ignore: float | None = None
    count: int = 0
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

    def start(self) -> NDArray[np.int64]:
        """Return empty counts for the pass that comes."""
        return np.zeros((len(self._prefixes), BUCKETS), np.int64)

    def add(self, counts: NDArray[np.int64], block: NDArray[Any]) -> None:
        """Count the pixels of one block into `counts`."""
        pixels = block.reshape(-1)
        for start in range(0, pixels.size, CACHED):
            piece = valid_pixels(pixels[start : start + CACHED], self.ignore)
            self._count(counts, order_keys(piece))

    def _count(self, counts: NDArray[np.int64], keys: NDArray[Any]) -> None:
        shift = (self.words - 1 - self._passes) * WORD
        if self._passes == 0:
            words = keys >> keys.dtype.type(shift) if shift else keys
            counts[0] += np.bincount(words.astype(np.uint16, copy=False), minlength=BUCKETS)
            return
        heads = keys >> keys.dtype.type(shift + WORD)
        for row, prefix in enumerate(self._prefixes):
            chosen = keys[heads == keys.dtype.type(prefix)] >> keys.dtype.type(shift)
            words = (chosen & keys.dtype.type(BUCKETS - 1)).astype(np.uint16)
            counts[row] += np.bincount(words, minlength=BUCKETS)

    @staticmethod
    def merge(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts of two sets of blocks together."""
        return first + second

    def finish(self, counts: NDArray[np.int64]) -> PercentileSearch:
        """Return the search with what one pass over all pixels has found."""
        total = int(counts.sum()) if self._passes == 0 else self.count
        if total == 0:
            return evolve(self, count=0, passes=self._passes + 1)
        targets = self._targets or {rank: (0, rank) for rank in self._ranks(total)}
        sums = np.cumsum(counts, axis=1)
        found = {}
        for rank, (prefix, rest) in targets.items():
            row = self._prefixes.index(prefix)
            word = int(np.searchsorted(sums[row], rest, side="right"))
            before = int(sums[row, word - 1]) if word else 0
            found[rank] = ((prefix << WORD) | word, rest - before)
        return evolve(
            self,
            count=total,
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


@define(frozen=True)
class Moments:
    """Count, mean, spread and extremes of pixels; two of them merge into one.

    Parameters
    ----------
    count, left_out : int
        Pixels that count, and those that are NaN, infinite or ignored.
    mean, squares : float
        Mean, and sum of squared deviations from it.
    minimum, maximum : float
    at_maximum : int
        Pixels that have the value `maximum`: many of them where a detector saturates.
    """

    count: int = 0
    left_out: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = inf
    maximum: float = -inf
    at_maximum: int = 0

    @classmethod
    def of(cls, block: NDArray[Any], ignore: float | None = None) -> Self:
        """Return the moments of one block, in float64."""
        pixels = valid_pixels(block, ignore)
        if pixels.size == 0:
            return cls(left_out=block.size)
        values = pixels.astype(np.float64)
        mean = float(values.mean())
        values -= mean
        maximum = pixels.max()
        return cls(
            count=pixels.size,
            left_out=block.size - pixels.size,
            mean=mean,
            squares=float(np.dot(values, values)),
            minimum=float(pixels.min()),
            maximum=float(maximum),
            at_maximum=int(np.count_nonzero(pixels == maximum)),
        )

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of pixels together."""
        count = self.count + other.count
        left_out = self.left_out + other.left_out
        if self.count == 0 or other.count == 0:
            return evolve(self if self.count else other, left_out=left_out)
        step = other.mean - self.mean
        maximum = max(self.maximum, other.maximum)
        return Moments(
            count=count,
            left_out=left_out,
            mean=self.mean + step * other.count / count,
            squares=self.squares + other.squares + step**2 * self.count * other.count / count,
            minimum=min(self.minimum, other.minimum),
            maximum=maximum,
            at_maximum=sum(m.at_maximum for m in (self, other) if m.maximum == maximum),
        )

    @property
    def std(self) -> float:
        """Standard deviation of the population, as :func:`numpy.std`."""
        return sqrt(self.squares / self.count) if self.count else float("nan")


@define(frozen=True)
class ChannelStatistics:
    """What :func:`summarize` says of one channel.

    Parameters
    ----------
    moments : Moments
    percentiles : dict of float to float
        Value of each percentile asked for.
    saturated : float
        Share of the pixels at the highest value that their type can hold; 0 for floats.
    """

    moments: Moments
    percentiles: dict[float, float]
    saturated: float


def channel_blocks(image: Image) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (channel, pixels) for all blocks of an image, reading each block once."""
    for place in image.blocks():
        yield from by_channel(image, place)


def by_channel(image: Image, place: Mapping[str, slice]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (channel, pixels) for one block of an image, reading it once."""
    block = image.read(**place)
    if "C" not in image.axes:
        yield 0, block
        return
    parts = np.moveaxis(block, image.axes.index("C"), 0)
    yield from enumerate(parts, start=place["C"].start)


def channels(image: Image) -> int:
    """Return how many channels an image has; 1 without a C axis."""
    return image.info.sizes.get("C", 1)


def search_percentiles(
    image: Image, percentiles: Sequence[float], ignore: float | None = None
) -> tuple[PercentileSearch, ...]:
    """Return the finished search of each channel of an image, read in blocks."""
    searches = [PercentileSearch(image.dtype, tuple(percentiles), ignore)] * channels(image)
    while not all(search.done for search in searches):
        counts = [search.start() for search in searches]
        for channel, block in channel_blocks(image):
            if not searches[channel].done:
                searches[channel].add(counts[channel], block)
        searches = [
            search if search.done else search.finish(count)
            for search, count in zip(searches, counts, strict=True)
        ]
    return tuple(searches)


def measure_moments(image: Image, ignore: float | None = None) -> tuple[Moments, ...]:
    """Return the moments of each channel of an image, read in blocks."""
    moments = [Moments()] * channels(image)
    for channel, block in channel_blocks(image):
        moments[channel] = moments[channel].merge(Moments.of(block, ignore))
    return tuple(moments)


def summarize(
    image: Image, percentiles: Sequence[float] = (), *, ignore: float | None = None
) -> tuple[ChannelStatistics, ...]:
    """Measure each channel of an image exactly, reading it in blocks.

    Parameters
    ----------
    image : Image
    percentiles : sequence of float
        In percent.
    ignore : float, optional
        A pixel value that is left out.

    Returns
    -------
    tuple of ChannelStatistics
        One for each channel; without a C axis there is one.

    Raises
    ------
    StatisticsError
        If the pixels are complex numbers.
    """
    highest = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else inf
    searches = search_percentiles(image, percentiles, ignore)
    return tuple(
        ChannelStatistics(
            moments=moments,
            percentiles=dict(zip(search.percentiles, search.values, strict=True)),
            saturated=moments.at_maximum / moments.count if moments.maximum == highest else 0.0,
        )
        for moments, search in zip(measure_moments(image, ignore), searches, strict=True)
    )
