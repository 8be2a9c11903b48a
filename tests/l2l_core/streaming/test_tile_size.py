from math import prod

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from l2l_core.components import Geometry, Padding
from l2l_core.errors import TilingError
from l2l_core.streaming.tile_size import (
    fitted_tile,
    halo_share,
    halved,
    least_tile,
    preferred_tile,
)
from l2l_core.streaming.tiling import plan


@st.composite
def cut(draw, axes=None):
    """An image, its units, a geometry and a tile that is large enough."""
    axes = axes or draw(st.sampled_from(["YX", "ZYX"]))
    n = len(axes)
    geometry = Geometry(
        axes=axes,
        halo=draw(st.tuples(*[st.integers(0, 9)] * n)),
        multiple=draw(st.tuples(*[st.sampled_from([1, 2, 3, 4, 8])] * n)),
        padding=Padding(before=draw(st.sampled_from(["half", "none"]))),
    )
    shape = draw(st.tuples(*[st.integers(1, 90)] * n))
    unit = draw(st.tuples(*[st.integers(5, 60)] * n))
    tile = tuple(low + draw(st.integers(0, 40)) for low in least_tile(shape, geometry))
    return shape, unit, geometry, tile


def _regions(shape, unit):
    """Every unit of an image, along each axis by itself."""
    return [
        [(a, min(a + step, size)) for a in range(0, size, step)]
        for size, step in zip(shape, unit, strict=True)
    ]


def _computed(shape, unit, geometry, tile):
    """Pixels that go into all tiles of all units, counted plan by plan."""
    total = 0
    whole = [(0, size) for size in shape]
    for axis, regions in enumerate(_regions(shape, unit)):
        along = 0
        for region in regions:
            part = plan(shape, geometry, tile, region=[*whole[:axis], region, *whole[axis + 1 :]])
            along += part.axes[axis].tile * part.axes[axis].count
        total = along if axis == 0 else total * along
    return total


