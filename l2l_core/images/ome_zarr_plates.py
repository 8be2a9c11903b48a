"""Making the plate around restored fields, with the rows, columns and wells of their source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from l2l_core.images.ome_zarr_creation import make_store
from l2l_core.images.ome_zarr_metadata import PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.images.places import Place
    from l2l_core.images.zarr_collections import Plate, Well


def create_plate(
    place: Place,
    plate: Plate,
    *,
    version: str = "0.5",
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Make a plate with the wells and fields that `plate` has, and no images yet.

    Each field is a store of its own, which
    :func:`~l2l_core.images.ome_zarr_creation.create_store` makes below: ``A/1/0``.

    Parameters
    ----------
    place : Path or str
        There is nothing there yet.
    plate : Plate
        The source. Wells and fields that it names and does not have are left out.
    version : {"0.5", "0.4"}
        Of OME-Zarr, and so of the fields.
    provenance : dict, optional
        What JSON can hold about how the images are made.

    Raises
    ------
    OutputError
        If there is something already, or it cannot be written.
    """
    documents = group_documents("", {"plate": _plate(plate)}, version, provenance)
    for well in plate.wells:
        # In zarr a group stands in groups, so a row is one.
        documents |= group_documents(well.path.rpartition("/")[0], None, version)
        documents |= group_documents(well.path, {"well": _well(well)}, version)
    make_store(place, documents)


def _plate(plate: Plate) -> dict[str, Any]:
    there = {well.path for well in plate.wells}
    rows, columns = (
        [str(line["name"]) for line in plate.attributes[key]] for key in ("rows", "columns")
    )
    wells = []
    for well in plate.attributes["wells"]:
        if well["path"] in there:
            row, _, column = str(well["path"]).partition("/")
            indices = {}
            # Before 0.4 a well had its path alone.
            if row in rows and column in columns:
                indices = {"rowIndex": rows.index(row), "columnIndex": columns.index(column)}
            wells.append({**indices, **well})
    return {**plate.attributes, "wells": wells}


def _well(well: Well) -> dict[str, Any]:
    there = {field.path for field in well.fields}
    images = [
        image for image in well.attributes["images"] if f"{well.path}/{image['path']}" in there
    ]
    return {**well.attributes, "images": images}


def group_documents(
    path: str,
    ome: Mapping[str, Any] | None,
    version: str,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, bytes]:
    """Return the documents of a group, by their names in the store.

    Parameters
    ----------
    path : str
        Of the group, from the place on.
    ome : mapping, optional
        What it is, such as ``{"well": {...}}``.
    version : {"0.5", "0.4"}
    provenance : mapping, optional
    """
    old = version == "0.4"
    attributes: dict[str, Any] = {}
    for kind, stated in (ome or {}).items():
        # The version stands beside the kind since 0.5, and within it before.
        if isinstance(stated, dict):
            stated = {key: value for key, value in stated.items() if key != "version"}
            stated |= {"version": version} if old else {}
        attributes[kind] = stated
    if attributes and not old:
        attributes = {"ome": {"version": version, **attributes}}
    if provenance is not None:
        attributes[PROVENANCE] = dict(provenance)
    documents: dict[str, Any] = {
        "zarr.json": {"attributes": attributes, "zarr_format": 3, "node_type": "group"}
    }
    if old:
        documents = {".zgroup": {"zarr_format": 2}, ".zattrs": attributes}
    folder = f"{path}/" if path else ""
    return {
        folder + name: json.dumps(document, indent=2, allow_nan=False).encode()
        for name, document in documents.items()
    }
