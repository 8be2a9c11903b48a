import json

import numpy as np
import pytest
from scipy import ndimage

from l2l_core.errors import AxesError, StatisticsError
from l2l_core.images.appearance import (
    PERCENTILES,
    SPECTRUM_EDGES,
    contrast,
    describe,
    details,
    noise,
    spectrum,
)
from l2l_core.images.image import Length, from_array

RNG = np.random.default_rng(20)


def stripe(share, size=400, low=0.0, high=1.0):
    """An image of two grey levels, the upper one on a share of the columns."""
    image = np.full((size, size), low)
    image[:, : round(share * size)] = high
    return image


def test_contrast_of_two_grey_levels_that_are_the_sample_and_the_rest():
    result = contrast(stripe(0.1, size=2000))
    # The filtered border leaves a little of the sample in the rest.
    assert result.michelson == pytest.approx(1.0, abs=0.01)
    assert result.rms == pytest.approx(np.sqrt(0.1 * 0.9), rel=0.01)


def test_contrast_of_a_ramp_is_that_of_the_uniform_distribution():
    ramp = np.tile(np.linspace(5.0, 9.0, 1000), (50, 1))
    # Filtering leaves a ramp but for its ends; 1 % is cut off at both sides, so
    # x is uniform in -1/98 .. 1 + 1/98 and clipped: S and B follow by integration.
    width = 100 / 98
    sample = (1 - (1 - (0.1 * width - 1 / 98)) ** 2) / 2 + 1 / 98
    rest = (1 - (0.1 * width - 1 / 98)) ** 2 / 2
    s, b = sample / (0.1 * width), rest / (0.9 * width)
    square = (1 / 3 + 1 / 98) / width
    result = contrast(ramp)
    assert result.michelson == pytest.approx((s - b) / (s + b), abs=0.004)
    assert result.rms == pytest.approx(np.sqrt(square - 0.25), abs=0.004)


