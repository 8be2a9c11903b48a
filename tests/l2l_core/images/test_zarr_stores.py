from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from l2l_core.errors import AxesError, ImageError, ImageFormatError
from l2l_core.images.image import Length
from l2l_core.images.reading import open_image

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = np.random.default_rng(5).integers(0, 60000, (2, 40, 50), dtype=np.uint16)


def multiscale(path: Path, version: str, **more: Any) -> Path:
    scale = {"type": "scale", "scale": [1, 0.5, 0.25]}
    coarse = [
        {"type": "scale", "scale": [1, 1, 0.5]},
        {"type": "translation", "translation": [0, 0.25, 0.125]},
    ]
    image: dict[str, Any] = {
        "axes": [
            {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", "unit": "micrometer"},
            {"name": "x", "type": "space", "unit": "micrometer"},
        ],
        "datasets": [
            {"path": "0", "coordinateTransformations": [scale]},
            {"path": "1", "coordinateTransformations": coarse},
        ],
        "name": "cell",
        **more,
    }
    omero = {"channels": [{"label": "DNA"}, {"label": "actin"}]}
    if version == "0.4":
        attributes: dict[str, Any] = {
            "multiscales": [{**image, "version": version}],
            "omero": omero,
        }
    else:
        attributes = {"ome": {"version": version, "multiscales": [image], "omero": omero}}
    form = 2 if version == "0.4" else 3
    group = zarr.create_group(str(path), zarr_format=form, attributes=attributes)
    for name, pixels in (("0", PIXELS), ("1", PIXELS[:, ::2, ::2])):
        array = group.create_array(name, shape=pixels.shape, dtype=pixels.dtype, chunks=(1, 16, 16))
        array[...] = pixels
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_multiscale_is_read_at_each_level(version: str, tmp_path: Path) -> None:
    path = multiscale(tmp_path / "cell.ome.zarr", version)
    image = open_image(path)
    assert image.info.format == f"OME-Zarr {version}"
    assert image.axes == "CYX"
    assert image.chunks == (1, 16, 16)
    assert image.info.pixel_size == {"Y": Length(0.5), "X": Length(0.25)}
    assert image.info.channel_names == ("DNA", "actin")
    assert image.info.metadata["levels"] == 2
    np.testing.assert_array_equal(image.read(C=1, Y=slice(3, 30, 2)), PIXELS[1:, 3:30:2])
    coarse = open_image(path, level=1)
    assert coarse.info.pixel_size == {"Y": Length(1), "X": Length(0.5)}
    assert coarse.info.metadata["translation"] == {"Y": 0.25, "X": 0.125}
    np.testing.assert_array_equal(coarse.read(), PIXELS[:, ::2, ::2])
    with pytest.raises(ImageError, match="there is no level 2; the image has 2"):
        open_image(path, level=2)


def test_a_scale_of_the_whole_multiscale_counts_too(tmp_path: Path) -> None:
    both = [{"type": "scale", "scale": [1, 10, 10]}]
    image = open_image(multiscale(tmp_path / "a.zarr", "0.5", coordinateTransformations=both))
    assert image.info.pixel_size == {"Y": Length(5), "X": Length(2.5)}


def test_axes_without_a_unit_tell_no_size(tmp_path: Path) -> None:
    axes = [{"name": name} for name in "cyx"]
    assert open_image(multiscale(tmp_path / "a.zarr", "0.5", axes=axes)).info.pixel_size == {}


def test_axes_as_bare_names_are_read(tmp_path: Path) -> None:
    assert open_image(multiscale(tmp_path / "a.zarr", "0.4", axes=["z", "y", "x"])).axes == "ZYX"


def test_axes_that_are_not_ours_need_to_be_given(tmp_path: Path) -> None:
    axes = [{"name": "angle", "type": "other"}, {"name": "y"}, {"name": "x"}]
    path = multiscale(tmp_path / "a.zarr", "0.4", axes=axes)
    with pytest.raises(AxesError, match="3 axes of 2 x 40 x 50 are; give axes"):
        open_image(path)
    assert open_image(path, axes="TYX").axes == "TYX"


def test_a_newer_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageFormatError, match=r"OME-Zarr 0.6 is newer .* up to 0.5"):
        open_image(multiscale(tmp_path / "a.zarr", "0.6"))


def test_metadata_that_are_not_as_specified_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_group(str(path), attributes={"ome": {"version": "0.5", "multiscales": [{}]}})
    with pytest.raises(ImageFormatError, match="not as specified"):
        open_image(path)


@pytest.mark.parametrize("form", [2, 3])
def test_a_root_array_is_an_image(form: int, tmp_path: Path) -> None:
    path = tmp_path / "cell.zarr"
    array = zarr.create_array(
        str(path), shape=PIXELS.shape, dtype=">u2", chunks=(1, 16, 16), zarr_format=form
    )
    array[...] = PIXELS
    with pytest.raises(AxesError, match="give axes"):
        open_image(path)
    image = open_image(path, axes="ZYX")
    assert image.info.format == f"zarr {form}"
    np.testing.assert_array_equal(image.read(X=7), PIXELS[:, :, 7:8], strict=True)
    with pytest.raises(ImageError, match="a plain array has one, level 0"):
        open_image(path, axes="ZYX", level=1)


