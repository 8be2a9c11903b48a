"""Making the plate around restored fields, with the rows, columns and wells of their source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from l2l_core.images.ome_zarr_creation import make_store
from l2l_core.images.ome_zarr_metadata import PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    documents: dict[str, bytes] = {}
    for path, ome in plate_groups(plate).items():
        documents |= group_documents(path, ome, version, None if path else provenance)
    make_store(place, documents)


def plate_groups(plate: Plate) -> dict[str, dict[str, Any] | None]:
    """Return what each group of a plate says it is, by its path; rows say nothing."""
    groups: dict[str, dict[str, Any] | None] = {"": {"plate": _plate(plate)}}
    for well in plate.wells:
        # In zarr a group stands in groups, so a row is one.
        groups.setdefault(well.path.rpartition("/")[0], None)
        groups[well.path] = {"well": _well(well)}
    return groups


def joined_plates(former: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a plate that has the wells of two.

    Rows and columns of the former come first, so that what is noted of its wells stays right.
    """
    rows, columns = (joined(former.get(k, ()), now.get(k, ()), "name") for k in ("rows", "columns"))
    wells = [_placed(well, rows, columns) for well in now.get("wells", ())]
    return {
        **former,
        # The version is that of what was made, whatever that of the source.
        **{key: value for key, value in now.items() if key != "version"},
        "rows": rows,
        "columns": columns,
        "wells": joined(former.get("wells", ()), wells, "path"),
    }


def joined(
    former: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]], key: str
) -> list[Mapping[str, Any]]:
    """Return the entries of two lists, those of one name once."""
    kept = {str(entry[key]): entry for entry in former}
    return list((kept | {str(e[key]): e for e in now if str(e[key]) not in kept}).values())


def _plate(plate: Plate) -> dict[str, Any]:
    there = {well.path for well in plate.wells}
    rows, columns = (plate.attributes[key] for key in ("rows", "columns"))
    wells = [
        _placed(well, rows, columns) for well in plate.attributes["wells"] if well["path"] in there
    ]
    return {**plate.attributes, "wells": wells}


def _placed(
    well: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the entry of a well with the numbers of its row and column, where they are known."""
    lines = [[str(line["name"]) for line in named] for named in (rows, columns)]
    row, _, column = str(well["path"]).partition("/")
    # Before 0.4 a well had its path alone.
    if row in lines[0] and column in lines[1]:
        return {
            **well,
            "rowIndex": lines[0].index(row),
            "columnIndex": lines[1].index(column),
        }
    return dict(well)


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
    documents = attributes_document(path, attributes, version)
    if old:
        documents[f"{path}/.zgroup".lstrip("/")] = json.dumps({"zarr_format": 2}, indent=2).encode()
    return documents


def attributes_document(path: str, attributes: Mapping[str, Any], version: str) -> dict[str, bytes]:
    """Return the document that holds the attributes of a group, by its name in the store."""
    name, document = ".zattrs", dict(attributes)
    if version != "0.4":
        name = "zarr.json"
        document = {"attributes": document, "zarr_format": 3, "node_type": "group"}
    content = json.dumps(document, indent=2, allow_nan=False).encode()
    return {f"{path}/{name}".lstrip("/"): content}
