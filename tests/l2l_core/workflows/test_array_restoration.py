import subprocess
import sys
import warnings

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from l2l_core.components import Geometry, Padding, Restorer
from l2l_core.config import NormalizerConfig
from l2l_core.errors import AxesError, ImageError, ModelError, StatisticsError
from l2l_core.images.axes import reorder
from l2l_core.images.normalization import Normalization
from l2l_core.models.model_file import ModelRecord, NormalizationRecord, SideNormalization
from l2l_core.models.tensors import TensorRecord
from l2l_core.workflows.array_restoration import Model
from l2l_core.workflows.model import load_model

MIN_MAX = NormalizerConfig(method="min_max")

TARGET = {
    1: ((100.0,), (10.0,)),
    2: ((100.0, 50.0), (10.0, 20.0)),
    3: ((0.0,) * 3, (1.0,) * 3),
}


class Blur(Restorer):
    """A small mean filter; every channel out is the mean of the channels in, plus its number."""

    def __init__(self, axes="YX", channels_in=1, channels_out=1, **geometry):
        super().__init__(None, axes=axes, channels_in=channels_in, channels_out=channels_out)
        self.geometry = Geometry(
            axes=axes,
            channels_in=channels_in,
            channels_out=channels_out,
            halo=1,
            multiple=2,
            padding=Padding(mode="edge"),
            **geometry,
        )
        self.seen = []

    def restore(self, batch):
        self.seen.append(batch.copy())
        size = (1, 1, *(3,) * len(self.axes))
        one = ndimage.uniform_filter(batch, size, mode="nearest").mean(axis=1, keepdims=True)
        mean = np.concatenate([one + c for c in range(self.channels_out)], axis=1)
        return {name: mean.astype(np.float32) for name in self.geometry.outputs}


def model(restorer=None, *, output="target", spec=MIN_MAX, numbers=None, target=None):
    restorer = restorer or Blur()
    geometry = restorer.geometry
    record = ModelRecord(
        restorer="blur",
        axes=geometry.axes,
        channels_in=geometry.channels_in,
        channels_out=geometry.channels_out,
        geometry=geometry,
        tensors={"w": TensorRecord((1,), "float32")},
        normalization=NormalizationRecord(
            input=SideNormalization(spec=spec, numbers=numbers),
            target=SideNormalization(
                numbers=target or Normalization(*TARGET[geometry.channels_out])
            ),
            output=output,
        ),
    )
    return Model(restorer, record, where="somewhere")


def image(*shape, seed=0):
    return np.random.default_rng(seed).uniform(20, 500, size=shape).astype(np.float32)


def normalized(pixels):
    return (pixels - pixels.min()) / (pixels.max() - pixels.min())


def blurred(pixels, axes=2):
    size = (1,) * (pixels.ndim - axes) + (3,) * axes
    return ndimage.uniform_filter(pixels, size, mode="nearest")


def test_an_image_is_normalised_restored_and_given_the_targets_units():
    pixels = image(30, 40)
    restored = model().restore(pixels, axes="YX")
    assert restored.dtype == np.float32
    expected = 100 + 10 * blurred(normalized(pixels))
    np.testing.assert_allclose(restored, expected, rtol=1e-5)


def test_units_of_the_input_or_none():
    pixels = image(30, 40)
    own = model(output="input").restore(pixels, "YX")
    np.testing.assert_allclose(own, blurred(pixels), rtol=1e-4)
    bare = model(output="normalized").restore(pixels, "YX")
    np.testing.assert_allclose(bare, blurred(normalized(pixels)), atol=1e-5)


def test_the_scale_has_the_targets_units_without_their_offset():
    pixels = image(30, 40)
    both = model(Blur(outputs=("mean", "scale"))).restore(pixels, "YX", outputs="all")
    assert both.keys() == {"mean", "scale"}
    np.testing.assert_allclose(both["scale"], both["mean"] - 100, rtol=1e-3, atol=1e-3)


@given(
    st.permutations("TZYX").map("".join),
    st.sampled_from(["", "C"]),
    st.integers(0, 4),
    st.sampled_from(["YX", "ZYX"]),
)
def test_axes_come_out_as_they_went_in(order, channel, place, space):
    axes = order[:place] + channel + order[place:]
    sides = {"T": 2, "Z": 3, "Y": 9, "X": 8, "C": 1}
    canonical = image(2, 3, 9, 8)
    shape = tuple(sides[axis] for axis in axes)
    pixels = reorder(canonical, "TZYX", axes)
    assert pixels.shape == shape
    restored = model(Blur(space)).restore(pixels, axes)
    assert restored.shape == shape
    expected = 100 + 10 * blurred(normalized(canonical), len(space))
    np.testing.assert_allclose(reorder(restored, axes, "TZYX"), expected, rtol=1e-5)


def test_the_numbers_are_those_of_the_whole_stack_not_of_each_plane():
    pixels = image(3, 20, 20)
    pixels[1] *= 10
    restored = model(output="normalized").restore(pixels, "ZYX")
    np.testing.assert_allclose(restored, blurred(normalized(pixels)), atol=1e-5)


