"""Drift, repeats, averages, bleed-through and correlated backgrounds of simulated pairs."""

import attrs
import numpy as np
import pytest
from scipy import ndimage

from l2l_core.data.simulation import SPECIMENS, SeparationOptions, simulate_pair
from l2l_core.data.simulation.camera import CameraOptions, average
from l2l_core.data.simulation.experiment import ExperimentOptions
from l2l_core.data.simulation.labelling import map_cells
from l2l_core.data.simulation.pairs import simulate_scene
from l2l_core.data.simulation.specimen import CellOptions, draw_cells
from l2l_core.errors import DataError

SMALL = attrs.evolve(SPECIMENS["filaments"], size=(96, 80))


def correlation(one, other):
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def evolved(**changes):
    """Return the small experiment with options of its labels changed: ``input__haze=1``."""
    options = SMALL
    for name, value in changes.items():
        part, key = name.split("__")
        options = attrs.evolve(
            options, **{part: attrs.evolve(getattr(options, part), **{key: value})}
        )
    return options


def test_drift_moves_the_benchmark_by_its_value_and_nothing_else():
    still = simulate_scene(SMALL, 3)
    moved = simulate_scene(attrs.evolve(SMALL, drift_nm=400.0), 3)
    np.testing.assert_array_equal(still.input, moved.input)
    np.testing.assert_array_equal(still.truth, moved.truth)
    y, x = moved.drift_px
    assert 0 < max(abs(y), abs(x)) <= 400 / 120
    assert min(abs(y), abs(x)) % 1 > 0.01
    expected = ndimage.shift(still.benchmark, (y, x), order=3)
    inner = (slice(6, -6), slice(6, -6))
    # Labels are drawn one by one, but the same ones on the same sites.
    assert correlation(moved.benchmark[inner], expected[inner]) > 0.99
    assert correlation(moved.benchmark[inner], still.benchmark[inner]) < 0.9


def test_drift_is_another_for_each_field_and_never_beyond_its_limit():
    options = attrs.evolve(SMALL, size=(16, 16), drift_nm=240.0)
    drifts = np.array([simulate_pair(options, seed).drift_px for seed in range(40)])
    assert np.abs(drifts).max() <= 2.0
    assert np.abs(drifts).max() > 1.5
    assert abs(drifts.mean()) < 0.5
    assert simulate_pair(attrs.evolve(options, drift_nm=0.0), 1).drift_px == (0.0, 0.0)


def test_a_repeat_has_the_same_light_and_other_noise():
    pair = simulate_pair(attrs.evolve(SMALL, repeat=True), 2)
    scene = simulate_scene(SMALL, 2)
    gain, offset = SMALL.camera.gain, SMALL.camera.offset
    noise = [(im - offset) / gain - scene.input for im in (pair.input, pair.input_repeat)]
    assert abs(correlation(*noise)) < 0.05
    assert pair.input_repeat.mean() == pytest.approx(pair.input.mean(), rel=0.01)
    assert simulate_pair(SMALL, 2).input_repeat is None
    np.testing.assert_array_equal(pair.input, simulate_pair(SMALL, 2).input)


def test_an_average_has_the_noise_of_its_frames():
    photons, camera = np.full((300, 300), 4.0, np.float32), CameraOptions(gain=10.0, read_noise=2.0)
    mean = average(photons, 25, camera, np.random.default_rng(1))
    assert mean.dtype == np.float32
    assert mean.mean() == pytest.approx(100 + 10 * 4, rel=0.005)
    assert mean.var() == pytest.approx(100 * (4 + 4) / 25, rel=0.03)
    few = CameraOptions(bits=7, quantum_efficiency=0.5, gain=100.0, read_noise=0.0)
    assert average(photons, 2, few, np.random.default_rng(1)).max() == 127


