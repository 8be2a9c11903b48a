"""Exact statistics of images of any size, block by block, with little and mergeable state.

Percentiles are searched by counts.  Mean and deviation follow Chan, Golub and LeVeque (1979),
"Updating formulae and a pairwise algorithm for computing sample variances"; those of 8- and 16-bit
integers come from counts too, and are exact.  Pixels that are NaN or infinite are left out of
everything.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from attrs import define, evolve

from l2l_core.images.percentiles import PercentileSearch, refuse_unordered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from l2l_core.images.image import Image


def valid_pixels(block: NDArray[Any], ignore: float | None = None) -> NDArray[Any]:
    """Return the pixels of a block that count, flat: finite, and not the value `ignore`."""
    refuse_unordered(block.dtype)
    flat = block.reshape(-1)
    if flat.dtype.kind == "f":
        finite = np.isfinite(flat)
        if not finite.all():
            flat = flat[finite]
    if ignore is not None:
        flat = flat[flat != ignore]
    return flat


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

    @classmethod
    def of_counts(
        cls, values: NDArray[np.int64], counts: NDArray[np.int64], left_out: int = 0
    ) -> Self:
        """Return the moments of pixels of which it is known how often each value occurs.

        Parameters
        ----------
        values : ndarray, (n,)
            Whole numbers, rising.
        counts : ndarray, (n,)
            Of pixels that have each value.
        left_out : int
            Pixels that are not among them.
        """
        occurring = np.flatnonzero(counts)
        if occurring.size == 0:
            return cls(left_out=left_out)
        # Python's integers have no end, and so nothing is rounded before the two divisions.
        pairs = list(zip(values[occurring].tolist(), counts[occurring].tolist(), strict=True))
        count = sum(times for _, times in pairs)
        total = sum(value * times for value, times in pairs)
        squares = sum(value * value * times for value, times in pairs)
        return cls(
            count=count,
            left_out=left_out,
            mean=total / count,
            squares=(count * squares - total * total) / count,
            minimum=float(pairs[0][0]),
            maximum=float(pairs[-1][0]),
            at_maximum=pairs[-1][1],
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
