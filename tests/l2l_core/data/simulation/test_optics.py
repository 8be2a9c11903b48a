import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2l_core.data.simulation.optics import (
    FWHM_PER_SIGMA,
    Grid,
    blur,
    smooth_field,
    spread,
    unit_peak,
)

GRID = Grid((48, 56), pixel_um=0.1, margin=12)


def widths_um(image, grid):
    """Full widths at half maximum along Y and X from the second moments."""
    y, x = grid.coordinates_um()
    y, x, weight = y.astype(float), x.astype(float), image.astype(float) / image.sum(dtype=float)
    centre = (y * weight).sum(), (x * weight).sum()
    variances = ((y - centre[0]) ** 2 * weight).sum(), ((x - centre[1]) ** 2 * weight).sum()
    return np.sqrt(variances) * FWHM_PER_SIGMA


@given(
    place=st.tuples(st.floats(1.0, 3.8), st.floats(1.0, 4.6)),
    fwhm=st.floats(0.181, 0.5),
)
@settings(max_examples=30, deadline=None)
def test_a_point_is_as_wide_as_the_point_spread_function_wherever_it_lies(place, fwhm):
    image = blur(spread(GRID, np.array([place]), np.ones(1)), GRID, fwhm)
    assert widths_um(image, GRID) == pytest.approx([fwhm, fwhm], rel=1.2e-2 if fwhm < 0.2 else 2e-3)


@given(place=st.tuples(st.floats(0.0, 4.8), st.floats(0.0, 5.6)))
@settings(max_examples=30, deadline=None)
def test_a_point_stands_where_it_was_put_with_all_its_light(place):
    image = spread(GRID, np.array([place]), np.array([3.0])).astype(float)
    y, x = GRID.coordinates_um()
    assert image.sum() * GRID.pixel_um**2 == pytest.approx(3.0, rel=1e-5)
    assert (y * image).sum() / image.sum() == pytest.approx(place[0], abs=1e-5)
    assert (x * image).sum() / image.sum() == pytest.approx(place[1], abs=1e-5)


def test_points_beyond_the_grid_are_left_out():
    places = np.array([[-50.0, 1.0], [1.0, 50.0], [-1.25, 1.0]])
    assert not spread(GRID, places, np.ones(3)).any()


def test_a_straight_line_of_unit_strength_has_a_crest_of_one():
    x = np.arange(-1.2, 6.8, 0.01)
    places = np.stack([np.full_like(x, 2.43), x], axis=1)
    line = spread(GRID, places, np.full(x.size, 0.01)) * np.float32(unit_peak(0.25, 1))
    profile = GRID.crop(blur(line, GRID, 0.25))[:, 10:-10].max(axis=0)
    assert profile == pytest.approx(np.ones_like(profile), rel=0.02)
    assert profile.std() < 1e-3


def test_blurring_keeps_the_light_and_makes_nothing_negative():
    rng = np.random.default_rng(1)
    image = np.zeros(GRID.shape, np.float32)
    image[8:-8, 8:-8] = rng.random((GRID.shape[0] - 16, GRID.shape[1] - 16)) > 0.99
    blurred = blur(image, GRID, 0.2)
    assert blurred.min() >= 0
    assert blurred.sum() == pytest.approx(image.sum(), rel=1e-4)


def test_a_point_spread_function_that_pixels_cannot_show_is_refused():
    with pytest.raises(ValueError, match=r"100 nm wide is 1\.00 pixels of 100 nm.*smaller pixels"):
        blur(np.zeros(GRID.shape, np.float32), GRID, 0.1)


def test_a_smooth_field_has_unit_variance_and_its_correlation_length():
    rng = np.random.default_rng(2)
    fields = np.stack([smooth_field(GRID, 0.5, rng) for _ in range(200)])
    assert fields.mean() == pytest.approx(0, abs=0.02)
    assert fields.var(axis=0) == pytest.approx(np.ones(GRID.shape), abs=0.5)
    assert fields.var() == pytest.approx(1, abs=0.05)
    # Two Gaussians of deviation s overlap to exp(-d^2 / 4 s^2): at d = 2 s that is exp(-1).
    shifted = (fields[:, :, 10:] * fields[:, :, :-10]).mean()
    assert shifted == pytest.approx(np.exp(-1), abs=0.05)
