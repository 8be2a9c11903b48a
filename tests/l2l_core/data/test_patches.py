from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from attrs import define, field

from l2l_core.components import Augmenter
from l2l_core.components.factory import get
from l2l_core.config import PatchesConfig
from l2l_core.data.pairs import Pair
from l2l_core.data.patches import (
    FixedPatches,
    PairedPatches,
    PatchReader,
    find_places,
    validation_patches,
)
from l2l_core.data.splits import Region
from l2l_core.errors import ComponentError, DataError
from l2l_core.images.image import from_array
from l2l_core.images.normalization import Normalization
from l2l_core.images.reading import open_image


def _pair(name, image, target, axes, target_axes=None):
    return Pair(
        name,
        from_array(image, axes, path=f"{name}_in.tif"),
        from_array(target, target_axes or axes, path=f"{name}_out.tif"),
        name,
    )


def _identity(*pairs):
    return {
        pair: tuple(
            Normalization.identity(image.info.sizes.get("C", 1))
            for image in (pair.input, pair.target)
        )
        for pair in pairs
    }


def _samples(*pairs, shape=(8, 8), foreground=0.0, numbers=None, regions=None, **options):
    config = PatchesConfig(shape=shape, foreground=foreground)
    places = find_places(regions or [Region.whole(pair) for pair in pairs], config)
    return PairedPatches(places, PatchReader(shape, numbers or _identity(*pairs)), **options)


