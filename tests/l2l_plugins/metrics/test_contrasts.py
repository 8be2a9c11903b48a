"""Contrasts of images of two values, where the formulas can be done by hand."""

import numpy as np
import pytest

from l2l_core.components.factory import get
from l2l_core.errors import ImageError, OptionsError, StatisticsError

METRICS = ("michelson_contrast", "rms_contrast")


def plate(share: float, low: float = 0.0, high: float = 1.0, side: int = 200):
    """Return an image of which the first columns, `share` of all, are bright."""
    image = np.full((side, side), low)
    image[:, : round(share * side)] = high
    return image


def test_a_wide_plate_has_the_contrast_of_the_formula():
    # Half of the pixels are 1; the brightest tenth is a part of them, the rest has 0.4 of 0.9.
    image = plate(0.5)
    background = 0.4 / 0.9
    assert get("metric", "michelson_contrast")(image) == pytest.approx(
        (1 - background) / (1 + background), abs=0.02
    )
    assert get("metric", "rms_contrast")(image) == pytest.approx(0.5, abs=0.02)


def test_the_sample_is_the_share_of_the_structure():
    image = plate(0.02)
    sparse = get("metric", "michelson_contrast", sample=0.01)(image)
    usual = get("metric", "michelson_contrast")(image)
    assert sparse != pytest.approx(usual, abs=0.02)
    with pytest.raises(OptionsError, match="sample"):
        get("metric", "michelson_contrast", sample=1.0)


@pytest.mark.parametrize("name", METRICS)
def test_gain_and_offset_do_not_matter(name):
    image = np.random.default_rng(1).gamma(2.0, size=(60, 60))
    assert get("metric", name)(7 * image + 300) == pytest.approx(get("metric", name)(image))


@pytest.mark.parametrize("name", [*METRICS, "contrast_gain"])
def test_a_constant_image_has_no_contrast(name):
    flat, varied = np.full((30, 30), 4.0), plate(0.5, side=30)
    with pytest.raises(StatisticsError, match="constant image, 4 in each of the 900"):
        get("metric", name)(flat, varied)
    with pytest.raises(StatisticsError, match="constant reference"):
        get("metric", "contrast_gain")(varied, flat)


def test_haze_of_changing_brightness_lowers_the_contrast_and_its_removal_is_a_gain():
    rng = np.random.default_rng(2)
    clean = plate(0.1, side=100)
    hazy = clean + np.linspace(0, 2, 100) + 0.01 * rng.random((100, 100))
    michelson = get("metric", "michelson_contrast")
    gain = get("metric", "contrast_gain")
    assert gain(clean, hazy) == pytest.approx(michelson(clean) / michelson(hazy))
    assert gain(clean, hazy) > 1.2
    with pytest.raises(ImageError, match="none was given"):
        gain(clean)


def test_a_stack_has_the_mean_of_its_planes_that_the_mask_leaves():
    stack = np.random.default_rng(3).gamma(2.0, size=(3, 40, 40))
    metric = get("metric", "rms_contrast")
    single = [metric(plane) for plane in stack]
    assert metric(stack) == pytest.approx(np.mean(single))
    mask = np.ones(stack.shape, dtype=bool)
    mask[1] = False
    assert metric(stack, mask=mask) == pytest.approx((single[0] + single[2]) / 2)
