from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from l2l_core.errors import ImageFormatError
from l2l_core.images.normalization import measure
from l2l_core.images.reading import list_images, open_image
from l2l_core.images.statistics import summarize

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_data

MICROMETER = "micrometer"


@pytest.mark.parametrize(
    ("name", "axes", "size", "dtype", "pixel"),
    [
        ("vesicles-two-labels/label_a.ome.tif", "ZYX", (17, 152, 172), "uint8", {"X": 0.3282}),
        ("vesicles-two-labels/label_b.ome.tif", "ZYX", (17, 152, 172), "uint8", {"Z": 0.6460937}),
        ("microtubules-repeats/TIRF_200Hz.tif", "ZYX", (20, 256, 256), "uint16", {}),
        ("microtubules-repeats/TIRF_9Hz.tif", "YX", (256, 256), "uint16", {}),
        ("lysosome-movie/lysosomes.tif", "TYX", (50, 128, 128), "uint16", {"X": 0.129201}),
        ("actin-nuclei/BPAE_actin.tif", "YX", (680, 1100), "float32", {}),
        (
            "cells-multichannel/xyc_16bit__cell_dna_mts_actin.tif",
            "CYX",
            (3, 350, 350),
            "uint16",
            {"X": 0.1324916, "Y": 0.1324916},
        ),
        (
            "cells-multichannel/xyzc_16bit__dna_conf_wf.tif",
            "ZCYX",
            (45, 2, 130, 133),
            "uint16",
            {"Z": 0.4994126, "X": 0.511878},
        ),
    ],
)
def test_what_a_file_says_is_read(
    real_data: Path,
    name: str,
    axes: str,
    size: tuple[int, ...],
    dtype: str,
    pixel: dict[str, float],
) -> None:
    image = open_image(real_data / name)
    assert (image.axes, image.shape, image.dtype) == (axes, size, np.dtype(dtype))
    if not pixel:
        assert image.info.pixel_size == {}
    for axis, value in pixel.items():
        assert image.info.pixel_size[axis].value == pytest.approx(value, rel=1e-5)
        assert image.info.pixel_size[axis].unit == MICROMETER


def test_every_tiff_reads_as_tifffile_reads_it_with_numpys_percentiles(real_data: Path) -> None:
    paths = sorted(real_data.glob("**/*.tif"))
    assert paths
    for path in paths:
        image, expected = open_image(path), tifffile.imread(path)
        np.testing.assert_array_equal(image.read(), expected, strict=True)
        np.testing.assert_array_equal(image.read(Y=slice(9, 40)), image.read()[..., 9:40, :])
        channels = (
            np.moveaxis(expected, image.axes.index("C"), 0) if "C" in image.axes else [expected]
        )
        for found, pixels in zip(summarize(image, (2, 50, 99.8)), channels, strict=True):
            values = np.percentile(pixels.astype(np.float64), (2, 50, 99.8))
            assert list(found.percentiles.values()) == list(values)
        assert min(measure(image).scale) > 0


def test_hot_pixels_do_not_reach_the_percentiles(real_data: Path) -> None:
    path = real_data / "cells-multichannel" / "xyc_16bit__membranes_nuclei_hot_pixel.tif"
    first, _ = summarize(open_image(path), (99.8,))
    assert first.moments.maximum > 50 * first.percentiles[99.8]


def test_a_microscopes_own_format_opens_or_names_the_extra(real_data: Path) -> None:
    path = real_data / "cells-multichannel" / "xyz__multiple_images.czi"
    try:
        import bioio  # noqa: F401
    except ImportError:
        with pytest.raises(ImageFormatError, match="bioformats"):
            open_image(path)
    else:
        image = open_image(path)
        assert image.read(Y=slice(0, 8)).shape[image.axes.index("Y")] == 8


def test_folders_are_listed(real_data: Path) -> None:
    names = [path.name for path in list_images(real_data / "vesicles-two-labels")]
    assert names == ["label_a.ome.tif", "label_b.ome.tif"]