def _numbered(shape):
    """Return an image in which every pixel tells where it is."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def _noise(shape, seed=0):
    return np.random.default_rng(seed).gamma(1.0, 100.0, shape).astype(np.float32)


def _augmenters():
    names = ("zoom", "rotate90", "flip", "poisson_noise", "gaussian_noise", "intensity_jitter")
    return [(get("augmenter", name), 0.7) for name in names]


@pytest.mark.parametrize("augmenters", [[], _augmenters()], ids=["plain", "augmented"])
def test_sample_follows_from_seed_and_index_whatever_the_order_and_the_thread(augmenters):
    pair = _pair("a", _noise((3, 40, 50)), _noise((3, 40, 50), 1), "ZYX")

    def make(seed):
        return _samples(pair, seed=seed, foreground=0.4, augmenters=augmenters)

    first = make(5)
    in_order = [first[i] for i in range(30)]
    again = make(5)
    with ThreadPoolExecutor(4) as pool:
        shuffled = dict(zip(reversed(range(30)), pool.map(again.__getitem__, reversed(range(30))),
                            strict=True))  # fmt: skip
    for index, sample in enumerate(in_order):
        np.testing.assert_array_equal(sample.input, shuffled[index].input)
        np.testing.assert_array_equal(sample.target, shuffled[index].target)
    other = make(6)
    assert sum(np.array_equal(other[i].input, in_order[i].input) for i in range(30)) <= 1


def test_samples_are_normalised_float32_with_a_channel_axis():
    pair = _pair("a", np.full((20, 20), 30, np.uint16), np.full((20, 20), 7, np.uint8), "YX")
    numbers = {pair: (Normalization((10.0,), (40.0,)), Normalization((5.0,), (4.0,)))}
    sample = _samples(pair, numbers=numbers)[0]
    for array, value in ((sample.input, 0.5), (sample.target, 0.5)):
        assert array.shape == (1, 8, 8)
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert (array == value).all()


@pytest.mark.parametrize(
    ("axes", "size", "shape", "expected"),
    [
        ("YX", (20, 30), (8, 9), (1, 8, 9)),
        ("TZYX", (2, 3, 20, 30), (8, 9), (1, 8, 9)),
        ("TZYX", (2, 5, 20, 30), (4, 8, 9), (1, 4, 8, 9)),
        ("TCZYX", (2, 3, 5, 20, 30), (4, 8, 9), (3, 4, 8, 9)),
        ("ZYXC", (5, 20, 30, 2), (8, 9), (2, 8, 9)),
        ("XYZ", (30, 20, 5), (4, 8, 9), (1, 4, 8, 9)),
    ],
)
def test_a_patch_is_cut_out_of_the_image_whatever_its_axes(axes, size, shape, expected):
    image = _numbered(size)
    pair = _pair("a", image, -image, axes)
    samples = _samples(pair, shape=shape)
    order = [axes.index(axis) for axis in "TZCYX" if axis in axes]
    straight = image.transpose(order)
    names = [axes[i] for i in order]
    places = set()
    for index in range(40):
        sample = samples[index]
        assert sample.input.shape == expected
        np.testing.assert_array_equal(sample.target, -sample.input)
        corner = np.unravel_index(int(np.argmax(straight == sample.input.flat[0])), straight.shape)
        where = dict(zip(names, corner, strict=True))
        sides = dict(zip("ZYX"[-len(shape) :], shape, strict=True))
        cut = tuple(
            slice(None) if n == "C" else slice(where[n], where[n] + sides.get(n, 1)) for n in names
        )
        part = straight[cut]
        if "C" in names:
            part = np.moveaxis(part, names.index("C"), 0)
        np.testing.assert_array_equal(sample.input, part.reshape(expected))
        places.add(corner)
    assert len(places) > 15


def test_several_channels_go_in_and_one_comes_out():
    image = _numbered((2, 20, 20))
    pair = _pair("a", image, image[1], "CYX", "YX")
    sample = _samples(pair)[0]
    assert sample.input.shape == (2, 8, 8)
    np.testing.assert_array_equal(sample.input[1:], sample.target)


def test_every_image_gives_its_share_and_every_place_is_equally_likely():
    small, large = _numbered((9, 8)), 1000 + _numbered((30, 30))
    samples = _samples(_pair("a", small, small, "YX"), _pair("b", large, large, "YX"))
    corners = np.array([samples[i].input[0, 0, 0] for i in range(1200)])
    assert 0.45 < (corners < 1000).mean() < 0.55
    _, counts = np.unique(corners[corners < 1000], return_counts=True)
    assert len(counts) == 2
    assert counts.min() > 240


def test_patches_hold_something_bright_in_their_middle():
    target = np.zeros((60, 60), np.float32)
    target[40:43, 10:13] = 100
    pair = _pair("a", _numbered((60, 60)), target, "YX")
    samples = _samples(pair, foreground=0.4)
    for index in range(50):
        assert samples[index].target[0, 2:6, 2:6].max() == 100


def test_nothing_outside_the_region_is_read_even_for_the_margin():
    image = np.full((40, 40), 1e6, np.float32)
    image[10:22, 5:25] = _noise((12, 20))
    pair = _pair("a", image, image, "YX")
    whole = Region.whole(pair)
    region = Region(pair, {**whole.box, "Y": range(10, 22), "X": range(5, 25)})
    samples = _samples(pair, regions=[region], augmenters=[(get("augmenter", "zoom"), 1.0)])
    for index in range(60):
        assert samples[index].input.max() < 1e5


def test_geometry_changes_input_and_target_alike_and_intensity_the_input_alone():
    image = _noise((50, 50))
    pair = _pair("a", image, image, "YX")
    geometric = [(get("augmenter", name), 1.0) for name in ("zoom", "rotate90", "flip")]
    samples = _samples(pair, augmenters=geometric)
    plain = _samples(pair)
    differ = 0
    for index in range(20):
        np.testing.assert_array_equal(samples[index].input, samples[index].target)
        differ += not np.array_equal(samples[index].input, plain[index].input)
    assert differ > 15
    noisy = _samples(pair, augmenters=[(get("augmenter", "poisson_noise"), 1.0)])
    np.testing.assert_array_equal(noisy[0].target, plain[0].target)
    assert not np.array_equal(noisy[0].input, plain[0].input)


@pytest.mark.parametrize("shape", [(8, 8), (7, 9)])
def test_with_a_zoom_of_two_half_of_the_patch_fills_it(shape):
    y, x = np.mgrid[:40, :44].astype(np.float32)
    pair = _pair("a", x, y, "YX")
    zoom = get("augmenter", "zoom", factors=[2.0])
    samples = _samples(pair, shape=shape, augmenters=[(zoom, 1.0)])
    plain = _samples(pair, shape=shape)
    for index in range(10):
        for zoomed, before in (
            (samples[index].input, plain[index].input),
            (samples[index].target, plain[index].target),
        ):
            assert zoomed.mean() == pytest.approx(before.mean(), abs=1e-4)
            slope = np.ptp(zoomed[0, 2:-2, 2:-2]) / np.ptp(before[0, 2:-2, 2:-2])
            assert slope == pytest.approx(0.5, rel=1e-4)


def test_with_a_zoom_of_one_half_the_surroundings_show():
    y, x = np.mgrid[:60, :60].astype(np.float32)
    pair = _pair("a", x, y, "YX")
    box = {**Region.whole(pair).box}
    reader = PatchReader((8, 8), _identity(pair))
    images = reader.raw(Region(pair, box), (0, 0, 30, 20), (16, 16))
    np.testing.assert_array_equal(images[0][0, 0], np.arange(16, 32))
    np.testing.assert_array_equal(images[1][0, :, 0], np.arange(26, 42))
    cut = reader.normalized(pair, images)
    np.testing.assert_array_equal(cut.input[0, 0], np.arange(20, 28))


def test_the_margins_of_augmenters_multiply_and_leave_the_patch_in_the_middle():
    @define(frozen=True)
    class Wide(Augmenter):
        factor: float
        seen: list = field(factory=list, eq=False)

        def __call__(self, rng, arrays):
            self.seen.append(arrays[0].shape[1:])
            return arrays

        def margin(self, axes):
            return (self.factor, 1.0)

    image = _noise((60, 60))
    pair = _pair("a", image, image, "YX")
    first, second = Wide(1.5), Wide(1.2)
    samples = _samples(pair, shape=(9, 8), augmenters=[(first, 1.0), (second, 1.0)])
    plain = _samples(pair, shape=(9, 8))
    for index in range(10):
        np.testing.assert_array_equal(samples[index].input, plain[index].input)
    # 9 * 1.5 * 1.2 is 16.2: 17 rows have 4 above and 4 below the 9 of the patch.
    assert set(first.seen) == set(second.seen) == {(17, 8)}
    third = Wide(1.3)
    samples = _samples(pair, shape=(9, 8), augmenters=[(third, 1.0)])
    for index in range(10):
        np.testing.assert_array_equal(samples[index].input, plain[index].input)
    # 11.7 is 12, and 13 of the same parity as 9.
    assert set(third.seen) == {(13, 8)}


def test_all_regions_of_a_pair_are_drawn_from_by_their_number_of_places():
    image = _numbered((40, 8))
    pair = _pair("a", image, image, "YX")
    whole = Region.whole(pair)
    regions = [Region(pair, {**whole.box, "Y": rows}) for rows in (range(9), range(20, 33))]
    samples = _samples(pair, regions=regions)
    rows = np.array([samples[i].input[0, 0, 0] // 8 for i in range(800)])
    found, counts = np.unique(rows, return_counts=True)
    assert found.tolist() == [0, 1, 20, 21, 22, 23, 24, 25]
    assert counts.min() > 60


def test_where_the_image_ends_it_is_mirrored():
    image = np.tile(np.arange(12, dtype=np.float32), (12, 1))
    pair = _pair("a", image, image, "YX")
    images = PatchReader((8, 8), _identity(pair)).raw(Region.whole(pair), (0, 0, 0, 4), (16, 16))
    assert images[0][0, 0].tolist() == [*range(12), 10, 9, 8, 7]


def test_the_share_of_augmented_samples_is_kept():
    image = _noise((50, 50))
    pair = _pair("a", image, image, "YX")
    noise = get("augmenter", "poisson_noise")
    plain = _samples(pair)

    def changed(**options):
        samples = _samples(pair, **options)
        return np.mean([not np.array_equal(samples[i].input, plain[i].input) for i in range(300)])

    assert 0.42 < changed(augmenters=[(noise, 1.0)], augmented=0.5) < 0.58
    assert 0.22 < changed(augmenters=[(noise, 0.3)]) < 0.38
    assert changed(augmenters=[(noise, 1.0)], augmented=0.0) == 0


def test_unknown_pixels_become_0_in_both_images():
    image, target = _noise((20, 20)) + 10, _noise((20, 20), 1) + 10
    image[5:8], target[:, 12] = np.nan, np.inf
    pair = _pair("a", image, target, "YX")
    numbers = {pair: (Normalization((3.0,), (2.0,)), Normalization((4.0,), (5.0,)))}
    samples = _samples(pair, shape=(20, 20), numbers=numbers)
    sample = samples[0]
    for array in (sample.input, sample.target):
        assert (array[0, 5:8] == 0).all()
        assert (array[0, :, 12] == 0).all()
        assert (array[0, :5, :12] != 0).all()
    zoomed = _samples(
        pair, shape=(20, 20), numbers=numbers, augmenters=[(get("augmenter", "zoom"), 1.0)]
    )
    assert np.isfinite(zoomed[0].input).all()


def test_an_image_of_background_is_named():
    good = _pair("good", _noise((20, 20)), _noise((20, 20)), "YX")
    target = np.zeros((20, 20), np.float32)
    target[0, 0] = 1.0
    bad = _pair("bad", _noise((20, 20)), target, "YX")
    with pytest.raises(DataError, match=r"bad_out\.tif is background throughout.*patches\.foreg"):
        _samples(good, bad, foreground=0.4)


def test_an_augmenter_that_changes_the_shape_is_named():
    @define(frozen=True)
    class Crop(Augmenter):
        def __call__(self, rng, arrays):
            return tuple(array[..., 1:] for array in arrays)

    pair = _pair("a", _noise((20, 20)), _noise((20, 20)), "YX")
    with pytest.raises(ComponentError, match=r"Crop.*expected the same shapes"):
        _samples(pair, augmenters=[(Crop(), 1.0)])[0]


def _fixed(*regions, shape=(8, 8), limit=64, foreground=0.0, seed=0):
    config = PatchesConfig(shape=shape, foreground=foreground, validation=limit)
    said = []
    pairs = {region.pair for region in regions}
    reader = PatchReader(shape, _identity(*pairs))
    return validation_patches(list(regions), reader, config, seed, said.append), said


def test_validation_patches_cover_what_validates():
    image = _numbered((2, 20, 24))
    pair = _pair("a", image, image, "ZYX")
    fixed, _ = _fixed(Region.whole(pair))
    assert len(fixed) == 2 * 3 * 3
    seen = np.unique([fixed[i].input for i in range(len(fixed))])
    assert len(seen) == image.size


def test_validation_patches_are_limited_evenly_over_the_images():
    images = [1000 * i + _numbered((8 * (i + 1), 8)) for i in range(4)]
    regions = [Region.whole(_pair(f"p{i}", im, im, "YX")) for i, im in enumerate(images)]
    fixed, _ = _fixed(*regions, limit=6)
    owners = [int(fixed[i].input[0, 0, 0] // 1000) for i in range(len(fixed))]
    assert sorted(owners) in ([0, 1, 1, 2, 2, 3], [0, 1, 1, 2, 3, 3], [0, 1, 2, 2, 3, 3])


def test_validation_patches_are_the_same_every_time():
    image = _noise((40, 40))
    region = Region.whole(_pair("a", image, image, "YX"))
    first, second = (_fixed(region, limit=5)[0] for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.input, b.input)
    with pytest.raises(IndexError):
        first[5]


def test_validation_patches_keep_away_from_background_if_they_can():
    target = np.zeros((40, 40), np.float32)
    target[20, 21] = 9
    fixed, said = _fixed(Region.whole(_pair("a", target, target, "YX")), foreground=0.4)
    assert len(fixed) >= 1
    assert not said
    assert all(sample.target.max() == 9 for sample in fixed)


def test_validation_on_background_is_said():
    target = np.zeros((40, 40), np.float32)
    fixed, said = _fixed(Region.whole(_pair("a", target, target, "YX")), foreground=0.4)
    assert len(fixed) == 25
    assert "background throughout" in said[0]


def test_without_validation_there_is_nothing():
    assert len(FixedPatches([], PatchReader((8, 8), {}), limit=5)) == 0


def test_a_patch_of_a_mapped_file_is_read_without_the_rest(tmp_path):
    path = tmp_path / "big.tif"
    tifffile.imwrite(
        path, np.zeros((4, 600, 600), np.uint16), photometric="minisblack", metadata={"axes": "ZYX"}
    )
    image = open_image(path)
    read = []

    class Watched(type(image)):
        def read(self, **where):
            found = super().read(**where)
            read.append(found.size)
            return found

    watched = Watched(image.info, image._source)
    pair = Pair("big", watched, watched, "big")
    samples = _samples(pair, shape=(64, 64))
    for index in range(5):
        samples[index]
    assert read == [64 * 64] * 10
