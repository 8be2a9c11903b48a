"""What a process keeps from one unit to the next, such as the model on its device."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


@define(eq=False)
class _Kept:
    key: str
    here: Any
    borrowers: int = 0
    left: bool = False


_guard = threading.Lock()
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_residents: dict[str, _Kept] = {}
_device_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def device_lock(device: str) -> threading.Lock:
    """Return what the one thread of this process holds that computes on a device.

    Parameters
    ----------
    device : str
        As the restorer calls it, such as ``"gpu:1"``.
    """
    with _guard:
        return _device_locks[device]


def resident(key: str, make: Callable[[], T]) -> T:
    """Return the object of a key, made when it is first asked for in this process.

    There is one object of a kind; a new key of the same kind first closes the former object, so
    that a device does not hold two models.  Where another thread may ask for another key at any
    time, as on a cluster that several jobs share, :func:`borrowed` keeps the object open.

    Parameters
    ----------
    key : str
        Kind and identity, such as ``"model: sha256 of its weights on gpu:0"``; the kind is its
        first word, up to a colon or a space.
    make : callable
        Makes the object; called by one thread at a time.  Where it raises, nothing is kept.

    Returns
    -------
    object
        Of the type that `make` returns.
    """
    kind = _kind(key)
    with _lock_of(kind):
        here: T = _kept(kind, key, make).here
        return here


@contextmanager
def borrowed(key: str, make: Callable[[], T]) -> Iterator[T]:
    """Hold the object of a key, which a new key does not close before it is given back.

    Parameters
    ----------
    key, make
        As of :func:`resident`.

    Yields
    ------
    object
        Of the type that `make` returns.
    """
    kind = _kind(key)
    with _lock_of(kind):
        kept = _kept(kind, key, make)
        kept.borrowers += 1
    try:
        yield kept.here
    finally:
        with _lock_of(kind):
            kept.borrowers -= 1
            _close_if_unused(kept)


def release_residents() -> None:
    """Close all that this process keeps; whoever asks next makes it anew."""
    for kind in list(_residents):
        with _lock_of(kind):
            _leave(kind)


def _kind(key: str) -> str:
    return key.replace(":", " ").partition(" ")[0]


def _lock_of(kind: str) -> threading.Lock:
    with _guard:
        return _locks[kind]


def _kept(kind: str, key: str, make: Callable[[], Any]) -> _Kept:
    found = _residents.get(kind)
    if found is None or found.key != key:
        _leave(kind)
        found = _residents[kind] = _Kept(key, make())
    return found


def _leave(kind: str) -> None:
    former = _residents.pop(kind, None)
    if former is not None:
        former.left = True
        _close_if_unused(former)


def _close_if_unused(kept: _Kept) -> None:
    close = getattr(kept.here, "close", None)
    if kept.left and not kept.borrowers and close is not None:
        close()