def test_averages_come_for_both_labels_and_near_the_light():
    pair, scene = (
        simulate_pair(attrs.evolve(SMALL, average_frames=400), 2),
        simulate_scene(SMALL, 2),
    )
    for image, light in (
        (pair.input_average, scene.input),
        (pair.benchmark_average, scene.benchmark),
    ):
        np.testing.assert_allclose((image - 100) / 20, light, atol=0.5 + 0.2 * light.max())
        assert correlation(image, light) > 0.995


def test_bleed_through_adds_a_share_of_the_other_label():
    clean, mixed = simulate_scene(SMALL, 5), simulate_scene(evolved(input__bleed_through=0.1), 5)
    np.testing.assert_allclose(mixed.input, clean.input + 0.1 * clean.benchmark, rtol=1e-4)
    np.testing.assert_array_equal(mixed.benchmark, clean.benchmark)
    np.testing.assert_allclose(
        mixed.input - mixed.input_background, clean.input - clean.input_background, atol=1e-4
    )


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.6, 0.6), (1.0, 1.0)])
def test_cytosol_correlates_between_the_labels_by_its_share(share, expected):
    plain = {"cytosol_correlation": share, "cytosol_spread": 0.3, "puncta": 0.0, "nucleus": 1.0}
    options = attrs.evolve(
        SMALL,
        size=(128, 128),
        cells=CellOptions(crowding=3.0, pool_um=1.2),
        input=attrs.evolve(SMALL.input, cytosol_um=1.2, **plain),
        benchmark=attrs.evolve(SMALL.benchmark, cytosol_um=1.2, cytosol=5.0, **plain),
    )
    found = []
    for seed in range(12):
        scene = simulate_scene(options, seed)
        # The cells' outlines are shared in any case; the logarithm takes the thickness apart.
        logs = [
            np.log(light + 1e-3)
            for light in (scene.input_background - 1.2, scene.benchmark_background - 0.05)
        ]
        flat = scene.input_background > 4.0
        found.append(correlation(logs[0][flat], logs[1][flat]))
    assert np.mean(found) == pytest.approx(expected, abs=0.25)


def test_light_out_of_focus_is_broad_and_keeps_the_sum():
    sharp = simulate_scene(SMALL, 1)
    hazy = simulate_scene(evolved(input__out_of_focus=0.5, input__out_of_focus_um=2.0), 1)
    structure = [scene.input - scene.input_background for scene in (sharp, hazy)]
    assert structure[1].max() < 0.8 * structure[0].max()
    assert structure[1].sum() == pytest.approx(structure[0].sum(), rel=0.1)


def test_organelles_leave_no_room_for_the_cytosol_and_a_dome_more():
    grid = SMALL.grid
    options = CellOptions(organelles=0.05, organelle_um=1.5, dome=1.0)
    cells = draw_cells(grid, options, np.random.default_rng(1))
    flat, shaped = map_cells(grid, cells), map_cells(grid, cells, options)
    assert shaped.thickness.max() == pytest.approx(2.0, rel=0.05)
    assert flat.thickness.max() <= 1.0
    holes = (shaped.thickness < 0.05) & (flat.thickness > 0.9)
    assert 0.002 < holes.mean() < 0.2


def test_labels_of_other_colours_are_seen_with_other_sharpness():
    options = SPECIMENS["actin"]
    green, red = options.fwhm_um(options.input), options.fwhm_um(options.benchmark)
    assert green < red


def test_an_experiment_that_nobody_can_carry_out_is_refused():
    with pytest.raises(DataError, match=r"1 structures under 0 stains with 2 names"):
        SeparationOptions(structures=(SMALL.structure,), stains=(), names=("a", "b"))

    @attrs.define(frozen=True, kw_only=True)
    class Unknown(ExperimentOptions):
        @property
        def labels(self):
            return (SMALL.input,)

    with pytest.raises(TypeError, match="no way to simulate Unknown"):
        simulate_scene(Unknown(), 1)
