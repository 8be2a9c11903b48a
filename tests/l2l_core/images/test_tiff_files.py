from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
import tifffile

from l2l_core.errors import AxesError, ImageError, ImageFormatError
from l2l_core.images.image import Length
from l2l_core.images.reading import open_image
from l2l_core.images.tiff_files import _check_lengths
from l2l_core.images.tiff_pages import Page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIXELS = np.random.default_rng(5).integers(0, 60000, (4, 3, 90, 110), dtype=np.uint16)

LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {"metadata": {"axes": "ZCYX"}},
    "tiled": {"tile": (32, 48), "compression": "zlib", "metadata": {"axes": "ZCYX"}},
    "strips": {"rowsperstrip": 7, "compression": "zlib", "metadata": {"axes": "ZCYX"}},
    "predictor": {"compression": "zlib", "predictor": True, "metadata": {"axes": "ZCYX"}},
    "big": {"bigtiff": True, "byteorder": ">", "metadata": {"axes": "ZCYX"}},
    "big-endian tiles": {"tile": (32, 32), "byteorder": ">", "metadata": {"axes": "ZCYX"}},
    "ome": {"ome": True, "metadata": {"axes": "ZCYX"}},
    "ome tiled": {"ome": True, "tile": (64, 64), "metadata": {"axes": "ZCYX"}},
    "imagej": {"imagej": True, "metadata": {"axes": "ZCYX"}},
}


def write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack", **options})
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_reads_whole_and_in_parts(layout: str, tmp_path: Path) -> None:
    image = open_image(write(tmp_path / "cell.tif", PIXELS, **LAYOUTS[layout]))
    assert (image.axes, image.dtype) == ("ZCYX", np.dtype("uint16"))
    np.testing.assert_array_equal(image.read(), PIXELS, strict=True)
    part = image.read(Z=2, C=slice(1, 3), Y=slice(5, 71, 3), X=slice(40, -1))
    np.testing.assert_array_equal(part, PIXELS[2:3, 1:3, 5:71:3, 40:-1], strict=True)
    joined = np.zeros_like(PIXELS)
    for place in image.blocks(3000):
        joined[tuple(place[axis] for axis in "ZCYX")] = image.read(**place)
    np.testing.assert_array_equal(joined, PIXELS)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "bool"])
def test_every_pixel_type_is_read(dtype: str, tmp_path: Path) -> None:
    pixels = (PIXELS[0, 0] / 300).astype(dtype)
    image = open_image(write(tmp_path / "cell.tif", pixels))
    np.testing.assert_array_equal(image.read(), pixels, strict=True)


def test_a_volume_of_depth_tiles_is_read(tmp_path: Path) -> None:
    pixels = PIXELS[:, 0].repeat(4, axis=0)
    path = write(
        tmp_path / "cell.tif", pixels, volumetric=True, tile=(16, 32, 32), metadata={"axes": "ZYX"}
    )
    image = open_image(path)
    np.testing.assert_array_equal(image.read(Z=slice(3, 9), Y=7), pixels[3:9, 7:8])


def test_a_single_plane_is_read_without_the_file(tmp_path: Path) -> None:
    """A file of 3 GB with one plane on the disk, of which one patch is read."""
    path = tmp_path / "cell.tif"
    mapped = tifffile.memmap(
        path, shape=(400, 2048, 2048), dtype="u2", bigtiff=True, metadata={"axes": "ZYX"}
    )
    mapped[7, 5, 6] = 9
    mapped.flush()
    del mapped
    image = open_image(path)
    assert image.info.format == "BigTIFF"
    assert image.read(Z=7, Y=slice(4, 8), X=slice(4, 8))[0, 1, 2] == 9


def test_only_the_segments_asked_for_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "cell.tif", PIXELS, **LAYOUTS["tiled"])
    image = open_image(path)
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[5].dataoffsets[0], file.pages[5].databytecounts[0]
    with path.open("rb+") as file:
        file.seek(offset)
        file.write(bytes(count))
    # Page 5 is plane 1, channel 2; its first tile is destroyed, and nothing else notices.
    np.testing.assert_array_equal(
        image.read(Z=1, C=2, X=slice(48, 110))[0, 0], PIXELS[1, 2, :, 48:]
    )
    with pytest.raises(ImageFormatError, match="the pixels cannot be read"):
        image.read(Z=1, C=2, X=slice(0, 48))


