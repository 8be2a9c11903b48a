"""Writing a file or a folder so that what stood there before is whole until the new one is."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from l2l_core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name in the same folder to write to, and take it for `path` when all went well.

    A file is replaced in one step. A folder (a zarr store) is renamed after the former one has
    been moved aside, which takes two; if the second fails the former one is moved back.

    Parameters
    ----------
    path : Path
        What is to be written; its folder is made if it is missing.

    Yields
    ------
    Path
        A name that does not exist yet.

    Raises
    ------
    OutputError
        If the disk is full, or the folder cannot be written to. What was there is still whole.
    """
    mark = secrets.token_hex(4)
    temporary = path.with_name(f".{path.name}.{mark}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.is_dir():
            _swap(temporary, path, path.with_name(f".{path.name}.{mark}.former"))
        else:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    except OutputError:
        raise
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        former = "what was there before is unchanged" if path.exists() else "nothing was written"
        raise OutputError(
            f"{path}: cannot be written ({why}); {former}. Make room on the disk or choose "
            "another place"
        ) from error
    finally:
        _remove(temporary)


def _swap(new: Path, path: Path, aside: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        aside.rename(path)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        # Where the folder itself could not be made there is nothing to remove.
        with suppress(OSError):
            path.unlink()
