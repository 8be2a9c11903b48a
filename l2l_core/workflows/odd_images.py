"""What restorers find odd about images: a warning, or a line of what a worker hands back."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_listener: ContextVar[list[str] | None] = ContextVar("_listener", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what is told in this thread; a warning of another process would reach nobody."""
    found: list[str] = []
    token = _listener.set(found)
    try:
        yield found
    finally:
        _listener.reset(token)


def tell(remarks: Sequence[str]) -> None:
    """Tell who listens in this thread, and warn where nobody does."""
    listener = _listener.get()
    if listener is not None:
        listener.extend(remarks)
        return
    for text in remarks:
        warnings.warn(text, stacklevel=3)
