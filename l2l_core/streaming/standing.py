"""Where a restoration stands: which units are done, which failed, and what else was noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any
from zlib import crc32

from l2l_core.models.facts import fingerprint
from l2l_core.streaming.journal import JournalLine, read_lines
from l2l_core.streaming.manifest import Sections, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

LEDGER = "ledger.jsonl"
FINISHED, IMAGE = "finished", "image"
"""Notes that say that all is done, and that there is one more image."""

UnitId = tuple[int, int, int]
"""Image, stage, index."""

_PAGE = 1024


class UnitSet(Set[UnitId]):
    """A set of units: image, stage, index.  A million of them take some hundred kilobytes."""

    def __init__(self, units: Iterable[UnitId] = ()) -> None:
        # By image, stage and page of indices, one bit for each index.
        self._pages: dict[UnitId, int] = {}
        self._counts: Counter[tuple[int, int]] = Counter()
        for unit in units:
            self.add(unit)

    def add(self, unit: UnitId) -> None:
        """Take a unit in."""
        if unit not in self:
            key, bit = _place(unit)
            self._pages[key] = self._pages.get(key, 0) | bit
            self._counts[key[:2]] += 1

    def discard(self, unit: UnitId) -> None:
        """Take a unit out, if it is in."""
        if unit in self:
            key, bit = _place(unit)
            self._pages[key] &= ~bit
            self._counts[key[:2]] -= 1

    def count(self, image: int, stage: int) -> int:
        """Return how many units of one stage of an image are in."""
        return self._counts[image, stage]

    def __contains__(self, unit: object) -> bool:
        if not isinstance(unit, tuple):
            return False
        key, bit = _place(unit)
        return bool(self._pages.get(key, 0) & bit)

    def __iter__(self) -> Iterator[UnitId]:
        for image, stage, page in sorted(self._pages):
            bits = self._pages[image, stage, page]
            for bit in range(_PAGE):
                if bits >> bit & 1:
                    yield image, stage, page * _PAGE + bit

    def __len__(self) -> int:
        return self._counts.total()


def _place(unit: UnitId) -> tuple[UnitId, int]:
    image, stage, index = unit
    page, bit = divmod(int(index), _PAGE)
    return (int(image), int(stage), page), 1 << bit


class Standing:
    """Where a restoration stands: the sum of the ledger's lines.

    Attributes
    ----------
    sections : dict
        What it was begun with.
    done : UnitSet
        Units whose files are all on the disk.
    totals : dict
        Sums of the numbers that units were acknowledged with: ``seconds``, ``pixels``.
    finished : bool
        Whether all of it is done: noted, and no image was added and no unit failed since.
    """

    def __init__(self, sections: Sections) -> None:
        self.sections = sections
        self.done = UnitSet()
        self.totals: dict[str, float] = {}
        self._failures: dict[UnitId, str] = {}
        self.finished = False
        self._notes: dict[str, list[dict[str, Any]]] = {}

    def failures(self) -> list[tuple[UnitId, str]]:
        """Return the units that failed and are still open, with the last reason of each."""
        return sorted(self._failures.items())

    def notes(self, kind: str) -> list[dict[str, Any]]:
        """Return the notes of a kind in the order in which they were made."""
        return [dict(facts) for facts in self._notes.get(kind, ())]

    def take(self, record: Mapping[str, Any]) -> None:
        """Take in what one line says; of a unit the last line counts."""
        if "done" in record:
            unit = unit_id(record["done"])
            self.done.add(unit)
            self._failures.pop(unit, None)
            for key, value in record["facts"].items():
                if isinstance(value, int | float):
                    self.totals[key] = self.totals.get(key, 0) + value
        elif "failed" in record:
            unit = unit_id(record["failed"])
            self.done.discard(unit)
            self._failures[unit] = record["reason"]
            self.finished = False
        else:
            if record["note"] in (FINISHED, IMAGE):
                self.finished = record["note"] == FINISHED
            self._notes.setdefault(record["note"], []).append(record["facts"])


def unit_id(values: Iterable[int]) -> UnitId:
    """Return image, stage and index as plain integers."""
    image, stage, index = (int(value) for value in values)
    return image, stage, index


def read_standing(folder: Path) -> Standing | None:
    """Return where a restoration stands, None where none was begun.

    It is read without the lock, so that one can be looked at while a process works at it.

    Raises
    ------
    OutputError
        If the ledger is damaged or newer.
    """
    sections = read_manifest(folder)
    return None if sections is None else read_ledger(folder, sections)[0]


def read_ledger(folder: Path, sections: Sections) -> tuple[Standing, int, int]:
    """Return where a restoration stands, and end and CRC-32 that its ledger goes on from.

    Raises
    ------
    OutputError
        If the ledger is damaged.
    """
    # Lines begin from the manifest, so that those of another restoration do not fit.
    seed = crc32(fingerprint(sections).encode())
    standing, last = Standing(sections), JournalLine({}, 0, 0, seed)
    for last in read_lines(folder / LEDGER, seed):
        standing.take(last.record)
    return standing, last.end, last.crc
