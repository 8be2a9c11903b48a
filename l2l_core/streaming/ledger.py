"""What of a restoration is done, on disk, so that it goes on after a kill at any moment.

::

    manifest.json    what it was begun with; written once
    ledger.jsonl     one line a unit, appended when all files of the unit are on the disk
    NAME.state       a checkpoint of work that is not cut into units, such as statistics
    lock             held by the one process that may write
    holder.json      which process that is

Only the process that hands out the units writes here.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from l2l_core.images.replacing import replacing
from l2l_core.models import tensors as tensor_file
from l2l_core.models.facts import fingerprint, plain
from l2l_core.streaming.journal import Journal
from l2l_core.streaming.ledger_folder import (
    STATE,
    STATE_NAME,
    begin,
    clear,
    hold,
    refuse_foreign,
    tidy,
)
from l2l_core.streaming.manifest import Sections, check_manifest, read_manifest
from l2l_core.streaming.manifest_changes import changes
from l2l_core.streaming.standing import (
    FINISHED,
    LEDGER,
    Standing,
    UnitId,
    UnitSet,
    read_ledger,
    read_standing,
    unit_id,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from filelock import BaseFileLock
    from numpy.typing import NDArray

Status = Literal["new", "unfinished", "finished"]


class Ledger:
    """The ledger of one restoration, open for writing; :meth:`open` makes it or finds it again.

    A context manager, which closes it.

    Attributes
    ----------
    folder : Path
        Where it is.
    former : Standing or None
        What was begun here with something else, and forgotten since no unit of it was done.
    """

    def __init__(
        self,
        folder: Path,
        standing: Standing,
        journal: Journal,
        lock: BaseFileLock,
        *,
        new: bool,
        former: Standing | None = None,
    ) -> None:
        self.folder = folder
        self.former = former
        self._standing = standing
        self._journal = journal
        self._lock = lock
        self._new = new

    @classmethod
    def open(
        cls, folder: str | Path, manifest: Mapping[str, Any], *, restart: bool = False
    ) -> Self:
        """Begin a restoration, or go on with the one that was begun in this folder.

        One of which no unit is done binds nobody: begun with something else, it is forgotten.

        Parameters
        ----------
        folder : path
            A folder of a ledger, or one that does not exist or is empty.
        manifest : mapping
            Sections ``input``, ``model``, ``options`` and ``grid``: all that decides about the
            restoration, as values that :func:`~l2l_core.models.facts.plain` takes.
        restart : bool, optional
            Whether to forget what was done and begin anew.

        Raises
        ------
        OutputError
            If another process works at it, units of it were made with something else, it is
            damaged or newer, there is something else in the folder, or it cannot be written.
        """
        folder = Path(folder)
        refuse_foreign(folder)
        lock = hold(folder)
        try:
            if restart:
                clear(folder)
            began = read_manifest(folder)
            former = None
            if began is not None:
                standing, end, crc = read_ledger(folder, began)
                if standing.done:
                    check_manifest(folder, began, manifest)
                elif changes(began, plain(manifest)):
                    former, began = standing, None
                    clear(folder)
            new = began is None
            if new:
                standing, end, crc = read_ledger(folder, begin(folder, manifest))
            tidy(folder)
            journal = Journal(folder / LEDGER, end, crc)
        except BaseException:
            lock.release()
            raise
        return cls(folder, standing, journal, lock, new=new, former=former)

    @staticmethod
    def read_manifest(folder: str | Path) -> Sections | None:
        """Return the sections that a restoration was begun with, None where none was.

        Raises
        ------
        OutputError
            If the manifest is damaged or newer.
        """
        return read_manifest(Path(folder))

    @staticmethod
    def summary(folder: str | Path) -> Standing | None:
        """Return where a restoration stands, without the lock; see :func:`read_standing`."""
        return read_standing(Path(folder))

    @property
    def status(self) -> Status:
        """Whether it was begun by this opening, goes on, or is all done."""
        if self._standing.finished:
            return "finished"
        return "new" if self._new else "unfinished"

    @property
    def done(self) -> UnitSet:
        """The units whose files are all on the disk."""
        return self._standing.done

    @property
    def totals(self) -> dict[str, float]:
        """Sums of the numbers that units were acknowledged with: ``seconds``, ``pixels``."""
        return dict(self._standing.totals)

    def acknowledge(self, unit: UnitId, **facts: Any) -> None:
        """Note that all files of a unit are on the disk.

        Parameters
        ----------
        unit : tuple of int
            Image, stage, index.
        **facts
            ``seconds``, ``worker``, ``pixels`` and the like.

        Raises
        ------
        OutputError
            If it cannot be noted; all units acknowledged before are safe.
        """
        if unit not in self.done:
            self._append({"done": unit_id(unit), "facts": facts})

    def fail(self, unit: UnitId, reason: str) -> None:
        """Note why a unit failed; it stays open.

        Raises
        ------
        OutputError
            If it cannot be noted.
        """
        self._append({"failed": unit_id(unit), "reason": reason})

    def failures(self) -> list[tuple[UnitId, str]]:
        """Return the units that failed and are still open, with the last reason of each."""
        return self._standing.failures()

    def note(self, kind: str, **facts: Any) -> None:
        """Note something else than a unit, such as that a store was created.

        Raises
        ------
        OutputError
            If it cannot be noted.
        """
        self._append({"note": kind, "facts": facts})

    def notes(self, kind: str) -> list[dict[str, Any]]:
        """Return the notes of a kind in the order in which they were made."""
        return self._standing.notes(kind)

    def finish(self) -> None:
        """Note that all of it is done.

        Raises
        ------
        OutputError
            If it cannot be noted.
        """
        if self.status != FINISHED:
            self.note(FINISHED)

    def _append(self, record: Mapping[str, Any]) -> None:
        kept = plain(record, finite=False)
        self._journal.append(kept)
        self._standing.take(kept)

    def save_state(
        self, name: str, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> None:
        """Keep a checkpoint; the former of this name is replaced as a whole or not at all.

        Parameters
        ----------
        name : str
            Letters, digits, ``-`` and ``_``.
        facts : mapping
            Values that :func:`~l2l_core.models.facts.plain` takes.
        arrays : mapping of ndarray
            Numbers or booleans of any shape.

        Raises
        ------
        OutputError
            If it cannot be written; the former is still whole.
        """
        content, sha256 = tensor_file.encode(arrays)
        header = {"facts": plain(facts, finite=False), "arrays": sha256, "of": self._fingerprint()}
        text = json.dumps({**header, "sha256": fingerprint(header)})
        with replacing(self._state(name), f"checkpoint {name!r}") as new:
            new.write_bytes(text.encode() + b"\n" + content)

    def load_state(self, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        """Return facts and arrays of a checkpoint.

        None where there is none, or where it is damaged or of another manifest: it holds
        nothing that could not be worked out again.
        """
        from safetensors import numpy as safetensors

        try:
            text, _, content = self._state(name).read_bytes().partition(b"\n")
            header = json.loads(text)
            expected = header.pop("sha256")
        except (OSError, ValueError, KeyError, AttributeError):
            return None
        fits = fingerprint(header) == expected and header["of"] == self._fingerprint()
        if not fits or hashlib.sha256(content).hexdigest() != header["arrays"]:
            return None
        return header["facts"], safetensors.load(content)

    def drop_state(self, name: str) -> None:
        """Remove a checkpoint that is of no use any more."""
        with suppress(OSError):
            self._state(name).unlink()

    def _fingerprint(self) -> str:
        return fingerprint(self._standing.sections)

    def _state(self, name: str) -> Path:
        if not re.fullmatch(STATE_NAME, name):
            raise ValueError(f"{name!r} is no name of a checkpoint: letters, digits, '-' and '_'")
        return self.folder / f"{name}{STATE}"

    def close(self) -> None:
        """Close it, and let another process have it."""
        self._journal.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
