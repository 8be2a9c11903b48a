import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.errors import ImageError, StatisticsError
from l2l_core.images.matching import PairMoments, fit_gain, pair_moments


@given(gain=st.floats(0.01, 100.0), offset=st.floats(-1e3, 1e3), seed=st.integers(0, 9))
def test_gain_and_offset_are_found_again(gain, offset, seed):
    image = np.random.default_rng(seed).random((7, 9))
    assert fit_gain(image, gain * image + offset) == pytest.approx((gain, offset), abs=1e-6)


def test_the_fit_is_that_of_least_squares():
    rng = np.random.default_rng(1)
    image, reference = rng.random((2, 30))
    mask = rng.random(30) > 0.3
    expected = np.polyfit(image[mask], reference[mask], 1)
    assert fit_gain(image, reference, mask) == pytest.approx(tuple(expected))


def test_pixels_that_are_not_finite_are_left_out():
    image, reference = np.arange(5.0), 2.0 * np.arange(5.0) + 1.0
    image[0], reference[4] = np.nan, np.inf
    assert fit_gain(image, reference) == pytest.approx((2.0, 1.0))


def test_unsigned_integers_do_not_wrap_around():
    image = np.array([0, 10, 60000], dtype=np.uint16)
    assert fit_gain(image, image[::-1].copy())[0] < 0


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_a_constant_image_has_no_gain(value):
    # The mean of many 0.1 is not 0.1 to the last digit, and that is no structure.
    with pytest.raises(StatisticsError, match="in each of the 1000 pixels"):
        fit_gain(np.full(1000, value), np.arange(1000.0))


def test_a_fit_to_nothing_is_refused():
    with pytest.raises(StatisticsError, match="no pixel is left"):
        fit_gain(np.full(3, np.nan), np.zeros(3))
    with pytest.raises(StatisticsError, match="no pixel is left"):
        fit_gain(np.arange(3.0), np.arange(3.0), np.zeros(3, dtype=bool))


def test_shapes_must_be_equal():
    with pytest.raises(ImageError, match=r"\(3,\).*\(4,\)"):
        fit_gain(np.zeros(3), np.zeros(4))


@given(
    cuts=st.lists(st.integers(0, 200), max_size=5),
    order=st.randoms(use_true_random=False),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_moments_of_parts_merge_to_those_of_the_whole(cuts, order, offset):
    rng = np.random.default_rng(2)
    image, reference = rng.random((2, 200)) + offset
    parts = list(zip(np.split(image, sorted(cuts)), np.split(reference, sorted(cuts)), strict=True))
    order.shuffle(parts)
    merged = PairMoments()
    for part in parts:
        merged = merged.merged(pair_moments(*part))
    whole = pair_moments(image, reference)
    for name in PairMoments.__slots__:
        if not name.startswith("_"):
            assert getattr(merged, name) == pytest.approx(getattr(whole, name), rel=1e-9), name
    assert whole.image_square == pytest.approx(200 * np.var(image - offset), rel=1e-6)


def test_what_a_fit_leaves_is_its_residual():
    image, reference = np.random.default_rng(3).random((2, 50))
    gain, offset = fit_gain(image, reference)
    left = np.sum((gain * image + offset - reference) ** 2)
    assert pair_moments(image, reference).residual_square == pytest.approx(left)
