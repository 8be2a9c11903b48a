import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2l_core.reports.regions import Box, Line, across_ridge, richest, whole


def ridge(angle_deg, size=64, width=1.5):
    """A bright line through the middle, in a direction from X to Y."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle = np.deg2rad(angle_deg)
    distance = y * np.cos(angle) - x * np.sin(angle)
    return np.exp(-0.5 * (distance / width) ** 2)


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 110, 135, 170])
def test_the_line_stands_at_right_angles_to_the_ridge(angle):
    image = ridge(angle)
    line = across_ridge(image, whole(image, 64), 20.0)
    direction = np.subtract(line.end, line.start) / line.length
    along = np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    assert abs(direction @ along) < 0.1
    profile = line.profile(image)
    assert int(np.argmax(profile)) == len(profile) // 2
    assert profile.max() == pytest.approx(1.0, abs=0.1)
    assert profile[[0, -1]].max() < 0.01


def test_a_profile_is_the_intensity_along_the_line():
    image = np.tile(np.arange(20.0), (20, 1))
    profile = Line((10.0, 3.0), (10.0, 9.0)).profile(image)
    assert profile == pytest.approx(np.arange(3.0, 10.0))
    # Averaging happens across the line, not along it.
    down = Line((3.0, 10.0), (9.0, 10.0))
    assert down.profile(image**2, width=3) == pytest.approx(np.full(7, (81 + 100 + 121) / 3))


def test_the_richest_square_is_where_the_structure_is():
    image = np.zeros((100, 140))
    image[60:90:4, 100:130] = 1.0
    box = richest(image, whole(image, 200), 30)
    assert abs(box.y - 60) <= 4
    assert abs(box.x - 100) <= 4
    assert (box.height, box.width) == (30, 30)


@given(
    height=st.integers(4, 70),
    width=st.integers(4, 70),
    side=st.integers(1, 80),
    inner=st.integers(1, 80),
    seed=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_every_box_and_line_lies_within_the_image(height, width, side, inner, seed):
    image = np.random.default_rng(seed).random((height, width))
    field = whole(image, side)
    crop = richest(image, field, inner)
    assert field.cut(image).shape == (min(height, side), min(width, side))
    assert crop.cut(image).shape == (min(height, side, inner), min(width, side, inner))
    assert field.y <= crop.y <= crop.y + crop.height <= field.y + field.height
    assert field.x <= crop.x <= crop.x + crop.width <= field.x + field.width
    line = across_ridge(image, crop, 0.6 * min(crop.height, crop.width))
    for y, x in (line.start, line.end):
        assert crop.y - 0.51 <= y <= crop.y + crop.height - 0.49
        assert crop.x - 0.51 <= x <= crop.x + crop.width - 0.49
    assert np.isfinite(line.profile(image)).all()


def test_an_image_with_holes_or_without_any_pixel_still_has_a_place_to_look_at():
    image = ridge(30)
    image[:10] = np.nan
    for plane in (image, np.full((40, 40), np.nan), np.zeros((40, 40))):
        crop = richest(plane, whole(plane, 64), 16)
        assert isinstance(crop, Box)
        across_ridge(plane, crop, 10.0)
