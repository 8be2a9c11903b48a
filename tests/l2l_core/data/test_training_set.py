import json

import numpy as np
import pytest
import tifffile

from l2l_core.config import (
    AugmenterConfig,
    DataConfig,
    NormalizeConfig,
    NormalizerConfig,
    PatchesConfig,
    RunConfig,
    SelectConfig,
)
from l2l_core.data.training_set import prepare
from l2l_core.errors import DataError, PairingError, StatisticsError, UnknownComponentError


def _save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(5):
        structure = rng.gamma(0.5, 200.0, (40, 44))
        _save(tmp_path / "in" / f"{number}.tif", (100 + 3 * structure).astype(np.uint16))
        _save(
            tmp_path / "out" / f"{number}.tif", (10 * (number + 1) + structure).astype(np.float32)
        )
    return tmp_path


def _config(**tables):
    tables.setdefault("data", DataConfig(input="in", target="out", validation=0.2))
    tables.setdefault("patches", PatchesConfig(shape=(16, 16)))
    return RunConfig(**tables)


def _images(folder, side, regions):
    return [tifffile.imread(folder / side / f"{region.pair.name}.tif") for region in regions]


def test_each_image_has_its_own_numbers_and_the_target_their_mean(folder):
    spec = NormalizerConfig(method="min_max")
    found = prepare(_config(normalize=NormalizeConfig(input=spec, target=spec)), folder)
    assert len(found.split.train) == 4
    assert found.input_normalization is None
    targets = _images(folder, "out", found.split.train)
    assert found.target_normalization.offset == pytest.approx([np.mean([t.min() for t in targets])])
    assert found.target_normalization.scale == pytest.approx(
        [np.mean([np.ptp(t) for t in targets])]
    )
    for index in range(50):
        sample = found.samples[index]
        for array in (sample.input, sample.target):
            assert array.min() >= 0
            assert array.max() <= 1
    assert len(found.validation) > 0
    for index in range(len(found.validation)):
        assert found.validation[index].target.max() <= 1


def test_one_set_of_numbers_for_all_is_taken_from_what_trains(folder):
    spec = NormalizerConfig(low=1, high=99, scope="dataset")
    found = prepare(_config(normalize=NormalizeConfig(input=spec, target=spec)), folder)
    for side, numbers in (("in", found.input_normalization), ("out", found.target_normalization)):
        pixels = np.concatenate([im.ravel() for im in _images(folder, side, found.split.train)])
        low, high = np.percentile(pixels.astype(np.float64), [1, 99])
        assert numbers.offset == pytest.approx([low])
        assert numbers.scale == pytest.approx([high - low])


def test_a_validating_block_adds_nothing_to_the_numbers(tmp_path):
    stack = np.random.default_rng(0).integers(0, 100, (10, 20, 20)).astype(np.uint16)
    stack[8:] += 5000
    for side in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{side}.tif", stack, metadata={"axes": "ZYX"},
                         photometric="minisblack")  # fmt: skip
    for scope in ("image", "dataset"):
        spec = NormalizerConfig(method="min_max", scope=scope)
        config = _config(
            data=DataConfig(input="a.tif", target="b.tif", validation=0.2),
            normalize=NormalizeConfig(input=spec, target=spec),
            patches=PatchesConfig(shape=(8, 8)),
        )
        found = prepare(config, tmp_path)
        assert found.target_normalization.offset[0] + found.target_normalization.scale[0] <= 99
        assert found.validation[0].input.min() > 10


def test_appearance_and_fingerprints_are_json_of_all_that_takes_part(folder):
    found = prepare(_config(), folder)
    plain = json.loads(json.dumps([found.appearance, found.fingerprints], allow_nan=False))
    assert plain == [found.appearance, found.fingerprints]
    assert sorted(found.fingerprints) == sorted(
        f"{s}/{n}.tif" for s in ("in", "out") for n in range(5)
    )
    appearance = found.appearance
    assert appearance["images"] == 4
    targets = _images(folder, "out", found.split.train)
    means = [float(target.mean()) for target in targets]
    got = [
        appearance["target"][how]["channels"][0]["mean"] for how in ("lowest", "mean", "highest")
    ]
    assert got == pytest.approx([min(means), np.mean(means), max(means)])
    assert appearance["input"]["mean"]["dtype"] == "uint16"


def test_augmenters_come_from_the_registry_with_their_probability(folder):
    plain = prepare(_config(), folder)
    config = _config(
        augment=(
            AugmenterConfig(name="gaussian_noise", options={"sigma": [1.0, 1.0]}, probability=0.5),
        )
    )
    noisy = prepare(config, folder)
    changed = [
        not np.array_equal(plain.samples[i].input, noisy.samples[i].input) for i in range(200)
    ]
    assert 0.4 < np.mean(changed) < 0.6
    with pytest.raises(UnknownComponentError, match="did you mean 'rotate90'"):
        prepare(_config(augment=(AugmenterConfig(name="rotate"),)), folder)