def test_channels_are_normalised_each_by_itself():
    pixels = image(2, 20, 20) * np.array([1, 50], np.float32)[:, None, None]
    restorer = Blur(channels_in=2)
    restored = model(restorer).restore(pixels, "CYX")
    assert restored.shape == (1, 20, 20)
    expected = np.mean([normalized(channel) for channel in pixels], axis=0)
    np.testing.assert_allclose(restored[0], 100 + 10 * blurred(expected), rtol=1e-5)


def test_several_channels_out_bring_an_axis():
    pixels = image(3, 20, 21)
    found = model(Blur(channels_out=2))
    restored = found.restore(pixels, "ZYX")
    assert found.output_axes("ZYX") == "CZYX"
    assert restored.shape == (2, 3, 20, 21)
    expected = blurred(normalized(pixels))
    np.testing.assert_allclose(restored[0], 100 + 10 * expected, rtol=1e-5)
    np.testing.assert_allclose(restored[1], 50 + 20 * (expected + 1), rtol=1e-5)
    assert found.output_axes("XYC") == "XYC"
    assert found.output_axes("YXT") == "CYXT"


def test_several_channels_out_in_the_units_of_one_in():
    pixels = image(20, 21)
    restored = model(Blur(channels_out=2), output="input").restore(pixels, "YX")
    np.testing.assert_allclose(restored[0], blurred(pixels), rtol=1e-4)
    three = model(Blur(channels_in=2, channels_out=3), output="input")
    with pytest.raises(ModelError, match="gives 3 channels from 2"):
        three.restore(image(2, 20, 21), "CYX")


class Projection(Restorer):
    def __init__(self):
        super().__init__(None, axes="ZYX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="ZYX", output_axes="YX")

    def restore(self, batch):
        return {"mean": batch.mean(axis=2)}


class Stack(Restorer):
    def __init__(self):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="YX", output_axes="ZYX")

    def restore(self, batch):
        return {"mean": np.stack([batch, batch + 1], axis=2)}


def test_spatial_axes_may_vanish_or_be_new():
    pixels = image(2, 4, 10, 11)
    projected = model(Projection(), output="input")
    assert projected.output_axes("TZYX") == "TYX"
    np.testing.assert_allclose(projected.restore(pixels, "TZYX"), pixels.mean(axis=1), rtol=1e-4)
    stacked = model(Stack(), output="normalized")
    assert stacked.output_axes("TYX") == "TZYX"
    assert stacked.restore(pixels[:, 0], "TYX").shape == (2, 2, 10, 11)


def test_uint16_rounds_and_saturates():
    pixels = image(30, 40)
    low = model(target=Normalization((-50000.0,), (200000.0,)))
    full = low.restore(pixels, "YX")
    found = low.restore(pixels, "YX", dtype="uint16")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, np.clip(np.rint(full), 0, 65535).astype(np.uint16))
    assert full.max() > 65535
    assert full.min() < 0


def test_whole_numbers_need_units():
    with pytest.raises(ImageError, match="would be 0 and 1 as uint16; take float32"):
        model(output="normalized").restore(image(20, 20), "YX", dtype="uint16")


def test_integers_go_in_without_wrapping_around():
    pixels = image(30, 40).astype(np.uint16)
    np.testing.assert_allclose(
        model().restore(pixels, "YX"), model().restore(pixels.astype(np.float64), "YX"), rtol=1e-6
    )


def test_numbers_of_the_model():
    pixels = image(30, 40)
    frozen = model(
        spec=evolve(MIN_MAX, scope="dataset"),
        numbers=Normalization((50.0,), (2.0,)),
        output="normalized",
    )
    assert frozen.statistics == "model"
    np.testing.assert_allclose(
        frozen.restore(pixels, "YX"), blurred((pixels - 50) / 2), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        frozen.restore(pixels, "YX", statistics="image"), blurred(normalized(pixels)), atol=1e-5
    )


def test_a_model_without_numbers_says_so():
    with pytest.raises(StatisticsError, match=r"no numbers of its own.*statistics 'image'"):
        model().restore(image(20, 20), "YX", statistics="model")


def test_nan_is_left_out_and_stays_where_it_is():
    pixels = image(30, 41)
    pixels[3, 3], pixels[20, 20] = 1000.0, np.nan
    clean = pixels.copy()
    clean[20, 20] = 100.0
    restored, expected = (model().restore(p, "YX") for p in (pixels, clean))
    assert np.argwhere(np.isnan(restored)).tolist() == [[20, 20]]
    away = np.ones(pixels.shape, bool)
    away[18:24, 18:24] = False
    np.testing.assert_array_equal(restored[away], expected[away])
    whole = model().restore(pixels, "YX", dtype="uint16")
    assert whole[20, 20] == 0


