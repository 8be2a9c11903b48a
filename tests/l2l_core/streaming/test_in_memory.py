import numpy as np
import pytest
from scipy import ndimage

from l2l_core.components import Geometry, Restorer
from l2l_core.errors import AxesError, ComponentError, OutOfMemory, TilingError
from l2l_core.streaming.in_memory import restore_array
from l2l_plugins.restorers.gaussian import Gaussian, GaussianOptions


def gaussian(axes="YX", channels=1, **options):
    made = GaussianOptions(**options)
    return Gaussian(made, axes=axes, channels_in=channels, channels_out=channels)


def image(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Pooling(Restorer):
    """Blocks of four are averaged, laid out again and blurred: exact on its lattice alone."""

    def __init__(self, memory=None, **geometry):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="YX", halo=4, multiple=4, **geometry)
        self.memory = memory
        self.sizes = []

    def restore(self, batch):
        self.sizes.append(batch.size)
        if self.memory is not None and batch.size > self.memory:
            raise OutOfMemory("full")
        n, c, height, width = batch.shape
        means = batch.reshape(n, c, height // 4, 4, width // 4, 4).mean(axis=(3, 5))
        means = ndimage.uniform_filter(means, (1, 1, 3, 3), mode="constant")
        return {"mean": (batch + means.repeat(4, axis=2).repeat(4, axis=3)).astype(np.float32)}


@pytest.mark.parametrize("tile", [12, 13, 20, (12, 40), 1000, None])
@pytest.mark.parametrize("shape", [(61, 83), (64, 64), (9, 50), (1, 1), (2, 37)])
def test_tiled_equals_whole_on_a_lattice(tile, shape):
    pixels = image(1, *shape)
    whole = restore_array(Pooling(), pixels, tile=1000)["mean"]
    tiled = restore_array(Pooling(), pixels, tile=tile)["mean"]
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.0, 0.7, 2.0, (0.5, 3.0)])
def test_tiled_gaussian_is_scipys(sigma):
    pixels = image(2, 45, 71)
    restored = restore_array(gaussian(channels=2, sigma=sigma), pixels, tile=(30, 33))["mean"]
    sigmas = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    expected = ndimage.gaussian_filter(pixels, (0, *sigmas))
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1e-6)


def test_volumes_are_tiled():
    pixels = image(1, 21, 30, 31)
    restored = restore_array(gaussian("ZYX", sigma=(1.0, 0.5, 0.5)), pixels, tile=(12, 9, 9))
    expected = ndimage.gaussian_filter(pixels, (0, 1.0, 0.5, 0.5))
    np.testing.assert_allclose(restored["mean"], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_batch_has_no_influence(batch):
    pixels = image(1, 61, 83)
    one = restore_array(Pooling(), pixels, tile=20, batch=1)["mean"]
    np.testing.assert_array_equal(
        restore_array(Pooling(), pixels, tile=20, batch=batch)["mean"], one
    )


def test_out_of_memory_makes_batches_and_then_tiles_smaller_with_the_same_result():
    pixels = image(1, 61, 83)
    whole = restore_array(Pooling(), pixels)["mean"]
    small = Pooling(memory=300)
    np.testing.assert_allclose(restore_array(small, pixels)["mean"], whole, rtol=0, atol=1e-6)
    assert small.sizes[0] > 300
    assert small.sizes[-1] <= 300


def test_a_device_too_small_for_the_least_tile_is_said():
    with pytest.raises(OutOfMemory, match=r"one tile of 12 x 12 pixels .*needs that much.*device="):
        restore_array(Pooling(memory=100), image(1, 61, 83))


def test_a_method_that_sees_the_whole_image_cannot_be_halved():
    class Global(Pooling):
        def __init__(self):
            super().__init__(memory=100)
            self.geometry = Geometry(axes="YX", halo=None)

    with pytest.raises(OutOfMemory, match=r"61 x 83 pixels .*looks at the whole image"):
        restore_array(Global(), image(1, 61, 83), tile=20)


def test_global_statistics_keep_the_image_in_one_piece():
    restorer = Pooling(statistics_stages=1)
    restore_array(restorer, image(1, 61, 83), tile=20)
    assert restorer.sizes == [64 * 84]


def test_progress_counts_tiles():
    seen = []
    restore_array(
        Pooling(), image(1, 40, 40), tile=20, batch=2, progress=lambda *now: seen.append(now)
    )
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1][0] == seen[-1][1] > 4


def test_the_input_is_left_as_it_is():
    pixels = image(1, 33, 35)
    pixels[0, 4, 5] = np.nan
    before = pixels.copy()
    restore_array(gaussian(sigma=1.0), pixels, tile=20)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("tile", [None, 20])
def test_a_missing_pixel_reaches_no_further_than_the_receptive_field(value, tile):
    pixels = image(1, 60, 61)
    clean = restore_array(gaussian(sigma=1.0), pixels, tile=tile)["mean"]
    broken = pixels.copy()
    broken[0, 30, 31] = value
    restored = restore_array(gaussian(sigma=1.0), broken, tile=tile)["mean"]
    away = np.ones((60, 61), dtype=bool)
    away[30 - 4 : 35, 31 - 4 : 36] = False
    np.testing.assert_array_equal(restored[0][away], clean[0][away])
    assert np.isnan(restored[0, 30, 31])
    assert np.isnan(restored).sum() == 1


