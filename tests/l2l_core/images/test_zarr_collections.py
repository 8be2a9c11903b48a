from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from l2l_core.errors import ImageFormatError
from l2l_core.images.places import open_store
from l2l_core.images.reading import open_image
from l2l_core.images.zarr_collections import Field, list_collection, open_plate

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)
VERSIONS = ["0.4", "0.5"]


def put(place: Path | str, version: str, **metadata: Any) -> Any:
    """Write a group with metadata of OME-Zarr, where the version has them."""
    old = version == "0.4"
    if old:
        for kind in ("plate", "well"):
            if kind in metadata:
                metadata[kind] = {**metadata[kind], "version": version}
    group = zarr.open_group(open_store(place, "a"), mode="a", zarr_format=2 if old else 3)
    group.attrs.put(metadata if old or not metadata else {"ome": {"version": version, **metadata}})
    return group


def image(place: Path | str, version: str) -> None:
    scale = [{"type": "scale", "scale": [1.0, 1.0]}]
    multiscale: dict[str, Any] = {
        "axes": [{"name": name, "type": "space"} for name in "yx"],
        "datasets": [{"path": "0", "coordinateTransformations": scale}],
    }
    if version == "0.4":
        multiscale["version"] = version
    names = None if version == "0.4" else ["y", "x"]
    group = put(place, version, multiscales=[multiscale])
    group.create_array("0", data=PIXELS, dimension_names=names)


def plate(root: Path | str, version: str, wells: dict[str, list[str]]) -> Path | str:
    """Write a plate; its wells by path, with the names of their fields."""
    rows = list(dict.fromkeys(path.split("/")[0] for path in wells))
    columns = list(dict.fromkeys(path.split("/")[1] for path in wells))
    put(
        root,
        version,
        plate={
            "name": "screen",
            "rows": [{"name": name} for name in rows],
            "columns": [{"name": name} for name in columns],
            "wells": [
                {
                    "path": path,
                    "rowIndex": rows.index(path.split("/")[0]),
                    "columnIndex": columns.index(path.split("/")[1]),
                }
                for path in wells
            ],
            "acquisitions": [{"id": 0}, {"id": 3}],
        },
    )
    for path, fields in wells.items():
        put(f"{root}/{path.split('/')[0]}", version)
        images = [
            {"path": name, "acquisition": 3 if number else 0} for number, name in enumerate(fields)
        ]
        put(f"{root}/{path}", version, well={"images": images})
        for name in fields:
            image(f"{root}/{path}/{name}", version)
    return root


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


WELLS = {"A/1": ["0", "1"], "A/02": ["0"], "upper row/left": ["0", "field7"]}


def test_the_wells_and_fields_of_a_plate_are_read(version: str, tmp_path: Path) -> None:
    root = plate(tmp_path / "p.zarr", version, WELLS)
    found = open_plate(root)
    assert found.version == version
    assert found.attributes["name"] == "screen"
    assert [well.path for well in found.wells] == list(WELLS)
    assert found.wells[0].attributes["images"][1] == {"path": "1", "acquisition": 3}
    assert found.fields == (
        Field("A/1/0", "A/1", 0),
        Field("A/1/1", "A/1", 3),
        Field("A/02/0", "A/02", 0),
        Field("upper row/left/0", "upper row/left", 0),
        Field("upper row/left/field7", "upper row/left", 3),
    )
    assert found.missing == {}
    listed = list_collection(root)
    assert listed is not None
    assert listed.kind == "plate"
    assert listed.paths == tuple(field.path for field in found.fields)
    for place in listed.places:
        np.testing.assert_array_equal(open_image(place).read(), PIXELS)


def test_the_plates_here_are_valid(tmp_path: Path) -> None:
    yaozarrs = pytest.importorskip("yaozarrs")
    for version in VERSIONS:
        wells = {"A/1": ["0", "1"], "B/02": ["0"]}
        yaozarrs.validate_zarr_store(str(plate(tmp_path / f"{version}.zarr", version, wells)))


