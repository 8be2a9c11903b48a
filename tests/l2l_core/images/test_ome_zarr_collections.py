"""What is made around restored images is what was around their sources."""

import json

import pytest
import yaozarrs
import zarr
from attrs import evolve

from l2l_core.errors import OutputError
from l2l_core.images.ome_zarr_collections import create_collection, extend_collection
from l2l_core.images.zarr_collections import list_collection


def group(place, version, attributes):
    old = version == "0.4"
    made = zarr.open_group(str(place), mode="a", zarr_format=2 if old else 3)
    if attributes:
        made.attrs.put(attributes if old else {"ome": {"version": version, **attributes}})


@pytest.fixture(params=["0.4", "0.5"])
def version(request):
    return request.param


@pytest.fixture
def well(version, tmp_path):
    place = tmp_path / "source.zarr"
    stated = {"version": version} if version == "0.4" else {}
    group(
        place,
        version,
        {"well": {"images": [{"path": "0"}, {"path": "7"}, {"path": "9"}], **stated}},
    )
    for name in "07":
        group(place / name, version, {})
    return list_collection(place)


@pytest.fixture
def series(version, tmp_path):
    place = tmp_path / "source.zarr"
    group(place, version, {"bioformats2raw.layout": 3})
    group(place / "OME", version, {"series": ["0", "b"]})
    for name in "0b":
        group(place / name, version, {})
    return list_collection(place)


def test_a_well_has_the_images_that_are_there(well, version, tmp_path):
    out = tmp_path / "out.zarr"
    create_collection(out, well, provenance={"job": "a"})
    for name in well.paths:
        group(out / name, version, {})
    found = list_collection(out)
    assert (found.kind, found.paths, found.missing) == ("well", ("0", "7"), {})
    assert found.version == version
    document = json.loads((out / (".zattrs" if version == "0.4" else "zarr.json")).read_text())
    attributes = document if version == "0.4" else document["attributes"]
    assert attributes["label2label"] == {"job": "a"}


def test_a_series_keeps_its_names_and_order(series, version, tmp_path):
    out = tmp_path / "out.zarr"
    create_collection(out, series)
    for name in series.paths:
        group(out / name, version, {})
    found = list_collection(out)
    assert (found.kind, found.paths, found.version) == ("series", ("0", "b"), version)


def test_the_version_is_the_sources_or_what_is_asked_for(well, tmp_path):
    create_collection(tmp_path / "out.zarr", well, version="0.5")
    assert list_collection(tmp_path / "out.zarr").version == "0.5"


def test_nothing_is_overwritten(well, tmp_path):
    (tmp_path / "out.zarr").mkdir()
    with pytest.raises(OutputError, match="not overwritten"):
        create_collection(tmp_path / "out.zarr", well)


def test_a_well_is_valid(well, tmp_path):
    out = tmp_path / "out.zarr"
    create_collection(out, well, version="0.5")
    yaozarrs.validate_ome_object(json.loads((out / "zarr.json").read_text())["attributes"]["ome"])


@pytest.mark.parametrize("kind", ["well", "series"])
def test_what_came_to_the_source_comes_to_what_was_made(kind, version, request, tmp_path):
    source, out = request.getfixturevalue(kind), tmp_path / "out.zarr"
    create_collection(out, source, provenance={"job": "a"})
    before = read(out, version)
    extend_collection(out, source)
    assert read(out, version) == before
    later = evolve(source, paths=("12", source.paths[0]))
    extend_collection(out, later)
    for name in (*source.paths, "12"):
        group(out / name, version, {})
    assert list_collection(out).paths == (*source.paths, "12")
    assert read(out, version)["label2label"] == {"job": "a"}


def read(out, version):
    document = json.loads((out / (".zattrs" if version == "0.4" else "zarr.json")).read_text())
    return document if version == "0.4" else document["attributes"]
