"""Writing, deleting and listing single files at a place, local or remote."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from l2l_core.images.places import Place, filesystem
from l2l_core.images.replacing import replacing


def write_document(place: Place, content: bytes) -> None:
    """Write a small file in one step: a kill leaves the former or the new one.

    Raises
    ------
    OSError
        Or whatever the protocol raises, if it cannot be written.
    """
    if isinstance(place, Path):
        with replacing(place) as temporary:
            temporary.write_bytes(content)
    else:
        files, path = filesystem(place)
        files.pipe_file(path, content)


def delete(place: Place) -> None:
    """Delete a file, if there is one."""
    if isinstance(place, Path):
        # What is no folder has nothing below it.
        with suppress(FileNotFoundError, NotADirectoryError):
            place.unlink()
    else:
        files, path = filesystem(place)
        with suppress(FileNotFoundError):
            files.rm_file(path)


def list_names(folder: Place) -> list[str]:
    """Return the names in a folder; there are none where there is no folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if isinstance(folder, Path):
            return [path.name for path in folder.iterdir()]
        files, path = filesystem(folder)
        files.invalidate_cache(path)
        return [name.rstrip("/").rpartition("/")[2] for name in files.ls(path, detail=False)]
    return []
