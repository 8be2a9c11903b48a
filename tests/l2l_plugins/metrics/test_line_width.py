"""Widths of drawn lines whose profile is a Gaussian of known width."""

import numpy as np
import pytest

from l2l_core.components.factory import get
from l2l_core.errors import OptionsError, StatisticsError
from l2l_plugins.metrics.line_width import LineProfile, LineWidth, LineWidths
from l2l_plugins.metrics.ridges import skeleton, stretches

FWHM = 2.354820045  # of a Gaussian of unit standard deviation: exp(-x^2 / 2) is a half at 1.17741


def lines(angle, sigma, *, side=112, pitch=36.0, noise=0.0, seed=0):
    """Return parallel lines of height 50 on a background of 100."""
    y, x = np.mgrid[:side, :side].astype(float)
    distance = (y * np.cos(angle) - x * np.sin(angle) + pitch / 2) % pitch - pitch / 2
    image = 100 + 50 * np.exp(-(distance**2) / (2 * sigma**2))
    return image + noise * np.random.default_rng(seed).standard_normal(image.shape)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.2])
@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4, 1.2, -0.8])
def test_lines_in_any_direction_have_their_width(sigma, angle):
    found = LineWidth().measure(lines(angle, sigma, noise=5.0))
    assert len(found.profiles) >= 5
    assert found.median == pytest.approx(FWHM * sigma, rel=0.04)
    turned = [(profile.angle - angle + np.pi / 2) % np.pi - np.pi / 2 for profile in found.profiles]
    assert np.abs(turned).max() < 0.1


def test_the_uncertainty_is_the_spread_of_the_widths():
    widths, said = [], []
    for seed in range(6):
        found = LineWidth().measure(lines(0.3, 1.5, noise=8.0, seed=seed))
        widths += [profile.width - FWHM * 1.5 for profile in found.profiles]
        said += [profile.uncertainty for profile in found.profiles]
    assert np.mean(said) == pytest.approx(np.sqrt(np.mean(np.square(widths))), rel=0.4)
    assert found.uncertainty < np.mean(said)


def test_the_uncertainty_of_the_median_is_that_of_normal_widths():
    rng = np.random.default_rng(0)
    none = np.zeros(1)
    drawn = [
        LineWidths(
            tuple(
                LineProfile((0.0, 0.0), 0.0, none, none, none, float(width), 1.0)
                for width in rng.normal(5.0, 0.4, 40)
            )
        )
        for _ in range(300)
    ]
    scatter = np.std([one.median for one in drawn])
    assert np.mean([one.uncertainty for one in drawn]) == pytest.approx(scatter, rel=0.1)


def test_a_bent_line_is_not_widened_by_the_average_along_it():
    y, x = np.mgrid[:112, :112]
    ring = np.exp(-((np.hypot(y - 56, x - 56) - 42) ** 2) / (2 * 1.5**2))
    assert get("metric", "line_width")(ring) == pytest.approx(FWHM * 1.5, rel=0.03)


def test_a_profile_tells_where_it_was_taken_and_how_it_fits():
    image = lines(0.0, 1.5)
    for profile in LineWidth(profiles=3).measure(image).profiles:
        assert profile.centre[0] % 36 == pytest.approx(0, abs=1) or profile.centre[0] % 36 > 35
        assert profile.intensity.shape == profile.distance.shape == (17,)
        np.testing.assert_allclose(profile.fitted, profile.intensity, atol=0.5)
        assert profile.intensity.max() == pytest.approx(150, abs=1)


def test_crossings_and_close_neighbours_are_left_out():
    lattice = np.maximum(lines(0.0, 1.5), lines(np.pi / 2, 1.5))
    found = LineWidth().measure(lattice)
    assert found.median == pytest.approx(FWHM * 1.5, rel=0.03)
    for profile in found.profiles:
        # One coordinate is on a line, the other away from all that cross it.
        assert max(abs((c + 18) % 36 - 18) for c in profile.centre) > 8
    rng = np.random.default_rng(0)
    dense = skeleton(lines(0.0, 1.0, pitch=7.0), 1.0)
    assert dense.any()
    assert not list(stretches(dense, 20, 8, rng))
    assert list(stretches(dense, 20, 4, rng))


def test_neighbours_that_meet_elsewhere_do_not_bend_a_stretch():
    ladder = skeleton(lines(0.0, 1.0, pitch=9.0), 1.0)
    ladder[:, 100] = True
    assert len(list(stretches(ladder, 20, 4, np.random.default_rng(0)))) > 5


def test_two_lines_that_are_taken_for_one_have_no_width():
    double = lines(0.0, 1.0) + np.roll(lines(0.0, 1.0), 4, axis=0)
    with pytest.raises(StatisticsError, match="none of them with the profile of a line"):
        get("metric", "line_width", sigma=4.0)(double)


def test_middles_keep_their_distance_and_the_draw_repeats():
    image = lines(0.3, 1.5, noise=2.0)
    found = LineWidth(seed=4).measure(image)
    again = LineWidth(seed=4).measure(image)
    assert [p.centre for p in found.profiles] == [p.centre for p in again.profiles]
    centres = np.array([p.centre for p in found.profiles])
    apart = np.hypot(*(centres[:, None] - centres).transpose(2, 0, 1))
    assert apart[np.triu_indices(len(centres), 1)].min() >= 20


@pytest.mark.parametrize(
    "image",
    [
        np.random.default_rng(1).standard_normal((96, 96)),
        np.linspace(0, 1, 64)[None, :] * np.ones((64, 1)),
    ],
    ids=["noise", "ramp"],
)
def test_images_without_ridges_give_a_sentence(image):
    with pytest.raises(StatisticsError, match="found no ridge to take a profile across"):
        get("metric", "line_width")(image)


def test_a_constant_image_gives_a_sentence_and_so_do_wrong_options():
    with pytest.raises(StatisticsError, match="constant image"):
        get("metric", "line_width")(np.ones((64, 64)))
    with pytest.raises(OptionsError, match="average"):
        get("metric", "line_width", average=2)


def test_profiles_lie_within_the_mask():
    image = lines(0.0, 1.5)
    mask = np.ones(image.shape, dtype=bool)
    mask[:, :60] = False
    image[:, 20:50] = np.nan
    found = LineWidth().measure(image, mask)
    assert all(profile.centre[1] > 69 for profile in found.profiles)
    assert found.median == pytest.approx(FWHM * 1.5, rel=0.03)


def test_the_pixel_size_makes_it_a_length():
    image = lines(0.3, 1.5)
    assert get("metric", "line_width", pixel_size=20.0)(image) == pytest.approx(
        20 * get("metric", "line_width")(image)
    )
