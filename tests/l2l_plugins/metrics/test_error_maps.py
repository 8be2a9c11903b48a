"""Error maps of images that differ by a known blur, gain and offset, and in one known place."""

import numpy as np
import pytest
from scipy import ndimage

from l2l_core.components.factory import get
from l2l_core.errors import AxesError, ImageError, OptionsError, StatisticsError
from l2l_plugins.metrics.error_maps import resolution_scaled_errors, rms_map

RNG = np.random.default_rng(3)
FINE = ndimage.gaussian_filter((RNG.random((64, 60)) < 0.03).astype(float), 1.0)
COARSE = 300 * ndimage.gaussian_filter(FINE, 2.3) + 40


def test_blur_gain_and_offset_are_found():
    found = resolution_scaled_errors(FINE, COARSE)
    assert found.sigma == pytest.approx(2.3, abs=0.01)
    assert found.gain == pytest.approx(300, rel=1e-2)
    assert found.offset == pytest.approx(40, rel=1e-2)
    assert found.rmse < 1e-3 * np.ptp(COARSE)
    assert found.pearson == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(found.fitted, COARSE, atol=1e-2 * np.ptp(COARSE))


def test_what_was_invented_shows_in_the_map_and_lowers_both_numbers():
    wrong = FINE.copy()
    wrong[30:34, 20:24] += 0.5
    found = resolution_scaled_errors(wrong, COARSE)
    peak = np.unravel_index(np.argmax(found.map), found.map.shape)
    assert np.hypot(peak[0] - 31.5, peak[1] - 21.5) < 3
    assert get("metric", "rse")(wrong, COARSE) > 10 * get("metric", "rse")(FINE, COARSE)
    assert get("metric", "rsp")(wrong, COARSE) < get("metric", "rsp")(FINE, COARSE)


def test_the_numbers_are_those_of_a_search_over_all_blurs():
    noisy = COARSE + RNG.standard_normal(COARSE.shape)
    best = np.inf, 0.0
    for sigma in np.arange(0, 6, 0.02):
        blurred = ndimage.gaussian_filter(FINE, sigma).ravel()
        design = np.stack([blurred, np.ones_like(blurred)], axis=1)
        residual = np.linalg.lstsq(design, noisy.ravel(), rcond=None)[1][0]
        best = min(best, (residual, np.corrcoef(blurred, noisy.ravel())[0, 1]))
    rmse = np.sqrt(best[0] / noisy.size)
    assert get("metric", "rse")(FINE, noisy) == pytest.approx(rmse / np.ptp(noisy), rel=1e-4)
    assert get("metric", "rse")(FINE, noisy, data_range=2.0) == pytest.approx(rmse / 2, rel=1e-4)
    assert get("metric", "rsp")(FINE, noisy) == pytest.approx(best[1], abs=1e-5)


def test_without_a_blur_it_is_the_fit_alone():
    expected = np.corrcoef(FINE.ravel(), COARSE.ravel())[0, 1]
    assert get("metric", "rsp", max_sigma=0.0)(FINE, COARSE) == pytest.approx(expected)
    with pytest.raises(OptionsError, match="max_sigma"):
        get("metric", "rse", max_sigma=-1.0)


def test_the_mask_holds_for_the_blur_too():
    mask = np.ones(FINE.shape, dtype=bool)
    mask[:, 40:] = False
    image = FINE.copy()
    image[:, 45:] = np.nan
    found = resolution_scaled_errors(image, COARSE, mask=mask)
    assert np.isnan(found.map[:, 40:]).all()
    assert np.isfinite(found.map[:, :40]).all()
    assert found.sigma == pytest.approx(2.3, abs=0.3)


def test_the_blur_takes_nothing_from_beyond_the_mask():
    step = np.ones((30, 60))
    step[:, :12] = 0.0
    mask = np.ones(step.shape, dtype=bool)
    mask[:, 40:] = False
    found = resolution_scaled_errors(step, ndimage.gaussian_filter(step, 2.0), mask=mask)
    assert found.sigma == pytest.approx(2.0, abs=0.01)
    assert found.rmse < 1e-4


def test_the_rms_map_is_the_root_of_the_mean_square_in_each_window():
    image, reference = RNG.random((2, 20, 22))
    square = (image - reference) ** 2
    got = rms_map(image, reference, window=5)
    assert got[10, 11] == pytest.approx(np.sqrt(square[8:13, 9:14].mean()))
    assert got[0, 21] == pytest.approx(np.sqrt(square[:3, 19:].mean()))
    np.testing.assert_allclose(rms_map(image, reference, window=1), np.sqrt(square), atol=1e-7)
    mask = np.ones(image.shape, dtype=bool)
    mask[9:12, 9:12] = False
    image[10, 10] = np.nan
    got = rms_map(image, reference, window=5, mask=mask)
    assert np.isnan(got[~mask]).all()
    around = square[6:11, 6:11][mask[6:11, 6:11]]
    assert got[8, 8] == pytest.approx(np.sqrt(around.mean()))


def test_what_cannot_be_compared_gives_a_sentence():
    with pytest.raises(ImageError, match="odd number"):
        rms_map(FINE, COARSE, window=4)
    with pytest.raises(ImageError, match="equal shapes"):
        rms_map(FINE, COARSE[1:])
    with pytest.raises(AxesError, match="planes"):
        resolution_scaled_errors(FINE[None], COARSE[None])
    for name in ("rse", "rsp"):
        with pytest.raises(StatisticsError, match="constant image"):
            get("metric", name)(np.ones_like(FINE), COARSE)
        with pytest.raises(StatisticsError, match="constant reference"):
            get("metric", name)(FINE, np.ones_like(FINE))
        with pytest.raises(ImageError, match="none was given"):
            get("metric", name)(FINE)