def test_many_images_wait_without_open_files(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.tif", PIXELS), write(tmp_path / "b.tif", PIXELS, tile=(16, 16))]
    before = psutil.Process().num_fds()
    images = [open_image(path, axes="ZCYX") for path in paths for _ in range(20)]
    for image in images:
        image.read(Z=0, C=0)
    assert psutil.Process().num_fds() <= before


def test_threads_read_one_image_at_once(tmp_path: Path) -> None:
    image = open_image(write(tmp_path / "cell.tif", PIXELS, **LAYOUTS["tiled"]))
    places = [(z, c) for z in range(4) for c in range(3)] * 5
    with ThreadPoolExecutor(4) as pool:
        planes = list(pool.map(lambda place: image.read(Z=place[0], C=place[1])[0, 0], places))
    for (z, c), plane in zip(places, planes, strict=True):
        np.testing.assert_array_equal(plane, PIXELS[z, c])


def test_pages_without_a_word_need_axes(tmp_path: Path) -> None:
    path = write(tmp_path / "cell.tif", PIXELS[0], metadata=None)
    with pytest.raises(AxesError, match=r"its 3 axes of 3 x 90 x 110 are; give axes"):
        open_image(path)
    assert open_image(path, axes="tyx").axes == "TYX"
    with pytest.raises(AxesError, match=r"cell.tif \(3 x 90 x 110\): axes 'YX' name 2 axes"):
        open_image(path, axes="YX")


def test_given_axes_replace_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "cell.tif", PIXELS[:, 0], imagej=True, metadata={"axes": "ZYX"})
    assert open_image(path, axes="TYX").axes == "TYX"


def test_an_axis_of_one_without_meaning_goes(tmp_path: Path) -> None:
    image = open_image(write(tmp_path / "cell.tif", PIXELS[:1, 0], compression="zlib"))
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.read(Y=slice(3, 9)), PIXELS[0, 0, 3:9])


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((50, 60, 3), {}, "YXC"),
        ((3, 50, 60), {"planarconfig": "separate", "compression": "zlib"}, "CYX"),
        ((50, 60, 3), {"tile": (16, 32)}, "YXS"),
    ],
)
def test_colours_are_channels_only_where_asked(
    shape: tuple[int, ...], options: dict[str, Any], axes: str, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    path = write(tmp_path / "cell.tif", pixels, photometric="rgb", **options)
    with pytest.raises(AxesError, match="colour image with 3 samples a pixel, where one channel"):
        open_image(path)
    image = open_image(path, axes=axes)
    assert image.axes == axes.replace("S", "C")
    np.testing.assert_array_equal(
        image.read(Y=slice(3, 20)), np.take(pixels, range(3, 20), axis=image.axes.index("Y"))
    )


def test_levels_and_series_of_an_ome_tiff_are_chosen(tmp_path: Path) -> None:
    path = tmp_path / "cell.ome.tif"
    fine = PIXELS[0, 0]
    with tifffile.TiffWriter(path, ome=True) as file:
        size = {"axes": "YX", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm"}
        file.write(fine, subifds=1, tile=(32, 32), metadata=size)
        file.write(fine[::2, ::2], subfiletype=1, tile=(32, 32))
        second = {"axes": "ZYX", "PhysicalSizeX": 500, "PhysicalSizeXUnit": "nm"}
        file.write(PIXELS[:, 1], photometric="minisblack", metadata=second)
    top, coarse = open_image(path), open_image(path, level=1)
    assert top.info.metadata == {"series": 2, "levels": 2}
    assert top.info.pixel_size == {"X": Length(0.1)}
    assert coarse.info.pixel_size == {"X": Length(0.2)}
    np.testing.assert_array_equal(coarse.read(), fine[::2, ::2])
    other = open_image(path, series=1)
    assert other.info.pixel_size == {"X": Length(500, "nanometer")}
    np.testing.assert_array_equal(other.read(), PIXELS[:, 1])
    with pytest.raises(ImageError, match="there is no level 2; the image has 2"):
        open_image(path, level=2)
    with pytest.raises(ImageError, match="there is no series 2; the file has 2"):
        open_image(path, series=2)


def test_an_ome_tiff_of_several_files_is_one_image(tmp_path: Path) -> None:
    names = ["a.ome.tif", "b.ome.tif"]
    data = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{z:032x}</UUID></TiffData>'
        for z, name in enumerate(names)
    )
    for z, name in enumerate(names):
        text = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{z:032x}"><Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint16" '
            'DimensionOrder="XYZCT" SizeX="110" SizeY="90" SizeZ="2" SizeC="1" SizeT="1">'
            f'<Channel ID="Channel:0"/>{data}</Pixels></Image></OME>'
        )
        write(tmp_path / name, PIXELS[z, 0], description=text, metadata=None)
    image = open_image(tmp_path / "a.ome.tif")
    assert image.axes == "ZYX"
    np.testing.assert_array_equal(image.read(Z=1)[0], PIXELS[1, 0])
    np.testing.assert_array_equal(image.read(), PIXELS[:2, 0])


