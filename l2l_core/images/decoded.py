"""A small store of decoded blocks, so that a plane is not decoded again for each of its patches."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class DecodedBlocks:
    """The blocks that were decoded last, up to a limit of memory; safe for several threads.

    Parameters
    ----------
    limit : int
        In bytes. A block larger than a quarter of it is not kept.
    """

    def __init__(self, limit: int = 2**27) -> None:
        self.limit = limit
        self.size = 0
        self._blocks: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, decode: Callable[[], tuple[T, int]]) -> T:
        """Return the block of `key`, from memory or by `decode`, which also tells its bytes.

        The block is shared, so nobody writes to it.
        """
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return cast("T", self._blocks[key][0])
        # Decoding goes on outside the lock: two threads may do it twice, and neither waits.
        block, size = decode()
        if size > self.limit // 4:
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
