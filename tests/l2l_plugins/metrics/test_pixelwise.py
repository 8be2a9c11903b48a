"""Metrics against scikit-image and NumPy, and on images for which they are not defined."""

from math import inf, isnan, log10

import numpy as np
import pytest
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio

from l2l_core.components.factory import get
from l2l_core.errors import ImageError, OptionsError

RNG = np.random.default_rng(0)
REFERENCE = RNG.random((40, 50))
IMAGE = REFERENCE + 0.1 * RNG.standard_normal((40, 50))


def metric(name, image, reference=None, /, options=None, **given):
    return get("metric", name, **(options or {}))(image, reference, **given)


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_psnr_is_that_of_scikit_image(data_range):
    expected = peak_signal_noise_ratio(REFERENCE, IMAGE, data_range=data_range)
    assert metric("psnr", IMAGE, REFERENCE, data_range=data_range) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("normalization", "theirs"), [("rms", "euclidean"), ("min-max", "min-max"), ("mean", "mean")]
)
def test_nrmse_is_that_of_scikit_image(normalization, theirs):
    got = metric("nrmse", IMAGE, REFERENCE, {"normalization": normalization})
    assert got == pytest.approx(normalized_root_mse(REFERENCE, IMAGE, normalization=theirs))


def test_nrmse_over_the_deviation_is_one_for_the_mean():
    flat = np.full_like(REFERENCE, REFERENCE.mean())
    assert metric("nrmse", flat, REFERENCE, {"normalization": "std"}) == pytest.approx(1.0)


def test_nrmse_is_relative_to_the_root_mean_square_by_default():
    assert metric("nrmse", np.zeros_like(REFERENCE), REFERENCE) == pytest.approx(1.0)
    with pytest.raises(OptionsError, match="one of 'rms', 'min-max', 'mean', 'std'"):
        get("metric", "nrmse", normalization="max")


def test_pearson_is_numpys():
    expected = np.corrcoef(IMAGE.ravel(), REFERENCE.ravel())[0, 1]
    assert metric("pearson", IMAGE, REFERENCE) == pytest.approx(expected)
    assert metric("pearson", 5.0 - 3.0 * REFERENCE, REFERENCE) == pytest.approx(-1.0)


def test_si_psnr_does_not_change_with_gain_and_offset():
    expected = metric("si_psnr", IMAGE, REFERENCE)
    for gain, offset in ((100.0, 0.0), (0.01, 7.0), (3.0, -2.0)):
        assert metric("si_psnr", gain * IMAGE + offset, REFERENCE) == pytest.approx(expected)
    assert metric("si_psnr", 3.0 * REFERENCE + 2.0, REFERENCE) == inf


def test_si_psnr_is_the_psnr_after_the_best_fit():
    gain, offset = np.polyfit(IMAGE.ravel(), REFERENCE.ravel(), 1)
    span = np.ptp(REFERENCE)
    expected = peak_signal_noise_ratio(REFERENCE, gain * IMAGE + offset, data_range=span)
    assert metric("si_psnr", IMAGE, REFERENCE) == pytest.approx(expected)
    assert metric("si_psnr", IMAGE, REFERENCE, data_range=10 * span) == pytest.approx(expected + 20)


def test_si_psnr_equals_the_formula_of_normalised_references():
    """Reference to mean 0 and deviation 1, image to mean 0 and fitted by one factor."""
    wanted = (REFERENCE - REFERENCE.mean()) / REFERENCE.std()
    centred = IMAGE - IMAGE.mean()
    fitted = centred * np.sum(wanted * centred) / np.sum(centred**2)
    span = np.ptp(REFERENCE) / REFERENCE.std()
    expected = 10 * log10(span**2 / np.mean((wanted - fitted) ** 2))
    assert metric("si_psnr", IMAGE, REFERENCE) == pytest.approx(expected)


def test_constant_images_give_nan_where_nothing_is_defined():
    flat = np.full((20, 20), 0.1)
    other = RNG.random((20, 20))
    assert isnan(metric("pearson", flat, other))
    assert isnan(metric("pearson", other, flat))
    assert isnan(metric("si_psnr", other, flat))
    assert isnan(metric("si_psnr", other, flat, data_range=1.0))
    assert isnan(metric("nrmse", other, np.zeros((20, 20))))
    assert metric("si_psnr", flat, other) == pytest.approx(20 * log10(np.ptp(other) / other.std()))
    assert metric("psnr", flat, flat, data_range=1.0) == inf
    assert metric("nrmse", flat, flat) == 0.0


@pytest.mark.parametrize("name", ["psnr", "nrmse", "si_psnr", "pearson"])
def test_no_pixel_at_all_gives_nan(name):
    made = get("metric", name)
    assert isnan(made.finish(made.start(), data_range=1.0))


@pytest.mark.parametrize("name", ["psnr", "ssim", "ms_ssim"])
def test_a_missing_data_range_is_asked_for(name):
    with pytest.raises(ImageError, match="give data_range="):
        metric(name, IMAGE, REFERENCE)
    with pytest.raises(ImageError, match="finite number above 0"):
        metric(name, IMAGE, REFERENCE, data_range=-1.0)


@pytest.mark.parametrize("name", ["psnr", "nrmse", "si_psnr", "pearson", "ssim", "ms_ssim"])
def test_a_nan_is_named_with_the_remedy(name):
    wrong = IMAGE.copy()
    wrong[:2, 0] = np.nan
    with pytest.raises(ImageError, match=r"2 of 2000 pixels of the image .* mask="):
        metric(name, wrong, REFERENCE, data_range=1.0)
    with pytest.raises(ImageError, match="of the reference"):
        metric(name, IMAGE, wrong, data_range=1.0)


def test_a_piece_with_a_nan_is_refused_too():
    made = get("metric", "psnr")
    with pytest.raises(ImageError, match="1 of 4 pixels"):
        made.add(made.start(), np.array([1.0, np.nan, 0.0, 0.0]), np.zeros(4))


def test_a_mask_may_be_that_of_one_channel():
    images, references = np.stack([IMAGE, IMAGE[::-1]]), np.stack([REFERENCE, REFERENCE])
    mask = np.zeros(IMAGE.shape, dtype=bool)
    mask[:30, 10:] = True
    got = metric("nrmse", images, references, axes="CYX", mask=mask)
    each = [metric("nrmse", i, REFERENCE, mask=mask) for i in images]
    assert got == pytest.approx(np.mean(each))
    with pytest.raises(ImageError, match="expected bool"):
        metric("nrmse", IMAGE, REFERENCE, mask=mask.astype(float))


def test_axes_are_asked_for_where_they_cannot_be_told():
    with pytest.raises(ImageError, match=r"give axes="):
        metric("nrmse", np.zeros((2, 3, 4, 5)), np.zeros((2, 3, 4, 5)))
    with pytest.raises(ImageError, match="complex"):
        metric("nrmse", IMAGE * 1j, REFERENCE)
    with pytest.raises(ImageError, match="without a pixel"):
        metric("nrmse", np.zeros((0, 3)), np.zeros((0, 3)))
