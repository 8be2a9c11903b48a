"""What a file was when a model was trained on it, so that a change can be noticed later."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

WHOLE_BELOW = 64 * 2**20
"""Size in bytes up to which a file's whole content is hashed."""

_END = 2**16


def fingerprint(path: Path, *, whole_below: int = WHOLE_BELOW) -> dict[str, Any]:
    """Return size, time of change and SHA-256 of a file, or of a folder that is an image.

    Parameters
    ----------
    path : Path
    whole_below : int, optional
        Larger files are hashed by their size, first and last 64 KiB; a folder (OME-Zarr) by the
        names and sizes of its files and the content of its metadata.

    Returns
    -------
    dict
        ``size`` in bytes, ``modified`` in seconds since 1970, ``sha256``, and ``hashed``: what the
        hash is of, ``"content"``, ``"ends"`` or ``"listing"``.
    """
    if path.is_dir():
        return _of_folder(path)
    stat = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if stat.st_size <= whole_below:
            while block := file.read(2**20):
                digest.update(block)
        else:
            digest.update(str(stat.st_size).encode())
            digest.update(file.read(_END))
            file.seek(-_END, 2)
            digest.update(file.read(_END))
    return {
        "size": stat.st_size,
        "modified": round(stat.st_mtime, 3),
        "sha256": digest.hexdigest(),
        "hashed": "content" if stat.st_size <= whole_below else "ends",
    }


def _of_folder(path: Path) -> dict[str, Any]:
    digest, size, modified = hashlib.sha256(), 0, path.stat().st_mtime
    for file in sorted(part for part in path.rglob("*") if part.is_file()):
        stat = file.stat()
        size += stat.st_size
        modified = max(modified, stat.st_mtime)
        digest.update(f"{file.relative_to(path).as_posix()}\0{stat.st_size}\0".encode())
        if file.name in ("zarr.json", ".zarray", ".zattrs", ".zgroup"):
            digest.update(file.read_bytes())
    return {
        "size": size,
        "modified": round(modified, 3),
        "sha256": digest.hexdigest(),
        "hashed": "listing",
    }


def fingerprints(paths: Iterable[str], base: Path) -> dict[str, dict[str, Any]]:
    """Return the fingerprint of each image, by its path from `base` where it lies below it."""
    found = {}
    for text in paths:
        path = Path(text)
        inside = path.is_relative_to(base)
        name = path.relative_to(base).as_posix() if inside else path.as_posix()
        found[name] = fingerprint(path)
    return found
