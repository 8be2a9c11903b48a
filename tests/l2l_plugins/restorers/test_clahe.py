import numpy as np
import pytest
from skimage import exposure

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.testing.restorer_suite import RestorerSuite


class TestClahe(RestorerSuite):
    component = ("clahe", "")


class TestClaheInVolumes(RestorerSuite):
    component = ("clahe", "")
    axes = "ZYX"
    options = {"grid": [1, 3, 2], "clip_limit": 0.01, "levels": 64}  # noqa: RUF012


def clahe(axes="YX", **options):
    return make_restorer("clahe", "", options, axes=axes)


def test_it_is_scikit_images_filter_in_the_images_own_range():
    image = np.random.default_rng(0).gamma(2.0, 300.0, size=(44, 55)).astype(np.float32)
    low, high = image.min(), image.max()
    equalized = exposure.equalize_adapthist(
        (image - low) / (high - low), kernel_size=(4, 5), clip_limit=40 / 256
    )
    restored = clahe(grid=11).restore(image[None, None])["mean"][0, 0]
    np.testing.assert_allclose(restored, low + equalized * (high - low), rtol=1e-5)
    assert (restored.min(), restored.max()) == (low, pytest.approx(high))


def test_gain_and_offset_of_the_input_are_those_of_the_output():
    image = np.random.default_rng(0).integers(0, 256, size=(1, 1, 40, 40)).astype(np.float32)
    plain = clahe(grid=4).restore(image)["mean"]
    np.testing.assert_allclose(
        clahe(grid=4).restore(image * 4 + 1000)["mean"], plain * 4 + 1000, rtol=1e-6
    )


def test_a_dark_half_comes_to_the_contrast_of_a_bright_one():
    pattern = np.indices((64, 64)).sum(axis=0) % 16 / 15.0
    image = (pattern * np.where(np.arange(64) < 32, 20.0, 200.0)).astype(np.float32)
    restored = clahe(grid=2, clip_limit=1.0).restore(image[None, None])["mean"][0, 0]

    def ratio(of):
        return np.ptp(of[:, :12]) / np.ptp(of[:, -12:])

    assert ratio(image) == pytest.approx(0.1, abs=0.01)
    assert ratio(restored) > 0.6


@pytest.mark.parametrize("sides", [(5, 20, 3), (4, 4, 4), (1, 9, 1)])
def test_a_volume_of_a_few_columns_is_no_picture_in_colour(sides):
    image = np.random.default_rng(0).random((1, 1, *sides)).astype(np.float32)
    restored = clahe("ZYX", grid=2).restore(image)["mean"]
    swapped = clahe("ZYX", grid=2).restore(np.moveaxis(image, 4, 3).copy())["mean"]
    np.testing.assert_allclose(np.moveaxis(swapped, 3, 4), restored, atol=1e-3)


def test_a_constant_image_stays_as_it_is():
    image = np.full((1, 1, 20, 20), 7.0, np.float32)
    np.testing.assert_array_equal(clahe().restore(image)["mean"], image)


def test_it_has_no_bounded_halo():
    assert clahe().geometry.halo == (None, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": 0}, r"1 or more.*clahe.grid"),
        ({"grid": [2, 2, 2]}, "got 3 numbers"),
        ({"clip_limit": 0.0}, r"above 0.*clahe.clip_limit"),
        ({"clip_limit": 40.0}, "1 at most"),
        ({"levels": 1}, r"2 to 16384.*clahe.levels"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionsError, match=message):
        clahe(**options)
