import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.config import SelectConfig
from l2l_core.data.selection import parse_selection, select, select_configured
from l2l_core.errors import DataError
from l2l_core.images.image import ArraySource, Image, from_array


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("", tuple(range(10))),
        (3, (3,)),
        ("3", (3,)),
        (-1, (9,)),
        ("0:4", (0, 1, 2, 3)),
        ("7:99", (7, 8, 9)),
        ("-3:", (7, 8, 9)),
        (":2", (0, 1)),
        ("::4", (0, 4, 8)),
        ("1:8:3", (1, 4, 7)),
        ("0,2,5", (0, 2, 5)),
        ("5, 2", (5, 2)),
        ("0:2,-1", (0, 1, 9)),
    ],
)
def test_selections_mean_positions(text, positions):
    assert parse_selection(text, 10) == positions


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "'x' is not understood"),
        ("3-4", "not understood"),
        ("1,,2", "not understood"),
        ("1:2:3:4", "not understood"),
        ("0:4:-1", "not understood"),
        ("0:4:0", "step 0"),
        (10, "asks for position 10; there are 10"),
        ("-11", "asks for position -11"),
        ("20:30", "selects nothing of 10"),
        ("1,1", "names a position twice"),
        ("0:3,2", "names a position twice"),
    ],
)
def test_what_is_no_selection_is_refused(text, words):
    with pytest.raises(DataError, match=f"a.tif, axis Z: .*{words}"):
        parse_selection(text, 10, "a.tif, axis Z")


@st.composite
def _selected(draw):
    shape = draw(st.tuples(*(st.integers(1, 6) for _ in range(4))))
    positions = {
        axis: draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=size, unique=True))
        for axis, size in zip("TZYX", shape, strict=True)
        if draw(st.booleans())
    }
    sizes = [
        len(positions.get(axis, range(size))) for axis, size in zip("TZYX", shape, strict=True)
    ]
    where = {}
    for axis, size in zip("TZYX", sizes, strict=True):
        start = draw(st.integers(0, size - 1))
        where[axis] = slice(start, draw(st.integers(start + 1, size)), draw(st.integers(1, 3)))
    return shape, positions, where


@given(_selected())
def test_reading_a_selection_equals_indexing_the_whole(case):
    shape, positions, where = case
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    chosen = array
    for number, axis in enumerate("TZYX"):
        if axis in positions:
            chosen = chosen.take(positions[axis], axis=number)
    image = select(from_array(array, "TZYX"), positions)
    assert image.shape == chosen.shape
    np.testing.assert_array_equal(image.read(), chosen)
    np.testing.assert_array_equal(image.read(**where), chosen[tuple(where[a] for a in "TZYX")])


def test_a_selection_of_a_selection_is_one():
    array = np.arange(60).reshape(10, 2, 3)
    image = select(select(from_array(array, "ZYX"), {"Z": range(2, 9)}), {"Z": [0, 4], "X": [1]})
    np.testing.assert_array_equal(image.read(), array[[2, 6], :, 1:2])


def test_the_names_of_the_channels_are_selected_too():
    image = from_array(np.zeros((3, 2, 2)), "CYX", channel_names=("dna", "tubulin", "actin"))
    assert select(image, {"C": [2, 0]}).info.channel_names == ("actin", "dna")


def test_everything_is_the_image_itself():
    image = from_array(np.zeros((3, 2, 2)), "ZYX")
    assert select(image, {"Z": range(3)}) is image


def test_the_special_selection_counts_where_both_speak_of_one_axis():
    image = from_array(np.arange(20).reshape(10, 2, 1), "ZYX")
    chosen = select_configured(image, SelectConfig(z="0:4"), SelectConfig(z=7))
    np.testing.assert_array_equal(chosen.read().ravel(), [14, 15])
    chosen = select_configured(image, SelectConfig(z="0:4"), SelectConfig())
    assert chosen.shape == (4, 2, 1)


def test_an_axis_that_is_not_there_cannot_be_selected_from():
    image = from_array(np.zeros((4, 4)), "YX", path="flat.tif")
    with pytest.raises(DataError, match=r"flat\.tif: z = '0:2' selects along Z.* axes YX"):
        select_configured(image, SelectConfig(z="0:2"))


def test_planes_in_a_row_are_read_in_the_chunks_of_the_whole():
    class Chunked(ArraySource):
        chunks = (4, 2, 3)

    array = np.arange(60).reshape(10, 2, 3)
    image = Image(from_array(array, "ZYX").info, Chunked(array))
    assert select(image, {"Z": range(1, 8)}).chunks == (4, 2, 3)
    assert select(image, {"Z": [1, 2]}).chunks == (2, 2, 3)
    assert select(image, {"Z": [1, 5, 8]}).chunks == (1, 2, 3)
    blocks = [place["Z"] for place in select(image, {"Z": range(1, 8)}).blocks(limit=24)]
    assert blocks == [slice(0, 4), slice(4, 7)]
