import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from l2l_core.components.factory import get
from l2l_core.errors import OptionsError
from l2l_plugins.augmenters.geometric import Flip, Rotate90, Zoom


def _draws(augmenter, image, count=40):
    return [augmenter(np.random.default_rng(seed), (image,))[0] for seed in range(count)]


def test_rotation_gives_each_of_the_four_angles():
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    seen = {draw.tobytes() for draw in _draws(Rotate90(), image)}
    assert seen == {np.rot90(image, k, axes=(1, 2)).tobytes() for k in range(4)}


def test_rotation_of_an_oblong_is_by_0_or_180_degrees():
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    seen = {draw.tobytes() for draw in _draws(Rotate90(), image)}
    assert seen == {image.tobytes(), image[:, ::-1, ::-1].tobytes()}


def test_rotation_leaves_the_planes_in_their_order():
    image = np.broadcast_to(np.arange(5, dtype=np.float32)[None, :, None, None], (1, 5, 8, 8))
    for draw in _draws(Rotate90(), image, 8):
        np.testing.assert_array_equal(draw, image)


def test_flip_gives_each_combination_of_its_axes():
    image = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    seen = {draw.tobytes() for draw in _draws(Flip(axes="ZX"), image)}
    assert seen == {
        image[:, ::z, :, ::x].tobytes() for z in (1, -1) for x in (1, -1)
    }  # fmt: skip


def test_flip_along_z_leaves_a_flat_image():
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    for draw in _draws(Flip(axes="Z"), image, 8):
        np.testing.assert_array_equal(draw, image)


@given(
    factor=st.floats(0.3, 3.0),
    shape=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    slope=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    order=st.sampled_from([1, 3]),
)
def test_zoom_of_a_ramp_is_a_ramp_of_another_slope_about_the_centre(factor, shape, slope, order):
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    ramp = (slope[0] * y[:, None] + slope[1] * x[None, :]).astype(np.float32)[None]
    zoomed = Zoom(factors=(factor,), order=order)(np.random.default_rng(0), (ramp,))[0]
    # Where the zoomed image still looks into the image; a spline feels the border further in.
    reach = 1 if order == 1 else 4
    inside = [
        np.abs(position) / factor <= (n - 1) / 2 - reach
        for position, n in zip((y, x), shape, strict=True)
    ]
    known = inside[0][:, None] & inside[1][None, :]
    np.testing.assert_allclose(
        zoomed[0][known], ramp[0][known] / factor, atol=1e-3 if order == 1 else 0.3
    )


@given(
    factor=st.floats(0.2, 4.0),
    shape=st.tuples(st.integers(1, 2), st.integers(1, 20), st.integers(1, 20)),
)
def test_linear_zoom_agrees_with_scipy_beyond_the_borders_too(factor, shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    zoomed = Zoom(factors=(factor,))(np.random.default_rng(0), (image,))[0]
    offset = [(n - 1) / 2 * (1 - 1 / factor) for n in shape[1:]]
    for plane, expected in zip(zoomed, image, strict=True):
        reference = ndimage.affine_transform(
            expected.astype(np.float64), [1 / factor] * 2, offset, order=1, mode="reflect"
        )
        np.testing.assert_allclose(plane, reference, atol=1e-5)


def test_zoom_draws_each_factor():
    x = np.arange(41, dtype=np.float32) - 20
    image = np.broadcast_to(x, (1, 41, 41)).astype(np.float32)
    slopes = {round(float(d[0, 20, 21] - d[0, 20, 20]), 3) for d in _draws(Zoom(), image)}
    assert slopes == {2.0, 1.333, 0.8, 0.667}


def test_zoom_needs_the_inverse_of_its_smallest_factor():
    assert Zoom().margin("ZYX") == (1.0, 2.0, 2.0)
    assert Zoom(factors=(1.5, 2.0)).margin("YX") == (1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("zoom", {"factors": [0.5, 0.0]}, r"factors is \[0.5, 0.0\], expected numbers above 0"),
        ("zoom", {"factors": []}, "expected numbers above 0"),
        ("zoom", {"order": 2}, "order"),
        ("flip", {"axes": "YC"}, "axes is 'YC', expected letters of 'ZYX'"),
    ],
)
def test_options_out_of_range_are_refused(name, options, words):
    with pytest.raises(OptionsError, match=words):
        get("augmenter", name, **options)