@pytest.mark.parametrize("share", [0.1, 0.01])
def test_contrasts_are_the_formulas_step_by_step(share):
    image = np.random.default_rng(7).gamma(
        0.1, size=(60, 70)
    )  # bright spots, of which more than 1 % is cut off
    taps = np.exp(-(np.arange(-8.0, 9.0) ** 2) / (2 * 2.0**2))
    taps /= taps.sum()
    blurred = np.pad(image, 8, mode="symmetric")
    for axis in (0, 1):
        blurred = np.apply_along_axis(np.convolve, axis, blurred, taps, "valid")
    pixels = np.sort(blurred.ravel())
    low, high = np.percentile(pixels, [1, 99])
    pixels = np.clip((pixels - low) / (high - low), 0, 1)
    count = round(share * pixels.size)
    s, b = pixels[-count:].mean(), pixels[:-count].mean()
    result = contrast(image, sample=share)
    assert result.michelson == pytest.approx((s - b) / (s + b))
    assert result.rms == pytest.approx(np.sqrt(np.mean((pixels - pixels.mean()) ** 2)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_contrast_does_not_depend_on_gain_and_offset_or_dtype(dtype):
    image = ndimage.gaussian_filter(RNG.random((128, 128)), 3)
    image = np.rint(200 * (image - image.min()) / np.ptp(image))
    one, other = contrast(image), contrast((image + 30).astype(dtype))
    assert other.michelson == pytest.approx(one.michelson, abs=1e-6)
    assert other.rms == pytest.approx(one.rms, abs=1e-6)


def test_a_smaller_sample_is_brighter():
    image = RNG.gamma(0.3, size=(200, 200))
    assert contrast(image, sample=0.01).michelson > contrast(image, sample=0.1).michelson


def test_nan_pixels_are_left_out_of_the_contrast():
    image = stripe(0.1)
    holed = image.copy()
    holed[200:210, 200:210] = np.nan
    assert contrast(holed).michelson == pytest.approx(contrast(image).michelson, abs=0.005)


@pytest.mark.parametrize(
    ("image", "sample", "error", "message"),
    [
        (np.ones((32, 32)), 0.1, StatisticsError, "got 1 for both"),
        (np.full((32, 32), np.nan), 0.1, StatisticsError, "no pixel is finite"),
        (np.ones((3, 32, 32)), 0.1, AxesError, r"\(3, 32, 32\) is no plane.*plane by plane"),
        (stripe(0.1), 1.5, StatisticsError, "1.5 of the pixels"),
    ],
)
def test_an_image_without_contrast_is_refused(image, sample, error, message):
    with pytest.raises(error, match=message):
        contrast(image, sample=sample)


@pytest.mark.parametrize("sigma", [0.5, 4.0, 60.0])
def test_known_noise_is_found_within_five_percent(sigma):
    y, x = np.mgrid[:256, :256]
    scene = 1000 + 2 * x - 3 * y + 200 * np.sin(x / 15)
    assert noise(scene + RNG.normal(0, sigma, scene.shape)) == pytest.approx(sigma, rel=0.05)


def test_noise_of_a_camera_image_survives_rounding_and_bright_spots():
    image = np.rint(100 + RNG.normal(0, 5, (256, 256))).clip(0).astype(np.uint16)
    image[RNG.random(image.shape) > 0.998] = 60000
    assert noise(image) == pytest.approx(5, rel=0.05)


def test_noise_of_few_grey_levels_is_not_nothing():
    assert noise((RNG.random((256, 256)) > 0.99).astype(np.uint8)) > 0.01
    assert noise(np.ones((16, 16))) == 0
    assert noise(np.full((16, 16), np.nan)) == 0


def test_white_noise_has_a_flat_spectrum_and_blur_a_falling_one():
    white = RNG.normal(size=(256, 200))
    assert spectrum(white) == pytest.approx(np.ones(8), abs=0.15)
    blurred = spectrum(ndimage.gaussian_filter(white, 1.5))
    assert (np.diff(blurred) < 0).all()
    assert spectrum(np.ones((64, 64))).tolist() == [0.0] * 8


def test_a_wave_stands_in_the_ring_of_its_frequency():
    x = np.arange(256)
    wave = np.tile(np.cos(2 * np.pi * 0.16 * x), (256, 1))
    rings = spectrum(wave)
    assert int(np.argmax(rings)) == int(np.digitize(0.16, SPECTRUM_EDGES)) - 1
    assert rings.max() > 20 * np.median(rings)


def test_a_description_is_json_with_a_part_for_each_channel():
    image = from_array(
        RNG.poisson(20, (2, 7, 48, 64)).astype(np.uint16),
        "CZYX",
        pixel_size={"Y": Length(0.1, "micrometer"), "X": Length(0.1, "micrometer")},
        channel_names=("actin", "tubulin"),
    )
    description = json.loads(json.dumps(describe(image, planes=3)))
    assert description["axes"] == "CZYX"
    assert description["shape"] == [2, 7, 48, 64]
    assert description["pixel_size"]["X"] == {"value": 0.1, "unit": "micrometer"}
    assert description["planes"] == 3
    assert [channel["name"] for channel in description["channels"]] == ["actin", "tubulin"]
    for channel in description["channels"]:
        assert channel["mean"] == pytest.approx(20, rel=0.05)
        assert channel["noise"] == pytest.approx(np.sqrt(20), rel=0.05)
        assert list(channel["percentiles"]) == [f"{p:g}" for p in PERCENTILES]
        assert len(channel["spectrum"]) == 8


def test_only_the_window_and_the_planes_that_are_looked_at_are_read():
    read = []

    class Source:
        chunks = (1, 1, 1)

        def read(self, index):
            shape = tuple(part.stop - part.start for part in index)
            read.append((shape, index[0].start))
            return np.random.default_rng(1).random(shape).astype(np.float32)

    image = from_array(np.zeros((1, 1, 1), np.float32), "ZYX")
    info = type(image.info)("big", "ZYX", (1000, 10_000, 50), "float32")
    describe(type(image)(info, Source()), planes=4, side=64)
    assert read == [((1, 64, 50), plane) for plane in (125, 375, 625, 875)]


def test_axes_in_another_order_are_turned_to_rows_and_columns():
    image = RNG.random((40, 64)).cumsum(axis=1)
    upright, turned = describe(image), describe(image.T.copy(), "XY")
    assert turned["channels"][0]["contrast"] == upright["channels"][0]["contrast"]


def test_a_constant_image_is_described_without_contrast():
    channel = describe(np.full((32, 32), 7, np.uint8))["channels"][0]
    assert channel["mean"] == 7
    assert channel["contrast"] == {"michelson": None, "rms": None}
    assert channel["noise"] is None
    assert channel["spectrum"] is None


def test_a_blank_plane_of_a_stack_does_not_count():
    stack = RNG.random((3, 64, 64))
    blank = stack.copy()
    blank[1] = 0
    description = describe(blank, "ZYX", planes=3)["channels"][0]
    expected = np.mean([contrast(stack[0]).rms, contrast(stack[2]).rms])
    assert description["contrast"]["rms"] == pytest.approx(expected)


def test_an_image_of_nan_alone_is_an_error_with_its_path():
    with pytest.raises(StatisticsError, match=r"cell\.tif: no pixel is finite"):
        describe(from_array(np.full((8, 8), np.nan), "YX", path="cell.tif"))


def test_details_are_what_is_neither_noise_nor_haze():
    y, x = np.indices((128, 128))
    kept, haze = np.sin(2 * np.pi * x / 12), np.sin(2 * np.pi * y / 128)
    noise_ = np.random.default_rng(3).normal(size=(128, 128))
    found = details(100 + kept + 3 * haze + 0.5 * noise_)
    middle = (slice(30, -30),) * 2
    assert np.corrcoef(found[middle].ravel(), kept[middle].ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(found[middle].ravel(), haze[middle].ravel())[0, 1]) < 0.3
    assert np.isfinite(details(np.where(noise_ > 2, np.nan, noise_))).all()
    with pytest.raises(AxesError):
        details(np.zeros((2, 5, 5)))
