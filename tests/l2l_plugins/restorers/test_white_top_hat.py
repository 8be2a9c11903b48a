import numpy as np
import pytest
from scipy import ndimage
from skimage import morphology

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.testing.restorer_suite import RestorerSuite


class TestWhiteTopHat(RestorerSuite):
    component = ("white_top_hat", "")


class TestWhiteTopHatPerAxis(RestorerSuite):
    component = ("white_top_hat", "")
    options = {"size": [3, 7]}  # noqa: RUF012


class TestWhiteTopHatInVolumes(RestorerSuite):
    component = ("white_top_hat", "")
    axes = "ZYX"
    options = {"size": [1, 5, 3]}  # noqa: RUF012


def top_hat(axes="YX", **options):
    return make_restorer("white_top_hat", "", options, axes=axes)


@pytest.mark.parametrize("size", [11, 25])
def test_it_is_scipys_and_scikit_images_filter(size):
    image = np.random.default_rng(0).normal(500, 80, size=(50, 40)).astype(np.float32)
    restored = top_hat(size=size).restore(image[None, None])["mean"][0, 0]
    np.testing.assert_array_equal(restored, ndimage.white_tophat(image, size=(size, size)))
    # scikit-image has another border: there the window ends with the image.
    other = morphology.white_tophat(image, np.ones((size, size), bool))
    inner = slice(size, -size) if size < 20 else slice(size, None)
    np.testing.assert_allclose(restored[inner, 12:-12], other[inner, 12:-12], atol=1e-3)


def test_a_narrow_line_stays_with_its_height_and_a_wide_one_goes():
    image = np.full((1, 1, 40, 60), 100.0, np.float32)
    image[..., 10:13] += 30.0  # 3 px wide
    image[..., 30:45] += 70.0  # 15 px wide
    expected = np.zeros_like(image)
    expected[..., 10:13] = 30.0
    np.testing.assert_array_equal(top_hat(size=11).restore(image)["mean"], expected)


def test_what_comes_out_does_not_depend_on_an_offset():
    image = np.random.default_rng(1).integers(0, 200, size=(1, 1, 30, 30)).astype(np.float32)
    one, other = (top_hat(size=5).restore(image + offset)["mean"] for offset in (0, 1000))
    np.testing.assert_array_equal(one, other)


def test_a_window_without_a_middle_is_refused():
    with pytest.raises(OptionsError, match=r"odd number.*white_top_hat.size"):
        top_hat(size=4)
