import numpy as np
import pytest

from l2l_core.data.pooled import PooledImage
from l2l_core.errors import DataError, StatisticsError
from l2l_core.images.image import from_array
from l2l_core.images.normalization import measure


@pytest.mark.parametrize("method", ["percentile", "mean_std", "min_max"])
def test_statistics_of_the_pool_are_those_of_all_pixels_together(method):
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 250, (2, 30, 41)).astype(np.uint8),
        rng.integers(100, 60_000, (3, 2, 20, 10)).astype(np.uint16),
    ]
    images = [from_array(arrays[0], "CYX"), from_array(arrays[1], "ZCYX")]
    flat = np.concatenate(
        [arrays[0].reshape(2, -1), arrays[1].transpose(1, 0, 2, 3).reshape(2, -1)], axis=1
    )
    found = measure(PooledImage(images, "the training inputs"), method=method, low=3, high=97)
    expected = measure(flat[:, None].astype(np.float64), "CYX", method=method, low=3, high=97)
    np.testing.assert_allclose(found.offset, expected.offset, rtol=1e-9)
    np.testing.assert_allclose(found.scale, expected.scale, rtol=1e-9)


def test_large_images_come_in_several_blocks():
    arrays = [np.full((1200, 2000), i, np.uint8) for i in range(4)]
    arrays[3] = np.full((3000, 2000), 9, np.uint8)
    pool = PooledImage([from_array(array, "YX") for array in arrays], "inputs")
    assert len(list(pool.blocks())) > 4
    count = sum(pool.read(**place).size for place in pool.blocks())
    assert count == sum(array.size for array in arrays)


def test_a_constant_set_is_named():
    images = [from_array(np.zeros((4, 4)), "YX")] * 2
    with pytest.raises(StatisticsError, match="the training targets"):
        measure(PooledImage(images, "the training targets"))


def test_channels_have_to_agree():
    images = [from_array(np.zeros((4, 4)), "YX"), from_array(np.zeros((2, 4, 4)), "CYX")]
    with pytest.raises(DataError, match=r"\[1, 2\] channels"):
        PooledImage(images, "inputs")
