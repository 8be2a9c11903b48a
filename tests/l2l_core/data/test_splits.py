import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from l2l_core.config import DataConfig, PatchesConfig
from l2l_core.data.foreground import find_starts
from l2l_core.data.pairs import Pair
from l2l_core.data.splits import narrowed, patch_sides, split
from l2l_core.errors import DataError
from l2l_core.images.image import from_array


def _pair(name, shape, axes, group=None):
    def image(side):
        return from_array(np.zeros(shape, np.uint8), axes, path=f"{name}_{side}.tif")

    return Pair(name, image("in"), image("out"), group or name)


def _split(pairs, data, patches, seed=0):
    said = []
    return split(pairs, data, patches, seed, said.append), said


def _pixels(regions):
    """Return every pixel of the regions, as (pair, t, z, y, x)."""
    found = set()
    for region in regions:
        ranges = [region.box[axis] for axis in "TZYX"]
        grid = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 4)
        found |= {(region.pair.name, *place) for place in grid.tolist()}
    return found


@st.composite
def _image_sets(draw):
    """A few images, alone or in groups, and a configuration that may fit them."""
    axes = draw(st.sampled_from(["YX", "ZYX", "TYX", "TZYX"]))
    count = draw(st.integers(1, 6))
    pairs = []
    for number in range(count):
        shape = tuple(draw(st.integers(3, 14)) for _ in axes)
        pairs.append(_pair(f"p{number}", shape, axes, f"g{draw(st.integers(0, 3))}"))
    if len({pair.group for pair in pairs}) == 1:
        pairs = pairs[:1]
    group = draw(st.sampled_from(["file", "Z:2", "T:3", "Y:4", "Z:1"]))
    data = DataConfig(
        input="x",
        group=group,
        validation=draw(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9])),
        gap=draw(st.integers(0, 3)),
    )
    deep = "Z" in axes and draw(st.booleans())
    patches = PatchesConfig(shape=(2, 3, 3) if deep else (3, 3))
    return pairs, data, patches


@given(_image_sets(), st.integers(0, 5))
def test_nothing_is_on_both_sides(case, seed):
    pairs, data, patches = case
    try:
        done, said = _split(pairs, data, patches, seed)
    except DataError:
        assume(False)
    assert said == [done.sentence]
    assert done.train
    assert bool(done.validation) == (data.validation > 0)
    train, validation = _pixels(done.train), _pixels(done.validation)
    assert not train & validation
    if data.group == "file" and len(pairs) > 1:
        groups = [{region.pair.group for region in side} for side in (done.train, done.validation)]
        assert not groups[0] & groups[1]
        assert len(train) + len(validation) == sum(int(np.prod(p.input.shape)) for p in pairs)
    sides = patch_sides(patches.shape)
    for region in (*done.train, *done.validation):
        assert all(len(region.box[axis]) >= sides[axis] for axis in "TZYX")


@given(_image_sets())
def test_the_gap_is_kept_between_the_blocks_of_one_image(case):
    pairs, data, patches = case
    try:
        done, _ = _split(pairs, data, patches)
    except DataError:
        assume(False)
    for train in done.train:
        for out in done.validation:
            if train.pair is out.pair:
                distances = [
                    max(train.box[a].start - out.box[a].stop, out.box[a].start - train.box[a].stop)
                    for a in "TZYX"
                ]
                assert max(distances) >= data.gap


def test_the_share_is_of_the_groups_and_at_least_one():
    pairs = [_pair(f"p{i}", (8, 8), "YX") for i in range(20)]
    patches = PatchesConfig(shape=(4, 4))
    for share, count in ((0.1, 2), (0.01, 1), (0.26, 5), (0.99, 19)):
        done, _ = _split(pairs, DataConfig(input="x", validation=share), patches)
        assert len(done.validation) == count
        assert len(done.train) == 20 - count


def test_the_seed_alone_decides_who_validates():
    pairs = [_pair(f"p{i}", (8, 8), "YX") for i in range(20)]

    def names(seed):
        done, _ = _split(pairs, DataConfig(input="x"), PatchesConfig(shape=(4, 4)), seed)
        return [region.pair.name for region in done.validation]

    assert names(3) == names(3)
    assert len({tuple(names(seed)) for seed in range(10)}) > 5


def test_all_images_of_a_group_go_to_one_side():
    pairs = [_pair(f"p{i}", (8, 8), "YX", group="AB"[i % 2]) for i in range(6)]
    done, said = _split(
        pairs, DataConfig(input="x", group="column:animal"), PatchesConfig(shape=(4, 4))
    )
    assert len({region.pair.group for region in done.validation}) == 1
    assert len(done.validation) == 3
    assert "3 of 6 images validate" in said[0]


