import numpy as np
import pytest
from skimage.restoration import denoise_nl_means

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.streaming.in_memory import restore_array
from l2l_core.testing.restorer_suite import RestorerSuite


class TestNonlocalMeans(RestorerSuite):
    component = ("nonlocal_means", "")
    options = {"noise": 0.3, "patch_size": 3, "patch_distance": 2, "strength": 2.0}  # noqa: RUF012
    # The reach is measured with pixels a million times the noise, of which sums are rounded.
    tolerance = 1e-7


class TestNonlocalMeansInVolumes(RestorerSuite):
    component = ("nonlocal_means", "")
    axes = "ZYX"
    options = {"noise": 0.3, "patch_size": 3, "patch_distance": 1, "strength": 2.0}  # noqa: RUF012
    tolerance = 1e-7
    seeds = 1


class TestNonlocalMeansThatEstimatesTheNoise(RestorerSuite):
    component = ("nonlocal_means", "")
    options = {"patch_distance": 2}  # noqa: RUF012


def nonlocal_means(axes="YX", **options):
    return make_restorer("nonlocal_means", "", options, axes=axes)


def stripes(sigma=20.0, sides=(50, 60)):
    clean = 500.0 + 200.0 * (np.arange(sides[1]) // 6 % 2) + np.zeros((sides[0], 1))
    noisy = clean + np.random.default_rng(0).normal(0.0, sigma, sides)
    return clean.astype(np.float32), noisy.astype(np.float32)


def test_it_is_scikit_images_filter_but_for_rounding():
    _, noisy = stripes()
    expected = denoise_nl_means(
        noisy.astype(float), patch_size=5, patch_distance=6, h=16.0, sigma=20.0,
        preserve_range=True,
    )  # fmt: skip
    restored = nonlocal_means(noise=20.0).restore(noisy[None, None])["mean"][0, 0]
    # Half a step of rounding, and a patch at the end of its weight now and then.
    np.testing.assert_allclose(restored, expected, atol=20.0 / 50)
    assert np.abs(restored - expected).mean() < 20.0 / 512


@pytest.mark.parametrize("noise", [None, 20.0])
def test_noise_goes_and_stripes_stay(noise):
    clean, noisy = stripes()
    options = {} if noise is None else {"noise": noise}
    restored = nonlocal_means(**options).restore(noisy[None, None])["mean"][0, 0]
    assert (restored - clean).std() < 0.4 * (noisy - clean).std()
    assert restored.mean() == pytest.approx(noisy.mean(), rel=0.005)


@pytest.mark.parametrize("gain", [1.0, np.pi])
def test_tiles_equal_the_whole_bit_for_bit_beside_something_very_bright(gain):
    """Sums over a tile with the bright square must not round what is beside it."""
    image = np.random.default_rng(0).normal(0.0, gain, (1, 61, 83)).astype(np.float32)
    image[0, 4:10, 4:10] = 1e4 * gain
    restorer = nonlocal_means(noise=gain, patch_distance=3)
    whole = restore_array(restorer, image, tile=128)["mean"]
    for tile in (13, 17, 30):
        np.testing.assert_array_equal(restore_array(restorer, image, tile=tile)["mean"], whole)


def test_the_halo_is_bounded_where_the_noise_is_given():
    assert nonlocal_means().geometry.halo == (None, None)
    made = nonlocal_means("ZYX", noise=1.0, patch_size=7, patch_distance=11)
    assert made.geometry.halo == (14, 14, 14)


def test_an_image_without_noise_stays_as_it_is():
    image = np.full((1, 1, 20, 20), 7.0, np.float32)
    np.testing.assert_array_equal(nonlocal_means().restore(image)["mean"], image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch_size": 4}, r"odd number.*nonlocal_means.patch_size"),
        ({"patch_distance": 0}, r"1 or more.*nonlocal_means.patch_distance"),
        ({"strength": 0.0}, r"above 0.*nonlocal_means.strength"),
        ({"noise": -1.0}, r"above 0.*nonlocal_means.noise"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionsError, match=message):
        nonlocal_means(**options)
