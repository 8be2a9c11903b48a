import json
from itertools import pairwise
from math import prod

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from l2l_core.errors import AxesError, OutputError, TilingError
from l2l_core.streaming.units import Grid, plan_grid


@st.composite
def arguments(draw, least=1):
    """An output of any axes, cut into few or many units."""
    outer = draw(st.sampled_from(["", "T", "C", "Z", "TC", "CZ", "TZ", "TCZ"]))
    axes = outer + "YX"
    inner = "ZYX" if draw(st.booleans()) else "YX"
    shape = [draw(st.integers(1, 40 if name in inner else 6)) for name in outer]
    shape += [draw(st.integers(least, 9000)), draw(st.integers(least, 9000))]
    scale = draw(
        st.sampled_from([{}, {"Y": 2, "X": 2}, {"Y": 3, "X": 5}, {"Z": 3}, {"Z": 2, "X": 16}])
    )
    side = draw(st.none() | st.integers(128, 3000))
    whole = draw(st.sampled_from(["", "C", "Z", "CZ", "Y"]))
    return {
        "shape": tuple(shape),
        "axes": axes,
        "inner": inner,
        "whole": whole,
        "side": side,
        "scale": scale,
        "sharded": draw(st.booleans()),
        "load": draw(st.sampled_from([1, 3, 200])),
    }


grids = arguments().map(lambda given: plan_grid(**given))


def _along(grid, stage, level, axis):
    """Return what the units of a stage write along one axis, in order, each range once."""
    areas = (grid.area(grid.unit(stage, i), level)[axis] for i in range(grid.count(stage)))
    return sorted(set(areas))


@given(grids)
def test_units_cover_every_level_exactly_once(grid):
    written = [level for stage in range(grid.stages) for level in grid.written_levels(stage)]
    assert written == list(range(len(grid.levels)))
    for stage in range(grid.stages):
        for level in grid.written_levels(stage):
            number = 1
            for axis, side in enumerate(grid.levels[level].shape):
                ranges = _along(grid, stage, level, axis)
                # Touching one another from border to border, and none is empty.
                assert [a for a, _ in ranges] + [side] == [0] + [b for _, b in ranges]
                assert all(a < b for a, b in ranges)
                number *= len(ranges)
            # Boxes are products of ranges, and no two are the same: so they partition the level.
            areas = {grid.area(grid.unit(stage, i), level) for i in range(grid.count(stage))}
            assert len(areas) == number == grid.count(stage)


@given(grids)
@example(plan_grid((66, 700, 700), "ZYX", inner="YX"))
@example(plan_grid((400, 600, 600), "ZYX", inner="ZYX", scale={"Z": 3}))
def test_no_file_is_touched_by_two_units(grid):
    for stage in range(grid.stages):
        for level in grid.written_levels(stage):
            layout = grid.levels[level]
            for axis, side in enumerate(layout.shape):
                assert layout.unit[axis] % layout.chunks[axis] == 0
                for file in (layout.unit[axis], layout.chunks[axis]):
                    for start, stop in _along(grid, stage, level, axis):
                        assert start % file == 0
                        assert stop % file == 0 or stop == side
            assert all(
                stop - start <= side
                for i in range(grid.count(stage))
                for (start, stop), side in zip(
                    grid.area(grid.unit(stage, i), level), layout.unit, strict=True
                )
            )


