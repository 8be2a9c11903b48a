"""Replace a whole folder so that a kill or a full disk never leaves half of one.

The new folder is written beside the old one under a hidden name and flushed to the disk; then the
old one steps aside, the new one takes its name, and the old one is removed.  Between the two
renames the old one is still whole under ``.NAME.former``, where :func:`present` finds it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from l2l_core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _beside(folder: Path, suffix: str) -> Path:
    return folder.parent / f".{folder.name}.{suffix}"


def present(folder: Path) -> Path:
    """Return where the content of `folder` is: there, or beside it if a replacement was killed."""
    former = _beside(folder, "former")
    return former if not folder.exists() and former.exists() else folder


@contextmanager
def replacing(folder: Path, what: str) -> Iterator[Path]:
    """Give an empty folder to write into; at the end it stands in the place of `folder`.

    Parameters
    ----------
    folder : Path
        What is replaced, or made if it does not exist; its parents are made too.
    what : str
        What a message calls it, such as ``"model"``.

    Raises
    ------
    OutputError
        If it cannot be written, on a full disk for one; what was there before is still whole.
    """
    new = _beside(folder, "new")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _settle(folder)
        new.mkdir()
        yield new
        for file in new.iterdir():
            flush(file)
        flush(new)
        _swap(folder, new)
    except OSError as error:
        _abandon(folder, new)
        before = "the former one is unchanged" if folder.exists() else "nothing was left there"
        reason = error.strerror or str(error)
        raise OutputError(
            f"the {what} cannot be written to {folder}: {reason}; {before}; make room or choose "
            "a place that can be written to, and try again"
        ) from error
    except BaseException:
        _abandon(folder, new)
        raise


def _swap(folder: Path, new: Path) -> None:
    former = _beside(folder, "former")
    if folder.exists():
        folder.rename(former)
    new.rename(folder)
    flush(folder.parent)
    shutil.rmtree(former, ignore_errors=True)


def _settle(folder: Path) -> None:
    """Finish or undo what a kill left half done."""
    former = _beside(folder, "former")
    if former.exists():
        if folder.exists():
            shutil.rmtree(former)
        else:
            former.rename(folder)
    shutil.rmtree(_beside(folder, "new"), ignore_errors=True)


def _abandon(folder: Path, new: Path) -> None:
    shutil.rmtree(new, ignore_errors=True)
    with suppress(OSError):
        _settle(folder)


def flush(path: Path) -> None:
    """Have a file or folder written to the disk itself."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
