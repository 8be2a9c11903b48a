"""Any box of a chain, with any tile, is what filtering the whole restoration has there."""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from l2l_core.components import Geometry
from l2l_core.components.filters import made_step
from l2l_core.errors import OutOfMemory
from l2l_core.images.image import from_array
from l2l_core.streaming.boxes import Numbers
from l2l_core.streaming.chained import Step, chained_geometry, fills_between, restore_chained
from l2l_core.streaming.frame import Frame
from l2l_core.streaming.in_memory import restore_array

# Filters that no cut can change a bit of, in planes and in volumes.
FILTERS = {
    "median": {"size": 3},
    "white_top_hat": {"size": 5},
    "binary_map": {"threshold": 260.0, "min_size": 3},
}
VOLUMES = {"median": {"size": [3, 3, 5]}, "white_top_hat": {"size": [1, 3, 7]}}


def whole(restorer, pixels):
    """Return a volume that went through a filter as a whole, plane by plane where it has planes."""
    if restorer.geometry.axes == "ZYX":
        return restore_array(restorer, pixels[np.newaxis])["mean"][0]
    return np.stack([restore_array(restorer, plane[np.newaxis])["mean"][0] for plane in pixels])


def framed(restorer, steps, shape):
    geometry = chained_geometry(restorer.geometry, [step.restorer.geometry for step in steps])
    return Frame("ZYX", shape, geometry, each_channel=True)


@st.composite
def chains(draw):
    kinds = [(name, options) for group in (FILTERS, VOLUMES) for name, options in group.items()]
    return [
        made_step(*one) for one in draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=3))
    ]


@st.composite
def boxes(draw):
    shape = tuple(draw(st.integers(1, most)) for most in (5, 34, 29))
    ends = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    box = [(a, b) if a < b else (0, n) for (a, b), n in zip(ends, shape, strict=True)]
    return shape, box


@settings(max_examples=60)
@given(chains(), boxes(), st.integers(0, 40), st.integers(0, 3))
def test_a_box_is_cut_out_of_the_whole(chain, shaped, more, seed):
    shape, box = shaped
    first, *filters = chain
    steps = [Step(one) for one in filters]
    pixels = np.random.default_rng(seed).integers(0, 600, shape).astype(np.uint16)
    frame = framed(first, steps, shape)
    # From the least that a tile of the chain can be to more than the image.
    tile = [2 * halo + 1 + more for halo in frame.geometry.halo]
    found, _ = restore_chained(
        first, steps, from_array(pixels, "ZYX"), frame, box, Numbers(), tile=tile
    )
    expected = pixels.astype(np.float32)
    for one in chain:
        expected = whole(one, expected)
    part = tuple(slice(*ends) for ends in box)
    np.testing.assert_array_equal(found["mean"], expected[part], strict=True)


def test_planes_and_volumes_make_a_geometry_of_volumes():
    planes = Geometry(axes="YX", halo=8, multiple=4, outputs=("mean", "scale"), tile=64)
    volumes = Geometry(axes="ZYX", halo=(1, 2, None))
    found = chained_geometry(planes, [volumes])
    assert (found.axes, found.outputs) == ("ZYX", ("mean",))
    assert found.halo == (1, 12, None)
    assert found.multiple == (1, 4, 4)
    assert chained_geometry(volumes, [planes]).halo == (1, 12, None)


def test_a_tile_that_the_device_had_no_memory_for_is_told(monkeypatch):
    first, second = made_step("median", {"size": 3}), made_step("median", {"size": 5})
    restore = first.restore

    def narrow(batch):
        if batch.shape[-1] > 30:
            raise OutOfMemory("no memory left")
        return restore(batch)

    pixels = np.random.default_rng(0).integers(0, 600, (1, 60, 60)).astype(np.uint16)
    steps = [Step(second)]
    frame = framed(first, steps, pixels.shape)
    image, box = from_array(pixels, "ZYX"), [(0, 1), (0, 60), (0, 60)]
    expected, whole_tile = restore_chained(
        first, steps, image, frame, box, Numbers(), tile=(60, 60)
    )
    assert whole_tile == (60, 60)
    monkeypatch.setattr(first, "restore", narrow)
    found, tile = restore_chained(first, steps, image, frame, box, Numbers(), tile=(60, 60))
    assert tile == (30, 30)
    np.testing.assert_array_equal(found["mean"], expected["mean"])


@pytest.mark.parametrize(
    ("dtype", "options", "expected"),
    [
        ("uint16", {"threshold": 3.0}, ()),
        ("float32", {"threshold": 3.0}, ((7.0,),)),
        ("float32", {"threshold": 3.0, "min_size": 0}, ((0.0,),)),
    ],
)
def test_means_are_taken_where_pixels_are_missing_and_neighbours_matter(dtype, options, expected):
    pixels = np.full((1, 8, 8), 7, dtype)
    if dtype == "float32":
        pixels[0, 2, 2] = np.nan
    first, step = made_step("identity", {}), Step(made_step("binary_map", options))
    frame = framed(first, [step], pixels.shape)
    numbers = Numbers(fill=(7.0,))
    image = from_array(pixels, "ZYX")
    assert fills_between(first, [step], image, frame, numbers) == expected
    known = evolve(numbers, steps=expected)
    assert Numbers.from_dict(known.to_dict()) == known