@settings(max_examples=60)
@given(cut())
def test_no_other_size_computes_fewer_pixels(case):
    shape, unit, geometry, tile = case
    fitted = fitted_tile(unit, geometry, tile, shape=shape)
    best = _computed(shape, unit, geometry, fitted)
    least = least_tile(shape, geometry)
    for axis in range(len(shape)):
        step = geometry.multiple[axis]
        low = max(least[axis], -(-tile[axis] // 2))
        for side in range(-(-low // step) * step, tile[axis] + 1, step):
            other = (*fitted[:axis], side, *fitted[axis + 1 :])
            others = _computed(shape, unit, geometry, other)
            assert best <= others
            # Of those that are as good the largest has the fewest calls.
            assert side <= fitted[axis] or others > best


@given(cut(), st.booleans())
def test_a_fitted_tile_is_on_the_lattice_and_no_larger_than_asked(case, alone):
    shape, unit, geometry, tile = case
    shape = tuple(map(max, shape, unit, least_tile((10**6,) * len(unit), geometry)))
    tile = tuple(map(max, tile, least_tile(shape, geometry)))
    fitted = fitted_tile(unit, geometry, tile, shape=None if alone else shape)
    for side, asked, multiple in zip(fitted, tile, geometry.multiple, strict=True):
        assert side % multiple == 0
        assert 0 < side <= asked
    # A plan takes it, at either end of the image.
    ends = [(along[0], along[-1]) for along in _regions(shape, unit)]
    for region in zip(*ends, strict=True):
        part = plan(shape, geometry, fitted, region=region)
        padded = [axis.padded for axis in part.axes]
        assert part.tile == tuple(map(min, fitted, padded))


@given(cut())
def test_a_unit_in_the_midst_is_covered_with_the_least_work_where_no_image_is_given(case):
    _, unit, geometry, tile = case
    least = [2 * h + m for h, m in zip(geometry.lattice_halo, geometry.multiple, strict=True)]
    tile = tuple(map(max, tile, least))
    fitted = fitted_tile(unit, geometry, tile)
    shape = tuple(side * 40 for side in unit)

    def most(sides, axis):
        """What the dearest of the units takes that are far from the border."""
        plans = (
            plan(shape, geometry, sides, region=[(i * side, (i + 1) * side) for side in unit])
            for i in range(16, 24)
        )
        return max(part.axes[axis].tile * part.axes[axis].count for part in plans)

    for axis, step in enumerate(geometry.multiple):
        if geometry.padding.before == "half" and step > 1:
            continue  # Where the lattice begins is not known without the image.
        needed = -(-(unit[axis] + step) // step) * step + 2 * geometry.lattice_halo[axis]
        low = max(least[axis], -(-min(tile[axis], needed) // 2))
        for side in range(-(-low // step) * step, tile[axis] + 1, step):
            other = (*fitted[:axis], side, *fitted[axis + 1 :])
            assert most(fitted, axis) <= most(other, axis)


def test_a_unit_takes_as_many_tiles_of_the_least_size():
    net = Geometry(axes="YX", halo=40, multiple=4)
    assert fitted_tile((4096, 4096), net) == (900, 900)
    assert fitted_tile((4096, 4096), net, shape=(10**6, 10**6)) == (900, 900)
    assert fitted_tile((4096, 4096), net, (1024, 2048)) == (900, 1448)
    # The unit and its halo in one tile, where that is smaller than what was asked for.
    assert fitted_tile((256, 256), evolve(net, padding=Padding(before="none"))) == (336, 336)


def test_a_tile_is_not_cut_to_save_a_few_pixels():
    # 1999 tiles of a single pixel would compute one pixel less.
    assert fitted_tile((1999,) * 2, Geometry(axes="YX"), 1024, shape=(1999,) * 2) == (1000, 1000)


def test_an_image_that_fits_into_a_tile_leaves_it_as_asked():
    net = Geometry(axes="YX", halo=40, multiple=4)
    assert fitted_tile((300, 501), net, 512, shape=(300, 501)) == (512, 512)
    assert fitted_tile((300, 501), net, 515, shape=(300, 501)) == (512, 512)


def test_an_axis_that_goes_into_one_tile_is_left_whole():
    deep = evolve(Geometry(axes="ZYX", halo=8, multiple=4), halo=(None, 8, 8))
    assert fitted_tile((30, 64, 64), deep, (16, 32, 32), shape=(30, 640, 640))[0] == 32
    flat = Geometry(axes="ZYX", halo=2, output_axes="YX")
    assert fitted_tile((30, 64, 64), flat, (16, 32, 32))[0] == 30


@pytest.mark.parametrize("shape", [None, (500, 500)])
def test_a_tile_that_keeps_nothing_is_refused(shape):
    with pytest.raises(TilingError, match="too small"):
        fitted_tile((200, 200), Geometry(axes="YX", halo=40, multiple=4), 80, shape=shape)


def test_sides_for_other_axes_are_refused():
    with pytest.raises(TilingError, match="3 sides"):
        fitted_tile((200, 200), Geometry(axes="YX"), (8, 8, 8))


@settings(max_examples=40)
@given(cut())
def test_the_halos_share_is_what_the_plans_of_all_units_compute(case):
    shape, unit, geometry, tile = case
    counted = _computed(shape, unit, geometry, tile)
    assert halo_share(shape, unit, geometry, tile) == pytest.approx(counted / prod(shape) - 1)


def test_fitting_saves_a_quarter_of_the_work_in_large_images():
    net = Geometry(axes="YX", halo=40, multiple=4)
    shape, unit = (10**6, 10**6), (4096, 4096)
    fitted = fitted_tile(unit, net, shape=shape)
    assert halo_share(shape, unit, net) == pytest.approx(0.563, abs=2e-3)
    assert halo_share(shape, unit, net, fitted) == pytest.approx(0.207, abs=2e-3)
    assert halo_share((4096, 4096), unit, Geometry(axes="YX"), 1024) == 0.0


def test_preferred_tiles():
    assert preferred_tile(Geometry(axes="YX", halo=40, multiple=4)) == (1024, 1024)
    assert preferred_tile(Geometry(axes="ZYX", halo=2)) == (64, 256, 256)
    assert preferred_tile(Geometry(axes="YX", halo=40, multiple=4, tile=500)) == (500, 500)
    wide = preferred_tile(Geometry(axes="ZYX", halo=40, multiple=8))
    assert wide[0] == 2 * 40 + 32


@given(cut())
def test_halving_ends_at_the_least_tile(case):
    shape, _, geometry, tile = case
    tiles = plan(shape, geometry, tile)
    for _ in range(12):
        smaller = halved(tiles)
        if smaller is None:
            break
        assert any(a < b for a, b in zip(smaller, tiles.tile, strict=True))
        tiles = plan(tiles.shape, tiles.geometry, smaller)
    else:
        pytest.fail("never ended")
    assert tiles.tile == least_tile(tiles.shape, tiles.geometry)


def test_halving_leaves_an_unbounded_axis():
    geometry = evolve(Geometry(axes="YX", halo=4), halo=(None, 4))
    assert halved(plan((100, 100), geometry, 100)) == (100, 50)
