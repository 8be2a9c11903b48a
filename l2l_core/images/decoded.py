"""A small store of decoded blocks, so that a plane is not decoded again for each of its patches.

TIFF keeps its segments and PNG its whole there; what is stored in chunks, such as zarr, is read
through a :class:`ChunkedSource`.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from functools import partial
from math import prod
from threading import Lock, local
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from attrs import field, frozen

from l2l_core.images.image import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from numpy.typing import NDArray

T = TypeVar("T")

_MANY_CHUNKS = 512
"""A request that touches more chunks than this goes past the store."""


class DecodedBlocks:
    """The blocks that were decoded last, up to a limit of memory; safe for several threads.

    Parameters
    ----------
    limit : int
        In bytes. A block larger than that is not kept.
    """

    def __init__(self, limit: int = 2**28) -> None:
        self.limit = limit
        self.size = 0
        self._blocks: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, decode: Callable[[], tuple[T, int | None]]) -> T:
        """Return the block of `key`, from memory or by `decode`.

        `decode` also tells the block's bytes, or None where it must not be kept. The block is
        shared, so nobody writes to it.
        """
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return cast("T", self._blocks[key][0])
        # Decoding goes on outside the lock: two threads may do it twice, and neither waits.
        block, size = decode()
        if size is None or size > self.limit:
            return block
        with self._lock:
            if key not in self._blocks:
                self._blocks[key] = (block, size)
                self.size += size
            while self.size > self.limit:
                _, oldest = self._blocks.popitem(last=False)
                self.size -= oldest[1]
        return block


# One for all files, so that the limit holds however many are open.
SHARED = DecodedBlocks()

_thread = local()


@contextmanager
def read_once() -> Iterator[None]:
    """Keep no chunks of what this thread reads meanwhile: a mosaic is gone through but once.

    Kept chunks would only make memory larger for a large image than for a small one.
    """
    before = getattr(_thread, "once", False)
    _thread.once = True
    try:
        yield
    finally:
        _thread.once = before


@frozen(eq=False)
class ChunkedSource:
    """Pixels stored in chunks, each of which is decoded as a whole and kept for a while.

    Parameters
    ----------
    source : Source
        Reads and decodes.
    shape : tuple of int
    dtype : numpy.dtype
        Of what it reads.
    store : DecodedBlocks
    fill : scalar, optional
        What `source` gives for a chunk that is not there. A block of that alone is not kept: its
        file may be away for a moment only.
    """

    source: Source
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    store: DecodedBlocks = SHARED
    fill: Any = None
    # Tells this opening of the file from another one; kept with the blocks, so never used twice.
    _token: object = field(factory=object, init=False, repr=False)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Sides of a chunk."""
        return self.source.chunks

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return a copy of the pixels at `index`, from the store where it is a matter of few."""
        chunks = self.chunks
        first = [part.start // side for part, side in zip(index, chunks, strict=True)]
        counts = [
            (part.stop - 1) // side - start + 1
            for part, side, start in zip(index, chunks, first, strict=True)
        ]
        large = prod(counts) * prod(chunks) * self.dtype.itemsize > self.store.limit // 4
        once = getattr(_thread, "once", False) or prod(counts) > _MANY_CHUNKS
        if once or large or any(part.step != 1 for part in index):
            return self.source.read(index)
        result = np.empty([part.stop - part.start for part in index], self.dtype)
        for offset in np.ndindex(*counts):
            number = tuple(start + step for start, step in zip(first, offset, strict=True))
            corner = [n * side for n, side in zip(number, chunks, strict=True)]
            block = self.store.get((self._token, number), partial(self._load, corner))
            source, target = [], []
            for part, begin, length in zip(index, corner, block.shape, strict=True):
                low, high = max(part.start, begin), min(part.stop, begin + length)
                source.append(slice(low - begin, high - begin))
                target.append(slice(low - part.start, high - part.start))
            result[tuple(target)] = block[tuple(source)]
        return result

    def _load(self, corner: list[int]) -> tuple[NDArray[Any], int | None]:
        sides = zip(corner, self.chunks, self.shape, strict=True)
        block = self.source.read(
            tuple(slice(low, min(low + side, size), 1) for low, side, size in sides)
        )
        return block, None if self._is_empty(block) else block.nbytes

    def _is_empty(self, block: NDArray[Any]) -> bool:
        if self.fill is None:
            return False
        # The first pixel alone tells of nearly every block that has something in it.
        return all(
            np.array_equal(part, np.full_like(part, self.fill), equal_nan=part.dtype.kind == "f")
            for part in (block[:1, ...].ravel()[:1], block)
        )
