import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2l_core.data.simulation.microscope import ConfocalOptions, OpticsOptions, StedOptions

IDEAL = ConfocalOptions(aberration=1.0)


def test_a_closed_pinhole_multiplies_the_foci_of_laser_and_emission():
    closed = ConfocalOptions(aberration=1.0, pinhole_airy=0.0, numerical_aperture=1.2)
    # Equal Gaussians multiplied are narrower by the root of 2.
    assert closed.width_nm(500, 500) == pytest.approx(0.51 * 500 / 1.2 / np.sqrt(2))


def test_a_wide_pinhole_leaves_the_focus_of_the_laser():
    wide = ConfocalOptions(aberration=1.0, pinhole_airy=100.0)
    assert wide.width_nm(488, 520) == pytest.approx(0.51 * 488 / 1.4, rel=1e-3)


def test_a_pinhole_of_one_airy_disc_adds_the_variance_of_a_disc():
    rng = np.random.default_rng(1)
    radius = 0.5 * 1.22 * 520 / 1.4 * np.sqrt(rng.random(200_000))
    disc = (radius * np.cos(rng.uniform(0, 2 * np.pi, radius.size))).std()
    per_sigma = 2 * np.sqrt(2 * np.log(2))
    detection = np.hypot(0.51 * 520 / 1.4, per_sigma * disc)
    expected = 1 / np.hypot(1 / detection, 1.4 / (0.51 * 488))
    assert IDEAL.width_nm(488, 520) == pytest.approx(expected, rel=2e-3)


@given(depletion=st.floats(0, 100), excitation=st.floats(400, 700))
@settings(max_examples=30, deadline=None)
def test_depletion_narrows_by_the_square_root_law(depletion, excitation):
    sted = StedOptions(depletion=depletion).width_nm(excitation, excitation + 40)
    confocal = ConfocalOptions().width_nm(excitation, excitation + 40)
    assert sted * np.sqrt(1 + depletion) == pytest.approx(confocal)


def test_longer_waves_are_less_sharp_and_widths_are_those_of_real_microscopes():
    green, red = IDEAL.width_nm(488, 520), IDEAL.width_nm(638, 680)
    assert 140 < green < 200 < red < 260
    assert 40 < StedOptions().width_nm(646, 700) < 90
    assert OpticsOptions(fwhm_nm=123).width_nm(488, 520) == 123


@pytest.mark.parametrize(
    "change",
    [{"numerical_aperture": 0.0}, {"aberration": 0.9}, {"pinhole_airy": -1.0}, {"depletion": -1.0}],
)
def test_microscopes_that_cannot_be_are_refused(change):
    with pytest.raises(ValueError, match="must be"):
        StedOptions(**change)
