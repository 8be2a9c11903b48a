"""Making what restored images of a plate, a well or a series lie in, as around their source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2l_core.images.ome_zarr_creation import make_store
from l2l_core.images.ome_zarr_plates import create_plate, group_documents
from l2l_core.images.zarr_collections import open_plate

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
    if collection.kind == "plate":
        plate = open_plate(collection.place)
        create_plate(place, plate, version=version, provenance=provenance)
        return
    if collection.kind == "well":
        well = {"images": [{"path": path} for path in collection.paths]}
        make_store(place, group_documents("", {"well": well}, version, provenance))
        return
    documents = group_documents("", {"bioformats2raw.layout": _LAYOUT}, version, provenance)
    documents |= group_documents("OME", {"series": list(collection.paths)}, version)
    make_store(place, documents)
