from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from l2l_core.errors import StatisticsError
from l2l_core.images.percentiles import (
    CACHED,
    PercentileSearch,
    key_bits,
    key_value,
    pixel_bits,
)

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]


def values_of(dtype: str) -> st.SearchStrategy[Any]:
    if dtype.startswith("float"):
        return arrays.from_dtype(np.dtype(dtype), allow_nan=False, allow_infinity=False)
    return arrays.from_dtype(np.dtype(dtype))


def pixels_of(dtype: str, data: st.DataObject, least: int = 1) -> np.ndarray:
    return data.draw(arrays.arrays(dtype, st.integers(least, 60), elements=values_of(dtype)))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "float16"])
def test_keys_sort_as_the_pixels_do_and_lead_to_their_bits(dtype: str) -> None:
    kind, width = np.dtype(dtype).kind, 8 * np.dtype(dtype).itemsize
    bits = [key_bits(key, width, kind) for key in range(1 << width)]
    assert sorted(bits) == list(range(1 << width))
    pixels = np.array(bits, f"u{width // 8}").view(dtype)
    finite = np.isfinite(pixels)
    assert (np.diff(pixels[finite].astype(float)) >= 0).all()
    assert pixel_bits(pixels).tolist() == bits
    back = [key_value(int(key), pixels.dtype) for key in np.flatnonzero(finite)]
    assert back == pixels[finite].tolist()


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


def searched(
    pixels: np.ndarray, percentiles: tuple[float, ...], ignore: float | None = None
) -> PercentileSearch:
    search = PercentileSearch(pixels.dtype, percentiles, ignore)
    while not search.done:
        search = PercentileSearch.from_dict(json.loads(json.dumps(search.to_dict())))
        counts = search.start()
        search.add(counts, pixels)
        search = search.finish(counts)
    return search


@settings(max_examples=200)
@given(st.sampled_from(DTYPES), st.data())
def test_what_is_not_finite_or_ignored_is_left_out(dtype: str, data: st.DataObject) -> None:
    pixels = pixels_of(dtype, data, least=2)
    if pixels.dtype.kind == "f":
        strange = st.sampled_from([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0])
        some = data.draw(arrays.arrays(dtype, pixels.size // 2, elements=strange))
        pixels[: some.size] = some
    ignore = data.draw(
        st.sampled_from([0.0, -1.0, 0.5, 1e300, 255.0, 65536.0, float("nan"), float("inf")])
        | st.sampled_from(pixels.tolist()).map(float)
    )
    with np.errstate(over="ignore"):
        same = pixels == (pixels.dtype.type(ignore) if pixels.dtype.kind == "f" else ignore)
    kept = pixels[np.isfinite(pixels) & ~same].astype(np.float64)
    found = searched(pixels, (0, 37, 100), ignore)
    assert found.count == kept.size
    if kept.size:
        np.testing.assert_array_equal(found.values, np.percentile(kept, (0, 37, 100)))
    else:
        assert np.isnan(found.values).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_larger_than_a_piece_are_counted_whole(dtype: str) -> None:
    rng = np.random.default_rng(2)
    pixels = rng.normal(0, 40, 2 * CACHED + 3).clip(-100, 100)
    pixels = (pixels if dtype[0] != "u" else abs(pixels)).astype(dtype)
    found = searched(pixels, (0, 2, 99.8, 100))
    expected = np.percentile(pixels.astype(float), (0, 2, 99.8, 100))
    np.testing.assert_array_equal(found.values, expected)


@pytest.mark.parametrize("dtype", [">f4", ">u2", "bool"])
def test_other_ways_to_store_a_number_change_nothing(dtype: str) -> None:
    pixels = np.array([1, 0, 1, 1, 0, 1, 0]).astype(dtype)
    assert searched(pixels, (0, 50, 100)).values == (0, 1, 1)
    assert searched(pixels, (0, 100), ignore=0).values == (1, 1)


def test_pixels_that_do_not_lie_together_are_counted() -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
    assert searched(pixels[:, ::2, 1], (0, 100)).values == (1, 55)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_block_without_pixels_adds_nothing(dtype: str) -> None:
    search = searched(np.arange(9).astype(dtype), (50,))
    assert list(search.values) == [4]
    for state in (PercentileSearch(dtype, (50,)), search):
        counts = state.start()
        state.add(counts, np.empty((0, 3), dtype))
        assert not counts.any()


def test_complex_pixels_cannot_be_searched() -> None:
    search = PercentileSearch("complex64", (50,))
    with pytest.raises(StatisticsError, match="complex64 have no order"):
        search.add(search.start(), np.zeros((2, 2), np.complex64))


def test_percentiles_before_the_last_pass_are_refused() -> None:
    with pytest.raises(StatisticsError, match="before the last pass"):
        _ = PercentileSearch("float32", (50,)).values
