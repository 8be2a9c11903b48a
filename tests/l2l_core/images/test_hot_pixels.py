import numpy as np
import pytest
from scipy import ndimage

from l2l_core.errors import AxesError
from l2l_core.images.hot_pixels import hot_pixels, without_hot_pixels
from l2l_core.images.reading import open_image


def noisy(seed=0, shape=(60, 70)):
    return np.random.default_rng(seed).poisson(100, shape).astype(np.uint16)


@pytest.mark.parametrize("place", [(30, 20), (0, 0), (59, 69), (0, 33), (1, 68)])
def test_a_hot_pixel_is_found_wherever_it_is_and_nothing_else(place):
    image = noisy()
    image[place] = 2000
    assert np.argwhere(hot_pixels(image)).tolist() == [list(place)]


def test_noise_has_none():
    for seed in range(30):
        assert not hot_pixels(noisy(seed, (60, 70))).any()


def test_two_hot_pixels_side_by_side_are_both_found():
    image = noisy()
    image[10, 10:12] = 3000
    hot = hot_pixels(image)
    assert np.argwhere(hot).tolist() == [[10, 10], [10, 11]]
    assert without_hot_pixels(image, hot)[10, 10:12].max() < 150


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0])
def test_a_spot_of_a_microscope_is_none(sigma):
    point = np.zeros((31, 31))
    point[15, 15] = 1
    spot = ndimage.gaussian_filter(point, sigma)
    assert not hot_pixels(1e4 * spot / spot.max() + 5).any()


def test_single_photons_are_none_and_the_floor_says_so():
    image = np.zeros((40, 40), np.uint8)
    image[5::9, 5::9] = 3
    assert not hot_pixels(image).any()
    assert hot_pixels(image, floor=0).sum() == (image > 0).sum()


def test_the_ends_of_the_neighbourhood_leave_out_an_eighth():
    rng = np.random.default_rng(5)
    image = rng.exponential(20, (30, 30)) ** 2
    image[3, 4] = np.nan
    padded = np.pad(image, 2, constant_values=np.nan)
    expected = np.zeros(image.shape, bool)
    for y, x in np.ndindex(*image.shape):
        around = np.delete(padded[y : y + 5, x : x + 5].ravel(), 12)
        around = np.sort(around[np.isfinite(around)])
        rank = int(np.ceil(around.size / 8))
        upper, lower = around[-rank], around[rank - 1]
        expected[y, x] = image[y, x] - upper > 1.5 * (upper - lower)
    assert 0 < expected.sum() < 60
    np.testing.assert_array_equal(hot_pixels(image, threshold=1.5), expected)


def test_only_hot_pixels_change_and_get_the_median_of_their_neighbours():
    image = noisy()
    image[7, 9] = 60000
    cleaned = without_hot_pixels(image, hot_pixels(image))
    assert cleaned.dtype == image.dtype
    assert np.argwhere(cleaned != image).tolist() == [[7, 9]]
    around = np.delete(image[6:9, 8:11].ravel(), 4)
    assert cleaned[7, 9] == np.rint(np.median(around))


def test_an_image_without_hot_pixels_or_of_one_line_is_left_alone():
    flat = np.full((1, 6), 7.0)
    assert not hot_pixels(np.array([[5.0]])).any()
    assert not hot_pixels(np.array([[np.nan, 5.0, np.nan, np.nan]])).any()
    assert not hot_pixels(flat).any()
    np.testing.assert_array_equal(without_hot_pixels(flat, hot_pixels(flat)), flat)
    with pytest.raises(AxesError, match="plane by plane"):
        hot_pixels(np.zeros((2, 3, 4)))


@pytest.mark.real_data
def test_the_real_hot_pixels_go_and_all_others_stay(real_data):
    folder = real_data / "cells-multichannel"
    hot = open_image(folder / "xyc_16bit__membranes_nuclei_hot_pixel.tif").read()
    without = open_image(folder / "xyc_8bit__membranes_nuclei.tif").read()
    for image, clean in zip(hot, without, strict=True):
        found = hot_pixels(image)
        np.testing.assert_array_equal(found, image != clean)
        assert found.sum() == 1
        assert without_hot_pixels(image, found).max() == clean.max()
        assert not hot_pixels(clean).any()