def test_a_plate_by_another_program_is_read(tmp_path: Path) -> None:
    ome_zarr = pytest.importorskip("ome_zarr.writer")
    formats = pytest.importorskip("ome_zarr.format")
    for version, form in (("0.4", formats.FormatV04()), ("0.5", formats.FormatV05())):
        path = tmp_path / f"{version}.zarr"
        group = zarr.open_group(str(path), mode="w", zarr_format=form.zarr_format)
        ome_zarr.write_plate_metadata(group, ["A", "B"], ["1"], ["A/1", "B/1"], fmt=form)
        for row in "AB":
            well = group.require_group(row).require_group("1")
            ome_zarr.write_well_metadata(well, ["0", "1"], fmt=form)
            for name in "01":
                field = well.require_group(name)
                ome_zarr.write_image(PIXELS, field, axes="yx", fmt=form, scale_factors=())
        found = list_collection(path)
        assert found is not None
        assert found.paths == ("A/1/0", "A/1/1", "B/1/0", "B/1/1")
        assert found.missing == {}
        np.testing.assert_array_equal(open_image(found.places[3]).read(), PIXELS)


def test_a_well_is_a_collection_of_its_fields(version: str, tmp_path: Path) -> None:
    root = plate(tmp_path / "p.zarr", version, WELLS)
    found = list_collection(f"{root}/upper row/left")
    assert found is not None
    assert (found.kind, found.paths) == ("well", ("0", "field7"))
    assert found.places[1] == tmp_path / "p.zarr" / "upper row" / "left" / "field7"


def test_wells_and_fields_that_are_missing_are_named(version: str, tmp_path: Path) -> None:
    root = tmp_path / "p.zarr"
    plate(root, version, {"A/1": ["0", "1"], "A/2": ["0"], "B/1": ["0"], "B/2": ["0"]})
    shutil.rmtree(root / "A/1/1")
    shutil.rmtree(root / "A/2")
    put(root / "B/1", version, other={})
    found = open_plate(root)
    assert [field.path for field in found.fields] == ["A/1/0", "B/2/0"]
    assert found.missing == {
        "A/1/1": "there is no such image",
        "A/2": "there is no such well",
        "B/1": "its metadata name no fields",
    }
    listed = list_collection(root / "A/1")
    assert listed is not None
    assert listed.missing == {"1": "there is no such image"}


def test_paths_that_lead_out_of_a_plate_are_never_followed(version: str, tmp_path: Path) -> None:
    image(tmp_path / "secret.zarr", version)
    root = plate(tmp_path / "p.zarr", version, {"A/1": ["0"]})
    put(f"{root}/A/1", version, well={"images": [{"path": "../../../secret.zarr"}, {"path": "0"}]})
    put(root, version, plate={"wells": [{"path": "A/1"}, {"path": "/etc"}, {"path": ""}]})
    found = open_plate(root)
    assert [field.path for field in found.fields] == ["A/1/0"]
    assert set(found.missing) == {"A/1/../../../secret.zarr", "/etc", ""}
    assert set(found.missing.values()) == {"the path leads out of the store"}


@pytest.mark.parametrize(
    "path",
    ["C:/a", "C:a", "A/C:/a", "A/D:", "..\\a", "\\\\host\\share", "A/.. /1", "a\0", "a\ud800"],
)
def test_paths_that_lead_out_on_another_system_are_never_followed(
    path: str, version: str, tmp_path: Path
) -> None:
    root = plate(tmp_path / "p.zarr", version, {"A/1": ["0"]})
    put(f"{root}/A/1", version, well={"images": [{"path": path}, {"path": "0"}]})
    put(root, version, plate={"wells": [{"path": "A/1"}, {"path": path}]})
    found = open_plate(root)
    assert [field.path for field in found.fields] == ["A/1/0"]
    assert found.missing == dict.fromkeys((path, f"A/1/{path}"), "the path leads out of the store")


