"""Decorrelation analysis: the formula term by term, and images whose finest detail is known."""

import numpy as np
import pytest
from scipy import ndimage

from l2l_core.components.factory import get
from l2l_core.errors import ImageError, StatisticsError
from l2l_plugins.metrics.decorrelation import amplitudes, decorrelation, last_maximum
from l2l_plugins.metrics.spectra import tapered

SIDE = 160


def cut_off(period: float, noise: float, seed: int = 0):
    """Return points, their spectrum cut off at a period in pixels, and white noise."""
    rng = np.random.default_rng(seed)
    points = (rng.random((SIDE, SIDE)) < 0.01) * rng.random((SIDE, SIDE))
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE)] * 2))
    signal = np.fft.ifft2(np.fft.fft2(points) * (radius < 1 / period)).real
    return signal / signal.std() + noise * rng.standard_normal(points.shape)


@pytest.mark.parametrize("shape", [(24, 25), (25, 24)])
def test_the_curve_is_the_correlation_with_the_whitened_image(shape):
    image = np.random.default_rng(1).random(shape)
    full = np.fft.fft2(tapered(image, None))
    fy, fx = (np.fft.fftfreq(side) for side in shape)
    radius = 2 * np.hypot(fy[:, None], fx[None, :])
    full = np.where((radius > 0) & (radius <= 1), full, 0)
    radii = np.array([0.31, 0.62, 0.97])
    got = decorrelation(amplitudes(image), radii)
    for r, value in zip(radii, got, strict=True):
        white = np.where((radius < r) & (radius > 0), full / np.maximum(np.abs(full), 1e-300), 0)
        cross = (full * white.conj()).sum().real
        norm = np.sqrt((np.abs(full) ** 2).sum() * (np.abs(white) ** 2).sum())
        assert value == pytest.approx(cross / norm)


def test_the_high_pass_filter_takes_a_gaussian_away():
    image = np.random.default_rng(2).random((48, 48))
    width = 3.0
    sharp = image - ndimage.gaussian_filter(image, 2 * width / np.pi, mode="wrap", truncate=8)
    given, wanted = amplitudes(image).without_coarse(width), amplitudes(sharp)
    # The window goes over the filtered image here, so amplitudes agree as means over rings alone.
    for low, high in ((0.05, 0.15), (0.15, 0.3), (0.4, 0.8)):
        ring = (given.radius > low) & (given.radius <= high)
        power = [np.sum(one.count[ring] * one.amplitude[ring] ** 2) for one in (given, wanted)]
        assert power[0] == pytest.approx(power[1], rel=0.15)


@pytest.mark.parametrize("period", [3.5, 5.0, 8.0])
@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_the_resolution_is_where_the_spectrum_ends(period, noise):
    got = get("metric", "decorrelation_resolution")(cut_off(period, noise))
    assert got == pytest.approx(period, rel=0.06)


def test_faint_fine_detail_counts_beside_bright_coarse_detail():
    coarse = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal((SIDE, SIDE)), 8)
    image = 20 * coarse / coarse.std() + cut_off(4.0, 0.05)
    got = get("metric", "decorrelation_resolution")(image)
    assert got == pytest.approx(4.0, rel=0.06)


def test_a_blurred_image_is_coarser_and_the_unit_is_the_pixel_sizes():
    rng = np.random.default_rng(2)
    points = (rng.random((SIDE, SIDE)) < 0.01).astype(float)
    metric = get("metric", "decorrelation_resolution")
    noise = 1e-3 * rng.standard_normal(points.shape)
    images = [ndimage.gaussian_filter(points, sigma) + noise for sigma in (1.0, 1.5, 2.5)]
    values = [metric(image) for image in images]
    assert values == sorted(values)
    assert values[0] < 0.7 * values[2]
    physical = get("metric", "decorrelation_resolution", pixel_size=0.065)
    assert physical(images[0]) == pytest.approx(0.065 * values[0])


def test_a_curve_has_its_last_real_maximum():
    assert last_maximum(np.array([0.0, 0.2, 0.5, 0.3, 0.4])) == 2
    assert last_maximum(np.array([0.0, 0.2, 0.1, 0.3, 0.6])) == 1
    assert last_maximum(np.array([0.0, 0.1, 0.2, 0.3])) == 0
    assert last_maximum(np.array([0.5, 0.4, 0.3])) == 0


def test_images_without_a_resolution_give_a_sentence():
    metric = get("metric", "decorrelation_resolution")
    with pytest.raises(StatisticsError, match="constant image"):
        metric(np.ones((32, 32)))
    with pytest.raises(StatisticsError, match="noise alone"):
        metric(np.random.default_rng(3).standard_normal((64, 64)))
    with pytest.raises(ImageError, match="at least 16"):
        metric(np.random.default_rng(3).random((10, 40)))


def test_a_mask_leaves_the_resolution_of_the_rest():
    image = cut_off(5.0, 0.05)
    mask = np.ones(image.shape, dtype=bool)
    mask[60:80, 80:100] = False
    image[65:75, 85:95] = np.nan
    got = get("metric", "decorrelation_resolution")(image, mask=mask)
    assert got == pytest.approx(5.0, rel=0.1)
