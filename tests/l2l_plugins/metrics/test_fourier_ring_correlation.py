"""Fourier ring correlations of images whose spectra of signal and noise are known."""

from math import log, pi, sqrt

import numpy as np
import pytest
from scipy import ndimage

from l2l_core.components.factory import get
from l2l_core.errors import ImageError, OptionsError, StatisticsError
from l2l_plugins.metrics.fourier_ring_correlation import (
    checkerboard_correlation,
    ring_correlation,
)

SIDE = 192


def blurred_noise(sigma: float, seed: int = 0, side: int = SIDE):
    """Return white noise of variance 1 through a Gaussian: its spectrum is exp(-(2 pi s f)^2)."""
    rng = np.random.default_rng(seed)
    return ndimage.gaussian_filter(rng.standard_normal((side, side)), sigma, mode="wrap")


def repeats(sigma: float, noise: float):
    rng = np.random.default_rng(5)
    signal = blurred_noise(sigma)
    return [signal + noise * rng.standard_normal(signal.shape) for _ in range(2)]


@pytest.mark.parametrize("threshold", [1 / 7, 0.5])
@pytest.mark.parametrize(("sigma", "noise"), [(1.5, 0.1), (2.5, 0.05)])
def test_the_resolution_is_where_signal_and_noise_have_the_known_ratio(sigma, noise, threshold):
    # S / (S + N) = t with S = exp(-(2 pi s f)^2) and N = noise^2.
    expected = 2 * pi * sigma / sqrt(log((1 / threshold - 1) / noise**2))
    got = get("metric", "frc_resolution", threshold=threshold)(*repeats(sigma, noise))
    assert got == pytest.approx(expected, rel=0.06)


def test_the_curve_is_the_formula_ring_by_ring():
    one, other = repeats(1.5, 0.3)
    curve = ring_correlation(one, other)
    window = np.hanning(SIDE + 2)[1:-1]
    window = window[:, None] * window
    spectra = [
        np.fft.fft2(window * (image - np.average(image, weights=window))) for image in (one, other)
    ]
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE) * SIDE] * 2))
    for index in (5, 20, 60):
        ring = (radius > index + 0.5 - 1) & (radius < index + 2.5)
        a, b = (full[ring] for full in spectra)
        expected = (a * b.conj()).sum().real / np.sqrt(
            (np.abs(a) ** 2).sum() * (np.abs(b) ** 2).sum()
        )
        assert curve.frequency[index] == pytest.approx((index + 1) / SIDE)
        assert curve.correlation[index] == pytest.approx(expected, abs=1e-9)


def test_the_checkerboard_sees_what_two_repeats_see():
    sigma, noise = 2.5, 0.02
    rng = np.random.default_rng(6)
    image = blurred_noise(sigma, side=256) + noise * rng.standard_normal((256, 256))
    expected = 2 * pi * sigma / sqrt(log(6 / noise**2))
    metric = get("metric", "frc_resolution", halves="checkerboard")
    assert metric(image) == pytest.approx(expected, rel=0.08)
    curve = checkerboard_correlation(image)
    assert curve.frequency[-1] == pytest.approx(0.25)
    # Half a pixel that is not taken back would lower the middle of the curve.
    assert curve.correlation[:20].min() > 0.99


def test_equal_images_reach_the_finest_that_pixels_hold():
    image = blurred_noise(0.5)
    assert get("metric", "frc_resolution")(image, image) == pytest.approx(2.0)


def test_the_pixel_size_makes_it_a_length():
    pair = repeats(1.5, 0.1)
    pixels = get("metric", "frc_resolution")(*pair)
    assert get("metric", "frc_resolution", pixel_size=0.02)(*pair) == pytest.approx(0.02 * pixels)
    with pytest.raises(OptionsError, match="pixel_size"):
        get("metric", "frc_resolution", pixel_size=0.0)


def test_images_without_anything_in_common_give_a_sentence():
    metric = get("metric", "frc_resolution")
    one = blurred_noise(0.5, seed=1)
    with pytest.raises(StatisticsError, match="aligned to each other"):
        metric(one, -one)
    with pytest.raises(StatisticsError, match="constant reference"):
        metric(one, np.zeros_like(one))
    with pytest.raises(ImageError, match="none was given"):
        metric(one)
    with pytest.raises(ImageError, match="too few rings"):
        metric(one[:12, :30], one[:12, :30])
    with pytest.raises(ImageError, match=r"of 0 by 96 pixels has too few rings"):
        get("metric", "frc_resolution", halves="checkerboard")(one[:1])


def test_a_mask_leaves_the_resolution_of_the_rest():
    one, other = repeats(1.5, 0.1)
    metric = get("metric", "frc_resolution")
    mask = np.ones(one.shape, dtype=bool)
    mask[60:100, 80:120] = False
    expected = metric(one, other)
    one[70, 90] = np.nan
    other[65:95, 85:100] = 1e6
    assert metric(one, other, mask=mask) == pytest.approx(expected, rel=0.08)
