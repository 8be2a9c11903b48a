import numpy as np
import pytest

from l2l_core.images.ome_zarr_pyramid import StoreLayout, create_store, open_levels
from l2l_core.streaming import windows
from l2l_core.streaming.windows import shown_ranges


def store(folder, pixels, axes, dtype="float32"):
    place = str(folder / "a.zarr")
    layout = StoreLayout(axes, dtype, ((pixels.shape, pixels.shape, pixels.shape),))
    create_store(place, layout)
    open_levels(place, layout).write(0, tuple((0, side) for side in pixels.shape), pixels)
    return place, layout


def test_each_channel_has_its_own(tmp_path):
    pixels = np.random.default_rng(0).normal(100, 20, (2, 90, 70)).astype(np.float32)
    pixels[1] *= 10
    found = shown_ranges(*store(tmp_path, pixels, "CYX"))
    np.testing.assert_allclose(found, [np.percentile(one, (0.1, 99.9)) for one in pixels])


@pytest.mark.parametrize(("value", "expected"), [(5.0, (5.0, 6.0)), (np.nan, (0.0, 1.0))])
def test_black_and_white_differ_where_nothing_does(value, expected, tmp_path):
    pixels = np.full((9, 7), value, np.float32)
    assert shown_ranges(*store(tmp_path, pixels, "YX")) == [expected]


def test_pixels_without_a_value_do_not_count(tmp_path):
    pixels = np.arange(100, dtype=np.float32).reshape(10, 10)
    pixels[0] = np.nan
    ((low, high),) = shown_ranges(*store(tmp_path, pixels, "YX"))
    assert 10 <= low < high <= 99


def test_of_a_long_image_the_middle_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "_PIXELS", 3 * 100)
    pixels = np.arange(9, dtype=np.uint16)[:, None, None] * np.ones((9, 10, 10), np.uint16)
    ((low, high),) = shown_ranges(*store(tmp_path, pixels, "ZYX", "uint16"))
    assert (low, high) == (3.0, 5.0)
