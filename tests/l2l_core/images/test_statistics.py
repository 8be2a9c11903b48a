from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from l2l_core.errors import StatisticsError
from l2l_core.images.image import from_array
from l2l_core.images.statistics import (
    Moments,
    search_percentiles,
    summarize,
)


def test_percentiles_of_many_pixels_are_those_of_numpy() -> None:
    rng = np.random.default_rng(1)
    for pixels in (
        rng.poisson(300, 200_001).astype(np.uint16),
        rng.gamma(2, 50, 200_001).astype(np.float32),
    ):
        image = from_array(pixels[None], "YX")
        (found,) = search_percentiles(image, (0, 0.1, 2, 50, 99.8, 100))
        expected = np.percentile(pixels.astype(float), (0, 0.1, 2, 50, 99.8, 100))
        assert list(found.values) == list(expected)


def test_pixels_that_are_not_finite_are_left_out() -> None:
    pixels = np.array([[np.nan, 1, 2, np.inf, 3, -np.inf]], np.float32)
    (channel,) = summarize(from_array(pixels, "YX"), (0, 50, 100))
    assert channel.percentiles == {0: 1, 50: 2, 100: 3}
    assert (channel.moments.count, channel.moments.left_out) == (3, 3)
    assert channel.moments.mean == 2


def test_a_filling_is_left_out_on_request() -> None:
    pixels = np.array([[0, 0, 0, 4, 6, 8]], np.uint16)
    (channel,) = summarize(from_array(pixels, "YX"), (0, 50), ignore=0)
    assert channel.percentiles == {0: 4, 50: 6}
    assert channel.moments.minimum == 4


def test_nothing_but_nan_has_nan_for_percentiles() -> None:
    (channel,) = summarize(from_array(np.full((3, 3), np.nan), "YX"), (50,))
    assert np.isnan(channel.percentiles[50])
    assert channel.moments.count == 0
    assert np.isnan(channel.moments.std)


def test_channels_are_measured_apart() -> None:
    pixels = np.stack([np.full((2, 5, 5), 3), np.full((2, 5, 5), 7)], axis=1).astype(np.uint8)
    first, second = summarize(from_array(pixels, "ZCYX"), (50,))
    assert first.percentiles[50] == 3
    assert second.percentiles[50] == 7


def test_a_channel_without_pixels_does_not_stop_the_others() -> None:
    pixels = np.stack([np.full((4, 4), np.nan), np.arange(16).reshape(4, 4)]).astype(np.float32)
    empty, full = summarize(from_array(pixels, "CYX"), (100,))
    assert np.isnan(empty.percentiles[100])
    assert full.percentiles[100] == 15


def test_saturated_pixels_are_counted() -> None:
    pixels = np.array([[255, 255, 3, 4]], np.uint8)
    (channel,) = summarize(from_array(pixels, "YX"))
    assert channel.saturated == 0.5
    (channel,) = summarize(from_array(pixels.astype(np.uint16), "YX"))
    assert channel.saturated == 0
    assert channel.moments.at_maximum == 2


@given(
    arrays.arrays(np.float32, st.integers(0, 60), elements=st.floats(-1e4, 1e4, width=32)),
    st.integers(1, 6),
)
def test_moments_of_parts_merge_to_those_of_the_whole(pixels: Any, parts: int) -> None:
    merged = Moments()
    for block in np.array_split(pixels, parts):
        merged = merged.merge(Moments.of(block))
    whole = Moments.of(pixels)
    assert (merged.count, merged.minimum, merged.maximum, merged.at_maximum) == (
        whole.count,
        whole.minimum,
        whole.maximum,
        whole.at_maximum,
    )
    if pixels.size:
        exact = pixels.astype(np.float64)
        np.testing.assert_allclose(merged.mean, exact.mean(), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(merged.std, exact.std(), rtol=1e-9, atol=1e-9)


def test_a_large_offset_does_not_spoil_the_deviation() -> None:
    pixels = (1e9 + np.arange(1000) % 2).reshape(10, 100)
    merged = Moments()
    for row in pixels:
        merged = merged.merge(Moments.of(row))
    assert merged.std == pytest.approx(0.5, rel=1e-12)


def test_complex_pixels_have_no_order() -> None:
    with pytest.raises(StatisticsError, match="complex64 have no order"):
        Moments.of(np.zeros((2, 2), np.complex64))


@given(arrays.arrays(st.sampled_from(["uint8", "int8", "uint16", "int16"]), st.integers(1, 60)))
def test_moments_of_counts_are_those_of_the_pixels(pixels: Any) -> None:
    values, counts = np.unique(pixels, return_counts=True)
    found = Moments.of_counts(values.astype(np.int64), counts, left_out=3)
    whole = Moments.of(pixels)
    assert (found.count, found.left_out, found.at_maximum) == (
        whole.count,
        3,
        whole.at_maximum,
    )
    assert (found.minimum, found.maximum) == (whole.minimum, whole.maximum)
    assert found.mean == pytest.approx(whole.mean, rel=1e-12, abs=1e-12)
    assert found.std == pytest.approx(whole.std, rel=1e-12, abs=1e-12)


def test_moments_of_counts_are_exact_for_more_pixels_than_memory_holds() -> None:
    found = Moments.of_counts(np.array([65_534, 65_535]), np.array([10**15, 10**15]))
    assert (found.count, found.mean, found.std) == (2 * 10**15, 65_534.5, 0.5)


def test_moments_of_no_count_are_empty() -> None:
    assert Moments.of_counts(np.arange(4), np.zeros(4, int), 7) == Moments(left_out=7)
