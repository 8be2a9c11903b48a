"""Making what restored images of a plate, a well or a series lie in, as around their source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2l_core.images.ome_zarr_creation import make_store, told
from l2l_core.images.ome_zarr_plates import (
    attributes_document,
    group_documents,
    joined,
    joined_plates,
    plate_groups,
)
from l2l_core.images.place_files import write_document
from l2l_core.images.places import DOCUMENTS, child, read_document
from l2l_core.images.zarr_collections import open_plate, stored_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.images.places import Place
    from l2l_core.images.zarr_collections import Collection

_LAYOUT = 3
"""Of bioformats2raw: images in groups with numbers, and their list in the group ``OME``."""


def create_collection(
    place: Place,
    collection: Collection,
    *,
    version: str | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Make a collection with the places that `collection` has, and no images yet.

    Parameters
    ----------
    place : Path or str
        There is nothing there yet.
    collection : Collection
        The source.  What it names and does not have is left out.
    version : {"0.5", "0.4"}, optional
        Of OME-Zarr; the source's by default.
    provenance : dict, optional
        What JSON can hold about how the images are made.

    Raises
    ------
    OutputError
        If there is something already, or it cannot be written.
    """
    version = version or collection.version
    documents: dict[str, bytes] = {}
    for path, ome in _groups(collection).items():
        documents |= group_documents(path, ome, version, None if path else provenance)
    make_store(place, documents)


def extend_collection(place: Place, collection: Collection, *, version: str | None = None) -> None:
    """Give a collection the places that came to its source since it was made.

    What it has and the source has no more stays, and so does all else that its metadata say.

    Parameters
    ----------
    place : Path or str
        That :func:`create_collection` made.
    collection : Collection
        The source.
    version : {"0.5", "0.4"}, optional
        Of OME-Zarr, as it was made.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    version = version or collection.version
    # Lists name what is there, so the groups within come before what names them.
    for path, ome in sorted(_groups(collection).items(), reverse=True):
        group = child(place, path)
        former = stored_attributes(group)
        if not any(read_document(child(group, name)) is not None for name in DOCUMENTS):
            documents = group_documents(path, ome, version)
        elif ome is None or (merged := _joined(former, ome)) == former:
            continue
        else:
            documents = attributes_document(path, merged, version)
        with told(group, "its metadata"):
            for name, content in documents.items():
                write_document(child(place, name), content)


def _groups(collection: Collection) -> dict[str, dict[str, Any] | None]:
    """Return what each group of a collection says it is, by its path."""
    if collection.kind == "plate":
        return plate_groups(open_plate(collection.place))
    if collection.kind == "well":
        return {"": {"well": {"images": [{"path": path} for path in collection.paths]}}}
    return {
        "": {"bioformats2raw.layout": _LAYOUT},
        "OME": {"series": list(collection.paths)},
    }


def _joined(attributes: dict[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a group with what it has and what its source has now."""
    ome = attributes.get("ome", attributes)
    joint = dict(ome)
    if "plate" in now:
        joint["plate"] = joined_plates(ome.get("plate", {}), now["plate"])
    elif "well" in now:
        former = ome.get("well", {})
        images = joined(former.get("images", ()), now["well"]["images"], "path")
        joint["well"] = {**former, "images": images}
    elif "series" in now:
        joint["series"] = list(dict.fromkeys([*ome.get("series", ()), *now["series"]]))
    return {**attributes, "ome": joint} if "ome" in attributes else joint
