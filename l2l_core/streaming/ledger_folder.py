"""The folder of a ledger: that it is one, how it begins, and that one process alone has it."""

from __future__ import annotations

import json
import os
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from l2l_core.errors import OutputError
from l2l_core.streaming.manifest import MANIFEST, Sections, is_manifest, write_manifest
from l2l_core.streaming.standing import LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from filelock import BaseFileLock

LOCK, HOLDER, STATE = "lock", "holder.json", ".state"
STATE_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"

_NAMES = rf"manifest\.json|ledger\.jsonl|summary\.tsv|{STATE_NAME}\.state"
_OURS = re.compile(rf"{_NAMES}|\.({_NAMES})\.[0-9a-f]+\.part")
LOCK_NAMES = frozenset({LOCK, HOLDER})
"""What :func:`hold` leaves in a folder."""


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder with anything in it that no ledger left there.

    Raises
    ------
    OutputError
        If there is; names the first.
    """
    if is_manifest(folder):
        return
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be the folder of a ledger ({error.strerror}); choose another with "
            "--ledger"
        ) from error
    found = sorted({path.name for path in paths} - LOCK_NAMES)
    # The ledger is the first to be there; without it a manifest may be that of anything.
    foreign = [name for name in found if LEDGER not in found or not _OURS.fullmatch(name)]
    if foreign:
        raise OutputError(
            f"{folder} holds {foreign[0]}, which is not of a ledger; choose another folder with "
            "--ledger"
        )


def hold(
    folder: Path, work: str = "the restoration noted in", option: str = "--ledger"
) -> BaseFileLock:
    """Take the lock of a folder, which is made if it is missing.

    The system gives the lock back even if this process is killed.

    Parameters
    ----------
    folder : Path
    work : str
        What is done there, as a message calls it before the folder.
    option : str
        Chooses the folder on the command line.

    Raises
    ------
    OutputError
        If another process holds it, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"another process{_holder(folder)} works at {work} {folder}; wait "
            "until it ends, or stop it"
        ) from None
    except (OSError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"{folder} cannot be written or locked ({why}); choose another folder with {option}"
        ) from error
    # It serves a message alone.
    with suppress(OSError):
        facts = {"host": socket.gethostname(), "process": os.getpid()}
        (folder / HOLDER).write_text(json.dumps(facts), encoding="utf-8")
    return lock


def _holder(folder: Path) -> str:
    try:
        facts = json.loads((folder / HOLDER).read_bytes())
        return f" (number {facts['process']} on {facts['host']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def begin(folder: Path, manifest: Mapping[str, Any]) -> Sections:
    """Write the manifest of a new ledger beside an empty list of lines.

    Raises
    ------
    OutputError
        If there are lines, so that a manifest was lost, or it cannot be written.
    """
    path = folder / LEDGER
    try:
        path.touch()
        size = path.stat().st_size
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}); choose another folder with --ledger"
        ) from error
    if size:
        raise OutputError(
            f"{folder / MANIFEST} is missing, without which {LEDGER} beside it says nothing; put "
            "it back from a copy, or begin anew with --restart"
        )
    return write_manifest(folder, manifest)


def clear(folder: Path) -> None:
    """Forget what was done.

    The lines go first and the manifest last, so that a kill in between leaves the former
    restoration with nothing done.

    Raises
    ------
    OutputError
        If it cannot be removed.
    """
    try:
        if (folder / LEDGER).exists():
            with (folder / LEDGER).open("r+b") as file:
                file.truncate()
                os.fsync(file.fileno())
        for path in folder.glob(f"*{STATE}"):
            path.unlink()
        (folder / MANIFEST).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"the former ledger in {folder} cannot be removed ({error.strerror}); allow writing "
            "there, or choose another folder with --ledger"
        ) from error


def tidy(folder: Path) -> None:
    """Remove what a kill left half written."""
    for path in folder.glob(".*.part"):
        if _OURS.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()
