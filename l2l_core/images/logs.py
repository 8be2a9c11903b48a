"""Keeping what other packages log of a strange file away from the user, but at hand."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE_AT_A_TIME = RLock()


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def quiet(package: str) -> Iterator[list[str]]:
    """Collect what `package` logs while this lasts, instead of showing it.

    Yields
    ------
    list of str
        The messages so far.
    """
    logger = logging.getLogger(package)
    collector = _Collector()
    # A logger belongs to the whole process, so one file is opened at a time.
    with _ONE_AT_A_TIME:
        former = logger.propagate
        logger.addHandler(collector)
        logger.propagate = False
        try:
            yield collector.lines
        finally:
            logger.propagate = former
            logger.removeHandler(collector)