def test_the_same_configuration_gives_the_same_samples(folder):
    config = _config(augment=(AugmenterConfig(name="zoom"), AugmenterConfig(name="rotate90")))
    first, second = prepare(config, folder), prepare(config, folder)
    for index in (0, 7, 100):
        np.testing.assert_array_equal(first.samples[index].input, second.samples[index].input)
    assert len(first.validation) == len(second.validation)


def test_channels_are_counted(tmp_path):
    rng = np.random.default_rng(0)
    for name in "ab":
        array = rng.integers(0, 999, (3, 40, 40)).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"{name}.tif", array, metadata={"axes": "CYX"},
                         photometric="minisblack")  # fmt: skip
    config = _config(
        data=DataConfig(
            input="*.tif", input_select=SelectConfig(c="0,2"), target_select=SelectConfig(c=1)
        )
    )
    found = prepare(config, tmp_path)
    assert (found.channels_in, found.channels_out, found.axes) == (2, 1, "YX")
    assert found.samples[0].input.shape == (2, 16, 16)
    assert len(found.target_normalization.offset) == 1


@pytest.mark.parametrize(
    ("value", "dtype", "error", "words"),
    [
        (0, np.uint16, StatisticsError, r"3\.tif.*all pixels are 0"),
        (7, np.uint16, StatisticsError, r"3\.tif.*same value"),
        (np.nan, np.float32, StatisticsError, r"3\.tif.*no finite pixel"),
    ],
)
@pytest.mark.parametrize("side", ["in", "out"])
def test_an_image_that_shows_nothing_is_named(folder, value, dtype, error, words, side):
    _save(folder / side / "3.tif", np.full((40, 44), value, dtype))
    with pytest.raises(error, match=words):
        prepare(_config(), folder)


def test_an_image_smaller_than_a_patch_is_named(folder):
    for side in ("in", "out"):
        _save(folder / side / "3.tif", np.ones((40, 12), np.uint16))
    with pytest.raises(DataError, match=r"3\.tif is 40 x 12 pixels .*a patch of 16 x 16"):
        prepare(_config(), folder)


def test_partners_of_other_shape_are_named(folder):
    _save(folder / "in" / "3.tif", np.ones((40, 43), np.uint16))
    with pytest.raises(PairingError, match="differ along X"):
        prepare(_config(), folder)


@pytest.mark.real_data
def test_two_labels_of_real_vesicles(real_data):
    said = []
    config = RunConfig(
        data=DataConfig(
            input="vesicles-two-labels/label_a.ome.tif",
            target="vesicles-two-labels/label_b.ome.tif",
            select=SelectConfig(z="0:14"),
        ),
        patches=PatchesConfig(shape=(64, 64)),
        augment=(AugmenterConfig(name="zoom"), AugmenterConfig(name="rotate90")),
    )
    found = prepare(config, real_data, announce=said.append)
    assert "planes 0 to 11 (of 14 used) train, 13 validate" in said[0]
    both = [found.samples[i] for i in range(64)]
    # Two labels of one structure: what the augmentation does to one it does to the other.
    inputs, targets = (np.stack([getattr(s, side) for s in both]) for side in ("input", "target"))
    assert np.corrcoef(inputs.ravel(), targets.ravel())[0, 1] > 0.6


@pytest.mark.real_data
def test_frames_of_real_microtubules_make_a_noise2noise_set(real_data):
    config = RunConfig(
        data=DataConfig(
            input="microtubules-repeats/TIRF_200Hz.tif",
            axes="TYX",
            input_select=SelectConfig(t="0:8"),
            target_select=SelectConfig(t="8:16"),
        ),
    )
    found = prepare(config, real_data)
    sample = found.samples[0]
    assert sample.input.shape == sample.target.shape == (1, 128, 128)
    assert not np.array_equal(sample.input, sample.target)
    assert np.corrcoef(sample.input.ravel(), sample.target.ravel())[0, 1] > 0.2


def test_poisson_noise_is_on_what_is_trained_from_and_on_nothing_else(folder):
    noisy = AugmenterConfig(name="poisson_noise", options={"gain": 20.0})
    found, plain = prepare(_config(augment=(noisy,)), folder), prepare(_config(), folder)
    for index in range(20):
        one, other = found.samples[index], plain.samples[index]
        assert not np.array_equal(one.input, other.input)
        np.testing.assert_array_equal(one.target, other.target)
    assert len(found.validation) == len(plain.validation) > 0
    for one, other in zip(found.validation, plain.validation, strict=True):
        np.testing.assert_array_equal(one.input, other.input)
        np.testing.assert_array_equal(one.target, other.target)
    assert found.target_normalization == plain.target_normalization
