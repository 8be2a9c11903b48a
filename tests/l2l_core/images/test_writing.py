from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from l2l_core.errors import AxesError, ImageError, ImageFormatError
from l2l_core.images import tiff_writing
from l2l_core.images.axes import reorder
from l2l_core.images.image import Length
from l2l_core.images.pyramid import halve
from l2l_core.images.reading import open_image
from l2l_core.images.writing import cast, write_image
from l2l_core.images.zarr_writing import chunk_shape, shard_shape

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(4)
SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 20, "X": 33}
SIZE = {
    "T": Length(2.5, "second"),
    "Z": Length(0.3),
    "Y": Length(0.1325),
    "X": Length(0.1325),
}
NAMES = ("DNA", "tubulin µ", "actin")
PROVENANCE = {"model": "actin <care>", "note": 'not for measuring "amounts" = µ\n', "n": [1, None]}


def pixels_of(axes: str, dtype: str) -> np.ndarray:
    return (RNG.random([SIZES[axis] for axis in axes]) * 200).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int16"])
@pytest.mark.parametrize("axes", ["YX", "XY", "ZYX", "CYX", "YXC", "TZCYX", "XCYZT"])
@pytest.mark.parametrize("name", ["a.tif", "a.ome.tiff", "a.ome.zarr", "04.ome.zarr", "a.zarr"])
def test_pixels_and_all_that_is_known_survive(
    name: str, axes: str, dtype: str, tmp_path: Path
) -> None:
    pixels = pixels_of(axes, dtype)
    names = NAMES if "C" in axes else None
    write_image(
        tmp_path / name,
        pixels,
        axes,
        pixel_size=SIZE,
        channel_names=names,
        provenance=PROVENANCE,
        version="0.4" if name.startswith("04") else "0.5",
    )
    image = open_image(tmp_path / name)
    assert sorted(image.axes) == sorted(axes)
    np.testing.assert_array_equal(reorder(image.read(), image.axes, axes), pixels, strict=True)
    found = image.info.pixel_size
    assert {axis: length.unit for axis, length in found.items()} == {
        axis: length.unit for axis, length in SIZE.items() if axis in axes
    }
    for axis, length in found.items():
        assert length.value == pytest.approx(SIZE[axis].value, rel=1e-8)
    assert image.info.channel_names == names
    assert image.info.metadata["provenance"] == PROVENANCE


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_plane_survives_as_png(dtype: str, tmp_path: Path) -> None:
    pixels = pixels_of("YX", dtype)
    size = {axis: SIZE[axis] for axis in "YX"}
    write_image(tmp_path / "a.png", pixels[None], "ZYX", pixel_size=SIZE, provenance=PROVENANCE)
    image = open_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.read(), pixels, strict=True)
    assert {axis: image.info.pixel_size[axis] for axis in "YX"} == size
    assert image.info.metadata["provenance"] == PROVENANCE


def test_pixels_survive_as_npy_in_their_own_order(tmp_path: Path) -> None:
    pixels = pixels_of("YXC", "float32")
    write_image(tmp_path / "a.npy", pixels, "YXC")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), pixels, strict=True)


def test_nothing_known_stays_nothing(tmp_path: Path) -> None:
    for name in ("a.tif", "a.ome.tif", "a.ome.zarr", "a.zarr", "a.png"):
        write_image(tmp_path / name, pixels_of("YX", "uint8"), "YX")
        info = open_image(tmp_path / name).info
        assert (info.pixel_size, info.channel_names) == ({}, None)
        assert "provenance" not in info.metadata


def test_fiji_gets_a_hyperstack_with_its_unit(tmp_path: Path) -> None:
    write_image(
        tmp_path / "a.tif",
        pixels_of("TCZYX", "uint16"),
        "TCZYX",
        pixel_size={**SIZE, "Z": Length(300, "nanometer"), "T": Length(2, "minute")},
        channel_names=NAMES,
    )
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_imagej
        facts = file.imagej_metadata
        numerator, denominator = file.pages[0].tags["XResolution"].value
    assert (facts["frames"], facts["slices"], facts["channels"]) == (2, 4, 3)
    assert (facts["unit"], facts["spacing"], facts["finterval"]) == ("um", 0.3, 120)
    assert numerator / denominator == pytest.approx(1 / 0.1325)
    assert facts["Labels"] == list(NAMES) * 8


