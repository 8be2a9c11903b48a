import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.metrics import structural_similarity

from l2l_core.data.registration import shift_by_phase, shift_by_similarity
from l2l_core.data.shifts import Shift, overlapping
from l2l_core.errors import PairingError
from l2l_core.images.reading import open_image


def field(seed=0, side=160):
    rng = np.random.default_rng(seed)
    points = rng.random((side, side)) ** 12
    return 500 * ndimage.gaussian_filter(points, 2)


def seen_twice(y, x, *, side=100, noise=2.0, gain=0.4):
    """Two windows of one field; the second has to be moved by (y, x) to lie on the first."""
    whole, rng = field(), np.random.default_rng(1)
    moved = ndimage.shift(whole, (-y, -x), order=5)
    images = [one[30 : 30 + side, 30 : 30 + side] for one in (whole, gain * moved + 50)]
    return [one + rng.normal(0, noise * scale, one.shape)
            for one, scale in zip(images, (1, gain), strict=True)]  # fmt: skip


def test_drift_of_whole_pixels_is_found_by_similarity():
    found = shift_by_similarity(*seen_twice(-3, 2), count=20)
    assert (found.y, found.x) == (-3, 2)
    assert found.method == "ssim"
    assert 0.5 < found.score <= 1
    assert found.y_error >= np.sqrt(1 / 12)


def test_the_score_is_scikit_images_ssim_of_the_filtered_and_scaled_overlap():
    images = [one[:64, :64] for one in seen_twice(2, -1)]
    found = shift_by_similarity(*images, patch=64, count=1)
    filtered = [ndimage.gaussian_filter(one, 2) for one in images]
    one, two = ((x - np.percentile(x, 1)) / np.ptp(np.percentile(x, [1, 99])) for x in filtered)
    _, values = structural_similarity(
        one[5:59, 5:59], two[3:57, 6:60], data_range=1, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=True,
    )  # fmt: skip
    assert (found.y, found.x) == (2, -1)
    assert found.score == pytest.approx(values[5:-5, 5:-5].mean())


@pytest.mark.parametrize("true", [(0.0, 0.0), (0.6, -0.3), (-4.25, 7.5), (15.0, -9.6)])
def test_parts_of_a_pixel_are_found_by_phase(true):
    found = shift_by_phase(*seen_twice(*true), search=20)
    assert found.y == pytest.approx(true[0], abs=0.1)
    assert found.x == pytest.approx(true[1], abs=0.1)
    assert found.correlation > 0.9


def test_the_haze_of_one_label_does_not_lead_astray():
    one, two = seen_twice(3.3, -1.6)
    rng = np.random.default_rng(4)
    haze = ndimage.gaussian_filter(rng.normal(size=(2, *one.shape)), (0, 20, 20))
    found = shift_by_phase(one + 30 * haze[0] / haze.std(), two + 30 * haze[1] / haze.std())
    assert (found.y, found.x) == pytest.approx((3.3, -1.6), abs=0.15)


def test_a_structure_that_repeats_has_a_rival():
    assert shift_by_phase(*seen_twice(1, 1)).rival < 0.6
    y, x = np.indices((96, 96))
    spots = np.sin(y / 12 * 2 * np.pi) + np.sin(x / 12 * 2 * np.pi)
    assert shift_by_phase(spots, spots, search=16).rival > 0.95


def test_the_standard_error_is_that_of_repeated_measurements():
    whole = field()
    errors, told = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        pair = [whole[:96, :96] + rng.normal(0, 8, (96, 96)) for _ in range(2)]
        found = shift_by_phase(*pair)
        errors += [found.y, found.x]
        told += [found.y_error, found.x_error]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.mean(told), rel=0.6)
    assert np.mean(told) > 0.01


def test_a_shift_at_the_limit_of_the_search_is_refused():
    images = seen_twice(0, 7)
    with pytest.raises(PairingError, match=r"5 px along X, lies at the limit of the search of 5"):
        shift_by_similarity(*images, count=20)
    assert shift_by_similarity(*images, search=9, count=20).x == 7
    with pytest.raises(PairingError, match="at the limit of the search of 4 px"):
        shift_by_phase(*images, search=4)