@pytest.mark.parametrize("value", [0, 7, np.nan])
def test_an_image_without_contrast_is_refused(value):
    with pytest.raises(StatisticsError):
        model().restore(np.full((20, 20), value), "YX")


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((3, 20, 20), "CYX", r"takes 1 channel, and .*\(3, 20, 20\) has 3 channels; select"),
        ((20, 20), "YXZ", "name 3 axes"),
        ((20, 20), "YQ", "Q"),
        ((3, 20, 20), "", "give axes"),
    ],
)
def test_axes_that_do_not_fit_are_refused(shape, axes, message):
    with pytest.raises(AxesError, match=message):
        model().restore(image(*shape), axes)


def test_a_plane_is_no_volume():
    with pytest.raises(AxesError, match=r"works in ZYX, .* axes YX has no Z"):
        model(Blur("ZYX")).restore(image(20, 20), "YX")


def test_two_axes_are_a_plane():
    np.testing.assert_array_equal(
        model().restore(image(20, 20)), model().restore(image(20, 20), "YX")
    )


@pytest.mark.parametrize(
    ("pixels", "options", "error"),
    [
        (np.zeros((3, 3), complex), {}, "complex128 is no image"),
        (image(20, 20), {"outputs": "some"}, "expected 'mean' or 'all'"),
        (image(20, 20), {"statistics": "tile"}, "expected 'image' or 'model'"),
        (image(20, 20), {"dtype": "int8"}, "int8"),
        (np.zeros((0, 20)), {}, "no pixels"),
    ],
)
def test_wrong_use_is_refused(pixels, options, error):
    with pytest.raises(ImageError, match=error):
        model().restore(pixels, "YX", **options)


def test_the_tile_makes_no_difference_and_progress_counts_all_planes():
    pixels = image(3, 41, 50)
    seen = []
    tiled = model().restore(pixels, "ZYX", tile=12, batch=4, progress=lambda *n: seen.append(n))
    np.testing.assert_allclose(tiled, model().restore(pixels, "ZYX"), rtol=1e-6)
    done, totals = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]}
    assert done[-1] % 3 == 0


def test_the_array_is_left_as_it_is():
    pixels = image(2, 20, 20)
    before = pixels.copy()
    model().restore(pixels, "ZYX", dtype="uint16")
    load_model("identity").restore(pixels, "ZYX")
    np.testing.assert_array_equal(pixels, before)


def test_a_filter_takes_planes_and_channels_one_by_one():
    pixels = image(2, 3, 30, 31)
    found = load_model("gaussian:sigma=1.5")
    for axes in ("CZYX", "TCYX", "TZYX"):
        np.testing.assert_allclose(
            found.restore(pixels, axes),
            ndimage.gaussian_filter(pixels, (0, 0, 1.5, 1.5)),
            rtol=1e-5,
        )


def test_a_filter_keeps_the_units():
    pixels = image(30, 31).astype(np.uint16)
    found = load_model("identity")
    np.testing.assert_array_equal(found.restore(pixels, "YX", dtype="uint16"), pixels)
    flat = np.zeros((8, 8), np.uint8)
    np.testing.assert_array_equal(found.restore(flat, "YX"), flat)


def test_a_model_says_what_it_is():
    found = model()
    assert found.describe() == (
        "somewhere: blur, YX, 1 in, 1 out; comes out in the units of the images it was trained "
        "to give"
    )
    provenance = found.provenance()
    assert provenance["restorer"] == "blur"
    assert provenance["software"].startswith("label2label ")


def test_a_model_closes():
    class Held(Blur):
        closed = False

        def close(self):
            self.closed = True

    restorer = Held()
    with model(restorer) as found:
        assert not restorer.closed
        found.restore(image(20, 20))
    assert restorer.closed


def test_no_warnings_for_extreme_pixels():
    pixels = image(20, 20).astype(np.float64)
    pixels[0, 0] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restored = model().restore(pixels, "YX")
    assert np.isfinite(restored).sum() == 399


def test_importing_the_package_loads_neither_numpy_nor_a_framework():
    script = (
        "import sys, l2l_core; l2l_core.__version__; dir(l2l_core);"
        "assert not {'numpy', 'torch', 'dask', 'zarr'} & set(sys.modules);"
        "from l2l_core import load_model, get, Model;"
        "assert 'torch' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_package_has_what_it_lists():
    import l2l_core

    assert l2l_core.load_model is load_model
    for name in l2l_core.__all__:
        assert getattr(l2l_core, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = l2l_core.nothing


def test_a_part_is_normalised_by_the_numbers_of_the_whole():
    whole = np.random.default_rng(0).normal(500, 90, (40, 44)).astype(np.float32)
    whole[:20] *= 0.1
    made = model(Blur(), output="input")
    numbers = made.measure(whole, "YX")
    part = made.restore(whole[8:32], "YX", statistics=numbers)
    np.testing.assert_allclose(part[2:-2], made.restore(whole, "YX")[10:30], rtol=1e-5)
    assert np.abs(made.restore(whole[:10], "YX", statistics=numbers)).max() < 100
    assert load_model("gaussian").measure(whole, "YX") is None
