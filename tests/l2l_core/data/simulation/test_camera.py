import numpy as np
import pytest

from l2l_core.data.simulation.camera import CameraOptions, expose

DARK = np.zeros((200, 200), np.float32)


def exposed(photons, seed=1, **options):
    return expose(photons, CameraOptions(**options), np.random.default_rng(seed))


@pytest.mark.parametrize("photons", [0.5, 8.0, 300.0])
def test_mean_and_variance_are_those_of_counted_photons(photons):
    image = exposed(DARK + photons, gain=3.0, offset=100.0, read_noise=2.0).astype(float)
    assert image.mean() == pytest.approx(100 + 3 * photons, rel=0.01)
    # Shot noise and read noise through the gain, and the rounding's 1/12.
    assert image.var() == pytest.approx(9 * (photons + 4) + 1 / 12, rel=0.03)


def test_a_quantum_efficiency_loses_photons_before_they_are_counted():
    image = exposed(DARK + 50, quantum_efficiency=0.4, gain=1.0, offset=0.0, read_noise=0.0)
    assert image.mean() == pytest.approx(20, rel=0.01)
    assert image.astype(float).var() == pytest.approx(20, rel=0.03)


def test_the_digitiser_saturates_and_does_not_wrap_around():
    bright = exposed(DARK + 1e6, gain=20.0, bits=16)
    assert (bright == 65535).all()
    assert exposed(DARK + 1e6, bits=12).max() == 4095
    assert exposed(DARK, offset=0.0, read_noise=5.0).min() == 0


def test_each_exposure_is_another_realisation_of_one_scene():
    rng = np.random.default_rng(3)
    one, other = (expose(DARK + 40, CameraOptions(), rng).astype(float) for _ in range(2))
    assert one.mean() == pytest.approx(other.mean(), rel=0.01)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.03
