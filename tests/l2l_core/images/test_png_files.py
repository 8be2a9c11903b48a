from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from l2l_core.errors import AxesError, ImageFormatError
from l2l_core.images.reading import open_image

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(2)


def save(path: Path, pixels: np.ndarray) -> Path:
    Pillow.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_grey_plane_is_read(dtype: str, tmp_path: Path) -> None:
    pixels = RNG.integers(0, np.iinfo(dtype).max, (30, 40)).astype(dtype)
    image = open_image(save(tmp_path / "cell.PNG", pixels))
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.read(), pixels, strict=True)
    np.testing.assert_array_equal(image.read(Y=slice(2, 9, 2), X=-1), pixels[2:9:2, -1:])


def test_bits_and_palettes_are_read_as_what_they_show(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 255, (30, 40, 3), dtype=np.uint8)
    bits = Pillow.fromarray(pixels).convert("1")
    bits.save(tmp_path / "bits.png")
    np.testing.assert_array_equal(
        open_image(tmp_path / "bits.png").read(), np.array(bits.convert("L")), strict=True
    )
    palette = Pillow.fromarray(pixels).quantize(16)
    palette.save(tmp_path / "palette.png")
    with pytest.raises(AxesError, match="RGB, 3 samples"):
        open_image(tmp_path / "palette.png")
    np.testing.assert_array_equal(
        open_image(tmp_path / "palette.png", axes="YXC").read(), np.array(palette.convert("RGB"))
    )


@pytest.mark.parametrize(
    ("samples", "kind"),
    [(3, "is RGB, 3"), (4, "is RGB with transparency, 4"), (2, "greyscale with transparency, 2")],
)
def test_colours_where_one_channel_is_meant_are_refused(
    samples: int, kind: str, tmp_path: Path
) -> None:
    pixels = RNG.integers(0, 255, (30, 40, samples), dtype=np.uint8)
    path = save(tmp_path / "cell.png", pixels)
    with pytest.raises(AxesError, match=kind) as caught:
        open_image(path)
    assert "give axes 'YXC'" in str(caught.value)
    assert "all equal" not in str(caught.value)
    for axes in ("YXC", "YXS"):
        image = open_image(path, axes=axes)
        assert image.axes == "YXC"
        np.testing.assert_array_equal(image.read(C=1)[..., 0], pixels[..., 1])


@pytest.mark.parametrize("samples", [3, 4])
def test_grey_stored_as_colours_is_noticed(samples: int, tmp_path: Path) -> None:
    grey = RNG.integers(0, 255, (30, 40, 1), dtype=np.uint8).repeat(3, axis=2)
    pixels = np.dstack([grey, np.full((30, 40), 255, np.uint8)])[..., :samples]
    with pytest.raises(AxesError, match="colours are all equal, so nothing is lost"):
        open_image(save(tmp_path / "cell.png", pixels))


def test_axes_of_a_stack_do_not_fit_a_plane(tmp_path: Path) -> None:
    path = save(tmp_path / "cell.png", np.zeros((30, 40), np.uint8))
    with pytest.raises(AxesError, match=r"cell.png \(30 x 40\): axes 'ZYX' name 3 axes"):
        open_image(path, axes="ZYX")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    pixels = RNG.integers(0, 255, (200, 200), dtype=np.uint8)
    path = save(tmp_path / "cell.png", pixels)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ImageFormatError, match="no whole PNG file"):
        open_image(path)


def test_what_another_program_calls_pixel_size_is_passed_over(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("pixel_size", '{"X": 3}')
    Pillow.fromarray(RNG.integers(0, 9, (8, 9), dtype=np.uint8)).save(
        tmp_path / "a.png", pnginfo=texts
    )
    assert open_image(tmp_path / "a.png").info.pixel_size == {}
