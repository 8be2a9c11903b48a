import numpy as np
import pytest

from l2l_core.components.factory import get
from l2l_core.errors import OptionsError
from l2l_plugins.augmenters.intensity import GaussianNoise, IntensityJitter, PoissonNoise


def _changed(augmenter, image, seed=0):
    return augmenter(np.random.default_rng(seed), (image,))[0]


def test_shot_noise_keeps_the_mean_and_has_the_variance_of_the_photons():
    image = np.full((1, 300, 300), 90.0, np.float32)
    noise = _changed(PoissonNoise(gain=4.0, offset=10.0), image) - 90.0
    assert abs(noise.mean()) < 0.3
    # 20 photons at 4 grey values each.
    assert noise.var() == pytest.approx(20 * 4.0**2, rel=0.03)


def test_shot_noise_counts_whole_photons():
    image = np.full((1, 64, 64), 12.5, np.float32)
    counts = (_changed(PoissonNoise(gain=2.0, offset=0.5), image) - 0.5) / 2.0
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-5)


def test_shot_noise_leaves_what_holds_no_photons_and_what_is_unknown():
    image = np.array([[[-7.0, 0.0, np.nan, 1e30]]], np.float32)
    np.testing.assert_array_equal(_changed(PoissonNoise(), image), image)


def test_gaussian_noise_is_a_share_of_each_channels_deviation():
    rng = np.random.default_rng(1)
    image = rng.normal(size=(2, 200, 200)).astype(np.float32) * np.float32([[[3.0]], [[300.0]]])
    noise = _changed(GaussianNoise(sigma=(0.5, 0.5)), image) - image
    assert noise[0].std() == pytest.approx(1.5, rel=0.03)
    assert noise[1].std() == pytest.approx(150.0, rel=0.03)


def test_gaussian_noise_in_grey_values():
    image = np.zeros((1, 200, 200), np.float32)
    assert _changed(GaussianNoise(sigma=(7.0, 7.0), unit="raw"), image).std() == pytest.approx(
        7.0, rel=0.03
    )


def test_gaussian_noise_draws_from_its_range():
    image = np.zeros((1, 100, 100), np.float32)
    augmenter = GaussianNoise(sigma=(1.0, 2.0), unit="raw")
    sigmas = [_changed(augmenter, image, seed).std() for seed in range(30)]
    assert 0.95 < min(sigmas) < 1.3
    assert 1.7 < max(sigmas) < 2.05


def test_jitter_changes_contrast_about_the_mean_and_brightness_in_deviations():
    rng = np.random.default_rng(1)
    image = rng.normal(50.0, 10.0, size=(1, 80, 80)).astype(np.float32)
    changed = _changed(IntensityJitter(gain=(2.0, 2.0), shift=(0.5, 0.5)), image)
    assert changed.std() == pytest.approx(2 * image.std(), rel=1e-4)
    assert changed.mean() - image.mean() == pytest.approx(0.5 * image.std(), rel=1e-3)


def test_one_unknown_pixel_does_not_spread():
    image = np.ones((1, 8, 8), np.float32)
    image[0, 2, 2] = np.nan
    image[0, 3:] = 5.0
    for augmenter in (GaussianNoise(), IntensityJitter()):
        assert np.isnan(_changed(augmenter, image)).sum() == 1


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("poisson_noise", {"gain": 0.0}, "gain"),
        ("gaussian_noise", {"sigma": [0.3, 0.1]}, r"sigma is \[0.3, 0.1\], expected two numbers"),
        ("gaussian_noise", {"sigma": [-0.3, 0.1]}, "expected no number below 0"),
        ("gaussian_noise", {"sigma": 0.1}, "sigma"),
        ("intensity_jitter", {"shift": [0.1]}, "expected two numbers"),
    ],
)
def test_options_out_of_range_are_refused(name, options, words):
    with pytest.raises(OptionsError, match=words):
        get("augmenter", name, **options)