def test_names_of_dimensions_are_axes(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=PIXELS, dimension_names=["T", "y", "x"])
    assert open_image(tmp_path / "a.zarr").axes == "TYX"
    xarray = {"_ARRAY_DIMENSIONS": ["z", "y", "x"]}
    zarr.create_array(str(tmp_path / "b.zarr"), data=PIXELS, zarr_format=2, attributes=xarray)
    assert open_image(tmp_path / "b.zarr").axes == "ZYX"


def test_a_group_with_one_array_is_that_array(tmp_path: Path) -> None:
    group = zarr.create_group(str(tmp_path / "cell.zarr"))
    group.create_array("only", data=PIXELS[0])
    assert open_image(tmp_path / "cell.zarr").axes == "YX"
    group.create_array("second", data=PIXELS[1])
    with pytest.raises(ImageFormatError, match=r"2 arrays and 0 groups \(only, second\); name one"):
        open_image(tmp_path / "cell.zarr")
    np.testing.assert_array_equal(open_image(tmp_path / "cell.zarr" / "second").read(), PIXELS[1])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_and_a_well_say_where_their_images_are(version: str, tmp_path: Path) -> None:
    path = tmp_path / "plate.zarr"
    plate = {"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}}
    well = {"well": {"images": [{"path": "0"}]}}
    form = 2 if version == "0.4" else 3
    for place, attributes in ((path, plate), (path / "A", {}), (path / "A/1", well)):
        content = attributes if form == 2 else {"ome": {"version": version, **attributes}}
        zarr.create_group(str(place), zarr_format=form, attributes=content)
    multiscale(path / "A/1/0", version)
    with pytest.raises(ImageFormatError, match=r"plate of 2 wells; .* such as \S+plate.zarr/A/1/0"):
        open_image(path)
    with pytest.raises(ImageFormatError, match=r"well of 1 fields; .* such as \S+/A/1/0"):
        open_image(path / "A" / "1")
    assert open_image(path / "A" / "1" / "0").shape == PIXELS.shape


def test_a_collection_says_where_its_images_are(tmp_path: Path) -> None:
    path = tmp_path / "slide.zarr"
    zarr.create_group(str(path), zarr_format=2, attributes={"bioformats2raw.layout": 3})
    with pytest.raises(ImageFormatError, match=r"collection of images; .* such as \S+slide.zarr/0"):
        open_image(path)


def test_what_holds_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing.zarr").mkdir()
    with pytest.raises(ImageFormatError, match="no zarr store that can be read"):
        open_image(tmp_path / "nothing.zarr")
    zarr.create_group(str(tmp_path / "empty.zarr"))
    with pytest.raises(ImageFormatError, match="the zarr group is empty"):
        open_image(tmp_path / "empty.zarr")
    zarr.create_array(str(tmp_path / "waves.zarr"), data=np.zeros((4, 4), np.complex64))
    with pytest.raises(ImageFormatError, match="an array of complex64"):
        open_image(tmp_path / "waves.zarr")


def test_a_damaged_chunk_is_one_error(tmp_path: Path) -> None:
    path = multiscale(tmp_path / "cell.zarr", "0.5")
    image = open_image(path)
    (path / "0" / "c" / "0" / "0" / "0").write_bytes(b"not a chunk")
    np.testing.assert_array_equal(image.read(C=1), PIXELS[1:])
    with pytest.raises(ImageFormatError, match="the pixels cannot be read"):
        image.read(C=0)
    (path / "zarr.json").write_text("{")
    with pytest.raises(ImageFormatError, match="no zarr store that can be read"):
        open_image(path)
    shutil.rmtree(path)


@pytest.mark.parametrize(
    "stated", [0.5, [0.5, 0.5], {"X": 0.5}, {"X": ["a", "b"]}, {"Q": [1, "m"]}]
)
def test_what_another_program_calls_pixel_size_is_passed_over(stated: Any, tmp_path: Path) -> None:
    attributes = {"pixel_size": stated, "channel_names": ["too", "many"]}
    zarr.create_array(str(tmp_path / "a.zarr"), data=PIXELS[0], attributes=attributes)
    info = open_image(tmp_path / "a.zarr", axes="YX").info
    assert info.pixel_size == {}
    assert info.channel_names is None


def test_a_plate_that_is_not_as_specified_is_said(tmp_path: Path) -> None:
    zarr.create_group(str(tmp_path / "a.zarr"), attributes={"ome": {"plate": ["wells"]}})
    with pytest.raises(ImageFormatError, match="metadata are not as specified"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("path", ["../secret.zarr", "C:/secret.zarr", "part\\0"])
def test_a_level_outside_of_the_store_is_never_opened(path: str, tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "secret.zarr"), data=PIXELS)
    # What leads out on another system may lie within here.
    zarr.create_array(str(tmp_path / "a.zarr" / path.replace("\\", "/").lstrip("./")), data=PIXELS)
    path = multiscale(tmp_path / "a.zarr", "0.5", datasets=[{"path": path}])
    with pytest.raises(ImageFormatError, match="metadata are not as specified"):
        open_image(path)


@pytest.mark.parametrize("omero", [None, [], {"channels": None}, {"channels": [None, "a"]}])
def test_an_image_opens_whatever_stands_in_the_place_of_its_channels(
    omero: Any, tmp_path: Path
) -> None:
    path = multiscale(tmp_path / "a.zarr", "0.5")
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"]["omero"] = omero
    (path / "zarr.json").write_text(json.dumps(document))
    assert open_image(path).info.channel_names is None
