"""The stores of a streamed restoration: made, found again, and never taken for somebody else's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.errors import OutputError
from l2l_core.images.ome_zarr_collections import create_collection
from l2l_core.images.ome_zarr_creation import create_store
from l2l_core.images.ome_zarr_metadata import PROVENANCE
from l2l_core.images.places import Place, as_place, child, exists, filesystem, read_document
from l2l_core.images.replacing import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from l2l_core.images.zarr_collections import Collection
    from l2l_core.streaming.jobs import ImageJob

_WITH_ATTRIBUTES = ("zarr.json", ".zattrs")
"""Documents that hold the attributes of a group, and are changed when it is finished."""


def provenance_of(place: Place) -> dict[str, Any] | None:
    """Return what a store says of how it was made; None where it is no restoration of ours."""
    found = _attributes(place).get(PROVENANCE)
    return found if isinstance(found, dict) and "job" in found else None


def _attributes(place: Place) -> dict[str, Any]:
    for name in _WITH_ATTRIBUTES:
        content = read_document(child(place, name))
        if content is None:
            continue
        try:
            document = json.loads(content)
        except ValueError:
            return {}
        if name == "zarr.json" and isinstance(document, dict):
            document = document.get("attributes")
        return document if isinstance(document, dict) else {}
    return {}


def is_finished(place: Place, job: str) -> bool:
    """Whether a store is the complete restoration that `job` means."""
    made = provenance_of(place) if exists(place) else None
    return made is not None and made["job"] == job and made.get("status") == "finished"


def prepare_store(
    job: ImageJob, output: str, provenance: Mapping[str, Any], *, begun: bool
) -> None:
    """Make the store of an output, or find again the one that was begun.

    Parameters
    ----------
    job : ImageJob
    output : str
    provenance : mapping
        What the store says of itself.
    begun : bool
        Whether the ledger has units of it.

    Raises
    ------
    OutputError
        If there is something else at its place, or what was begun is gone.
    """
    place = as_place(job.stores[output])
    _tidy(place)
    if not exists(place):
        if begun:
            raise OutputError(
                f"{place}: units of this restoration are finished, and the store that they were "
                "written to is gone; bring it back, or begin anew with --restart"
            )
        create_store(place, job.layout, provenance)
        return
    made = provenance_of(place)
    if made is None:
        raise OutputError(
            f"{place} exists and is no restoration that can be recognised; give another --out, it "
            "is not overwritten"
        )
    if made["job"] != provenance["job"]:
        raise OutputError(
            f"{place} is a restoration by another model, of another image, or with other options; "
            "give another --out, or --restart to replace it"
        )
    if not begun and made.get("status") == "finished":
        raise OutputError(
            f"{place} is finished, and the ledger of it is gone; give --restart to make it anew"
        )


def _tidy(place: Place) -> None:
    """Delete what a kill left of a store that was made, changed or deleted; its ledger is held."""
    if isinstance(place, Path):
        shutil.rmtree(_deleted(place), ignore_errors=True)
        for path in (place, *(place / name for name in _WITH_ATTRIBUTES)):
            remove_leftovers(path)


def _deleted(place: Path) -> Path:
    return place.with_name(f".{place.name}.deleted")


def refuse_foreign(places: Iterable[Place]) -> None:
    """Make sure that nothing but restorations of ours would be deleted, before any is.

    Raises
    ------
    OutputError
        If one of the places holds something else.
    """
    for place in places:
        if exists(place) and provenance_of(place) is None:
            raise OutputError(
                f"{place} exists and is no restoration that can be recognised; give another "
                "--out, or delete it yourself"
            )


def remove_store(place: Place) -> None:
    """Delete a restoration of ours, for a new one; anything else stays.

    Raises
    ------
    OutputError
        If it is not ours, or cannot be deleted.
    """
    if not exists(place):
        return
    refuse_foreign([place])
    if not isinstance(place, Path):
        files, path = filesystem(place)
        files.rm(path, recursive=True)
        return
    try:
        _tidy(place)
        # Renamed first: of a kill in between no half-deleted store of this name is left.
        shutil.rmtree(place.rename(_deleted(place)))
    except OSError as error:
        raise OutputError(
            f"{place}: the former restoration cannot be deleted ({error.strerror}); delete it "
            "yourself, or give another --out"
        ) from error


def make_collection(
    collection: Collection, place: Place, version: str | None, provenance: Mapping[str, Any]
) -> None:
    """Make the plate, well or series that restored images lie in, as that of the images is.

    Parameters
    ----------
    collection : Collection
    place : Path or str
    version : {"0.4", "0.5"}, optional
        Of OME-Zarr; that of `collection` by default.
    provenance : mapping
        With ``job``, by which it is found again.

    Raises
    ------
    OutputError
        If there is something else at the place, or it cannot be written.
    """
    if exists(place):
        made = provenance_of(place)
        if made is None:
            raise OutputError(
                f"{place} exists and is no restoration that can be recognised; give another --out, "
                "it is not overwritten"
            )
        if made["job"] != provenance["job"]:
            raise OutputError(
                f"{place} is a restoration by another model or with other options; give another "
                "--out, or --restart to replace it"
            )
        return
    create_collection(place, collection, version=version, provenance=provenance)