def test_columns_that_look_like_colours_are_columns(tmp_path: Path) -> None:
    pixels = pixels_of("ZYX", "uint8")[:, :, :3]
    for name in ("a.tif", "a.ome.tif"):
        write_image(tmp_path / name, pixels, "ZYX")
        image = open_image(tmp_path / name)
        assert image.axes == "ZYX"
        np.testing.assert_array_equal(image.read(), pixels)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_an_image_too_large_for_classic_tiff_is_written_as_bigtiff(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_writing, "CLASSIC_LIMIT", 1000)
    pixels = pixels_of("ZYX", "uint16")
    write_image(tmp_path / name, pixels, "ZYX", pixel_size=SIZE, provenance=PROVENANCE)
    image = open_image(tmp_path / name)
    assert image.info.format == "OME-BigTIFF"
    assert image.info.pixel_size == {axis: SIZE[axis] for axis in "ZYX"}
    assert image.info.metadata["provenance"] == PROVENANCE
    np.testing.assert_array_equal(image.read(), pixels)


def test_ome_xml_of_what_is_written_is_well_formed_and_complete(tmp_path: Path) -> None:
    write_image(
        tmp_path / "a.ome.tif",
        pixels_of("TCZYX", "float32"),
        "TCZYX",
        pixel_size=SIZE,
        channel_names=NAMES,
        provenance=PROVENANCE,
    )
    facts = tifffile.xml2dict(tifffile.tiffcomment(tmp_path / "a.ome.tif"))["OME"]
    pixels = facts["Image"]["Pixels"]
    assert (pixels["Type"], pixels["SizeT"], pixels["SizeC"], pixels["SizeZ"]) == ("float", 2, 3, 4)
    assert pixels["PhysicalSizeZUnit"] == "µm"
    assert [channel["Name"] for channel in pixels["Channel"]] == list(NAMES)
    assert facts["StructuredAnnotations"]["CommentAnnotation"]["Namespace"] == "label2label"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["YX", "ZYX", "CYX", "TCZYX"])
def test_ome_zarr_is_valid_and_opens_elsewhere(version: str, axes: str, tmp_path: Path) -> None:
    yaozarrs = pytest.importorskip("yaozarrs")
    path = tmp_path / "a.ome.zarr"
    pixels = pixels_of(axes, "uint16")
    write_image(
        path,
        pixels,
        axes,
        pixel_size=SIZE,
        channel_names=NAMES if "C" in axes else None,
        provenance=PROVENANCE,
        version=version,
    )
    yaozarrs.validate_zarr_store(str(path))
    with warnings.catch_warnings():
        # What ome-zarr-py warns of while it is imported is its own business.
        warnings.simplefilter("ignore")
        io = pytest.importorskip("ome_zarr.io")
        reader = pytest.importorskip("ome_zarr.reader")
        (node,) = reader.Reader(io.parse_url(str(path)))()
        np.testing.assert_array_equal(np.asarray(node.data[0]), pixels)


def test_large_planes_are_cut_into_chunks_and_small_ones_joined(tmp_path: Path) -> None:
    write_image(tmp_path / "a.zarr", np.zeros((2, 1100, 600), np.uint8), "ZYX")
    assert open_image(tmp_path / "a.zarr").chunks == (1, 512, 512)
    write_image(tmp_path / "a04.zarr", np.zeros((2, 1100, 600), np.uint8), "ZYX", version="0.4")
    assert open_image(tmp_path / "a04.zarr").chunks == (1, 1024, 600)
    write_image(tmp_path / "b.zarr", np.zeros((2, 300, 16, 64), np.uint8), "CZYX")
    assert open_image(tmp_path / "b.zarr").chunks == (1, 256, 16, 64)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_large_image_is_a_pyramid_in_few_files(version: str, tmp_path: Path) -> None:
    pixels = RNG.integers(1, 99, (2, 3, 601, 1030)).astype(np.uint8)
    path = tmp_path / "slide.zarr"
    write_image(path, pixels, "CZYX", pixel_size=SIZE, version=version)
    info = open_image(path).info
    assert (info.format, info.metadata["name"]) == (f"OME-Zarr {version}", "slide")
    assert info.metadata["levels"] == 3
    for level in range(3):
        image = open_image(path, level=level)
        np.testing.assert_array_equal(image.read(), pixels, strict=True)
        assert image.info.pixel_size["Y"].value == pytest.approx(SIZE["Y"].value * 2**level)
        pixels = halve(pixels, "CZYX")
    if version == "0.5":
        files = [file for file in path.rglob("*") if file.is_file() and file.suffix != ".json"]
        assert len(files) == 3


@pytest.mark.parametrize(
    ("axes", "shape", "chunks", "shard"),
    [
        ("YX", (9000, 700), (512, 512), (4096, 1024)),
        ("YX", (20, 33), (20, 33), (20, 33)),
        ("ZYX", (1000, 512, 512), (1, 512, 512), (64, 512, 512)),
        ("TCZYX", (50, 3, 5, 64, 64), (1, 1, 5, 64, 64), (50, 3, 5, 64, 64)),
        ("CZYX", (3, 90, 4100, 4100), (1, 1, 512, 512), (1, 1, 4096, 4096)),
    ],
)
def test_shards_hold_whole_chunks_up_to_a_limit(
    axes: str, shape: tuple[int, ...], chunks: tuple[int, ...], shard: tuple[int, ...]
) -> None:
    assert chunk_shape(shape, axes, 512) == chunks
    assert shard_shape(shape, axes, chunks) == shard


