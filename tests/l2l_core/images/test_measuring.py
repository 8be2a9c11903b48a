from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.errors import StatisticsError
from l2l_core.images.measuring import Measuring
from l2l_core.images.normalization import Method, Normalization

if TYPE_CHECKING:
    from collections.abc import Sequence

RNG = np.random.default_rng(8)


def taken(blocks: Sequence[np.ndarray], **options: object) -> Normalization:
    """Add each block up on its own, and hand everything on as JSON between the passes."""
    measuring = Measuring.start(blocks[0].dtype, 1, **options)  # type: ignore[arg-type]
    while not measuring.done:
        left = measuring.passes_left
        found = measuring.fresh()
        for block in blocks:
            own = measuring.fresh()
            measuring.add(own, 0, block)
            found = measuring.merge(found, own)
        stated = json.dumps(measuring.finish(found).to_dict(), allow_nan=False)
        measuring = Measuring.from_dict(json.loads(stated))
        assert measuring.passes_left == left - 1
    return measuring.normalization()


@pytest.mark.parametrize("method", ["percentile", "mean_std", "min_max"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
@given(cuts=st.lists(st.integers(1, 499), max_size=6), seed=st.integers(0, 99))
def test_numbers_of_counted_pixels_do_not_depend_on_the_blocks(
    dtype: str, method: Method, cuts: list[int], seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 120, 500).astype(dtype)
    parts = np.split(pixels, sorted(set(cuts)))
    assert taken(parts, method=method) == taken([pixels], method=method)


def test_mean_and_deviation_of_counted_pixels_are_exact() -> None:
    blocks = [np.array([1, 2], np.uint16), np.array([0, 65_535, 2], np.uint16)]
    found = taken(blocks, method="mean_std", ignore=0)
    assert found.offset == (16_385.0,)
    exact = (2 * 16_383**2 + 16_384**2 + 49_150**2) / 4
    assert found.scale == (exact**0.5,)
    signed = [np.array([-3, 1], np.int8), np.array([-4, 2], np.int8)]
    assert taken(signed, method="min_max") == Normalization((-4,), (6,))


@pytest.mark.parametrize(("dtype", "passes"), [("uint16", 1), ("float32", 2), ("float64", 4)])
def test_wide_pixels_are_read_more_than_once(dtype: str, passes: int) -> None:
    assert Measuring.start(dtype, 2).passes_left == passes
    assert Measuring.start(dtype, 2, method="mean_std").passes_left == 1
    assert Measuring.start(dtype, 2, method="none").done


def test_blocks_that_were_merged_take_no_more_room_than_one() -> None:
    for method in ("percentile", "mean_std", "min_max"):
        measuring = Measuring.start("float32", 1, method=method)
        found = measuring.fresh()
        sizes = []
        for _ in range(4):
            own = measuring.fresh()
            measuring.add(own, 0, RNG.normal(size=9).astype(np.float32))
            measuring.add(own, 0, RNG.normal(size=9).astype(np.float32))
            found = measuring.merge(found, own)
            sizes.append(sum(array.nbytes for array in found.values()))
        assert len(set(sizes)) == 1


def test_channels_that_a_block_lacks_take_no_room() -> None:
    measuring = Measuring.start("uint16", 40)
    found = measuring.fresh()
    measuring.add(found, 7, np.arange(9, dtype=np.uint16))
    assert len(found) == 1


def test_a_channel_without_pixels_is_named_after_the_first_pass() -> None:
    measuring = Measuring.start("float32", 2, where="cell.tif")
    found = measuring.fresh()
    measuring.add(found, 0, np.arange(9, dtype=np.float32))
    with pytest.raises(StatisticsError, match=r"cell.tif, channel 1: there is no finite pixel"):
        measuring.finish(found)


def test_numbers_before_the_last_pass_are_refused() -> None:
    with pytest.raises(StatisticsError, match="before the last pass"):
        Measuring.start("float32", 1).normalization()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize(("filled", "told"), [(30, False), (40, True)])
def test_much_filling_is_remarked_unless_it_is_left_out(dtype, filled, told):
    pixels = np.arange(1, 101).astype(dtype)
    pixels[:filled] = 0
    for ignore in (None, 0):
        search = Measuring.start(dtype, 1, where="mosaic.zarr", ignore=ignore)
        assert search.remark == ""
        while not search.done:
            found = search.fresh()
            search.add(found, 0, pixels)
            search = search.finish(found)
        expected = (
            "mosaic.zarr: 40% of the pixels are exactly 0, the lowest value, which pulls the "
            "percentiles that normalise the image; if that fills areas without an image, begin "
            "anew with --ignore 0 and --restart"
        )
        assert search.remark == (expected if told and ignore is None else "")
        assert Measuring.from_dict(search.to_dict()) == search
