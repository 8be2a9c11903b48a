from itertools import pairwise
from math import isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from l2l_core.images import pyramid
from l2l_core.images.pyramid import halve, level_shapes
from l2l_core.streaming.units import plan_grid

DTYPES = ("uint8", "int16", "uint16", "uint32", "uint64", "float16", "float32", "float64", "bool")


def _reference(image):
    """The mean of what there is of each 2 x 2 pixels, in Python's own exact arithmetic."""
    rows, columns = image.shape
    halves = np.empty((-(-rows // 2), -(-columns // 2)), dtype=image.dtype)
    for y, x in np.ndindex(halves.shape):
        block = image[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel().tolist()
        if image.dtype.kind == "f":
            block = [value for value in block if isfinite(value)]
            halves[y, x] = sum(block) / len(block) if block else np.nan
        else:
            # Python's integers are exact, and so is the remainder: no float comes in between.
            whole, rest = divmod(sum(block), len(block))
            halves[y, x] = whole + (2 * rest + whole % 2 > len(block))
    return halves


@st.composite
def images(draw):
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    elements = None
    if dtype.kind == "f":
        largest = {2: 2.0**15, 4: 2.0**127, 8: 2.0**1000}[dtype.itemsize]
        elements = st.floats(-largest, largest, width=8 * dtype.itemsize) | st.sampled_from(
            [np.nan, np.inf, -np.inf]
        )
    return draw(arrays(dtype, shape, elements=elements))


@given(images())
def test_a_pixel_is_the_mean_of_what_is_there(image):
    halves = halve(image, "YX")
    assert halves.dtype == image.dtype
    if image.dtype.kind == "f":
        info = np.finfo(image.dtype)
        # A sum that nearly cancels has the rounding of its largest term.
        largest = np.abs(image[np.isfinite(image)]).max(initial=0)
        np.testing.assert_allclose(
            halves.astype("float64"),
            _reference(image).astype("float64"),
            rtol=2 * info.eps,
            atol=float(largest) * 1e-15,
        )
    else:
        np.testing.assert_array_equal(halves, _reference(image))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint64"])
def test_integers_are_rounded_to_the_nearest_and_halves_to_even(dtype):
    top = int(np.iinfo(dtype).max)
    image = np.array([[0, 1, 1, 2, 2, 2, top, top], [0, 1, 1, 2, 3, 3, top, top - 2]], dtype=dtype)
    # 2 / 4 to 0, 6 / 4 to 2, 10 / 4 to 2; and nothing overflows at the top: -2 / 4 to even.
    assert halve(image, "YX").tolist() == [[0, 2, 2, top - 1]]


def test_missing_pixels_count_for_nothing():
    image = np.array([[1, np.nan, np.nan, np.inf], [3, 5, -np.inf, np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(halve(image, "YX"), [[3, np.nan]])


def test_an_odd_border_is_the_mean_of_what_is_left():
    image = np.array([[2, 4, 10], [4, 6, 20], [100, 200, 7]], dtype=np.uint8)
    assert halve(image, "YX").tolist() == [[4, 15], [150, 7]]


@pytest.mark.parametrize("axes", ["CYX", "TCZYX", "YXC", "YCX"])
def test_only_y_and_x_are_halved(axes):
    rng = np.random.default_rng(1)
    sides = {"T": 2, "C": 3, "Z": 4, "Y": 7, "X": 6}
    image = rng.random([sides[name] for name in axes], dtype=np.float32)
    halves = halve(image, axes)
    assert halves.flags.c_contiguous
    assert halves.shape == tuple({"Y": 4, "X": 3}.get(name, sides[name]) for name in axes)
    planes = np.moveaxis(image, (axes.index("Y"), axes.index("X")), (-2, -1)).reshape(-1, 7, 6)
    got = np.moveaxis(halves, (axes.index("Y"), axes.index("X")), (-2, -1)).reshape(-1, 4, 3)
    for plane, half in zip(planes, got, strict=True):
        np.testing.assert_allclose(half, _reference(plane), rtol=1e-6)


def test_nothing_depends_on_the_strips_in_which_it_is_computed(monkeypatch):
    image = np.random.default_rng(2).random((61, 47), dtype=np.float32)
    image[7, 9] = np.nan
    expected = halve(image, "YX")
    monkeypatch.setattr(pyramid, "_STRIP_PIXELS", 1)
    np.testing.assert_array_equal(halve(image, "YX"), expected)


@given(st.data(), st.sampled_from(["uint8", "uint16", "float32"]), st.booleans())
def test_halves_of_units_are_the_halves_of_the_whole_image(data, dtype, volume):
    sides = st.integers(1, 150)
    shape = (data.draw(sides), data.draw(sides))
    axes = "YX"
    if volume:
        shape, axes = (data.draw(st.integers(1, 20)), *shape), "ZYX"
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    image = rng.integers(0, 256, shape).astype(dtype)
    if dtype == "float32":
        image *= np.float32(1e-3)
        image[rng.random(shape) < 0.3] = np.nan
    side = data.draw(st.integers(8, 70))
    # Levels are counted as of a large image: three above the full size, whatever the shape.
    levels = [image]
    for _ in range(3):
        levels.append(halve(levels[-1], axes))
    grid = plan_grid(shape, axes, inner=axes, side=side)
    for index in range(grid.count(0)):
        box = grid.unit(0, index).box
        part = image[tuple(slice(*along) for along in box)]
        for level in range(1, 4):
            part = halve(part, axes)
            step = [2**level if name in "YX" else 1 for name in axes]
            area = tuple(slice(a // s, -(-b // s)) for (a, b), s in zip(box, step, strict=True))
            np.testing.assert_array_equal(part, levels[level][area])


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 600))
def test_level_shapes_end_with_the_first_that_is_small_enough(rows, columns, least):
    shapes = level_shapes((4, rows, columns), "CYX", least)
    assert shapes[0] == (4, rows, columns)
    for below, above in pairwise(shapes):
        assert above == (4, -(-below[1] // 2), -(-below[2] // 2))
        assert max(below[1:]) > least
    assert max(shapes[-1][1:]) <= least


def test_level_shapes_of_an_image_halve():
    image = np.zeros((3, 13, 6), dtype=np.uint8)
    for shape in level_shapes(image.shape, "CYX", 2):
        assert image.shape == shape
        image = halve(image, "CYX")
