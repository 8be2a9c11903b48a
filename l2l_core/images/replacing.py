"""Writing a file or a folder so that what stood there before is whole until the new one is.

The new one is written beside it under a hidden name, flushed to the disk and renamed.  A file is
replaced in that one step.  A folder steps aside first: between the two renames it is whole under
``.NAME.former``, where :func:`present` finds it and the next :func:`replacing` puts it back.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from l2l_core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ABANDONED = 24 * 3600.0
"""Age in seconds from which on a half-written folder is what a kill left, and nobody's work."""


def present(path: Path) -> Path:
    """Return where the content of `path` is: there, or beside it if a replacement was killed."""
    former = _former(Path(os.path.realpath(path)))
    return former if not path.exists() and former.exists() else path


def _former(path: Path) -> Path:
    return path.with_name(f".{path.name}.former")


@contextmanager
def replacing(path: Path, what: str = "file") -> Iterator[Path]:
    """Give a name in the same folder to write to, and take it for `path` when all went well.

    Parameters
    ----------
    path : Path
        What is to be written; its folder is made if it is missing.  Of a link what it leads to is
        replaced.
    what : str, optional
        What a message calls it, such as ``"model"``.

    Yields
    ------
    Path
        A name that does not exist yet, for a file or a folder.

    Raises
    ------
    OutputError
        If the disk is full, or the folder cannot be written to. What was there is still whole.
    """
    place = Path(os.path.realpath(path))
    # Two processes may write one image at once: each has its own, and the last one stays.
    new = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _put_back(place)
        yield new
        if new.is_dir():
            _remove_abandoned(place)
            for file in filter(Path.is_file, new.iterdir()):
                flush(file)
            flush(new)
            _swap(new, place)
        else:
            flush(new)
            new.replace(place)
        flush(place.parent)
    except OutputError:
        raise
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        former = "what was there before is unchanged" if path.exists() else "nothing was written"
        raise OutputError(
            f"{path}: the {what} cannot be written ({why}); {former}. Make room on the disk or "
            "choose another place"
        ) from error
    finally:
        _remove(new)


def remove_leftovers(path: Path) -> None:
    """Remove what killed replacements of a file or folder left beside it.

    Parameters
    ----------
    path : Path
        Nobody else may be replacing it at this time.
    """
    place = Path(os.path.realpath(path))
    for part in place.parent.glob(f".{escape(place.name)}.*.part"):
        _remove(part)


def _put_back(path: Path) -> None:
    """Finish or undo what a kill between the two renames left half done."""
    former = _former(path)
    if former.exists():
        if path.exists():
            _remove(former)
        else:
            former.rename(path)


def _remove_abandoned(path: Path) -> None:
    for part in path.parent.glob(f".{escape(path.name)}.*.part"):
        if time.time() - part.stat().st_mtime > _ABANDONED:
            _remove(part)


def _swap(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    former = path.rename(_former(path))
    try:
        new.rename(path)
    except OSError:
        former.rename(path)
        raise
    _remove(former)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        # Where the folder itself could not be made there is nothing to remove.
        with suppress(OSError):
            path.unlink()


def flush(path: Path) -> None:
    """Have a file or folder written to the disk itself."""
    if path.is_dir():
        # Windows and some network disks flush no folders; the files in it are safe all the same.
        with suppress(OSError):
            _sync(path, os.O_RDONLY)
    else:
        # Windows flushes what is open for writing alone.
        _sync(path, os.O_RDWR)


def _sync(path: Path, mode: int) -> None:
    number = os.open(path, mode)
    try:
        os.fsync(number)
    finally:
        os.close(number)
