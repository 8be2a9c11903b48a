from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from attrs import evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from l2l_core.errors import ImageFormatError
from l2l_core.images.image import Length
from l2l_core.images.ome_zarr_metadata import StoreLayout, group_attributes, with_windows
from l2l_core.images.ome_zarr_pyramid import create_store, open_levels
from l2l_core.images.reading import open_image

if TYPE_CHECKING:
    from pathlib import Path

SHAPES = ((2, 3, 90, 70), (2, 3, 45, 35), (2, 3, 23, 18))
LAYOUT = StoreLayout(
    "CZYX",
    "uint16",
    tuple((shape, (1, 1, 16, 16), (1, 1, 32, 32)) for shape in SHAPES),
    pixel_size={"Z": Length(0.5), "Y": Length(0.25), "X": Length(200.0, "nanometer")},
    translation={"Z": 4.0, "X": 1000.0},
    channel_names=("DNA", "actin"),
    name="slide",
)
OMERO = {
    "version": "0.4",
    "rdefs": {"defaultZ": 1},
    "channels": [
        {"label": "405", "color": "0000FF", "window": {"start": 3, "end": 9, "min": 1, "max": 10}},
        {"label": "488", "coefficient": 1.0},
    ],
}


def changed(**facts: Any) -> StoreLayout:
    return evolve(LAYOUT, **facts)


def ome(layout: StoreLayout) -> dict[str, Any]:
    attributes = group_attributes(layout, None)
    return dict(attributes.get("ome", attributes))


def test_a_layout_is_plain_values() -> None:
    stated = json.loads(json.dumps(changed(omero=OMERO).to_dict()))
    assert stated["levels"][1] == [[2, 3, 45, 35], [1, 1, 16, 16], [1, 1, 32, 32]]
    assert stated["pixel_size"]["X"] == [200, "nanometer"]
    assert (stated["channel_names"], stated["omero"]) == (["DNA", "actin"], OMERO)
    assert list(stated) == [entry.name for entry in fields(StoreLayout)]


def test_each_level_is_placed_on_the_one_below() -> None:
    (multiscale,) = ome(LAYOUT)["multiscales"]
    assert multiscale["axes"] == [
        {"name": "c", "type": "channel"},
        {"name": "z", "type": "space", "unit": "micrometer"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "nanometer"},
    ]
    for level, dataset in enumerate(multiscale["datasets"]):
        scale, shift = (
            transformation[transformation["type"]]
            for transformation in dataset["coordinateTransformations"]
        )
        assert scale == [1, 0.5, 0.25 * 2**level, 200 * 2**level]
        # The mean of the first pixels' centres is where the first pixel of the level lies.
        first = np.arange(2**level).mean()
        assert shift == [0, 4, 0.25 * first, 1000 + 200 * first]


def test_the_first_level_of_an_image_at_the_origin_is_not_moved() -> None:
    (multiscale,) = ome(changed(translation={}))["multiscales"]
    kinds = [
        [transformation["type"] for transformation in dataset["coordinateTransformations"]]
        for dataset in multiscale["datasets"]
    ]
    assert kinds == [["scale"], ["scale", "translation"], ["scale", "translation"]]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_store_is_valid_and_opens_here_and_elsewhere(version: str, tmp_path: Path) -> None:
    yaozarrs = pytest.importorskip("yaozarrs")
    layout = changed(version=version, omero=OMERO)
    place = tmp_path / "a.zarr"
    create_store(place, layout, {"by": "test"})
    pixels = np.arange(np.prod(SHAPES[1]), dtype=np.uint16).reshape(SHAPES[1])
    area = tuple((0, size) for size in SHAPES[1])
    open_levels(place, layout).write(1, area, pixels)
    yaozarrs.validate_zarr_store(str(place))
    info = open_image(place, level=1).info
    assert info.format == f"OME-Zarr {version}"
    assert info.shape == SHAPES[1]
    assert info.pixel_size == {"Z": Length(0.5), "Y": Length(0.5), "X": Length(400.0, "nanometer")}
    assert info.channel_names == ("DNA", "actin")
    assert info.metadata["translation"] == {"Z": 4.0, "Y": 0.125, "X": 1100.0}
    assert info.metadata["name"] == "slide"
    assert info.metadata["provenance"] == {"by": "test"}
    with warnings.catch_warnings():
        # What ome-zarr-py warns of while it is imported is its own business.
        warnings.simplefilter("ignore")
        io = pytest.importorskip("ome_zarr.io")
        reader = pytest.importorskip("ome_zarr.reader")
        (node,) = reader.Reader(io.parse_url(str(place)))()
        assert [level.shape for level in node.data] == list(SHAPES)
        np.testing.assert_array_equal(np.asarray(node.data[1]), pixels)
        assert node.metadata["channel_names"] == ["DNA", "actin"]
        assert node.metadata["contrast_limits"] == [[3, 9], [0, 65535]]


