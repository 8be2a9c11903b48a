"""Stores that take no file at its word; only what reads or writes zarr imports them.

Blosc decodes a file that was cut short without an error, past its end, and the pixels are whatever
lies there in memory.  And zarr reads a shard before it writes it, also where all of it is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zarr.abc.store import RangeByteRequest, Store
from zarr.storage import LocalStore, WrapperStore

from l2l_core.images.places import Place, open_store

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

# Where the header of a Blosc frame tells the bytes of the frame.
_HEADER = slice(12, 16)


class CheckedStore(WrapperStore[Store]):
    """A store for reading that raises where a file is shorter than what it is said to be.

    Parameters
    ----------
    store : zarr.abc.store.Store
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        # The array whose files are each one frame of Blosc, as far as that is known.
        self._framed: str | None = None

    def watch(self, array: Any) -> None:
        """Look at the frames of an array of this store, if Blosc made them."""
        last = array.compressors[-1:] if array.shards is None else ()
        if any(type(codec).__name__ in ("Blosc", "BloscCodec") for codec in last):
            self._framed = f"{array.path}/".lstrip("/")

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return the bytes of a key, None where there is none.

        Raises
        ------
        ValueError
            If it is shorter than what its header or the index of its shard says.
        """
        value = await super().get(key, prototype, byte_range)
        if value is None:
            return None
        if isinstance(byte_range, RangeByteRequest):
            _compare(key, len(value), byte_range.end - byte_range.start)
        elif byte_range is None and self._is_frame(key):
            size = int.from_bytes(value[_HEADER].to_bytes(), "little")
            _compare(key, len(value), max(size, _HEADER.stop))
        return value

    def _is_frame(self, key: str) -> bool:
        return self._framed is not None and key.startswith(self._framed) and not _is_metadata(key)


class FreshStore(WrapperStore[Store]):
    """A store whose pixels are as if none were there, to write objects as a whole.

    What stands there, torn or whole, is not read: it stays until the new object takes its place.

    Parameters
    ----------
    store : zarr.abc.store.Store
    """

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return the bytes of a metadata document, and of nothing else."""
        return await super().get(key, prototype, byte_range) if _is_metadata(key) else None


def checked(place: Place) -> CheckedStore:
    """Return the store of a place, for reading.

    Raises
    ------
    ImageError
        As :func:`~l2l_core.images.places.open_store`.
    """
    store = open_store(place)
    return CheckedStore(LocalStore(store, read_only=True) if isinstance(store, str) else store)


def fresh(place: Place) -> FreshStore:
    """Return the store of a place, for writing whole objects.

    Raises
    ------
    ImageError
        As :func:`~l2l_core.images.places.open_store`.
    """
    store = open_store(place, "r+")
    return FreshStore(LocalStore(store) if isinstance(store, str) else store)


def _is_metadata(key: str) -> bool:
    name = key.rpartition("/")[2]
    return name == "zarr.json" or name.startswith(".z")


def _compare(key: str, found: int, expected: int) -> None:
    if found < expected:
        raise ValueError(f"{key} has {found} bytes where {expected} are needed")
