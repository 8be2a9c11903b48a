"""The stores of a streamed restoration: made, found again, and never taken for somebody else's."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.errors import L2LError, OutputError
from l2l_core.images.ome_zarr_collections import create_collection, extend_collection
from l2l_core.images.ome_zarr_creation import create_store, set_attributes
from l2l_core.images.ome_zarr_metadata import PROVENANCE
from l2l_core.images.place_files import delete_store, list_names
from l2l_core.images.places import Place, as_place, child, holds_store
from l2l_core.images.replacing import remove_leftovers
from l2l_core.images.zarr_collections import ome_of, stored_attributes
from l2l_core.workflows.recognition import another, unrecognised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from l2l_core.images.zarr_collections import Collection
    from l2l_core.streaming.jobs import ImageJob

_WITH_ATTRIBUTES = ("zarr.json", ".zattrs")
"""Documents that hold the attributes of a group, and are changed when it is finished."""

_DOCUMENTS = (*_WITH_ATTRIBUTES, ".zgroup", ".zmetadata")

_LEFT = re.compile(r"\.(.+)\.([0-9a-f]+\.part|former|deleted)")
"""What a kill leaves beside a file or folder that is made, changed or deleted."""


def provenance_of(place: Place) -> dict[str, Any] | None:
    """Return what a store says of how it was made; None where it is no restoration of ours."""
    found = stored_attributes(place).get(PROVENANCE)
    return found if isinstance(found, dict) and "job" in found else None


def is_finished(place: Place, job: str) -> bool:
    """Whether a store is the complete restoration that `job` means."""
    made = provenance_of(place) if holds_store(place) else None
    return made is not None and made["job"] == job and made.get("status") == "finished"


def check_store(job: ImageJob, output: str, provenance: Mapping[str, Any], *, begun: bool) -> None:
    """Make sure that the place of an output is free, or has the store that was begun.

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
    if not holds_store(place):
        if begun:
            raise OutputError(
                f"{place}: units of this restoration are finished, and the store that they were "
                "written to is gone; bring it back, or begin anew with --restart"
            )
        return
    made = provenance_of(place)
    if made is None:
        raise OutputError(unrecognised(place))
    if made["job"] != provenance["job"]:
        raise OutputError(another(place))
    if not begun and made.get("status") == "finished":
        raise OutputError(
            f"{place} is finished, and the ledger of it is gone; give --restart to make it anew"
        )


def prepare_store(
    job: ImageJob, output: str, provenance: Mapping[str, Any], *, begun: bool
) -> None:
    """Make the store of an output, or find again the one that was begun.

    Parameters and errors are those of :func:`check_store`.
    """
    place = _resolved(as_place(job.stores[output]))
    _tidy(place)
    check_store(job, output, provenance, begun=begun)
    if not begun and not isinstance(place, Path):
        # A kill may have left it half made or half deleted, and nothing of it is finished.
        remove_store(place)
    if not holds_store(place):
        create_store(place, job.layout, provenance)


def _resolved(place: Place) -> Place:
    """Return where a link leads; the link itself is the user's, and stays."""
    return place.resolve() if isinstance(place, Path) else place


def _tidy(place: Place) -> None:
    """Delete what a kill left of a store that was made, changed or deleted; its ledger is held."""
    if isinstance(place, Path):
        place = place.resolve()
        shutil.rmtree(_deleted(place), ignore_errors=True)
        for path in (place, *(place / name for name in _WITH_ATTRIBUTES)):
            remove_leftovers(path)


def _deleted(place: Path) -> Path:
    return place.with_name(f".{place.name}.deleted")


def refuse_foreign(place: Place) -> None:
    """Make sure that nothing but a restoration of ours would be deleted, before anything is.

    Raises
    ------
    OutputError
        If the place holds something else, or something else lies in the restoration.
    """
    if not holds_store(place):
        return
    if provenance_of(place) is None:
        raise OutputError(unrecognised(place))
    added = next(_added(place), None)
    if added is not None:
        raise OutputError(
            f"{added} is not of the restoration {place}, and would be deleted with it; move it "
            "elsewhere, or give another --out"
        )


def _added(place: Place, paths: Sequence[str] = ()) -> Iterator[Place]:
    """Yield what lies in a restoration and was not made by it, such as labels.

    Parameters
    ----------
    place : Path or str
    paths : sequence of str
        What the metadata around it name below it.
    """
    ome = ome_of(place)
    if "multiscales" in ome and provenance_of(place) is None:
        yield place
        return
    levels = {str(one["path"]) for image in ome.get("multiscales", ()) for one in image["datasets"]}
    groups: dict[str, list[str]] = {}
    for path in (*paths, *_groups(place, ome)):
        name, _, rest = path.partition("/")
        groups.setdefault(name, []).extend([rest] if rest else [])
    ours = {*_DOCUMENTS, *levels, *groups}
    for name in sorted(list_names(place)):
        left = _LEFT.fullmatch(name)
        if name in groups:
            yield from _added(child(place, name), groups[name])
        elif (left[1] if left else name) not in ours:
            yield child(place, name)


def _groups(place: Place, ome: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths that a plate, a well or a series names."""
    for kind, members in (("plate", "wells"), ("well", "images")):
        for member in ome.get(kind, {}).get(members, ()):
            yield str(member["path"])
    if "bioformats2raw.layout" in ome:
        yield "OME"
        yield from map(str, ome_of(child(place, "OME")).get("series", ()))


def remove_store(place: Place) -> None:
    """Delete a restoration of ours, for a new one; anything else stays.

    Raises
    ------
    OutputError
        If it is not ours, or cannot be deleted.
    """
    if not holds_store(place):
        return
    refuse_foreign(place)
    try:
        if not isinstance(place, Path):
            # Of a kill in between a store is left that nobody takes for finished.
            set_attributes(place, provenance={**(provenance_of(place) or {}), "status": "deleted"})
            delete_store(place)
            return
        _tidy(place)
        # Renamed first: of a kill in between no half-deleted store of this name is left.
        place = place.resolve()
        shutil.rmtree(place.rename(_deleted(place)))
    except (L2LError, MemoryError):
        raise
    # Each protocol has errors of its own.
    except Exception as error:
        if isinstance(place, Path) and not isinstance(error, OSError):
            raise
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OutputError(
            f"{place}: the former restoration cannot be deleted ({why}); delete it yourself, or "
            "give another --out"
        ) from error


def remove_abandoned(place: Place, jobs: Set[str], paths: Sequence[str] = ()) -> None:
    """Delete a store that was begun and of which nothing is finished; leave any other alone.

    Parameters
    ----------
    place : Path or str
    jobs : set of str
        Restorations of which no unit is done.
    paths : sequence of str
        Images in the store, where it is a plate or the like.
    """
    made = provenance_of(place) if holds_store(place) else None
    if made is None or made["job"] not in jobs:
        return
    stores = [made, *(provenance_of(child(place, path)) or {} for path in paths)]
    if all(store.get("status") != "finished" for store in stores):
        # Something of the user's in it is told of where the store is to be made.
        with suppress(OutputError):
            remove_store(place)


def make_collection(
    collection: Collection, place: Place, version: str | None, provenance: Mapping[str, Any]
) -> None:
    """Make the plate, well or series that restored images lie in, as that of the images is.

    One that was made before gets the wells and images that came to its source since.

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
    if not holds_store(place):
        create_collection(_resolved(place), collection, version=version, provenance=provenance)
        return
    made = provenance_of(place)
    if made is None:
        raise OutputError(unrecognised(place))
    if made["job"] != provenance["job"]:
        raise OutputError(another(place))
    extend_collection(place, collection, version=version)
