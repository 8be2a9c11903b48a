import numpy as np
import pytest

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.streaming.in_memory import restore_array
from l2l_core.testing.restorer_suite import RestorerSuite


class TestDistanceMap(RestorerSuite):
    component = ("distance_map", "")
    options = {"threshold": 1.0}  # noqa: RUF012


class TestDistanceMapWithALimit(RestorerSuite):
    component = ("distance_map", "")
    # So high that few pixels are structure, and the limit is reached.
    options = {"threshold": 1.1, "limit": 4.5}  # noqa: RUF012
    channels_in = 2
    channels_out = 2


class TestDistanceMapInVolumes(RestorerSuite):
    component = ("distance_map", "")
    axes = "ZYX"
    options = {"threshold": 1.2, "limit": 2.0, "spacing": [1.5, 0.5, 0.5]}  # noqa: RUF012


def distance_map(axes="YX", **options):
    return make_restorer("distance_map", "", options, axes=axes)


def nearest(structure, spacing, limit):
    """Return distances from every pixel to every pixel of the structure, the least of them."""
    size = np.asarray(spacing)
    places = np.argwhere(np.ones_like(structure)) * size
    points = np.argwhere(structure) * size
    distances = np.sqrt(((places[:, None] - points[None]) ** 2).sum(axis=-1)).min(axis=1)
    return np.minimum(distances, limit).reshape(structure.shape)


@pytest.mark.parametrize("limit", [None, 3.0])
@pytest.mark.parametrize(
    ("axes", "sides", "spacing"),
    [("YX", (17, 20), 1.0), ("YX", (17, 20), [0.2, 0.1]), ("ZYX", (5, 9, 8), [3.0, 1.0, 1.0])],
)
def test_it_is_the_distance_to_the_nearest_pixel_of_the_structure(axes, sides, spacing, limit):
    image = (np.random.default_rng(0).random(sides) > 0.98).astype(np.float32)
    options = {"spacing": spacing} | ({} if limit is None else {"limit": limit})
    restored = distance_map(axes, **options).restore(image[None, None])["mean"][0, 0]
    expected = nearest(image, np.broadcast_to(spacing, len(sides)), limit or np.inf)
    np.testing.assert_allclose(restored, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "halo"),
    [
        ({}, (None, None)),
        ({"limit": 5}, (4, 4)),
        ({"limit": 4.5}, (4, 4)),
        ({"limit": 2.0, "spacing": [0.5, 4.0]}, (3, 0)),
    ],
)
def test_the_halo_is_what_is_nearer_than_the_limit(options, halo):
    assert distance_map(**options).geometry.halo == halo


@pytest.mark.parametrize("limit", [1.0, 7.0, 7.5])
def test_a_point_is_found_from_other_tiles(limit):
    image = np.zeros((1, 41, 43), np.float32)
    image[0, 20, 20] = 1.0
    restorer = distance_map(limit=limit)
    tile = 2 * restorer.geometry.halo[0] + 1
    tiled = restore_array(restorer, image, tile=tile)["mean"]
    np.testing.assert_allclose(tiled[0], nearest(image[0], 1.0, limit), rtol=1e-6)


def test_without_structure_the_distance_is_the_limit_or_infinite():
    image = np.zeros((1, 1, 9, 9), np.float32)
    assert (distance_map(limit=3.0).restore(image)["mean"] == 3.0).all()
    assert np.isposinf(distance_map().restore(image)["mean"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": float("inf")}, r"finite.*distance_map.threshold"),
        ({"limit": 0.0}, r"above 0.*distance_map.limit"),
        ({"spacing": [1.0, 0.0]}, r"above 0.*distance_map.spacing"),
        ({"spacing": [1.0, 1.0, 1.0]}, "got 3 numbers"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionsError, match=message):
        distance_map(**options)


def grey():
    return np.random.default_rng(1).random((1, 1, 12, 13), np.float32)


def test_an_image_that_is_no_map_is_told_of_once_and_keeps_its_distances():
    restorer = distance_map(limit=3.0)
    image = grey()
    image[..., :6] = 0.0
    restored = restorer.restore(image)["mean"][0, 0]
    np.testing.assert_allclose(restored, nearest(image[0, 0] > 0, (1, 1), 3.0), rtol=1e-6)
    assert "is no map of structure" in (told := restorer.take_remark())
    assert "binary_map" in told
    assert restorer.take_remark() == ""


def test_maps_and_what_has_a_threshold_are_told_of_by_nobody():
    mapped = (grey() > 0.5).astype(np.float32) * 255
    filled = mapped.copy()
    # As the core fills a map with the mean of its channel.
    filled[..., 3, 4:6] = mapped.mean()
    for restorer, image in (
        (distance_map(), mapped),
        (distance_map(), filled),
        (distance_map(), np.full_like(mapped, np.nan)),
        (distance_map(threshold=0.5), grey()),
    ):
        restorer.restore(image)
        assert restorer.take_remark() == ""
