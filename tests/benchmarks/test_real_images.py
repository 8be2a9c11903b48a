"""The scoring of the real images reproduces known figures, and a short training helps."""

from pathlib import Path

import numpy as np
import pytest

from l2l_core.workflows.model import load_model
from l2l_core.workflows.train import train
from tests.benchmarks.real_images import EVERYWHERE, gaussians, microtubules, score, vesicles

pytestmark = pytest.mark.real_data


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """A network this small is faster in one thread, above all beside other processes."""
    torch = pytest.importorskip("torch", reason="training needs the torch engine")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_noisy_label_and_the_best_gaussian_score_as_they_are_known_to(real_data: Path):
    task = vesicles(real_data, [1])
    raw = score(task, task.pixels(), EVERYWHERE)
    assert raw["NRMSE"] == pytest.approx(0.531, abs=5e-4)
    assert raw["SSIM"] == pytest.approx(0.487, abs=5e-4)
    best = gaussians(task, EVERYWHERE)
    assert best["NRMSE"] == (0.75, pytest.approx(0.448, abs=5e-4))
    assert best["SSIM"] == (0.5, pytest.approx(0.591, abs=5e-4))


def test_a_short_training_on_the_other_planes_beats_the_noisy_label(
    real_data: Path, tmp_path: Path
):
    task = vesicles(real_data, [1])
    short = ("train.epochs=2", "train.steps_per_epoch=40")
    run = train(task.config, tmp_path / "run", overrides=(*task.places, *short))
    with load_model(run.folder) as model:
        restored = score(task, model.restore(task.pixels(), "ZYX"), EVERYWHERE)
    raw = score(task, task.pixels(), EVERYWHERE)
    assert restored["SSIM"] > raw["SSIM"] + 0.02
    assert restored["NRMSE"] < raw["NRMSE"]


def test_a_frame_is_scored_against_frames_that_are_neither_it_nor_trained_on(real_data: Path):
    task = microtubules(real_data, [1])
    frames = task.pixels().astype(np.float64)
    assert sorted(task.references) == list(range(10, 20))
    for frame, reference in task.references.items():
        others = [k for k in range(10, 20) if k != frame]
        # Gain and offset apart, the reference is the mean of the others and of nothing else.
        assert np.corrcoef(reference.ravel(), frames[others].mean(0).ravel())[0, 1] > 1 - 1e-12
    unseen, seen = (region[1] for region in task.regions.values())
    assert abs(unseen.start - seen.stop) == 16 or abs(seen.start - unseen.stop) == 16
