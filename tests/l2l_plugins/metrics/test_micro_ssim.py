"""MicroSSIM against its definition, and on images of other units."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import minimize_scalar
from skimage.metrics import structural_similarity

from l2l_core.components.factory import get
from l2l_core.errors import ImageError, StatisticsError

pytest.importorskip("microssim")

RNG = np.random.default_rng(4)
REFERENCE = ndimage.gaussian_filter(RNG.gamma(1.0, size=(64, 70)), 1.5) * 500 + 100
IMAGE = 0.2 * REFERENCE + 4 * RNG.standard_normal(REFERENCE.shape) + 30


def test_it_is_the_ssim_after_background_and_the_best_factor():
    reference, image = (a - np.percentile(a, 3) for a in (REFERENCE, IMAGE))
    reference, image = (a / reference.max() for a in (reference, image))

    def ssim(factor):
        return structural_similarity(
            reference,
            factor * image,
            data_range=np.ptp(reference),
            gaussian_weights=True,
            use_sample_covariance=True,
        )

    best = minimize_scalar(lambda factor: -ssim(factor), bounds=(0.5, 20), method="bounded")
    got = get("metric", "micro_ssim")(IMAGE, REFERENCE)
    assert got == pytest.approx(-best.fun, abs=0.01)
    assert got > get("metric", "ssim")(IMAGE, REFERENCE, data_range=np.ptp(REFERENCE)) + 0.1


def test_the_reference_is_what_the_image_is_matched_to():
    from microssim import micro_structural_similarity

    micro = get("metric", "micro_ssim")
    assert micro(IMAGE, REFERENCE) == pytest.approx(micro_structural_similarity(REFERENCE, IMAGE))
    assert micro(REFERENCE, IMAGE) != pytest.approx(micro(IMAGE, REFERENCE), abs=1e-6)


def test_offsets_do_not_matter():
    micro = get("metric", "micro_ssim")
    assert micro(IMAGE + 1000, REFERENCE - 50) == pytest.approx(micro(IMAGE, REFERENCE), abs=1e-6)


def test_a_mask_is_a_rectangle():
    micro = get("metric", "micro_ssim")
    mask = np.zeros(IMAGE.shape, dtype=bool)
    mask[5:40, 8:60] = True
    expected = micro(IMAGE[5:40, 8:60], REFERENCE[5:40, 8:60])
    assert micro(IMAGE, REFERENCE, mask=mask) == pytest.approx(expected)
    mask[20, 20] = False
    with pytest.raises(ImageError, match="no rectangle"):
        micro(IMAGE, REFERENCE, mask=mask)


def test_images_that_cannot_be_compared_give_a_sentence():
    micro = get("metric", "micro_ssim")
    with pytest.raises(StatisticsError, match="constant reference"):
        micro(IMAGE, np.ones_like(IMAGE))
    with pytest.raises(ImageError, match="at least 11"):
        micro(IMAGE[:9], REFERENCE[:9])
    with pytest.raises(StatisticsError, match="above the background"):
        get("metric", "micro_ssim", background=50)(
            IMAGE, np.minimum(REFERENCE, np.percentile(REFERENCE, 30))
        )


def test_places_without_any_detail_make_no_noise():
    flat = np.zeros((40, 40))
    flat[10:14, 5:35] = 1.0
    noisy = flat + 0.05 * np.random.default_rng(0).standard_normal(flat.shape)
    assert 0 < get("metric", "micro_ssim")(noisy, flat) < 1
