"""Recognise a restoration that was made before, by what stands in its metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.errors import L2LError, OutputError
from l2l_core.images.guarding import Guard
from l2l_core.images.reading import open_image
from l2l_core.models.facts import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from l2l_core.images.places import Place

_DECIDING = ("restorer", "engine", "options", "units", "model_sha256")


def job(provenance: Mapping[str, Any], source: Place, how: Mapping[str, Any]) -> str:
    """Return what tells one restoration from another: all that has an influence on its pixels.

    Where the model lies has none, nor has the size of a tile.

    Parameters
    ----------
    provenance : mapping
        Of the model.
    source : Path or str
        The image; known by its size and time alone, without being read, and one that is not on
        this computer by its metadata.
    how : mapping
        Options of the restoration.
    """
    by = {key: provenance[key] for key in _DECIDING}
    return fingerprint({**by, "how": {**how, "tile": None}, "source": _state_of(source)})


def finished(places: Iterable[Path], job: str) -> bool:
    """Whether all outputs of a job are there.

    Raises
    ------
    OutputError
        If one of the places holds what is not this job's to replace.
    """
    places = list(places)
    found = [place for place in places if place.exists()]
    for place in found:
        made = _provenance(place)
        if made.get("job") != job:
            what = (
                "is a restoration by another model, of another image, or with other options"
                if "job" in made
                else "exists and is no restoration that can be recognised"
            )
            raise OutputError(f"{place} {what}; give another --out, or --restart to replace it")
    return len(found) == len(places)


def _provenance(place: Path) -> dict[str, Any]:
    try:
        with open_image(place) as image:
            found = image.info.metadata.get("provenance")
    except L2LError:
        return {}
    return found if isinstance(found, dict) else {}


def _state_of(source: Place) -> list[Any]:
    if not isinstance(source, Path):
        return [Guard.of(source).to_dict()]
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else []
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files or [source]]
