from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.errors import AxesError
from l2l_core.images.axes import AXES, guess_axes, parse_axes, reorder, spatial


@st.composite
def axes_of_images(draw: st.DrawFn) -> str:
    others = draw(st.lists(st.sampled_from("TCZ"), unique=True))
    return "".join(draw(st.permutations([*others, "Y", "X"])))


@given(axes_of_images())
def test_axes_in_any_order_and_case_are_read(axes: str) -> None:
    assert parse_axes(f" {axes.lower()} ", len(axes)) == axes


@pytest.mark.parametrize(
    ("axes", "ndim", "complaint"),
    [
        ("ZYQ", 3, "unknown letter 'Q'"),
        ("ZZYX", 4, "Z twice"),
        ("ZYX", 2, "3 axes, but the image has 2"),
        ("X", 1, "lack Y"),
        ("", 2, "0 axes"),
        ("YXS", 3, "unknown letter 'S'"),
    ],
)
def test_axes_that_do_not_fit_are_refused(axes: str, ndim: int, complaint: str) -> None:
    with pytest.raises(AxesError, match=complaint) as caught:
        parse_axes(axes, ndim, where="cell.tif")
    assert str(caught.value).startswith("cell.tif: ")


def test_only_readers_know_samples() -> None:
    assert parse_axes("YXS", 3, samples=True) == "YXS"


def test_two_axes_are_rows_and_columns() -> None:
    assert guess_axes((4, 5)) == "YX"


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (4,), ()])
def test_more_axes_are_not_guessed(shape: tuple[int, ...]) -> None:
    with pytest.raises(AxesError, match=r"^cell.npy: "):
        guess_axes(shape, "cell.npy")


@given(axes_of_images())
def test_spatial_axes_keep_their_order(axes: str) -> None:
    assert spatial(axes) == axes.replace("T", "").replace("C", "")


@given(axes_of_images(), st.data())
def test_reordering_there_and_back_changes_nothing(axes: str, data: st.DataObject) -> None:
    other = "".join(data.draw(st.permutations(axes)))
    shape = data.draw(st.lists(st.integers(1, 4), min_size=len(axes), max_size=len(axes)))
    array = np.arange(np.prod(shape)).reshape(shape)
    there = reorder(array, axes, other)
    assert [there.shape[other.index(a)] for a in axes] == list(array.shape)
    np.testing.assert_array_equal(reorder(there, other, axes), array)


@given(axes_of_images())
def test_axes_that_are_missing_are_inserted(axes: str) -> None:
    array = np.arange(2 ** len(axes)).reshape((2,) * len(axes))
    full = reorder(array, axes, AXES)
    assert full.shape == tuple(2 if axis in axes else 1 for axis in AXES)
    np.testing.assert_array_equal(reorder(full, AXES, axes), array)


def test_an_axis_longer_than_one_is_never_lost() -> None:
    with pytest.raises(AxesError, match=r"cell.tif: axis Z \(depth\) has size 3, but only YX"):
        reorder(np.zeros((3, 4, 5)), "ZYX", "YX", where="cell.tif")


def test_axes_of_another_array_are_refused() -> None:
    with pytest.raises(AxesError, match="name 3 axes, but the array has 2"):
        reorder(np.zeros((4, 5)), "ZYX", "YX")
