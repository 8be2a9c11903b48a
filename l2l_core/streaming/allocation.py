"""Have large arrays given back to the system as soon as they are let go of."""

from __future__ import annotations

import ctypes
from functools import cache

_MAP_THRESHOLD = -3
"""``M_MMAP_THRESHOLD`` of glibc's ``malloc.h``."""

LARGE = 2**20
"""Bytes from which on a block is mapped on its own."""


@cache
def give_back_large_blocks() -> bool:
    """Tell the allocator of this process to map large blocks on their own; once.

    By itself glibc raises its threshold with each large block that is freed, up to 32 MiB.  The
    arrays of a unit then come from the heaps of the threads, which grow with the time that a
    restoration takes and are not given back: twice the memory, and more for a larger image.

    Returns
    -------
    bool
        Whether there is such an allocator here; others are left as they are.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_MAP_THRESHOLD, LARGE))
    except (AttributeError, OSError, TypeError):
        # Windows opens no library by None, and neither macOS nor musl has this function.
        return False
