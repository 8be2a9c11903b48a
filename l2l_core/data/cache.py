"""A few decoded blocks kept at hand, so that random patches do not decode a file over and over."""

from __future__ import annotations

from collections import OrderedDict
from math import prod
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define

from l2l_core.images.image import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_BYTES = 256 * 2**20
_MANY_BLOCKS = 512


class BlockStore:
    """The blocks that were used last, up to a number of bytes; shared by images and threads.

    Parameters
    ----------
    limit : int
        In bytes.
    """

    def __init__(self, limit: int = _BYTES) -> None:
        self.limit = limit
        self._blocks: OrderedDict[Any, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def size(self) -> int:
        """How many bytes are held."""
        return self._bytes

    def get(self, key: Any, load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the block under `key`, loading it if it is not there; not to be written to."""
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        # Outside the lock: two threads may load one block, none waits for another's.
        block = load()
        with self._lock:
            if key not in self._blocks:
                self._blocks[key] = block
                self._bytes += block.nbytes
            while self._bytes > self.limit:
                self._bytes -= self._blocks.popitem(last=False)[1].nbytes
        return block


@define(frozen=True, eq=False)
class CachedSource:
    """Pixels of an image that is stored in blocks, each of which is decoded as a whole.

    Parameters
    ----------
    image : Image
    store : BlockStore
    """

    image: Image
    store: BlockStore

    @property
    def chunks(self) -> tuple[int, ...]:
        """Sides of a block."""
        return self.image.chunks

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the pixels at `index`, from the store where it is a matter of few blocks."""
        chunks = self.chunks
        first = [part.start // side for part, side in zip(index, chunks, strict=True)]
        counts = [
            (part.stop - 1) // side - start + 1
            for part, side, start in zip(index, chunks, first, strict=True)
        ]
        large = prod(counts) * prod(chunks) * self.image.dtype.itemsize > self.store.limit // 4
        if large or prod(counts) > _MANY_BLOCKS or any(part.step != 1 for part in index):
            return self.image.read(**dict(zip(self.image.axes, index, strict=True)))
        result = np.empty([part.stop - part.start for part in index], self.image.dtype)
        for offset in np.ndindex(*counts):
            number = tuple(start + step for start, step in zip(first, offset, strict=True))
            corner = [n * side for n, side in zip(number, chunks, strict=True)]
            block = self.store.get((id(self), number), lambda corner=corner: self._load(corner))  # type: ignore[misc]
            source, target = [], []
            for part, begin, length in zip(index, corner, block.shape, strict=True):
                low, high = max(part.start, begin), min(part.stop, begin + length)
                source.append(slice(low - begin, high - begin))
                target.append(slice(low - part.start, high - part.start))
            result[tuple(target)] = block[tuple(source)]
        return result

    def _load(self, corner: list[int]) -> NDArray[Any]:
        sides = zip(self.image.axes, corner, self.chunks, strict=True)
        return self.image.read(**{axis: slice(low, low + side) for axis, low, side in sides})

    def close(self) -> None:
        """Let go of the image."""
        self.image.close()


def cached(image: Image, store: BlockStore) -> Image:
    """Return an image that keeps its decoded blocks in `store`.

    An image without blocks, such as an uncompressed TIFF, is returned as it is: the system's own
    cache does as well.
    """
    if prod(image.chunks) == 1:
        return image
    return Image(image.info, CachedSource(image, store))
