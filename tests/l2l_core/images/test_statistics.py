from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from l2l_core.errors import StatisticsError
from l2l_core.images.image import from_array
from l2l_core.images.statistics import (
    Moments,
    PercentileSearch,
    key_value,
    order_keys,
    search_percentiles,
    summarize,
)

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]


def values_of(dtype: str) -> st.SearchStrategy[Any]:
    if dtype.startswith("float"):
        return arrays.from_dtype(np.dtype(dtype), allow_nan=False, allow_infinity=False)
    return arrays.from_dtype(np.dtype(dtype))


@given(st.sampled_from(DTYPES), st.data())
def test_keys_sort_as_the_pixels_do_and_lead_back(dtype: str, data: st.DataObject) -> None:
    pixels = data.draw(arrays.arrays(dtype, st.integers(1, 50), elements=values_of(dtype)))
    keys = order_keys(pixels)
    back = np.array([key_value(int(key), pixels.dtype) for key in np.sort(keys)])
    np.testing.assert_array_equal(back, np.sort(pixels).astype(float))


def test_big_endian_pixels_have_the_same_keys() -> None:
    pixels = np.array([1.5, -2.5, 3e9], np.float32)
    np.testing.assert_array_equal(order_keys(pixels.astype(">f4")), order_keys(pixels))


@settings(max_examples=60)
@given(
    st.sampled_from(DTYPES),
    st.lists(st.floats(0, 100), min_size=1, max_size=3),
    st.integers(1, 7),
    st.data(),
)
def test_percentiles_are_those_of_numpy_for_any_cut_into_blocks(
    dtype: str, percentiles: list[float], parts: int, data: st.DataObject
) -> None:
    pixels = data.draw(arrays.arrays(dtype, st.integers(1, 60), elements=values_of(dtype)))
    search = PercentileSearch(dtype, tuple(percentiles))
    passes = 0
    while not search.done:
        counts = search.start()
        for block in np.array_split(pixels, parts):
            own = search.start()
            search.add(own, block)
            counts = search.merge(counts, own)
        search = search.finish(counts)
        passes += 1
    assert passes == max(1, np.dtype(dtype).itemsize // 2)
    expected = np.nanpercentile(pixels.astype(np.float64), percentiles, method="linear")
    np.testing.assert_array_equal(search.values, expected)


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


def test_percentiles_before_the_last_pass_are_refused() -> None:
    with pytest.raises(StatisticsError, match="before the last pass"):
        _ = PercentileSearch("float32", (50,)).values
