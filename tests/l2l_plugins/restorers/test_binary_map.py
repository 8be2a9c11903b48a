import numpy as np
import pytest
from skimage.measure import label, regionprops

from l2l_core import load_model
from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.streaming.in_memory import restore_array
from l2l_core.testing.restorer_suite import RestorerSuite


class TestBinaryMap(RestorerSuite):
    component = ("binary_map", "")


class TestBinaryMapWithAThreshold(RestorerSuite):
    component = ("binary_map", "")
    options = {"threshold": 0.5, "min_size": 3}  # noqa: RUF012
    channels_in = 2
    channels_out = 2


class TestBinaryMapWithNeighboursAtCorners(RestorerSuite):
    component = ("binary_map", "")
    options = {"threshold": 0.6, "min_size": 4, "diagonal": True}  # noqa: RUF012


class TestBinaryMapOfSinglePixels(RestorerSuite):
    component = ("binary_map", "")
    options = {"threshold": 0.5, "min_size": 0}  # noqa: RUF012


class TestBinaryMapInVolumes(RestorerSuite):
    component = ("binary_map", "")
    axes = "ZYX"
    options = {"threshold": 0.7, "min_size": 3}  # noqa: RUF012


def binary_map(axes="YX", **options):
    return make_restorer("binary_map", "", options, axes=axes)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("axes", ["YX", "ZYX"])
def test_what_stays_are_the_large_objects_above_the_percentile(axes, diagonal):
    sides = (40, 50) if axes == "YX" else (8, 15, 20)
    image = np.random.default_rng(0).gamma(2.0, 300.0, size=sides).astype(np.float32)
    restored = binary_map(axes, percentile=80, min_size=5, diagonal=diagonal).restore(
        image[None, None]
    )["mean"][0, 0]
    labels = label(image > np.percentile(image, 80), connectivity=len(axes) if diagonal else 1)
    expected = np.zeros(sides, np.float32)
    for region in regionprops(labels):
        expected[labels == region.label] = region.num_pixels >= 5
    np.testing.assert_array_equal(restored, expected)
    assert 0 < restored.mean() < 0.2


def test_each_image_has_its_own_percentile():
    image = np.arange(100, dtype=np.float32).reshape(1, 10, 10)
    batch = np.stack([image, image * 1000])
    restored = binary_map(percentile=60, min_size=0).restore(batch)["mean"]
    np.testing.assert_array_equal(restored[0], restored[1])
    assert restored[0].sum() == 40


def test_a_model_says_that_these_are_no_intensities():
    with load_model("binary_map:threshold=1.5") as model:
        assert model.describe().endswith("comes out as 1 where there is structure and 0 elsewhere")
        mapped = model.restore(np.eye(60, dtype=np.uint16) * 3, dtype="uint8")
    assert mapped.dtype == np.uint8
    assert not mapped.any()


def test_a_constant_image_has_no_structure():
    image = np.full((1, 1, 10, 10), 7.0, np.float32)
    assert not binary_map().restore(image)["mean"].any()


@pytest.mark.parametrize("length", [19, 20, 21])
@pytest.mark.parametrize("diagonal", [False, True])
def test_a_line_across_tiles_stays_where_it_is_long_enough(length, diagonal):
    """The halo is just enough: the last pixel of a line decides on the first."""
    image = np.zeros((1, 90, 90), np.float32)
    steps = 30 + np.arange(length)
    image[0, steps if diagonal else 30, steps] = 1.0
    restorer = binary_map(threshold=0.5, min_size=20, diagonal=diagonal)
    assert restorer.geometry.halo == (19, 19)
    restored = restore_array(restorer, image, tile=39)["mean"]
    np.testing.assert_array_equal(restored, image if length >= 20 else 0 * image)


def test_a_smaller_halo_would_not_do():
    image = np.zeros((1, 1, 39, 39), np.float32)
    image[0, 0, 19, 19:] = 1.0
    restorer = binary_map(threshold=0.5, min_size=20)
    middle = (0, 0, 19, 19)
    assert restorer.restore(image)["mean"][middle] == 1
    assert restorer.restore(image[..., :-1].copy())["mean"][middle] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"percentile": 101}, r"between 0 and 100.*binary_map.percentile"),
        ({"threshold": float("nan")}, r"finite.*binary_map.threshold"),
        ({"min_size": -1}, r"0 or more.*binary_map.min_size"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionsError, match=message):
        binary_map(**options)
