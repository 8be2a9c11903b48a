"""The specimens have the contrasts and similarities of the paper's images."""

import attrs
import numpy as np
import pytest
from attrs import define

from l2l_core.data.simulation import SPECIMENS, simulate_pair
from l2l_core.images.appearance import contrast
from l2l_plugins.metrics.structural_similarity import MsSsim, Ssim

SEEDS = range(100, 105)
"""Not those by which the options were tuned."""

SIZE = 512
"""Contrasts hold at this side: smaller fields differ more from one to the next."""


@define(frozen=True)
class Published:
    """Mean and standard deviation of the paper's pairs: of the input, then of the benchmark."""

    michelson: tuple[tuple[float, float], tuple[float, float]]
    rms: tuple[tuple[float, float], tuple[float, float]]
    sample: float = 0.1


PUBLISHED = {
    "actin": Published(((0.44, 0.08), (0.96, 0.04)), ((0.15, 0.03), (0.19, 0.01))),
}


@pytest.fixture(scope="module", params=list(PUBLISHED))
def drawn(request):
    """Return name and pairs of a specimen, which several tests look at."""
    options = attrs.evolve(SPECIMENS[request.param], size=(SIZE, SIZE))
    return request.param, [simulate_pair(options, seed) for seed in SEEDS]


def scaled(image):
    low, high = np.percentile(image, [1, 99.8])
    return (image - low) / (high - low)


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1], ids=["input", "benchmark"])
def test_contrasts_are_those_of_the_papers_images(drawn, which):
    name, pairs = drawn
    published = PUBLISHED[name]
    images = [(pair.input, pair.benchmark)[which] for pair in pairs]
    found = [contrast(image, sample=published.sample) for image in images]
    for kind in ("michelson", "rms"):
        mean, deviation = getattr(published, kind)[which]
        assert np.mean([getattr(one, kind) for one in found]) == pytest.approx(
            mean, abs=2 * deviation
        ), kind


@pytest.mark.slow
def test_labels_are_hardly_similar_by_ssim_and_more_so_over_five_scales(drawn):
    _, pairs = drawn
    images = [(scaled(pair.input), scaled(pair.benchmark)) for pair in pairs]
    one = np.mean([Ssim()(*both, data_range=1.0) for both in images])
    five = np.mean([MsSsim(preset="paper-5")(*both, data_range=1.0) for both in images])
    assert 0.05 < one < 0.15
    assert 2 < five / one < 4


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_the_same_seed_gives_the_same_pixels(name):
    options = attrs.evolve(SPECIMENS[name], size=(48, 64), repeat=True, drift_nm=50.0)
    one, again, other = (simulate_pair(options, seed) for seed in (4, 4, 5))
    for part in ("input", "benchmark", "truth", "input_repeat"):
        np.testing.assert_array_equal(getattr(one, part), getattr(again, part))
        assert getattr(one, part).shape[-2:] == (48, 64)
    assert not np.array_equal(one.input, other.input)
    assert one.drift_px == again.drift_px


def test_filaments_have_the_pixels_that_they_always_had():
    pair = simulate_pair(SPECIMENS["filaments"], 1)
    assert pair.input.astype(float).mean() == pytest.approx(269.4775, abs=0.02)
    assert pair.benchmark.astype(float).mean() == pytest.approx(196.8230, abs=0.02)
    assert float(pair.truth.mean()) == pytest.approx(0.06593026, rel=1e-5)
