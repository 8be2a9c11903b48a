from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.errors import AxesError, ImageFormatError
from l2l_core.images.image import Image, ImageInfo, Length, cover, from_array


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=4),
    st.integers(1, 200),
)
def test_blocks_cover_each_pixel_once(sides: list[tuple[int, int]], limit: int) -> None:
    shape, chunks = zip(*sides, strict=True)
    seen = np.zeros(shape, int)
    for block in cover(shape, chunks, limit):
        seen[block] += 1
        size = np.prod([part.stop - part.start for part in block])
        assert size <= max(limit, np.prod(np.minimum(chunks, shape)))
        assert all(part.start % chunk == 0 for part, chunk in zip(block, chunks, strict=True))
    assert (seen == 1).all()


def test_an_empty_array_has_no_blocks() -> None:
    assert list(cover((3, 0), (1, 1), 10)) == []


@given(st.slices(7), st.integers(-7, 6))
def test_reading_selects_as_numpy_does_and_keeps_all_axes(columns: slice, plane: int) -> None:
    array = np.arange(7 * 5 * 7).reshape(7, 5, 7)
    image = from_array(array, "ZYX")
    if columns.step is not None and columns.step < 0:
        with pytest.raises(AxesError, match="step"):
            image.read(X=columns)
        return
    np.testing.assert_array_equal(
        image.read(Z=plane, X=columns), array[[plane]][:, :, columns], strict=True
    )


def test_what_is_read_is_the_callers_own() -> None:
    array = np.zeros((4, 4))
    from_array(array, "YX").read()[...] = 1
    assert not array.any()


def test_a_position_outside_is_refused() -> None:
    image = from_array(np.zeros((3, 4, 5)), "ZYX", path="cell.tif")
    with pytest.raises(AxesError, match=r"cell.tif: there is no position 3 along Z"):
        image.read(Z=3)
    with pytest.raises(AxesError, match=r"cell.tif: there is no axis C; the image has ZYX"):
        image.read(C=0)


def test_metadata_of_an_array_are_kept() -> None:
    size = {"X": Length(0.1)}
    with from_array(np.zeros((2, 4, 5)), "cyx", pixel_size=size, channel_names=("a", "b")) as image:
        assert image.axes == "CYX"
        assert image.info.sizes == {"C": 2, "Y": 4, "X": 5}
        assert image.info.pixel_size == size
        assert image.info.channel_names == ("a", "b")


class Failing:
    chunks = (1, 1)

    def read(self, index: tuple[slice, ...]) -> Any:
        raise KeyError("a table of the decoder")


def test_whatever_a_decoder_raises_is_one_kind_of_error() -> None:
    image = Image(ImageInfo("cell.tif", "YX", (4, 5), "uint8"), Failing())
    with pytest.raises(ImageFormatError, match=r"cell.tif: the pixels cannot be read"):
        image.read()
