"""Recognise a restoration that was made before, by what stands in its metadata."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.errors import L2LError, OutputError
from l2l_core.images.guarding import Guard
from l2l_core.images.reading import open_image
from l2l_core.models.facts import fingerprint
from l2l_core.streaming.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from l2l_core.images.places import Place

_DECIDING = ("restorer", "engine", "options", "units", "model_sha256")


def another(place: Place) -> str:
    """Return the sentence for a restoration of ours at a place, which is not the one meant."""
    return (
        f"{place} is a restoration by another model, of another image, or with other options; "
        "give another --out, or --restart to replace it"
    )


def unrecognised(place: Place) -> str:
    """Return the sentence for whatever else is at a place."""
    return (
        f"{place} exists and is no restoration that can be recognised; give another --out, or "
        "delete it yourself: it is never overwritten"
    )


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
        made = _provenance(place).get("job")
        if made != job:
            raise OutputError(another(place) if made else unrecognised(place))
    return len(found) == len(places)


def shape_of(place: Place, axes: str | None = None, level: int = 0) -> tuple[tuple[int, ...], str]:
    """Return shape and axes of an image; both empty where it cannot be opened."""
    try:
        with open_image(place, axes=axes, level=level) as image:
            return image.shape, image.axes
    except L2LError:
        return (), ""


def refuse_foreign_files(places: Iterable[Path], *, known: bool = False) -> None:
    """Make sure that nothing but restorations of ours would be replaced.

    Parameters
    ----------
    places : iterable of Path
    known : bool, optional
        Whether a ledger says that they are ours; no other can tell of a ``.npy``, which holds
        pixels alone.

    Raises
    ------
    OutputError
        If one of the places holds something else.
    """
    for place in places:
        if not place.exists() or (known and place.suffix.lower() == ".npy"):
            continue
        if place.suffix.lower() == ".npy":
            raise OutputError(
                f"{place} exists, and a .npy cannot say whether it is a restoration; give another "
                "--out, or delete it yourself"
            )
        if "job" not in _provenance(place):
            raise OutputError(unrecognised(place))


def known_files(folder: Path) -> frozenset[str]:
    """Return the files that a ledger says are restorations of ours; none where it is damaged."""
    with suppress(OutputError):
        standing = Ledger.summary(folder)
        if standing is not None:
            return frozenset(
                note["out"]
                for note in standing.notes("image")
                if note["made"] or (note["number"], 0, 0) in standing.done
            )
    return frozenset()


def _provenance(place: Path) -> dict[str, Any]:
    try:
        with open_image(place) as image:
            found = image.info.metadata.get("provenance")
    except L2LError:
        return {}
    return found if isinstance(found, dict) else {}


def _state_of(source: Place) -> list[Any]:
    if not isinstance(source, Path):
        return [source, Guard.of(source).to_dict()]
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else []
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files or [source]]
