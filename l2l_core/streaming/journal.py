"""A file of JSON lines that is only ever appended to, and that says when a line of it was lost.

Every line ends with a CRC-32 of itself and of all lines before it, so that one that was altered,
taken out, moved or brought in from elsewhere is noticed by the next.  Each is on the disk before
another is begun.  A kill can therefore tear the last line alone, which is cut off.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, BinaryIO
from zlib import crc32

from attrs import define

from l2l_core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_ENDING = b',"crc":"%08x"}\n'
_ENDING_LENGTH = len(_ENDING % 0)


@define(frozen=True)
class JournalLine:
    """A line that is whole.

    Parameters
    ----------
    record : dict
        What it says.
    number : int
        Counted from 1.
    end : int
        Bytes of the file up to its end.
    crc : int
        Of all lines up to its end; the next line goes on from it.
    """

    record: dict[str, Any]
    number: int
    end: int
    crc: int


def read_lines(path: Path, crc: int) -> Iterator[JournalLine]:
    """Yield all lines but a last one that was torn.

    Parameters
    ----------
    path : Path
        The file.
    crc : int
        What the first line goes on from.

    Raises
    ------
    OutputError
        If the file cannot be read, or a line is damaged or missing.
    """
    end = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                found = _whole(line, number, end + len(line), crc)
                if found is None:
                    if not _torn(line, file):
                        raise OutputError(
                            f"{path} is damaged: line {number} was altered, or lines before it "
                            "are missing; put the file back from a copy, or begin anew with "
                            "--restart"
                        )
                    return
                yield found
                end, crc = found.end, found.crc
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path} cannot be read ({error.strerror}); put the file back from a copy, or begin "
            "anew with --restart"
        ) from error


def _torn(line: bytes, file: BinaryIO) -> bool:
    """Whether a line that is not whole is what a kill left: the last, without its end.

    Whatever another process appends meanwhile, a line without an end was the last when it was
    read.  After a power cut a block of zeros may stand in for any part of it.
    """
    return not line.endswith(b"\n") or (b"\0" in line and not file.read(1))


def _whole(line: bytes, number: int, end: int, crc: int) -> JournalLine | None:
    crc = crc32(line[:-_ENDING_LENGTH], crc)
    if not line.endswith(_ENDING % crc):
        return None
    record = json.loads(line)
    del record["crc"]
    return JournalLine(record, number, end, crc)


class Journal:
    """Appends to a file; one process alone may.

    Parameters
    ----------
    path : Path
        A file that exists.
    end, crc : int
        End and CRC-32 of its last whole line; what lies behind is cut off.
    """

    def __init__(self, path: Path, end: int, crc: int) -> None:
        self.path = path
        self._tail = (end, crc)
        try:
            # Unbuffered: what could not be written must not be tried again at closing.
            self._file = path.open("r+b", buffering=0)
            self._cut()
        except OSError as error:
            raise self._error(error) from error

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line, which is on the disk when this returns.

        Parameters
        ----------
        record : mapping
            Values in JSON's own types; numbers come back exactly, NaN and infinity too.

        Raises
        ------
        OutputError
            If it cannot be written; all lines before it are safe.
        """
        end, crc = self._tail
        text = json.dumps(record, separators=(",", ":"))[:-1].encode()
        crc = crc32(text, crc)
        line = text + _ENDING % crc
        try:
            # An interrupt may have left a line here that was not counted any more.
            self._cut()
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._error(error) from error
        self._tail = (end + len(line), crc)

    def _cut(self) -> None:
        self._file.seek(self._tail[0])
        self._file.truncate()

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} cannot be written ({error.strerror}); all units acknowledged before are "
            "safe: make room on the disk, or allow writing there, and give the same command again"
        )

    def close(self) -> None:
        """Close the file; nothing can be appended any more."""
        self._file.close()
