"""Which axes a method works in, which are gone over one by one, and what comes out."""

import pytest

from l2l_core.components.geometry import Geometry
from l2l_core.errors import AxesError, ImageError
from l2l_core.streaming.frame import Frame

PLANES = Geometry(axes="YX", channels_in=2, channels_out=3, scale=2)


def test_planes_of_a_movie_of_stacks():
    frame = Frame("CZTYX", (2, 5, 4, 10, 12), PLANES)
    assert frame.outer == "TZ"
    assert frame.arranged == "TZCYX"
    assert frame.output_axes == "TCZYX"
    assert frame.output_shape == (4, 3, 5, 20, 24)
    assert frame.whole == "C"
    assert len(list(frame.positions())) == 20
    assert list(frame.positions())[1] == ((0, 1), (0, 3), (1, 2), (0, 20), (0, 24))


def test_a_region_covers_what_a_box_needs():
    frame = Frame("CYX", (2, 10, 12), PLANES)
    assert frame.region(((0, 3), (3, 8), (0, 24))) == ((1, 4), (0, 12))


def test_a_filter_goes_over_the_channels():
    frame = Frame("CYX", (4, 10, 12), Geometry(axes="YX"), each_channel=True)
    assert frame.outer == "C"
    assert frame.output_shape == (4, 10, 12)
    assert frame.whole == ""


def test_several_channels_out_of_an_image_without_any():
    geometry = Geometry(axes="YX", channels_in=1, channels_out=2)
    assert Frame("YX", (10, 12), geometry).output_shape == (2, 10, 12)


def test_what_is_looked_at_as_a_whole_is_held_as_a_whole():
    geometry = Geometry(axes="ZYX", halo=(None, 4, 4))
    assert Frame("ZYX", (5, 10, 12), geometry).whole == "Z"


def test_a_new_axis_has_a_length_when_somebody_says_it():
    geometry = Geometry(axes="YX", output_axes="ZYX")
    frame = Frame("YX", (10, 12), geometry)
    with pytest.raises(ImageError, match="how long the axis Z"):
        _ = frame.output_shape
    assert list(frame.positions()) == [((0, 0), (0, 10), (0, 12))]
    known = Frame("YX", (10, 12), geometry, lengths={"Z": 7})
    assert known.output_shape == (7, 10, 12)
    assert known.whole == "Z"


def test_an_axis_that_is_used_up():
    geometry = Geometry(axes="ZYX", output_axes="YX")
    frame = Frame("ZYX", (5, 10, 12), geometry)
    assert frame.output_axes == "YX"
    assert frame.region(((2, 4), (0, 12))) == ((0, 5), (2, 4), (0, 12))


@pytest.mark.parametrize(
    ("axes", "shape", "error", "words"),
    [
        ("CYX", (3, 8, 8), AxesError, "takes 2 channels.*has 3 channels"),
        ("YX", (8, 8), AxesError, "has 1 channel; select"),
        ("CX", (2, 8), AxesError, "has no Y"),
        ("CYX", (2, 0, 8), ImageError, "has no pixels"),
    ],
)
def test_images_that_do_not_fit(axes, shape, error, words):
    with pytest.raises(error, match=words):
        Frame(axes, shape, PLANES)


@pytest.mark.parametrize(
    ("axes", "shape", "facts", "load"),
    [
        ("YX", (9, 9), {}, 1),
        ("ZYX", (200, 9, 9), {"axes": "ZYX", "output_axes": "YX"}, 200),
        ("CYX", (40, 9, 9), {"channels_in": 40, "channels_out": 1}, 40),
        ("CYX", (3, 9, 9), {"channels_in": 3, "channels_out": 2}, 2),
        ("CYX", (2, 9, 9), {"channels_in": 2, "channels_out": 3}, 1),
        ("CYX", (8, 9, 9), {"channels_in": 8, "scale": 2}, 2),
    ],
)
def test_how_much_is_read_for_a_pixel(axes, shape, facts, load):
    geometry = Geometry(**{"axes": "YX", **facts})
    assert Frame(axes, shape, geometry).load == load


def test_channels_one_by_one_are_no_load():
    assert Frame("CYX", (4, 10, 12), Geometry(axes="YX"), each_channel=True).load == 1
