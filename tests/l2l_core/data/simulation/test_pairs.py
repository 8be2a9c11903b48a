import time

import attrs
import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from l2l_core.data.simulation.experiment import SimulationOptions
from l2l_core.data.simulation.pairs import (
    simulate_pair,
    simulate_scene,
)
from l2l_core.data.simulation.specimens import SPECIMENS
from l2l_core.errors import DataError
from l2l_core.images.appearance import contrast

OPTIONS = SPECIMENS["filaments"]
SMALL = attrs.evolve(OPTIONS, size=(96, 80))


def correlation(one, other):
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def test_a_pair_is_two_camera_images_and_a_truth_of_one_shape():
    pair = simulate_pair(SMALL, 1)
    assert pair.input.dtype == pair.benchmark.dtype == np.uint16
    assert pair.truth.dtype == np.float32
    assert pair.input.shape == pair.benchmark.shape == pair.truth.shape == (96, 80)
    assert pair.truth.min() >= 0
    assert pair.truth.max() > 0.5


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others():
    one, again, other = (simulate_pair(SMALL, seed) for seed in (4, 4, 5))
    for part in ("input", "benchmark", "truth"):
        np.testing.assert_array_equal(getattr(one, part), getattr(again, part))
        assert not np.array_equal(getattr(one, part), getattr(other, part))


def test_a_change_to_one_label_leaves_the_other_and_the_truth_as_they_are():
    changed = attrs.evolve(SMALL, input=attrs.evolve(SMALL.input, puncta=2.0, patchiness=0.1))
    before, after = simulate_pair(SMALL, 4), simulate_pair(changed, 4)
    np.testing.assert_array_equal(before.benchmark, after.benchmark)
    np.testing.assert_array_equal(before.truth, after.truth)
    assert not np.array_equal(before.input, after.input)


@pytest.mark.parametrize("seed", range(3))
def test_the_labels_share_the_structure_and_not_the_background(seed):
    scene = simulate_scene(OPTIONS, seed)
    structures = (
        scene.input - scene.input_background,
        scene.benchmark - scene.benchmark_background,
    )
    # Shapes of cells are shared, so the background is compared in its details alone.
    details = [
        light - ndimage.gaussian_filter(light, 6)
        for light in (scene.input_background, scene.benchmark_background)
    ]
    assert correlation(*structures) > 0.65
    assert abs(correlation(*details)) < 0.1


def test_an_even_and_dense_label_without_background_is_the_truth():
    clean = attrs.evolve(
        SMALL.input,
        photons=50.0,
        labels_per_um=1e6,
        patchiness=0.0,
        cytosol=0.0,
        puncta=0.0,
        haze=0.0,
    )
    scene = simulate_scene(attrs.evolve(SMALL, input=clean), 2)
    np.testing.assert_allclose(scene.input, 50 * scene.truth, atol=1.0)
    assert not scene.input_background.any()


def test_the_image_is_the_light_that_the_camera_counted():
    scene, pair = simulate_scene(OPTIONS, 3), simulate_pair(OPTIONS, 3)
    camera = OPTIONS.camera
    for light, image in ((scene.input, pair.input), (scene.benchmark, pair.benchmark)):
        counted = (image.astype(float) - camera.offset) / camera.gain
        assert counted.mean() == pytest.approx(light.mean(), rel=0.02)


def test_the_nucleus_of_the_input_is_brighter_than_its_cytosol():
    plain = attrs.evolve(OPTIONS.input, cytosol_spread=0.0, puncta=0.0, haze=0.0, nucleus=3.0)
    scene = simulate_scene(attrs.evolve(OPTIONS, input=plain), 1)
    assert scene.input_background.max() == pytest.approx(3 * plain.cytosol, rel=0.01)
    assert np.median(scene.input_background) <= plain.cytosol * 1.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (8, 64)}, r"field of \(8, 64\) pixels.*at least 16"),
        ({"pixel_size_nm": 200.0}, "250 nm is too narrow for pixels of 200 nm.*smaller pixels"),
    ],
)
def test_options_that_cannot_be_drawn_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        SimulationOptions(**change)


def test_the_labels_have_the_contrasts_of_the_papers_actin_images():
    pairs = [simulate_pair(OPTIONS, seed) for seed in range(12)]
    lower = [contrast(pair.input) for pair in pairs]
    upper = [contrast(pair.benchmark) for pair in pairs]
    # Means and standard deviations of 68 pairs labelled with AC-15 and phalloidin.
    assert abs(np.mean([c.michelson for c in lower]) - 0.44) < 2 * 0.08
    assert abs(np.mean([c.rms for c in lower]) - 0.15) < 2 * 0.03
    assert abs(np.mean([c.michelson for c in upper]) - 0.96) < 2 * 0.04
    assert abs(np.mean([c.rms for c in upper]) - 0.19) < 2 * 0.01
    similarities = [
        structural_similarity(
            *(scaled(image) for image in (pair.input, pair.benchmark)),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
        )
        for pair in pairs
    ]
    assert 0.05 < np.mean(similarities) < 0.15


def scaled(image):
    low, high = np.percentile(image, [1, 99.8])
    return (image - low) / (high - low)


def test_patchy_and_sparse_binding_leave_the_mean_of_the_light_as_it_is():
    label = attrs.evolve(SMALL.input, patchiness=1.0, patch_um=0.2, cytosol=0, puncta=0, haze=0)
    options = attrs.evolve(SMALL, input=label)
    scenes = [simulate_scene(options, seed) for seed in range(20)]
    light = sum(float(scene.input.sum()) for scene in scenes)
    truth = sum(float(scene.truth.sum()) for scene in scenes)
    assert light / truth == pytest.approx(label.photons, rel=0.1)


def test_a_pair_of_256_pixels_takes_little_time():
    simulate_pair(OPTIONS, 0)
    times = []
    for seed in range(5):
        start = time.process_time()
        simulate_pair(OPTIONS, seed)
        times.append(time.process_time() - start)
    # About 25 ms on a free core; the limit leaves room for a machine that is busy.
    assert min(times) < 0.2