def imagej(path: Path, pixels: np.ndarray, unit: str, **metadata: Any) -> Path:
    return write(
        path,
        pixels,
        imagej=True,
        resolution=(4.0, 5.0),
        metadata={"axes": "ZYX", "unit": unit, **metadata},
    )


@pytest.mark.parametrize("unit", ["micron", "um", "\\u00B5m"])
def test_pixel_size_of_imagej_is_read(unit: str, tmp_path: Path) -> None:
    image = open_image(imagej(tmp_path / "cell.tif", PIXELS[:, 0], unit, spacing=0.7))
    assert image.info.format == "ImageJ TIFF"
    assert image.info.pixel_size == {"Z": Length(0.7), "Y": Length(0.2), "X": Length(0.25)}


def test_an_uncalibrated_imagej_file_has_no_pixel_size(tmp_path: Path) -> None:
    assert open_image(imagej(tmp_path / "a.tif", PIXELS[:, 0], "pixel")).info.pixel_size == {}
    assert open_image(imagej(tmp_path / "b.tif", PIXELS[:, 0], "inch")).info.pixel_size == {}


def test_resolution_counts_in_centimetres_alone(tmp_path: Path) -> None:
    sizes = {}
    for unit in ("CENTIMETER", "INCH", "NONE"):
        path = write(
            tmp_path / f"{unit}.tif", PIXELS[0, 0], resolution=(5e4, 4e4), resolutionunit=unit
        )
        sizes[unit] = open_image(path).info.pixel_size
    assert sizes["CENTIMETER"] == {"X": Length(0.2), "Y": Length(0.25)}
    assert sizes["INCH"] == sizes["NONE"] == {}


def test_labels_of_planes_are_no_names_of_channels(tmp_path: Path) -> None:
    labels = [f"plane {i}" for i in range(12)]
    path = write(
        tmp_path / "cell.tif", PIXELS, imagej=True, metadata={"axes": "ZCYX", "Labels": labels}
    )
    assert open_image(path).info.channel_names is None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("share", [0.0001, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_said_to_be_truncated(
    layout: str, share: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "cell.tif", PIXELS, **LAYOUTS[layout])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ImageFormatError, match=r"cell\.tif: .*truncated"):
        open_image(path)
    assert not caplog.records


def test_a_compression_without_a_decoder_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "cell.tif", PIXELS[0, 0], compression="lzw")
    np.testing.assert_array_equal(open_image(path).read(), PIXELS[0, 0])
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from l2l_core.images import open_image\n"
        f"open_image({str(path)!r})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "its compression (LZW); run: pip install imagecodecs" in result.stderr


def test_a_file_of_something_else_is_no_tiff(tmp_path: Path) -> None:
    path = tmp_path / "cell.tif"
    path.write_text("this is a letter")
    with pytest.raises(ImageFormatError, match="no whole TIFF file"):
        open_image(path)


def test_a_file_that_shrinks_after_opening_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "cell.tif", PIXELS, metadata={"axes": "ZCYX"})
    image = open_image(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ImageFormatError, match="damaged or has changed"):
        image.read()


def test_ome_xml_that_is_no_xml_leaves_the_pixels(tmp_path: Path) -> None:
    path = write(
        tmp_path / "cell.tif", PIXELS[0, 0], metadata=None, description="<OME broken</OME>"
    )
    image = open_image(path)
    assert image.info.pixel_size == {}
    np.testing.assert_array_equal(image.read(), PIXELS[0, 0])


def test_an_image_of_thousands_of_files_is_checked_in_one_pass(tmp_path: Path) -> None:
    class Counted(tuple[int, ...]):
        looked_at = 0

        def __iter__(self) -> Iterator[int]:
            Counted.looked_at += 1
            return super().__iter__()

    names = [tmp_path / f"{number}.tif" for number in range(50)]
    for name in names:
        name.write_bytes(b"0123456789")
    pages = [Page(name, Counted([2]), Counted([8])) for name in names]
    _check_lengths(pages)
    assert Counted.looked_at <= 2 * len(names)
    with pytest.raises(ImageFormatError, match=r"7\.tif: the file ends after 10 of at least 11"):
        _check_lengths([*pages, Page(names[7], (2,), (9,)), None])
