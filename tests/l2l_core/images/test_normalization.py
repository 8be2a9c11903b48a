from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.errors import AxesError, StatisticsError
from l2l_core.images.image import Image, ImageInfo, from_array
from l2l_core.images.normalization import Method, Normalization, average, measure

RNG = np.random.default_rng(3)


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e3))
def test_inverting_gives_back_what_was_normalised(offset: float, scale: float) -> None:
    image = RNG.normal(200, 50, (1, 8, 9)).astype(np.float32)
    normalization = Normalization((offset,), (scale,))
    there = normalization.apply(image)
    assert there.dtype == np.float32
    np.testing.assert_allclose(normalization.invert(there), image, atol=2e-3)


def test_each_channel_has_its_own_numbers() -> None:
    image = np.stack([np.full((3, 4), 10), np.full((3, 4), 30)]).astype(np.uint16)
    normalization = Normalization((10, 20), (1, 5))
    np.testing.assert_array_equal(normalization.apply(image)[:, 0, 0], [0, 2])
    last = np.moveaxis(image, 0, -1)
    np.testing.assert_array_equal(normalization.apply(last, channel_axis=-1)[0, 0], [0, 2])


def test_an_array_without_a_channel_axis_is_normalised() -> None:
    image = np.full((3, 4), 12, np.uint8)
    result = Normalization((10,), (4,)).apply(image, channel_axis=None)
    np.testing.assert_array_equal(result, np.full((3, 4), 0.5, np.float32), strict=True)


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(AxesError, match="2 channels along axis 0, but the normalisation has"):
        Normalization((0,), (1,)).apply(np.zeros((2, 4, 4)))


def test_numbers_survive_json() -> None:
    normalization = Normalization((0.1, 2), (3, 1 / 3))
    text = json.dumps(normalization.to_dict())
    assert Normalization.from_dict(json.loads(text)) == normalization


@pytest.mark.parametrize(
    ("offset", "scale"),
    [((0,), (0,)), ((0, 1), (1,)), ((np.nan,), (1,)), ((0,), (np.inf,)), ((), ())],
)
def test_numbers_that_make_pixels_infinite_are_refused(
    offset: tuple[float, ...], scale: tuple[float, ...]
) -> None:
    with pytest.raises(StatisticsError, match="normalisation with"):
        Normalization(offset, scale)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("percentile", lambda x: (np.percentile(x, 1), np.percentile(x, 99))),
        ("mean_std", lambda x: (x.mean(), x.mean() + x.std())),
        ("min_max", lambda x: (x.min(), x.max())),
        ("none", lambda x: (0, 1)),
    ],
)
def test_each_method_takes_the_numbers_it_says(dtype: str, method: Method, expected) -> None:
    pixels = RNG.gamma(3, 12, (3, 2, 20, 30)).astype(dtype)
    normalization = measure(pixels, "ZCYX", method=method, low=1, high=99)
    for channel in range(2):
        zero, one = expected(pixels[:, channel].astype(np.float64))
        assert normalization.offset[channel] == pytest.approx(zero, rel=1e-12)
        assert normalization.scale[channel] == pytest.approx(one - zero, rel=1e-12)


class Counting:
    """Pixels that remember how many were asked for at once."""

    chunks = (1, 256, 256)

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.largest = 0

    def read(self, index: tuple[slice, ...]) -> np.ndarray:
        part = self.pixels[index]
        self.largest = max(self.largest, part.size)
        return part.copy()


def test_an_image_is_measured_in_blocks_and_never_held_whole() -> None:
    pixels = RNG.integers(0, 4000, (40, 512, 512), dtype=np.uint16)
    source = Counting(pixels)
    image = Image(ImageInfo("cell.tif", "ZYX", pixels.shape, "uint16"), source)
    normalization = measure(image)
    low, high = np.percentile(pixels, (2, 99.8))
    assert normalization == Normalization((low,), (high - low,))
    assert 0 < source.largest < pixels.size / 2


def test_one_nan_does_not_spoil_the_numbers() -> None:
    pixels = RNG.normal(100, 5, (30, 30)).astype(np.float32)
    clean = np.percentile(pixels.ravel()[1:].astype(float), 2)
    pixels[0, 0] = np.nan
    assert measure(pixels, "YX").offset[0] == clean


@pytest.mark.parametrize("method", ["percentile", "mean_std", "min_max"])
@pytest.mark.parametrize(
    ("pixels", "complaint"),
    [
        (np.zeros((5, 5), np.uint16), "cell.tif: all pixels are 0"),
        (np.full((5, 5), 7.5, np.float32), "cell.tif: all pixels are the same value, 7.5"),
        (np.full((5, 5), np.nan, np.float32), "cell.tif: there is no finite pixel"),
    ],
)
def test_an_image_without_contrast_is_refused(
    method: Method, pixels: np.ndarray, complaint: str
) -> None:
    with pytest.raises(StatisticsError, match=complaint):
        measure(pixels, "YX", method=method, where="cell.tif")


def test_the_channel_without_contrast_is_named() -> None:
    pixels = np.stack([np.arange(25).reshape(5, 5), np.zeros((5, 5))])
    with pytest.raises(StatisticsError, match=r"cell.tif, channel 1: all pixels are 0"):
        measure(from_array(pixels, "CYX", path="cell.tif"))


def test_equal_percentiles_of_a_sparse_image_are_explained() -> None:
    pixels = np.zeros((100, 100), np.uint8)
    pixels[0, 0] = 200
    with pytest.raises(StatisticsError, match=r"percentiles 2 and 99.8 are both 0, .* 0 to 200"):
        measure(pixels, "YX")
    assert measure(pixels, "YX", method="min_max").scale == (200,)


@pytest.mark.parametrize(("low", "high"), [(50, 50), (90, 10), (-1, 99), (1, 101)])
def test_percentiles_out_of_order_are_refused(low: float, high: float) -> None:
    with pytest.raises(StatisticsError, match="expected 0 <= low < high <= 100"):
        measure(np.arange(16).reshape(4, 4), "YX", low=low, high=high)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(StatisticsError, match="'median'; choose one of percentile"):
        measure(np.arange(16).reshape(4, 4), "YX", method="median")  # type: ignore[arg-type]


def test_a_filling_can_be_left_out() -> None:
    pixels = np.array([[0, 0, 0, 10, 20]], np.uint16)
    assert measure(pixels, "YX", method="min_max", ignore=0) == Normalization((10,), (10,))


def test_the_average_counts_each_image_once() -> None:
    numbers = [Normalization((0, 1), (2, 4)), Normalization((4, 3), (4, 8))]
    assert average(numbers) == Normalization((2, 2), (3, 6))


def test_an_average_of_nothing_or_of_unlike_images_is_refused() -> None:
    with pytest.raises(StatisticsError, match="got none"):
        average([])
    with pytest.raises(StatisticsError, match="images of 1 and 2 channels"):
        average([Normalization.identity(1), Normalization.identity(2)])
