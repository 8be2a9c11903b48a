import numpy as np
import pytest
from scipy import ndimage

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.testing.restorer_suite import RestorerSuite


class TestMedian(RestorerSuite):
    component = ("median", "")


class TestMedianPerAxis(RestorerSuite):
    component = ("median", "")
    options = {"size": [1, 7]}  # noqa: RUF012
    channels_in = 2
    channels_out = 2


class TestMedianInVolumes(RestorerSuite):
    component = ("median", "")
    axes = "ZYX"
    options = {"size": [3, 5, 3]}  # noqa: RUF012


def median(axes="YX", **options):
    return make_restorer("median", "", options, axes=axes)


def test_it_is_scipys_filter_on_each_image():
    batch = np.random.default_rng(0).normal(500, 80, size=(2, 1, 30, 20)).astype(np.float32)
    restored = median(size=[5, 3]).restore(batch)["mean"]
    for image, result in zip(batch, restored, strict=True):
        np.testing.assert_array_equal(result[0], ndimage.median_filter(image[0], size=(5, 3)))


def test_a_hot_pixel_goes_and_an_edge_stays():
    image = np.zeros((1, 1, 9, 9), np.float32)
    image[..., 5:] = 100.0
    expected = image.copy()
    image[0, 0, 4, 2] = 5000.0
    np.testing.assert_array_equal(median(size=3).restore(image)["mean"], expected)


@pytest.mark.parametrize("size", [0, 2, -3, [3, 4], []])
def test_a_window_without_a_middle_is_refused(size):
    with pytest.raises(OptionsError, match=r"expected an odd number.*median.size"):
        median(size=size)


def test_as_many_sizes_as_axes():
    with pytest.raises(OptionsError, match=r"got 3 numbers, .* axes YX @ restorer median.size"):
        median(size=[3, 3, 3])