@pytest.mark.parametrize(
    ("axes", "shape", "patch", "train", "validation"),
    [
        ("ZYX", (14, 20, 20), (8, 8), {"Z": range(12)}, {"Z": range(13, 14)}),
        ("TYX", (30, 20, 20), (8, 8), {"T": range(26)}, {"T": range(27, 30)}),
        ("TZYX", (4, 9, 20, 20), (8, 8), {"Z": range(7)}, {"Z": range(8, 9)}),
        ("ZYX", (14, 20, 20), (4, 8, 8), {"Z": range(9)}, {"Z": range(10, 14)}),
        ("ZYX", (7, 30, 40), (4, 8, 8), {"X": range(31)}, {"X": range(32, 40)}),
        ("ZYX", (2, 40, 30), (8, 8), {"Y": range(31)}, {"Y": range(32, 40)}),
        ("YX", (100, 60), (8, 8), {"Y": range(89)}, {"Y": range(90, 100)}),
    ],
)
def test_one_image_alone_is_divided_with_a_gap(axes, shape, patch, train, validation):
    done, said = _split(
        [_pair("p", shape, axes)], DataConfig(input="x"), PatchesConfig(shape=patch)
    )
    for regions, expected in ((done.train, train), (done.validation, validation)):
        (region,) = regions
        whole = {axis: range(size) for axis, size in region.pair.sizes.items()}
        assert region.box == {**whole, **expected}
    assert "p_in.tif is the only image, so it is divided" in said[0]


def test_blocks_are_divided_over_all_images():
    pairs = [_pair(f"p{i}", (12, 8, 8), "ZYX") for i in range(4)]
    done, said = _split(
        pairs, DataConfig(input="x", group="Z:4", validation=0.25), PatchesConfig(shape=(4, 4))
    )
    assert "3 of 12 blocks of 4 along Z" in said[0]
    assert sum(len(region.box["Z"]) for region in done.validation) == 12
    for region in done.validation:
        assert region.box["Z"].start % 4 == 0


def test_without_validation_all_images_train():
    pairs = [_pair("a", (8, 8), "YX")]
    done, said = _split(pairs, DataConfig(input="x", validation=0.0), PatchesConfig(shape=(4, 4)))
    assert not done.validation
    assert "No validation" in said[0]


def test_by_patch_no_two_patches_start_at_one_place():
    pairs = [_pair("a", (3, 21, 30), "ZYX"), _pair("b", (3, 9, 9), "ZYX")]
    done, said = _split(
        pairs, DataConfig(input="x", split="patch", validation=0.2), PatchesConfig(shape=(5, 6))
    )
    assert "optimistic" in said[0]
    sides = patch_sides((5, 6))

    def places(regions):
        found = set()
        for region in regions:
            starts = find_starts(region, sides, None)
            found |= {(region.pair.name, *starts.place(i)) for i in range(len(starts))}
        return found

    train, validation = places(done.train), places(done.validation)
    assert train
    assert validation
    assert not train & validation
    assert len(train | validation) == 3 * 17 * 25 + 3 * 5 * 4


@pytest.mark.parametrize(
    ("shape", "axes", "data", "patch", "words"),
    [
        (
            (8, 9),
            "YX",
            {},
            (16, 16),
            r"p_in\.tif is 8 x 9 pixels \(YX\), smaller than a patch of 16",
        ),
        ((8, 9, 9), "ZYX", {}, (9, 4, 4), r"8 x 9 x 9 pixels \(ZYX\), smaller than a patch of 9"),
        ((8, 9), "YX", {}, (2, 4, 4), "expected a Z axis for patches of 2 x 4 x 4"),
        ((8, 9), "YX", {}, (6, 6), "is the only image.*too small"),
        ((8, 9), "YX", {"group": "Z:4"}, (4, 4), "divides along Z, but p_in.tif has the axes YX"),
        ((4, 9, 9), "ZYX", {"group": "Z:4"}, (4, 4), "makes a single block"),
        ((4, 9, 9), "ZYX", {"group": "Z:0"}, (4, 4), "'Z:0' is not understood"),
        ((4, 9, 9), "ZYX", {"group": "Q:2"}, (4, 4), "'Q:2' is not understood"),
        ((4, 9, 9), "ZYX", {"group": "planes"}, (4, 4), "'planes' is not understood"),
        ((4, 9, 9), "ZYX", {"group": "Z:2", "gap": 3}, (4, 4), "leaves nothing"),
        ((4, 9, 9), "ZYX", {"group": "column:day"}, (4, 4), "all rows have 'p' in the column day"),
        ((4, 4), "YX", {"split": "patch"}, (4, 4), "holds one patch"),
    ],
)
def test_too_little_is_said(shape, axes, data, patch, words):
    with pytest.raises(DataError, match=words):
        _split([_pair("p", shape, axes)], DataConfig(input="x", **data), PatchesConfig(shape=patch))


def test_narrowed_reads_what_the_regions_hold():
    array = np.arange(12 * 4 * 4).reshape(12, 4, 4)
    image = from_array(array, "ZYX", path="p.tif")
    pair = Pair("p", image, image, "p")
    data = DataConfig(input="x", group="Z:3", validation=0.5, gap=0)
    done, _ = _split([pair], data, PatchesConfig(shape=(4, 4)))
    train = narrowed(image, done.train).read()
    validation = narrowed(image, done.validation).read()
    together = np.sort(np.concatenate([train, validation]), axis=0)
    np.testing.assert_array_equal(together, array)


@pytest.mark.parametrize("shape", [(4,), (0, 4), (1, 2, 3, 4)])
def test_a_patch_has_two_or_three_sides(shape):
    with pytest.raises(DataError, match=r"patches\.shape = .*; expected \[Y, X\]"):
        patch_sides(shape)
