"""Batches of samples, made ahead of time in threads and handed out in a fixed order."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs
import numpy as np

from l2l_core.components import Sample

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

S = TypeVar("S", bound=Sample)


class Indexed(Protocol):
    """Samples that are asked for by their number; safe to call from several threads."""

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index`."""


def collate(samples: Sequence[S]) -> S:
    """Return samples of one kind as one record of that kind, with a batch axis in front.

    Parameters
    ----------
    samples : sequence of Paired, Unpaired or Single
        N samples, arrays (C, [Z,] Y, X) float32.

    Returns
    -------
    Paired, Unpaired or Single
        Arrays (N, C, [Z,] Y, X) float32, C-contiguous.
    """
    first = samples[0]
    stacked: dict[str, Any] = {
        field.name: np.stack([getattr(sample, field.name) for sample in samples]).astype(
            np.float32, copy=False
        )
        for field in attrs.fields(type(first))
    }
    return type(first)(**stacked)


def workers_here() -> int:
    """Return in how many threads batches are made: the cores but one, 8 at the most."""
    return max(1, min(8, (os.cpu_count() or 2) - 1))


def prefetched(
    samples: Indexed, batches: Iterable[Sequence[int]], *, workers: int | None = None
) -> Generator[Any, None, None]:
    """Yield a collated batch for each list of sample numbers, in their order.

    A few batches are made ahead in threads, each batch in one of them; since a sample depends on
    its number alone, what comes out does not depend on the threads.  Closing the generator ends
    them; what a sample raises is raised where its batch is due.

    Parameters
    ----------
    samples : Samples or ValidationSamples
        Asked from several threads.
    batches : iterable of sequences of int
        Sample numbers of each batch; may be endless.
    workers : int, optional
        Number of threads.
    """
    workers = workers or workers_here()
    numbers = iter(batches)

    def make(indices: Sequence[int]) -> Any:
        return collate([samples[index] for index in indices])

    waiting: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="l2l-batches")
    try:
        for _ in range(workers + 1):
            waiting.extend(pool.submit(make, indices) for indices in _next(numbers))
        while waiting:
            batch = waiting.popleft().result()
            waiting.extend(pool.submit(make, indices) for indices in _next(numbers))
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _next(numbers: Iterable[Sequence[int]]) -> Iterable[Sequence[int]]:
    for indices in numbers:
        return [indices]
    return []


def batch_indices(step: int, batch_size: int) -> range:
    """Return the sample numbers of a training step, counted from 0 over all epochs."""
    return range(step * batch_size, (step + 1) * batch_size)


def validation_indices(count: int, batch_size: int) -> list[range]:
    """Return the sample numbers of all validation batches; the last may be smaller."""
    return [range(i, min(i + batch_size, count)) for i in range(0, count, batch_size)]
