from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from l2l_core.errors import OutputError
from l2l_core.images.ome_zarr_plates import create_plate
from l2l_core.images.ome_zarr_pyramid import StoreLayout, create_store, open_levels
from l2l_core.images.places import child, open_store
from l2l_core.images.zarr_collections import Field, Plate, Well, open_plate

if TYPE_CHECKING:
    from pathlib import Path

    from l2l_core.images.places import Place

SHAPE = (16, 16)
WELLS = (("A/1", ("0", "1")), ("B/2", ("0",)))
SOURCE = Plate(
    place="source.zarr",
    version="0.4",
    attributes={
        "name": "screen",
        "version": "0.4",
        "field_count": 2,
        "acquisitions": [{"id": 0}],
        "rows": [{"name": "A"}, {"name": "B"}],
        "columns": [{"name": "1"}, {"name": "2"}],
        "wells": [
            {"path": "A/1", "rowIndex": 0, "columnIndex": 0},
            {"path": "A/2", "rowIndex": 0, "columnIndex": 1},
            {"path": "B/2"},
        ],
    },
    wells=tuple(
        Well(
            path,
            {
                "version": "0.4",
                "images": [{"path": name, "acquisition": 0} for name in (*names, "lost")],
            },
            tuple(Field(f"{path}/{name}", path, 0) for name in names),
        )
        for path, names in WELLS
    ),
    missing={"A/2": "there is no such well"},
)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_plate_with_its_fields_is_read_back(kind: str, version: str, tmp_path: Path) -> None:
    place: Place = tmp_path / "out.zarr"
    if kind == "memory":
        place = f"memory://{uuid.uuid4().hex}/out.zarr"
    create_plate(place, SOURCE, version=version, provenance={"by": "test"})
    levels = ((SHAPE, SHAPE, SHAPE),)
    layout = StoreLayout("YX", "uint8", levels, version=version, name="field")
    for field in SOURCE.fields:
        create_store(child(place, field.path), layout)
        writer = open_levels(child(place, field.path), layout)
        writer.write(0, ((0, 16), (0, 16)), np.full(SHAPE, 7, np.uint8))
    plate = open_plate(place)
    assert plate.version == version
    assert plate.fields == SOURCE.fields
    assert plate.missing == {}
    assert plate.attributes["name"] == "screen"
    assert [(well["rowIndex"], well["columnIndex"]) for well in plate.attributes["wells"]] == [
        (0, 0),
        (1, 1),
    ]
    group = zarr.open_group(open_store(place), mode="r")
    assert group.attrs["label2label"] == {"by": "test"}
    assert sorted(group.group_keys()) == ["A", "B"]
    assert (group["B/2/0/0"][...] == 7).all()
    if kind == "local":
        yaozarrs = pytest.importorskip("yaozarrs")
        yaozarrs.validate_zarr_store(str(place))


def test_a_plate_overwrites_nothing(tmp_path: Path) -> None:
    create_plate(tmp_path / "out.zarr", SOURCE)
    with pytest.raises(OutputError, match="something already"):
        create_plate(tmp_path / "out.zarr", SOURCE)
