"""Writing, deleting and listing single files at a place, local or remote."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from l2l_core.images.places import Place, filesystem
from l2l_core.images.replacing import replacing

_METADATA = (".zmetadata", ".zarray", ".zgroup", ".zattrs", "zarr.json")
"""Documents of arrays and groups; without one of the former ones the attributes are of nothing."""


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


def delete_store(place: str) -> None:
    """Delete a zarr store at a URL, so that a kill leaves one that still says what it is.

    Pixels go first, then the metadata of arrays and groups below, and its own metadata last.

    Raises
    ------
    OSError
        Or whatever the protocol raises, if something cannot be deleted.
    """
    files, path = filesystem(place)
    files.invalidate_cache(path)
    found = files.find(path)
    metadata = [file for file in found if file.rpartition("/")[2] in _METADATA]
    pixels = list({*found} - {*metadata})
    if pixels:
        files.rm(pixels)
    for file in sorted(metadata, key=_depth_and_weight):
        files.rm_file(file)
    # Where folders are more than parts of names they are still there.
    with suppress(FileNotFoundError):
        files.rm(path, recursive=True)


def _depth_and_weight(file: str) -> tuple[int, int]:
    return -file.count("/"), _METADATA.index(file.rpartition("/")[2])


def list_names(folder: Place) -> list[str]:
    """Return the names in a folder; there are none where there is no folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if isinstance(folder, Path):
            return [path.name for path in folder.iterdir()]
        files, path = filesystem(folder)
        files.invalidate_cache(path)
        return [name.rstrip("/").rpartition("/")[2] for name in files.ls(path, detail=False)]
    return []
