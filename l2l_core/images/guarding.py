"""What an input was when the work on it began, so that a change under way is noticed.

zarr shows a store that is gone, or was replaced by another, as fill values and without an error.
Whoever reads one for hours therefore looks at its metadata before and after each part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from l2l_core.errors import ImageError, ImageNotFoundError
from l2l_core.images.places import Place, as_place, child, read_document

_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")

_OF_ARRAY = ("zarr.json", ".zarray")

# A copy of what the documents of all arrays below say, which grows with labels that are added.
_COPIES = "consolidated_metadata"


@frozen
class Guard:
    """What tells an input from any other, and from itself after a change.

    Pixels do not count: a chunk that is repaired leaves the input what it was. An array that is
    deleted and written anew with the same metadata is another one; its document tells by its time.

    Parameters
    ----------
    documents : dict
        Of a zarr store, by the name of each metadata document of the image and of the array of its
        level: a SHA-256 for each entry that stands there, so that a message can name it.
    file : dict of str to int
        Of any other file its ``size`` in bytes and its time of change, ``mtime_ns``.
    written : dict of str to int
        Of a local zarr store the time of change of the array's own metadata document, in
        nanoseconds, by its name.
    """

    documents: Mapping[str, Mapping[str, str]] = field(factory=dict)
    file: Mapping[str, int] = field(factory=dict)
    written: Mapping[str, int] = field(factory=dict)

    @classmethod
    def of(cls, place: str | Place, level: int = 0) -> Self:
        """Return the guard of an input as it is now.

        Parameters
        ----------
        place : str or Path
            Of one image: a file, a zarr store or a URL of one.
        level : int
            Of its pyramid.

        Raises
        ------
        ImageNotFoundError
            If there is nothing at the place.
        ImageError
            If the store cannot be read, has no such level, or its host does not answer.
        """
        place = as_place(place)
        if isinstance(place, Path) and not place.is_dir():
            return cls(file=_file(place))
        from l2l_core.images.zarr_levels import find_level

        found = find_level(place, level)
        folders = dict.fromkeys(("", found.array.path))
        names = [f"{folder}/{name}".lstrip("/") for folder in folders for name in _DOCUMENTS]
        read = {name: _entries(place, name) for name in names}
        own = [f"{found.array.path}/{name}".lstrip("/") for name in _OF_ARRAY]
        times = {name: _time(place, name) for name in own if read[name]}
        return cls(
            documents={name: entries for name, entries in read.items() if entries},
            written={name: time for name, time in times.items() if time is not None},
        )

    def check(self, place: str | Place) -> None:
        """Look whether the input is still what it was, by a few small reads.

        Raises
        ------
        ImageError
            If it vanished, or a part of its metadata changed; the message says which.
        """
        place = as_place(place)
        if self.file:
            self._check_file(place)
        for name, expected in self.documents.items():
            found = _entries(place, name)
            if found is None:
                raise ImageNotFoundError(_vanished(place, f"the store, or {name} in it,"))
            changed = sorted(
                key for key in {*expected, *found} if expected.get(key) != found.get(key)
            )
            if changed:
                what = f"{', '.join(key for key in changed if key) or 'the content'} in {name}"
                raise ImageError(_changed(place, what))
        for name, time in self.written.items():
            if _time(place, name) != time:
                raise ImageError(_rewritten(place, name))

    def _check_file(self, place: Place) -> None:
        try:
            found = _file(Path(place))
        except ImageNotFoundError as error:
            raise ImageNotFoundError(_vanished(place, "the file")) from error
        if found["size"] != self.file["size"]:
            sizes = f"the size, from {self.file['size']} to {found['size']} bytes"
            raise ImageError(_changed(place, sizes))
        if found["mtime_ns"] != self.file["mtime_ns"]:
            raise ImageError(_changed(place, "the time of its last change"))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        if self.file:
            return {"file": dict(self.file)}
        documents = {name: dict(entries) for name, entries in self.documents.items()}
        return {"documents": documents, "written": dict(self.written)}


def _file(path: Path) -> dict[str, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ImageNotFoundError(
            f"{path}: there is no such file or folder ({error.strerror}); check the path"
        ) from error
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _time(place: Place, name: str) -> int | None:
    """Return the time of change of a document; None elsewhere, where times are not to be had."""
    if not isinstance(place, Path):
        return None
    try:
        return (place / name).stat().st_mtime_ns
    except OSError as error:
        raise ImageNotFoundError(_vanished(place, f"the store, or {name} in it,")) from error


def _entries(place: Place, name: str) -> dict[str, str] | None:
    """Return the fingerprint of each entry of a metadata document, or None where there is none."""
    content = read_document(child(place, name))
    if content is None:
        return None
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return {"": sha256(content).hexdigest()}
    # A program that stores the same metadata with other spaces changed nothing.
    return {
        key: sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
        for key, value in document.items()
        if key != _COPIES
    }


def _vanished(place: Place, what: str) -> str:
    return (
        f"{place}: {what} vanished while the work on it went on; bring it back to this place, then "
        "start again"
    )


def _rewritten(place: Place, name: str) -> str:
    return (
        f"{place}: the input is no longer what it was when the work on it began: its array was "
        f"written anew, by the time of {name}; begin anew with what is there now"
    )


def _changed(place: Place, what: str) -> str:
    return (
        f"{place}: the input is no longer what it was when the work on it began: {what} changed; "
        "restore the former one, or begin anew with what is there now"
    )
