"""A part restored alone is that part of the restored whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2l_core.components import Restorer
from l2l_core.components.geometry import Geometry, Padding
from l2l_core.errors import OutOfMemory
from l2l_core.images.image import from_array
from l2l_core.images.normalization import Normalization
from l2l_core.streaming.boxes import Numbers, restore_box
from l2l_core.streaming.frame import Frame


class Pyramid(Restorer):
    """Mean of blocks of `multiple`, then a difference to the neighbours: has lattice and halo."""

    def __init__(self, *, axes="YX", channels=1, outputs=("mean",), scale=1, multiple=4):
        super().__init__(None, axes=axes, channels_in=channels, channels_out=channels)
        self.calls = []
        self.most = None
        self.geometry = Geometry(
            axes=axes,
            channels_in=channels,
            channels_out=channels,
            outputs=outputs,
            halo=2 * multiple,
            multiple=multiple,
            scale=scale,
            padding=Padding("reflect"),
            tile=6 * multiple,
        )

    def restore(self, batch):
        self.calls.append(batch.shape)
        if self.most is not None and batch[0, 0].size > self.most:
            raise OutOfMemory("none left")
        m, count = self.geometry.multiple[0], len(self.axes)
        values = batch.astype(np.float32)
        for axis in range(2, 2 + count):
            sides = values.shape
            blocks = values.reshape(*sides[:axis], sides[axis] // m, m, *sides[axis + 1 :])
            means = blocks.mean(axis=axis + 1, keepdims=True)
            wide = [(1, 1) if i == axis else (0, 0) for i in range(means.ndim)]
            edged = np.pad(means, wide, mode="edge")
            take = [edged.take(range(k, k + means.shape[axis]), axis) for k in (0, 2)]
            sums = take[0] + 2 * means + take[1]
            values = np.broadcast_to(sums, blocks.shape).reshape(sides) + 0.25 * values
        for axis, factor in enumerate(self.geometry.scale, start=2):
            values = values.repeat(factor, axis)
        return {name: values * (number + 1) for number, name in enumerate(self.geometry.outputs)}


def whole_box(frame):
    return tuple((0, side) for side in frame.output_shape)


def restored(method, array, axes, box=None, numbers=None, **options):
    frame = Frame(axes, array.shape, method.geometry)
    values, _ = restore_box(
        method,
        from_array(array, axes),
        frame,
        box or whole_box(frame),
        numbers or Numbers(Normalization.identity(method.channels_in)),
        outputs=method.geometry.outputs,
        **options,
    )
    return values


@st.composite
def parts(draw, sides):
    box = []
    for side in sides:
        first = draw(st.integers(0, side - 1))
        box.append((first, draw(st.integers(first + 1, side))))
    return tuple(box)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_part_is_that_part_of_the_whole(data):
    scale = data.draw(st.sampled_from([1, 2]))
    method = Pyramid(channels=2, outputs=("mean", "scale"), scale=scale)
    shape = (2, 2, *data.draw(st.tuples(st.integers(5, 61), st.integers(5, 61))))
    array = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    array[0, 1, 2, 3] = np.nan
    numbers = Numbers(Normalization((1.0, 2.0), (3.0, 4.0)), Normalization((5.0, 6.0), (7.0, 8.0)))
    frame = Frame("TCYX", shape, method.geometry)
    box = data.draw(parts(frame.output_shape))
    box = (box[0], (0, 2), *box[2:])
    tile = data.draw(st.sampled_from([None, 20, 32, 64]))
    part = restored(method, array, "TCYX", box, numbers, tile=tile)
    whole = restored(method, array, "TCYX", None, numbers, tile=64)
    cut = tuple(slice(*side) for side in box)
    for name in ("mean", "scale"):
        np.testing.assert_allclose(part[name], whole[name][cut], atol=1e-4)


def test_axes_in_another_order_come_out_in_the_canonical_one():
    method = Pyramid()
    array = np.random.default_rng(1).normal(size=(33, 3, 29)).astype(np.float32)
    box = ((1, 3), (4, 20), (7, 29))
    part = restored(method, array, "YZX", box)["mean"]
    planes = np.moveaxis(array, 1, 0)
    expected = restored(method, np.ascontiguousarray(planes), "ZYX")["mean"][1:3, 4:20, 7:29]
    np.testing.assert_array_equal(part, expected)


def test_only_the_part_and_its_halo_are_read():
    method = Pyramid()
    array = np.zeros((400, 400), np.uint16)
    image = from_array(array, "YX")
    reads = []
    source = image.read
    image.read = lambda **where: reads.append(where) or source(**where)
    frame = Frame("YX", array.shape, method.geometry)
    restore_box(method, image, frame, ((100, 140), (0, 40)), Numbers())
    (where,) = reads
    assert where["Y"].start >= 100 - 8 - 4
    assert where["Y"].stop <= 140 + 8 + 4
    assert where["X"].start == 0


def test_a_filter_takes_channels_one_by_one_with_their_own_numbers():
    method = Pyramid()
    array = np.random.default_rng(2).normal(size=(3, 24, 24)).astype(np.float32)
    frame = Frame("CYX", array.shape, method.geometry, each_channel=True)
    before = Normalization((0.0, 10.0, 20.0), (1.0, 2.0, 3.0))
    values, _ = restore_box(
        method, from_array(array, "CYX"), frame, ((1, 3), (0, 24), (0, 24)), Numbers(before)
    )
    alone = restored(method, array[2], "YX", numbers=Numbers(Normalization((20.0,), (3.0,))))[
        "mean"
    ]
    np.testing.assert_array_equal(values["mean"][1], alone)


def test_the_tile_that_fits_is_handed_on():
    method = Pyramid()
    method.most = 40 * 40
    array = np.random.default_rng(2).normal(size=(3, 100, 100)).astype(np.float32)
    frame = Frame("TYX", array.shape, method.geometry)
    values, tile = restore_box(
        method, from_array(array, "TYX"), frame, whole_box(frame), Numbers(), tile=100
    )
    assert tile == (24, 24)
    refused = [shape[2] for shape in method.calls if shape[2] * shape[3] > method.most]
    # 100 and 48 are tried in the first frame alone, each in batches down to one tile.
    assert sorted(set(refused)) == [48, 100]
    assert refused == sorted(refused, reverse=True)
    method.most = None
    expected = restored(method, array, "TYX", tile=100)["mean"]
    np.testing.assert_allclose(values["mean"], expected, atol=1e-5)


def test_the_device_is_held_while_it_computes_alone():
    class Lock:
        held = False

        def __enter__(self):
            self.held = True

        def __exit__(self, *_):
            self.held = False

    lock = Lock()
    method = Pyramid()
    seen = []
    compute = method.restore
    method.restore = lambda batch: seen.append(("compute", lock.held)) or compute(batch)
    image = from_array(np.zeros((32, 32), np.uint16), "YX")
    read = image.read
    image.read = lambda **where: seen.append(("read", lock.held)) or read(**where)
    frame = Frame("YX", (32, 32), method.geometry)
    restore_box(method, image, frame, whole_box(frame), Numbers(), lock=lock)
    assert ("read", False) in seen
    assert ("compute", True) in seen
    assert {held for what, held in seen if what == "compute"} == {True}
    assert {held for what, held in seen if what == "read"} == {False}


def test_pixels_without_a_value_get_the_fill_of_the_whole_image():
    method = Pyramid()
    method.normalizes = False
    array = np.full((40, 40), 100.0, np.float32)
    array[:, 20:] = 200.0
    array[10, 5] = np.nan
    numbers = Numbers(fill=(150.0,))
    whole = restored(method, array, "YX", numbers=numbers)["mean"]
    part = restored(method, array, "YX", ((0, 16), (0, 12)), numbers)["mean"]
    assert np.isnan(part[10, 5])
    np.testing.assert_array_equal(part, whole[:16, :12])
    other = restored(method, array, "YX", numbers=Numbers(fill=(0.0,)))["mean"]
    assert not np.array_equal(np.nan_to_num(other), np.nan_to_num(whole))


def test_a_box_of_three_dimensions():
    method = Pyramid(axes="ZYX")
    array = np.random.default_rng(5).normal(size=(21, 30, 26)).astype(np.float32)
    whole = restored(method, array, "ZYX", tile=64)["mean"]
    part = restored(method, array, "ZYX", ((3, 17), (10, 30), (0, 9)), tile=24)["mean"]
    np.testing.assert_allclose(part, whole[3:17, 10:30, 0:9], atol=1e-5)


@pytest.mark.parametrize("first", [0, 1, 3])
def test_odd_boxes_of_an_enlarging_method(first):
    method = Pyramid(scale=2)
    array = np.random.default_rng(5).normal(size=(30, 26)).astype(np.float32)
    whole = restored(method, array, "YX")["mean"]
    assert whole.shape == (60, 52)
    part = restored(method, array, "YX", ((first, first + 7), (5, 50)))["mean"]
    np.testing.assert_allclose(part, whole[first : first + 7, 5:50], atol=1e-5)
