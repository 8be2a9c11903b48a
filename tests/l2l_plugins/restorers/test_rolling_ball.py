import numpy as np
import pytest
from skimage import restoration

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.testing.restorer_suite import RestorerSuite


class TestRollingBall(RestorerSuite):
    component = ("rolling_ball", "")
    options = {"radius": 5.5}  # noqa: RUF012


class TestRollingBallPerAxis(RestorerSuite):
    component = ("rolling_ball", "")
    options = {"radius": [0, 3], "height": 0.1}  # noqa: RUF012
    channels_in = 2
    channels_out = 2


class TestRollingBallInVolumes(RestorerSuite):
    component = ("rolling_ball", "")
    axes = "ZYX"
    options = {"radius": [1.0, 3.0, 3.0]}  # noqa: RUF012


def ball(axes="YX", **options):
    return make_restorer("rolling_ball", "", options, axes=axes)


@pytest.mark.parametrize(("axes", "sides"), [("YX", (40, 33)), ("ZYX", (9, 20, 17))])
@pytest.mark.parametrize("radius", [5, 7.3])
def test_it_is_scikit_images_background_taken_away(axes, sides, radius):
    image = np.random.default_rng(0).normal(500, 80, size=sides).astype(np.float32)
    restored = ball(axes, radius=radius).restore(image[None, None])["mean"][0, 0]
    expected = image - restoration.rolling_ball(image, radius=radius)
    np.testing.assert_allclose(restored, expected, atol=1e-3)


def test_a_ball_with_another_height_is_scikit_images_ellipsoid():
    image = np.random.default_rng(0).normal(500, 80, size=(30, 30)).astype(np.float32)
    kernel = restoration.ellipsoid_kernel((13, 13), 200)
    expected = image - restoration.rolling_ball(image, kernel=kernel)
    restored = ball(radius=6, height=200.0).restore(image[None, None])["mean"][0, 0]
    np.testing.assert_allclose(restored, expected, atol=1e-3)


def test_a_spot_stands_on_the_sagging_of_the_ball_below_it():
    """Beside a single bright pixel the ball touches its neighbours, one pixel off its apex."""
    image = np.full((1, 1, 41, 41), 100.0, np.float32)
    image[0, 0, 20, 20] = 400.0
    restored = ball(radius=10).restore(image)["mean"][0, 0]
    sagging = 10 - np.sqrt(10**2 - 1)
    assert restored[20, 20] == pytest.approx(300.0 - sagging, abs=1e-4)
    restored[20, 20] = 0.0
    assert not restored.any()


@pytest.mark.parametrize(("radius", "halo"), [(20, (20, 20)), (2.9, (2, 2)), ([4, 0.5], (4, 0))])
def test_the_halo_is_what_the_ball_covers(radius, halo):
    assert ball(radius=radius).geometry.halo == halo


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": -1}, r"0 or more.*rolling_ball.radius"),
        ({"radius": 0}, "above 0 along at least one axis"),
        ({"radius": [0, 0]}, "above 0 along at least one axis"),
        ({"radius": []}, "got"),
        ({"radius": [1, 2, 3]}, "got 3 numbers"),
        ({"height": 0}, r"above 0.*rolling_ball.height"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionsError, match=message):
        ball(**options)