def test_a_newer_plate_is_refused_and_a_newer_well_is_named(tmp_path: Path) -> None:
    root = plate(tmp_path / "p.zarr", "0.6", {"A/1": ["0"]})
    for read in (open_plate, list_collection):
        with pytest.raises(ImageFormatError, match=r"OME-Zarr 0.6 is newer"):
            read(root)
    with pytest.raises(ImageFormatError, match=r"OME-Zarr 0.6 is newer"):
        list_collection(f"{root}/A/1")
    put(root, "0.5", plate={"wells": [{"path": "A/1"}]})
    found = open_plate(root)
    assert found.wells == ()
    assert "OME-Zarr 0.6 is newer" in found.missing["A/1"]


@pytest.mark.parametrize("content", ["wells", ["wells"], {}, {"wells": [{}]}, {"wells": 3}])
def test_a_plate_that_is_not_as_specified_is_refused(content: Any, tmp_path: Path) -> None:
    attributes = {"ome": {"version": "0.5", "plate": content}}
    zarr.create_group(str(tmp_path / "p.zarr"), attributes=attributes)
    with pytest.raises(ImageFormatError, match="metadata of the plate are not as specified"):
        open_plate(tmp_path / "p.zarr")


@pytest.mark.parametrize("content", [{}, {"images": [{}]}, {"images": None}])
def test_a_well_that_is_not_as_specified_is_named(content: Any, tmp_path: Path) -> None:
    root = tmp_path / "p.zarr"
    plate(root, "0.5", WELLS)
    put(root / "A/02", "0.5", well=content)
    found = open_plate(root)
    assert len(found.fields) == 4
    assert "metadata of the well are not as specified" in found.missing["A/02"]
    with pytest.raises(ImageFormatError, match="metadata of the well are not as specified"):
        list_collection(root / "A/02")


def test_what_bioformats2raw_wrote_is_a_collection(version: str, tmp_path: Path) -> None:
    root = tmp_path / "slide.zarr"
    put(root, version, **{"bioformats2raw.layout": 3})
    for name in ("0", "1", "3"):
        image(root / name, version)
    numbered = list_collection(root)
    assert numbered is not None
    assert (numbered.kind, numbered.paths, numbered.missing) == ("series", ("0", "1"), {})
    put(root / "OME", version, series=["3", "0", "label"])
    named = list_collection(root)
    assert named is not None
    assert (named.paths, list(named.missing)) == (("3", "0"), ["label"])
    np.testing.assert_array_equal(open_image(named.places[0]).read(), PIXELS)


def test_a_plate_that_bioformats2raw_wrote_is_a_plate(tmp_path: Path) -> None:
    root = tmp_path / "p.zarr"
    content = {"wells": [{"path": "A/1"}]}
    plate(root, "0.5", WELLS)
    put(root, "0.5", plate=content, **{"bioformats2raw.layout": 3})
    found = list_collection(root)
    assert found is not None
    assert (found.kind, found.paths) == ("plate", ("A/1/0", "A/1/1"))


def test_a_single_image_and_what_is_no_store_are_no_collection(tmp_path: Path) -> None:
    image(tmp_path / "a.zarr", "0.5")
    zarr.create_array(str(tmp_path / "b.zarr"), data=PIXELS, zarr_format=2)
    (tmp_path / "c.tif").write_bytes(b"x")
    (tmp_path / "d.zarr").mkdir()
    (tmp_path / "d.zarr" / "zarr.json").write_text("{")
    (tmp_path / "e.zarr").mkdir()
    (tmp_path / "e.zarr" / "zarr.json").write_text('{"attributes": {"ome": 3}}')
    for name in ("a.zarr", "b.zarr", "c.tif", "d.zarr", "e.zarr", "missing.zarr"):
        assert list_collection(tmp_path / name) is None
        with pytest.raises(ImageFormatError, match="this is no OME-Zarr plate"):
            open_plate(tmp_path / name)


def test_a_plate_elsewhere_is_read() -> None:
    root = plate("memory://collections/p.zarr", "0.5", WELLS)
    found = open_plate(root)
    assert [field.path for field in found.fields][-1] == "upper row/left/field7"
    assert found.missing == {}