@pytest.mark.parametrize("find", [shift_by_similarity, shift_by_phase])
def test_two_fields_without_overlap_are_refused(find):
    with pytest.raises(PairingError, match=r"do not correlate|limit of the search"):
        find(field(0)[:96, :96], field(1)[:96, :96])


@pytest.mark.parametrize("find", [shift_by_similarity, shift_by_phase])
def test_images_that_cannot_be_compared_are_refused(find):
    image = field()
    with pytest.raises(PairingError, match=r"expected two planes .* of equal sides"):
        find(image, image[1:])
    with pytest.raises(PairingError, match="constant or holds no finite"):
        find(image, np.zeros_like(image))
    with pytest.raises(PairingError, match=r"holds no patch|too small to align"):
        find(image[:12, :12], image[:12, :12])


def test_a_search_that_leaves_less_than_half_is_refused():
    image = field(side=64)
    with pytest.raises(PairingError, match="search 16 px at the most"):
        shift_by_phase(image, image, search=17)


def test_nan_counts_as_the_median():
    one, two = seen_twice(1, -2)
    one[:5] = np.nan
    assert shift_by_phase(one, two).x == pytest.approx(-2, abs=0.1)


def test_a_large_image_is_looked_at_binned_first(monkeypatch):
    monkeypatch.setattr("l2l_core.data.registration._SIDE_OF_FIRST_LOOK", 40)
    found = shift_by_phase(*seen_twice(-6.4, 3.2))
    assert found.y == pytest.approx(-6.4, abs=0.1)
    assert found.x == pytest.approx(3.2, abs=0.1)


@given(y=st.integers(-9, 9), x=st.integers(-9, 9))
def test_whole_pixels_are_copied_pixel_on_pixel(y, x):
    plane = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24)
    stack = np.stack([plane, plane + 1])
    rolled = np.roll(stack, (-y, -x), (1, 2))
    kept, moved = overlapping(stack, rolled, "ZYX", Shift(float(y), float(x)))
    assert kept.shape == (2, 20 - abs(y), 24 - abs(x))
    np.testing.assert_array_equal(kept, moved)


def test_parts_of_a_pixel_are_interpolated_within_the_type():
    one, two = seen_twice(1.5, -0.25, noise=0, gain=1)
    kept, moved = overlapping(one, two - 50, "YX", Shift(1.5, -0.25))
    assert np.abs(kept - moved).max() < 0.02 * np.ptp(one)
    counts = np.zeros((1, 12, 12), np.uint8)
    counts[0, 6, 6] = 255
    _, moved = overlapping(counts, counts, "CYX", Shift(0.4, 0.0))
    assert moved.dtype == np.uint8
    assert moved.shape == (1, 10, 12)
    assert moved[0, 0].max() == 0


def test_nothing_in_common_is_refused():
    image = np.zeros((10, 10))
    with pytest.raises(PairingError, match="10 px along Y leaves nothing in common"):
        overlapping(image, image, "YX", Shift(10.0, 0.0))


@pytest.mark.real_data
def test_the_offset_of_a_real_widefield_image_is_found(real_data):
    path = real_data / "cells-multichannel" / "xyzc_16bit__dna_conf_wf.tif"
    confocal, widefield = (open_image(path).read(C=c)[:, 0].mean(axis=0) for c in (0, 1))
    found = shift_by_phase(confocal, widefield)
    assert found.x == pytest.approx(-3.5, abs=0.3)
    assert found.y == pytest.approx(0, abs=0.3)
    assert 0.1 < found.x_error < 1.5
    assert shift_by_similarity(confocal, widefield, count=30).x in (-3, -4)


@pytest.mark.real_data
def test_the_offset_of_a_real_bright_frame_is_found(real_data):
    folder = real_data / "microtubules-repeats"
    bright = open_image(folder / "TIRF_9Hz.tif").read()
    noisy = open_image(folder / "TIRF_200Hz.tif").read().mean(axis=0)
    found = shift_by_phase(bright, noisy)
    assert np.hypot(found.y, found.x) == pytest.approx(0.6, abs=0.1)
    assert max(found.y_error, found.x_error) < 0.1