def test_a_method_that_would_spread_nan_along_a_line_does_not():
    class Running(Pooling):
        def restore(self, batch):
            return {"mean": ndimage.uniform_filter(batch, (1, 1, 5, 5))}

    pixels = image(1, 40, 40)
    clean = restore_array(Running(), pixels)["mean"]
    pixels[0, 10, 10] = np.nan
    restored = restore_array(Running(), pixels)["mean"]
    np.testing.assert_allclose(restored[0, 10, 13:], clean[0, 10, 13:], atol=1e-5)


def test_the_fill_of_missing_pixels_can_be_given():
    pixels = np.full((1, 21, 21), 7.0, dtype=np.float32)
    pixels[0, 10, 10] = np.nan
    by_mean = restore_array(gaussian(sigma=1.0), pixels)["mean"]
    assert by_mean[0, 10, 11] == pytest.approx(7.0, abs=1e-5)
    by_zero = restore_array(gaussian(sigma=1.0), pixels, fill=0.0)["mean"]
    assert by_zero[0, 10, 11] < 6.9


class UpSampling(Restorer):
    """Every pixel becomes two by two, and a scale comes out beside the mean."""

    def __init__(self):
        super().__init__(None, axes="YX", channels_in=1, channels_out=2)
        self.geometry = Geometry(
            axes="YX", channels_out=2, scale=2, halo=1, outputs=("mean", "scale")
        )

    def restore(self, batch):
        mean = ndimage.gaussian_filter(batch, (0, 0, 0.2, 0.2)).repeat(2, axis=2).repeat(2, axis=3)
        mean = np.concatenate([mean, -mean], axis=1)
        return {"mean": mean, "scale": np.abs(mean)}


def test_a_scale_and_several_outputs_and_channels():
    pixels = image(1, 31, 44)
    pixels[0, 3, 4] = np.nan
    whole = restore_array(UpSampling(), pixels)
    tiled = restore_array(UpSampling(), pixels, tile=8)
    assert tiled["mean"].shape == tiled["scale"].shape == (2, 62, 88)
    for name in whole:
        np.testing.assert_array_equal(tiled[name], whole[name])
    assert np.argwhere(np.isnan(tiled["mean"][1])).tolist() == [[6, 8], [6, 9], [7, 8], [7, 9]]


class Projection(Restorer):
    """A volume in, its mean over Z out."""

    def __init__(self):
        super().__init__(None, axes="ZYX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="ZYX", output_axes="YX")

    def restore(self, batch):
        return {"mean": batch.mean(axis=2)}


class Stack(Restorer):
    """A plane in, three planes out."""

    def __init__(self):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="YX", output_axes="ZYX")

    def restore(self, batch):
        return {"mean": np.stack([batch, batch + 1, batch + 2], axis=2)}


def test_an_axis_may_vanish():
    pixels = image(1, 5, 20, 30)
    restored = restore_array(Projection(), pixels, tile=(2, 8, 8))["mean"]
    np.testing.assert_allclose(restored, pixels.mean(axis=1), atol=1e-6)
    pixels[0, 2, 3, 4] = np.nan
    assert np.argwhere(np.isnan(restore_array(Projection(), pixels)["mean"][0])).tolist() == [
        [3, 4]
    ]


def test_an_axis_may_be_new():
    pixels = image(1, 20, 30)
    pixels[0, 3, 4] = np.nan
    restored = restore_array(Stack(), pixels, tile=8)["mean"]
    np.testing.assert_array_equal(restored[0], np.stack([pixels[0] + i for i in range(3)]))


def test_wrong_dimensions_and_channels_are_refused():
    with pytest.raises(AxesError, match=r"\(20, 20\).*CYX"):
        restore_array(Pooling(), image(20, 20))
    with pytest.raises(AxesError, match="got 3 channels; Pooling takes 1"):
        restore_array(Pooling(), image(3, 20, 20))


def test_a_tile_below_the_least_is_refused():
    with pytest.raises(TilingError, match="at least 12 x 12"):
        restore_array(Pooling(), image(1, 40, 40), tile=8)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"other": 0}, "returned 'other'; expected a dict with 'mean'"),
        ({"mean": np.zeros((1, 1, 3, 3))}, r"returned 'mean' of shape \(1, 1, 3, 3\)"),
        (None, "returned a NoneType; expected a dict with 'mean'"),
        ({}, "returned an empty dict"),
        (np.zeros((1, 1, 40, 40)), "returned an array of float64; expected a dict"),
        ({"mean": [[0.0]]}, "'mean' as a list; expected a NumPy array of float32"),
        ({"mean": np.zeros((1, 1, 40, 40), complex)}, "'mean' as an array of complex128"),
        ({"mean": np.zeros((1, 1, 40, 40), str)}, "'mean' as an array of <U1"),
    ],
)
def test_a_restorer_that_breaks_its_word_is_named(output, expected):
    class Liar(Pooling):
        def restore(self, batch):
            return output

    with pytest.raises(ComponentError, match=expected):
        restore_array(Liar(), image(1, 40, 40))


def test_a_restorer_of_integers_never_wraps_around():
    class Below(Pooling):
        def restore(self, batch):
            return {"mean": batch - 5.0}

    with pytest.raises(ComponentError, match="array of float32; expected a NumPy array of uint16"):
        restore_array(Below(dtype="uint16"), image(1, 40, 40))


def test_numpy_running_out_of_memory_makes_tiles_smaller_as_well():
    class Wide(Pooling):
        def restore(self, batch):
            try:
                return super().restore(batch)
            except OutOfMemory:
                raise MemoryError("Unable to allocate") from None

    pixels = image(1, 61, 83)
    whole = restore_array(Pooling(), pixels)["mean"]
    restored = restore_array(Wide(memory=300), pixels)["mean"]
    np.testing.assert_allclose(restored, whole, rtol=0, atol=1e-6)
