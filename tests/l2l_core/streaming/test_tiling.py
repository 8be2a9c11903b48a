from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from l2l_core.components import Geometry, Padding
from l2l_core.errors import ImageError, TilingError
from l2l_core.streaming.tile_size import least_tile
from l2l_core.streaming.tiling import plan
from l2l_core.streaming.window import read_window, source

MODES = ("reflect", "symmetric", "edge", "constant")


@st.composite
def planned(draw, with_region=False):
    """A plan of a random image, geometry and tile, at least as large as the halo asks for."""
    axes = draw(st.sampled_from(["YX", "ZYX"]))
    n = len(axes)
    geometry = Geometry(
        axes=axes,
        halo=draw(st.tuples(*[st.integers(0, 9)] * n)),
        multiple=draw(st.tuples(*[st.sampled_from([1, 2, 3, 4, 8])] * n)),
        scale=draw(st.tuples(*[st.integers(1, 2)] * n)),
        padding=Padding(
            mode=draw(st.sampled_from(MODES)), before=draw(st.sampled_from(["half", "none"]))
        ),
    )
    shape = draw(st.tuples(*[st.integers(1, 70)] * n))
    least = least_tile(shape, geometry)
    tile = tuple(low + draw(st.integers(0, 25)) for low in least)
    region = None
    if with_region:
        region = []
        for side in shape:
            first = draw(st.integers(0, side - 1))
            region.append((first, draw(st.integers(first + 1, side))))
    return plan(shape, geometry, tile, region=region)


@given(planned())
def test_kept_regions_partition_the_output(tiles):
    counted = np.zeros(tiles.output_shape, dtype=int)
    for tile in tiles:
        counted[tile.write] += 1
    assert (counted == 1).all()


@given(planned(with_region=True))
def test_kept_regions_partition_the_output_of_a_region(tiles):
    counted = np.zeros(tiles.output_shape, dtype=int)
    for tile in tiles:
        counted[tile.write] += 1
    assert (counted == 1).all()


@given(planned(with_region=True))
def test_what_is_kept_of_a_tile_is_where_it_is_written(tiles):
    for tile in tiles:
        for axis, (start, _), keep, write, (first, _) in zip(
            tiles.axes, tile.read, tile.keep, tile.write, tiles.region, strict=True
        ):
            in_padded = start * axis.scale + keep.start
            in_region = in_padded - (axis.before + first) * axis.scale
            assert in_region == write.start
            assert keep.stop - keep.start == write.stop - write.start


@given(planned(with_region=True))
def test_tiles_lie_on_the_lattice_inside_the_padded_image(tiles):
    for tile in tiles:
        for axis, (start, stop), multiple in zip(
            tiles.axes, tile.read, tiles.geometry.multiple, strict=True
        ):
            assert start % multiple == 0
            assert stop % multiple == 0
            assert 0 <= start < stop <= axis.padded


@given(planned(with_region=True))
def test_tiles_are_of_one_size(tiles):
    for tile in tiles:
        assert tuple(stop - start for start, stop in tile.read) == tiles.tile