def test_a_view_that_is_not_contiguous_is_written_as_it_looks(tmp_path: Path) -> None:
    pixels = pixels_of("ZYX", "float32")[::-1, ::2, ::3]
    for name in ("a.tif", "a.ome.tif", "a.ome.zarr", "a.zarr", "a.npy"):
        write_image(tmp_path / name, pixels, "ZYX")
        np.testing.assert_array_equal(open_image(tmp_path / name, axes="ZYX").read(), pixels)


@pytest.mark.parametrize(
    ("name", "axes", "dtype", "error", "complaint"),
    [
        ("a.jpg", "YX", "uint8", ImageFormatError, "end it in one of .ome.tif"),
        (
            "a.png",
            "ZYX",
            "uint8",
            AxesError,
            "one plane, but the image has Z of size 4",
        ),
        ("a.png", "YX", "float32", ImageFormatError, "a PNG holds uint8 or uint16"),
        ("a.tif", "YX", "int64", ImageFormatError, "no place for pixels of type int64"),
        ("a.ome.tif", "YX", "complex64", ImageFormatError, "no place for pixels of type complex64"),
        ("a.tif", "YXS", "uint8", AxesError, "unknown letter 'S'"),
    ],
)
def test_what_a_format_has_no_place_for_is_refused(
    name: str, axes: str, dtype: str, error: type[Exception], complaint: str, tmp_path: Path
) -> None:
    pixels = np.zeros([SIZES.get(axis, 3) for axis in axes], dtype)
    with pytest.raises(error, match=complaint):
        write_image(tmp_path / name, pixels, axes)
    assert not list(tmp_path.iterdir())


def test_other_refusals_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="2 channel names for 3 channels"):
        write_image(tmp_path / "a.tif", pixels_of("CYX", "uint8"), "CYX", channel_names=("a", "b"))
    with pytest.raises(ImageError, match="no pixels to write"):
        write_image(tmp_path / "a.tif", np.zeros((0, 4)), "YX")
    with pytest.raises(ImageFormatError, match=r"choose one of 0\.4, 0\.5"):
        write_image(tmp_path / "a.ome.zarr", pixels_of("YX", "uint8"), "YX", version="0.6")
    assert not list(tmp_path.iterdir())


@given(
    arrays.arrays(
        st.sampled_from(["float32", "float64"]),
        st.integers(1, 20),
        elements=st.just(np.nan) | st.floats(-(2.0**20), 2.0**20, width=32),
    ),
    st.sampled_from(["uint8", "uint16"]),
)
def test_casting_rounds_and_saturates(pixels: Any, dtype: str) -> None:
    highest = np.iinfo(dtype).max
    result = cast(pixels, dtype)
    assert result.dtype == dtype
    for before, after in zip(pixels.tolist(), result.tolist(), strict=True):
        if np.isnan(before):
            assert after == 0
        else:
            assert after == min(max(round(before), 0), highest)


@given(
    st.sampled_from(["int8", "uint8", "int16", "uint16", "int32", "uint64", "bool"]),
    st.sampled_from(["uint8", "uint16"]),
    st.data(),
)
def test_integers_saturate_and_never_wrap(source: str, dtype: str, data: st.DataObject) -> None:
    pixels = data.draw(arrays.arrays(source, 9))
    expected = [min(max(int(value), 0), np.iinfo(dtype).max) for value in pixels]
    assert cast(pixels, dtype).tolist() == expected


def test_infinite_pixels_saturate() -> None:
    assert cast(np.array([np.inf, -np.inf, np.nan]), "uint16").tolist() == [65535, 0, 0]


def test_casting_leaves_its_input_alone() -> None:
    pixels = np.array([1.4, np.nan, -3], np.float32)
    cast(pixels, "uint8")
    np.testing.assert_array_equal(pixels, np.array([1.4, np.nan, -3], np.float32))


def test_floats_pass_through() -> None:
    assert cast(np.array([1e300, np.nan]), "float32").tolist()[0] == np.inf
    pixels = np.zeros(3, np.float32)
    assert cast(pixels, np.float32) is pixels


@pytest.mark.parametrize("dtype", ["int8", "float64", "nonsense"])
def test_an_unknown_type_is_refused(dtype: str) -> None:
    with pytest.raises(ImageError, match=f"{dtype}'; choose one of float32, uint16, uint8"):
        cast(np.zeros(3), dtype)


def test_half_precision_saturates_too() -> None:
    pixels = np.array([np.inf, -np.inf, np.nan, 65504, 0.6], np.float16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cast(pixels, "uint16").tolist() == [65535, 0, 0, 65504, 1]
