import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter

from l2l_core.data import foreground
from l2l_core.data.foreground import bright_levels, find_starts
from l2l_core.data.pairs import Pair
from l2l_core.data.splits import Cells, Region, patch_sides
from l2l_core.images.image import from_array


def _region(array, axes, box=None):
    image = from_array(array, axes, path="p.tif")
    whole = Region.whole(Pair("p", image, image, "p"))
    return Region(whole.pair, {**whole.box, **(box or {})})


def _as_mask(starts):
    mask = np.zeros(starts.shape, bool)
    for number in range(len(starts)):
        mask[starts.place(number)] = True
    return mask


def _by_the_rule(volume, patch, level):
    """CSBDeep's rule, written on the whole array: where patches of a volume (Z, Y, X) may start."""
    size = [p // 2 if p > 1 else p for p in patch]
    bright = maximum_filter(volume, size, mode="constant") > level
    border = tuple(
        slice(p // 2, n - p + p // 2 + 1) for p, n in zip(patch, volume.shape, strict=True)
    )
    return bright[border]


@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(3, 7), st.integers(8, 30), st.integers(8, 30)),
    patch=st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)),
    rows=st.integers(1, 40),
)
def test_starts_follow_csbdeeps_rule(seed, shape, patch, rows):
    volume = np.zeros(shape, np.float32)
    rng = np.random.default_rng(seed)
    for _ in range(rng.integers(0, 6)):
        volume[tuple(rng.integers(n) for n in shape)] = 10
    expected = _by_the_rule(volume, patch, 4.0)
    sides = patch_sides(patch)
    before = foreground._PIXELS_AT_ONCE
    try:
        # So few that the planes are read in bands of some rows.
        foreground._PIXELS_AT_ONCE = rows * shape[2]
        starts = find_starts(_region(volume, "ZYX"), sides, (4.0,))
    finally:
        foreground._PIXELS_AT_ONCE = before
    np.testing.assert_array_equal(_as_mask(starts)[0], expected)
    assert len(starts) == expected.sum()
    flat = np.arange(expected.size)
    np.testing.assert_array_equal(starts.among(flat), expected.ravel())


def test_flat_patches_of_a_stack_follow_the_rule_plane_by_plane():
    rng = np.random.default_rng(0)
    movie = rng.random((3, 4, 20, 24)).astype(np.float32) ** 8
    starts = find_starts(_region(movie, "TZYX"), patch_sides((8, 6)), (0.9,))
    mask = _as_mask(starts)
    assert 0 < mask.mean() < 1
    for t in range(3):
        for z in range(4):
            expected = _by_the_rule(movie[t, z][None], (1, 8, 6), 0.9)[0]
            np.testing.assert_array_equal(mask[t, z], expected)


def test_any_channel_will_do():
    array = np.zeros((2, 1, 16, 16))
    array[0, 0, 4, 4], array[1, 0, 11, 11] = 5, 50
    starts = find_starts(_region(array, "CZYX"), patch_sides((8, 8)), (4.0, 40.0))
    separate = [_by_the_rule(array[c], (1, 8, 8), level) for c, level in ((0, 4), (1, 40))]
    np.testing.assert_array_equal(_as_mask(starts)[0], separate[0] | separate[1])


def test_a_region_counts_from_its_corner_and_knows_nothing_beyond_it():
    array = np.zeros((20, 30))
    array[3, 4] = 9
    box = {"Y": range(5, 20), "X": range(2, 30)}
    assert len(find_starts(_region(array, "YX", box), patch_sides((6, 6)), (4.0,))) == 0
    array[12, 20] = 9
    mask = _as_mask(find_starts(_region(array, "YX", box), patch_sides((6, 6)), (4.0,)))
    np.testing.assert_array_equal(mask[0], _by_the_rule(array[None, 5:, 2:], (1, 6, 6), 4.0))


def test_without_a_level_patches_start_anywhere_in_one_run():
    starts = find_starts(_region(np.zeros((3, 10, 12)), "ZYX"), patch_sides((4, 4)), None)
    assert len(starts) == 3 * 7 * 9
    assert len(starts.first) == 1
    assert starts.place(0) == (0, 0, 0, 0)
    assert starts.place(len(starts) - 1) == (0, 2, 6, 8)


def test_of_a_wide_image_no_row_is_read_many_times(monkeypatch):
    array = np.zeros((64, 200), np.float32)
    array[30, 100] = 1
    rows = []
    region = _region(array, "YX")
    whole = type(region.pair.target).read

    def read(image, **where):
        rows.append(len(range(*where["Y"].indices(64))))
        return whole(image, **where)

    monkeypatch.setattr(type(region.pair.target), "read", read)
    # As little as if the image were much wider than what is read at once.
    monkeypatch.setattr(foreground, "_PIXELS_AT_ONCE", 100)
    assert len(find_starts(region, patch_sides((8, 8)), (0.5,))) == 4 * 4
    assert sum(rows) <= 2 * 64


def test_unknown_pixels_are_not_bright():
    array = np.full((12, 12), np.nan, np.float32)
    assert len(find_starts(_region(array, "YX"), patch_sides((4, 4)), (-1.0,))) == 0


def test_cells_take_their_share_of_the_starts():
    sides = patch_sides((4, 4))
    validating = np.zeros((1, 1, 3, 3), bool)
    validating[0, 0, 1, 2] = True
    region = _region(np.zeros((13, 13)), "YX")
    cells = [Cells(sides, validating, side) for side in (False, True)]
    masks = [
        _as_mask(find_starts(Region(region.pair, region.box, one), sides, None)) for one in cells
    ]
    np.testing.assert_array_equal(masks[0], ~masks[1])
    assert masks[1].sum() == 4 * 2
    assert masks[1][0, 0, 4:8, 8:10].all()


@pytest.mark.parametrize("percentile", [50.0, 99.9])
def test_the_level_is_a_share_of_the_regions_own_percentile(percentile):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 60_000, (2, 10, 20, 20)).astype(np.uint16)
    region = _region(array, "CZYX", {"Z": range(2, 5)})
    levels = bright_levels(region.pair.target, [region], 0.4, percentile)
    expected = 0.4 * np.percentile(array[:, 2:5], percentile, axis=(1, 2, 3))
    np.testing.assert_allclose(levels, expected)