@given(grids)
@example(plan_grid((66, 700, 700), "ZYX", inner="YX"))
def test_what_a_unit_writes_is_the_halves_of_what_it_covers(grid):
    for stage in range(grid.stages):
        for index in {0, grid.count(stage) // 2, grid.count(stage) - 1}:
            unit = grid.unit(stage, index)
            base = 3 * stage
            for level in grid.written_levels(stage):
                for name, (start, stop), area in zip(
                    grid.axes, unit.box, grid.area(unit, level), strict=True
                ):
                    step = 2 ** (level - base) if name in "YX" else 1
                    assert start % step == 0
                    assert area == (start // step, -(-stop // step))


@given(grids)
def test_levels_are_halved_rounding_up_until_they_are_small(grid):
    for below, above in pairwise(grid.levels):
        assert above.shape[:-2] == below.shape[:-2]
        assert above.shape[-2:] == tuple(-(-side // 2) for side in below.shape[-2:])
        assert max(below.shape[-2:]) > 512
    assert max(grid.levels[-1].shape[-2:]) <= 512


def _scaled(scale, axes="ZYX", side=None):
    shape = (400, 1000, 1000)[-len(axes) :]
    more = {"whole": "", "side": side, "scale": scale, "sharded": True}
    return {"shape": shape, "axes": axes, "inner": axes, **more}


@given(arguments())
@example(_scaled({"Z": 3}))
@example(_scaled({"Z": 200, "Y": 3}))
@example(_scaled({"X": 11}, "YX", side=128))
def test_units_are_on_whole_pixels_of_the_input_and_hold_whole_axes(given):
    grid = plan_grid(**given)
    for stage in range(grid.stages):
        for index in {0, grid.count(stage) - 1}:
            unit = grid.unit(stage, index)
            shape = grid.levels[3 * stage].shape
            for name, box, side in zip(grid.axes, unit.box, shape, strict=True):
                if name in given["whole"]:
                    assert box == (0, side)
                elif name in given["inner"] and stage == 0:
                    scale = given["scale"].get(name, 1)
                    assert box[0] % scale == 0
                    assert box[1] % scale == 0 or box[1] == side
                    assert box[1] % 8 == 0 or box[1] == side


@given(arguments())
def test_a_unit_is_as_large_as_asked_and_bounded_where_nobody_asks(given):
    grid = plan_grid(**given)
    sides = dict(zip(grid.axes, grid.unit(0, 0).box, strict=True))
    if given["side"] is not None:
        for name in set("YX") - set(given["whole"]):
            # Rounding costs an eighth at the most, and less than a half where units have to be on
            # whole pixels of the input too.
            least = given["side"] * 7 / 8 if name not in given["scale"] else given["side"] / 2
            size = dict(zip(grid.axes, given["shape"], strict=True))[name]
            assert min(size, least) <= sides[name][1] <= given["side"]
    elif not given["whole"]:
        assert prod(stop for _, stop in sides.values()) <= 2**25
    assert grid == plan_grid(**given)


@given(arguments())
def test_chunks_are_bounded(given):
    for level in plan_grid(**given).levels:
        limit = 512 if given["sharded"] else 1024
        assert max(level.chunks[-2:]) <= limit
        for size, chunk, unit in zip(
            level.shape[-2:], level.chunks[-2:], level.unit[-2:], strict=True
        ):
            if size <= 512 and unit >= size:
                assert chunk == size
        assert prod(level.chunks) <= max(limit * limit, 2**20)


@pytest.mark.parametrize("sharded", [True, False])
def test_a_mosaic_of_a_million_by_a_million_is_cut_without_materialising_anything(sharded):
    grid = plan_grid((10**6, 10**6), "YX", inner="YX", sharded=sharded)
    assert [grid.count(stage) for stage in range(grid.stages)] == [245**2, 31**2, 4**2, 1]
    last = grid.unit(0, grid.count(0) - 1)
    assert last.box == ((999_424, 10**6),) * 2
    assert grid.area(last, 3) == ((124_928, 125_000),) * 2
    assert {level.chunks for level in grid.levels[:4]} == (
        {(512, 512)} if sharded else {(1024, 1024), (512, 512)}
    )
    assert len(json.dumps(grid.to_dict())) < 3000


def test_neighbours_along_x_follow_one_another():
    grid = plan_grid((3, 9000, 9000), "CYX", inner="YX")
    boxes = [grid.unit(0, i).box for i in range(4)]
    assert [box[2][0] for box in boxes] == [0, 4096, 8192, 0]
    assert [box[1][0] for box in boxes] == [0, 0, 0, 4096]


def test_small_planes_share_a_unit_and_large_ones_do_not():
    def first(shape, axes, **more):
        return tuple(b for _, b in plan_grid(shape, axes, inner="YX", **more).unit(0, 0).box)

    assert first((10_000, 64, 64), "TYX") == (3334, 64, 64)
    assert first((5, 3, 64, 64), "TCYX") == (5, 3, 64, 64)
    assert first((5, 3, 4096, 4096), "TCYX") == (1, 1, 4096, 4096)
    # Of the axes that do not fit as a whole only the last is joined: a unit is a box.
    assert first((100, 5, 2048, 2048), "TZYX") == (1, 3, 2048, 2048)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        ((128, 5000, 5000), (128, 512, 512)),
        ((20, 5000, 5000), (20, 1024, 1024)),
        ((1, 5000, 5000), (1, 4096, 4096)),
        # Thick stacks are cut into equal parts, not into full ones and a sliver.
        ((130, 5000, 5000), (80, 512, 512)),
    ],
)
def test_volumes_are_cut_to_a_bounded_memory(shape, sides):
    box = plan_grid(shape, "ZYX", inner="ZYX").unit(0, 0).box
    assert tuple(stop for _, stop in box) == sides


def test_a_scale_along_z_makes_units_no_thicker():
    grid = plan_grid((400, 600, 600), "ZYX", inner="ZYX", scale={"Z": 3})
    assert grid.unit(0, 0).box[0] == (0, 96)


def test_a_volume_is_thinner_where_a_large_side_is_asked_for():
    box = plan_grid((500, 5000, 5000), "ZYX", inner="ZYX", side=1024).unit(0, 0).box
    assert tuple(stop for _, stop in box) == (32, 1024, 1024)


def test_channels_held_together_make_a_unit_smaller():
    box = plan_grid((4, 9000, 9000), "CYX", inner="YX", whole="C").unit(0, 0).box
    assert tuple(stop for _, stop in box) == (4, 2048, 2048)


def test_an_axis_that_comes_out_of_the_method_may_be_missing():
    assert plan_grid((5000, 5000), "YX", inner="ZYX").unit(0, 0).box[0] == (0, 4096)


@pytest.mark.parametrize("side", [0, 7, -8])
def test_a_side_that_cannot_be_halved_three_times_is_refused(side):
    with pytest.raises(TilingError, match=f"a unit of {side} x {side} pixels is too small"):
        plan_grid((100, 100), "YX", inner="YX", side=side)


def test_a_side_below_the_scale_is_refused():
    with pytest.raises(TilingError, match="multiple of 24"):
        plan_grid((100, 100), "YX", inner="YX", side=16, scale={"Y": 3, "X": 1})


@pytest.mark.parametrize(
    ("shape", "axes"), [((4, 5), "XY"), ((4, 5), "ZY"), ((4, 5, 6), "YX"), ((0, 5), "YX")]
)
def test_axes_that_do_not_fit_are_refused(shape, axes):
    with pytest.raises(AxesError):
        plan_grid(shape, axes, inner="YX")


def test_a_grid_survives_json():
    grid = plan_grid((2, 5000, 3000), "CYX", inner="YX")
    assert Grid.from_dict(json.loads(json.dumps(grid.to_dict()))) == grid


def test_a_grid_of_another_version_is_refused():
    values = plan_grid((50, 30), "YX", inner="YX").to_dict()
    with pytest.raises(OutputError, match="version 99"):
        Grid.from_dict({**values, "version": 99})


def test_units_and_levels_that_do_not_exist_are_errors():
    grid = plan_grid((9000, 9000), "YX", inner="YX")
    for stage, index in [(0, 9), (0, -1), (2, 0), (-1, 0)]:
        with pytest.raises(IndexError):
            grid.unit(stage, index)
    with pytest.raises(IndexError, match="writes 4 to 5"):
        grid.area(grid.unit(1, 0), 3)


@pytest.mark.parametrize(
    ("axes", "shape", "inner", "whole", "load"),
    [
        ("YX", (40_000, 60_000), "YX", "", 200),
        ("CYX", (1, 40_000, 60_000), "YX", "C", 40),
        ("TYX", (900, 500, 500), "YX", "", 40),
        ("CZYX", (1, 400, 9_000, 9_000), "ZYX", "C", 4),
    ],
)
def test_what_a_unit_reads_is_bounded_down_to_one_chunk(axes, shape, inner, whole, load):
    grid = plan_grid(shape, axes, inner=inner, whole=whole, load=load)
    unit = grid.levels[0].unit
    assert prod(unit) * load <= max(2**25, 512 * 512 * load)
    # Nor are units smaller than they need be.
    assert prod(unit) * load > 2**22
    assert grid.levels[0].unit != plan_grid(shape, axes, inner=inner, whole=whole).levels[0].unit
    # Later stages read one level, whatever the first one read.
    for level, plain in zip(grid.levels, plan_grid(shape, axes, inner=inner).levels, strict=True):
        assert level.shape == plain.shape
    assert [level.unit for level in grid.levels[4:]] == [
        level.unit for level in plan_grid(shape, axes, inner=inner, whole=whole).levels[4:]
    ]


def test_a_side_that_is_given_is_kept_whatever_is_read():
    for load in (1, 1000):
        assert plan_grid((9000, 9000), "YX", inner="YX", side=2048, load=load).levels[0].unit == (
            2048,
            2048,
        )