def test_channels_of_the_source_are_kept_under_the_names_given() -> None:
    kept = ome(changed(omero=OMERO))["omero"]
    assert kept["rdefs"] == {"defaultZ": 1}
    assert "version" not in kept
    first, second = kept["channels"]
    assert (first["label"], first["color"]) == ("DNA", "0000FF")
    assert first["window"] == {"start": 3, "end": 9, "min": 1, "max": 10}
    # What the specification demands and the source leaves out is completed.
    assert (second["label"], second["color"], second["coefficient"]) == ("actin", "FFFFFF", 1.0)
    assert second["window"] == {"start": 0, "end": 65535, "min": 0, "max": 65535}
    labels = [channel["label"] for channel in ome(changed(omero=OMERO, channel_names=None))[
        "omero"]["channels"]]  # fmt: skip
    assert labels == ["405", "488"]


def test_channels_of_a_source_with_others_are_not_kept() -> None:
    fewer = {"channels": OMERO["channels"][:1]}
    assert [channel["color"] for channel in ome(changed(omero=fewer))["omero"]["channels"]] == [
        "FFFFFF",
        "FFFFFF",
    ]
    assert "omero" not in ome(changed(omero=fewer, channel_names=None))


def test_windows_are_made_where_there_are_no_channels() -> None:
    before = group_attributes(changed(channel_names=None), {"by": "test"})
    after = with_windows(before, [(1.0, 2.0), (float("nan"), 5.0)])
    assert "omero" not in before["ome"]
    first, second = after["ome"]["omero"]["channels"]
    assert first["window"] == {"min": 0.0, "max": 2.0, "start": 1.0, "end": 2.0}
    assert second["window"] == {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
    assert after["label2label"] == {"by": "test"}


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"version": "0.6"}, r"OME-Zarr 0\.6 cannot be written; choose one of 0\.4, 0\.5"),
        ({"compression": "gzip"}, "no compression 'gzip'; choose one of lz4, zstd, none"),
    ],
)
def test_what_cannot_be_written_is_refused(facts: dict[str, str], complaint: str) -> None:
    with pytest.raises(ImageFormatError, match=complaint):
        changed(**facts)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
WINDOW = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("min", "max", "start", "end"), st.floats() | JSON)
)
CHANNEL = st.fixed_dictionaries(
    {}, optional={"label": JSON, "color": JSON, "active": JSON, "window": WINDOW | JSON, "x": JSON}
)
SHOWN = st.fixed_dictionaries(
    {},
    optional={"channels": st.lists(CHANNEL | JSON, min_size=2, max_size=2) | JSON, "rdefs": JSON},
)


@settings(max_examples=300, deadline=None)
@given(omero=SHOWN | JSON, names=st.sampled_from([None, ("DNA", "actin")]))
def test_whatever_a_source_says_of_its_channels_can_be_written(omero: Any, names: Any) -> None:
    before = group_attributes(changed(omero=omero, channel_names=names), None)
    after = with_windows(before, [(1.0, 2.0), (float("nan"), 5.0)])
    json.dumps(before, allow_nan=False)
    json.dumps(after, allow_nan=False)
    # Nor may what is edited in a store that is being filled end its restoration.
    json.dumps(with_windows({"ome": {"omero": omero}}, [(1.0, 2.0)]), allow_nan=False)
    first, second = after["ome"]["omero"]["channels"]
    assert (first["window"]["start"], first["window"]["end"]) == (1, 2)
    for channel in (first, second):
        assert re.fullmatch("([0-9A-Fa-f]{2}){3,4}", channel["color"])
        assert all(np.isfinite(float(channel["window"][key])) for key in first["window"])
        assert isinstance(channel.get("label", ""), str)