@given(planned(with_region=True))
def test_tile_edges_are_a_halo_from_what_is_kept_or_the_true_border(tiles):
    for tile in tiles:
        for axis, (start, stop), keep, halo, multiple in zip(
            tiles.axes,
            tile.read,
            tile.keep,
            tiles.geometry.lattice_halo,
            tiles.geometry.multiple,
            strict=True,
        ):
            # The kept pixels, in pixels of the padded input, filled up to the lattice: a halo is
            # counted from there.
            first = (start + keep.start // axis.scale) // multiple * multiple
            last = -(-(start + keep.stop // axis.scale) // multiple) * multiple
            assert start == 0 or first - start >= halo
            assert stop == axis.padded or stop - last >= halo


@given(planned())
def test_a_region_has_the_tiles_of_its_own_output_alone(tiles):
    region = tuple((side // 3, side) for side in tiles.shape)
    part = plan(tiles.shape, tiles.geometry, tiles.tile, region=region)
    assert part.tile == tiles.tile
    assert len(part) <= len(tiles)


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 60), st.sampled_from(MODES))
def test_source_is_numpys_pad(size, before, after, mode):
    assume(size > 1 or mode != "reflect")
    image = np.arange(size)
    options = {"constant_values": -1} if mode == "constant" else {}
    expected = np.pad(image, (before, after), mode=mode, **options)
    assert source((0, before + size + after), size, before, mode) == expected.tolist()


@given(planned(with_region=True))
def test_a_window_is_cut_out_of_the_padded_image(tiles):
    geometry = tiles.geometry
    image = 1 + np.arange(np.prod(tiles.shape), dtype=np.float32).reshape(1, *tiles.shape)
    widths = [(0, 0), *((axis.before, axis.after) for axis in tiles.axes)]
    padded = np.pad(image, widths, mode=geometry.padding.mode)
    for tile in islice(tiles, 20):
        window = read_window(lambda at: image[(slice(None), *at)], tiles, tile)
        expected = padded[(slice(None), *(slice(*read) for read in tile.read))]
        np.testing.assert_array_equal(window, expected)


def test_a_window_reads_no_more_than_its_tile():
    tiles = plan((100, 101), Geometry(axes="YX", halo=4, multiple=4), 24)
    for tile in tiles:
        read_window(lambda at: _at_most(at, 24), tiles, tile)


def _at_most(at, side):
    assert all(s.stop - s.start <= side for s in at)
    return np.zeros((1, *(s.stop - s.start for s in at)), dtype=np.float32)


def test_padding_is_split_as_csbdeep_does():
    (axis, _) = plan((5, 8), Geometry(axes="YX", multiple=4)).axes
    assert (axis.before, axis.after) == (1, 2)
    after = Geometry(axes="YX", multiple=4, padding=Padding(before="none"))
    assert (plan((5, 8), after).axes[0].before, plan((5, 8), after).axes[0].after) == (0, 3)


def test_the_last_tile_is_shifted_inward():
    tiles = plan((100, 20), Geometry(axes="YX", halo=8, multiple=4), (40, 20))
    reads = [tile.read[0] for tile in tiles]
    assert reads == [(0, 40), (24, 64), (48, 88), (60, 100)]
    writes = [(tile.write[0].start, tile.write[0].stop) for tile in tiles]
    assert writes == [(0, 32), (32, 56), (56, 80), (80, 100)]


def test_a_tile_larger_than_the_image_is_the_image():
    tiles = plan((30, 41), Geometry(axes="YX", halo=40, multiple=4), 4096)
    assert len(tiles) == 1
    assert tiles.tile == (32, 44)
    assert tiles[0].write == (slice(0, 30), slice(0, 41))


def test_an_axis_without_bound_is_one_tile():
    geometry = Geometry(axes="ZYX", halo=(None, 2, 2), multiple=(4, 1, 1))
    tiles = plan((10, 40, 40), geometry, (2, 10, 10))
    assert {tile.read[0] for tile in tiles} == {(0, 12)}
    assert len(tiles) > 1


def test_an_axis_that_is_not_in_the_output_is_one_tile():
    geometry = Geometry(axes="ZYX", halo=1, output_axes="YX")
    tiles = plan((30, 40, 50), geometry, (5, 10, 10))
    assert {tile.read[0] for tile in tiles} == {(0, 30)}
    assert tiles.output_shape == (40, 50)
    assert len(tiles[0].write) == 2


def test_an_axis_that_is_new_in_the_output_is_written_whole():
    geometry = Geometry(axes="YX", halo=1, output_axes="ZYX")
    tiles = plan((40, 50), geometry, 10)
    assert tiles.output_shape == (None, 40, 50)
    assert all(tile.write[0] == slice(None) for tile in tiles)
    assert all(tile.keep[0] == slice(None) for tile in tiles)


def test_a_tile_too_small_for_the_halo_is_refused_with_the_least():
    with pytest.raises(
        TilingError, match=r"64 x 64 .* along Y, X: .*halo of 40 .*at least 84 x 84"
    ):
        plan((1000, 1000), Geometry(axes="YX", halo=40, multiple=4), 64)
    assert plan((1000, 1000), Geometry(axes="YX", halo=40, multiple=4), 84).tile == (84, 84)


def test_a_small_tile_is_no_matter_where_the_image_is_smaller():
    assert plan((30, 30), Geometry(axes="YX", halo=40, multiple=4), 64).tile == (32, 32)


def test_as_many_sides_of_a_tile_as_axes():
    with pytest.raises(TilingError, match="3 sides; expected one number, or one for each"):
        plan((100, 100), Geometry(axes="YX"), (8, 8, 8))


@pytest.mark.parametrize("shape", [(10,), (10, 0), (10, 10, 10)])
def test_a_shape_that_does_not_fit_is_refused(shape):
    with pytest.raises(ImageError, match="axes YX"):
        plan(shape, Geometry(axes="YX"))


@pytest.mark.parametrize("region", [((0, 0), (0, 10)), ((0, 11), (0, 10)), ((-1, 5), (0, 10))])
def test_a_region_outside_of_the_image_is_refused(region):
    with pytest.raises(ImageError, match="region"):
        plan((10, 10), Geometry(axes="YX"), region=region)


def test_a_plan_of_more_than_a_billion_tiles_is_lazy():
    tiles = plan((10**7, 10**7), Geometry(axes="YX", halo=8, multiple=4), 256)
    assert len(tiles) > 10**9
    last = tiles[-1]
    assert last.read == ((10**7 - 256, 10**7), (10**7 - 256, 10**7))
    assert [tile.index for tile in islice(tiles, 3)] == [0, 1, 2]
    middle = tiles[len(tiles) // 2]
    assert middle.index == len(tiles) // 2


def test_neighbours_meet_without_gap():
    tiles = plan((5, 997), Geometry(axes="YX", halo=3, multiple=2), 50)
    for one, other in pairwise(tiles):
        assert one.write[1].stop == other.write[1].start


def test_indices_beyond_the_plan_are_refused():
    tiles = plan((100, 100), Geometry(axes="YX"), 50)
    assert [tile.index for tile in tiles[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        tiles[4]
