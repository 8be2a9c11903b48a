"""A dask array that is the restored whole, and computes where one looks alone."""

import numpy as np
import pytest
import zarr

from l2l_core.errors import ImageError, TilingError
from l2l_core.images import open_image
from l2l_core.images.decoded import SHARED
from l2l_core.images.writing import write_image
from l2l_core.workflows.lazy import restore_lazy
from l2l_core.workflows.model import load_model


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 500, shape).astype(np.uint16)


@pytest.fixture
def image(tmp_path):
    write_image(tmp_path / "image.ome.zarr", noise(150, 170), "YX")
    return tmp_path / "image.ome.zarr"


@pytest.mark.parametrize(
    ("axes", "shape", "geometry", "output"),
    [
        ("YX", (150, 170), {}, "mean"),
        ("YX", (70, 90), {"outputs": ("mean", "scale")}, "scale"),
        ("ZYX", (5, 90, 70), {"axes": "ZYX"}, "mean"),
        ("TCZYX", (2, 2, 3, 40, 50), {"channels_in": 2, "channels_out": 2}, "mean"),
        ("CYX", (2, 70, 90), {"channels_in": 2, "channels_out": 3, "scale": 2}, "mean"),
        ("TYX", (2, 70, 90), {"output_axes": "ZYX"}, "mean"),
    ],
)
def test_it_is_the_restored_whole(axes, shape, geometry, output, toy, tmp_path):
    pixels = noise(*shape)
    write_image(tmp_path / "image.ome.zarr", pixels, axes)
    model = toy(**geometry)
    view = restore_lazy(model, tmp_path / "image.ome.zarr", output=output, block=50, tile=24)
    whole = model.restore(pixels, axes, outputs="all")[output]
    assert (view.shape, view.dtype) == (whole.shape, whole.dtype)
    np.testing.assert_array_equal(view.compute(), whole, strict=True)


def test_nothing_is_computed_before_somebody_looks_and_then_there_alone(toy, image):
    model = toy()
    view = restore_lazy(model, image, block=50)
    assert model.restorer.tiles == []
    part = view[10:40, 60:90].compute()
    assert len(model.restorer.tiles) == 1
    assert max(model.restorer.tiles[0]) < 60
    np.testing.assert_array_equal(part, model.restore(noise(150, 170))[10:40, 60:90])


def test_the_numbers_are_taken_when_somebody_looks_and_once(toy, tmp_path, monkeypatch):
    # What is read is read from the disk.
    monkeypatch.setattr(SHARED, "limit", 0)
    place = tmp_path / "image.zarr"
    zarr.create_array(str(place), data=noise(150, 170), chunks=(32, 32))
    model, far = toy(), place / "c" / "4" / "5"
    whole, numbers = far.read_bytes(), model.measure(open_image(place))
    own = restore_lazy(model, place, block=50)
    far.write_bytes(whole[:20])
    with pytest.raises(ImageError, match="cannot be read"):
        own[:10, :10].compute()
    far.write_bytes(whole)
    expected = model.restore(noise(150, 170))
    np.testing.assert_array_equal(own[:10, :10].compute(), expected[:10, :10])
    far.write_bytes(whole[:20])
    given = restore_lazy(model, place, block=50, statistics=numbers)
    for view in (own, given):
        np.testing.assert_array_equal(view[:10, :60].compute(), expected[:10, :60])


def test_those_of_the_model(toy, image):
    model = toy()
    view = restore_lazy(model, image, statistics="model")
    expected = model.restore(noise(150, 170), statistics="model")
    np.testing.assert_array_equal(view.compute(), expected)


def test_a_channel_a_level_and_integers(tmp_path):
    pixels = noise(2, 30, 1200)
    write_image(tmp_path / "image.ome.zarr", pixels, "CYX", channel_names=("actin", "dna"))
    with load_model("gaussian:sigma=1") as model:
        view = restore_lazy(model, tmp_path / "image.ome.zarr", channel="dna", dtype="uint16")
        expected = model.restore(pixels[1], dtype="uint16")
        np.testing.assert_array_equal(view.compute(), expected, strict=True)
        small = restore_lazy(model, tmp_path / "image.ome.zarr", level=1)
        level = open_image(tmp_path / "image.ome.zarr", level=1).read()
        np.testing.assert_array_equal(small.compute(), model.restore(level, "CYX"))


def test_pixels_without_a_value(tmp_path):
    pixels = noise(70, 150).astype(np.float32)
    pixels[40, 64] = np.nan
    np.save(tmp_path / "image.npy", pixels)
    with load_model("gaussian:sigma=1") as model:
        view = restore_lazy(model, tmp_path / "image.npy", block=50).compute()
        np.testing.assert_allclose(view, model.restore(pixels), rtol=1e-6)


def test_the_filling_of_a_mosaic_is_left_out(toy, tmp_path):
    pixels = noise(70, 150)
    pixels[:30] = 0
    zarr.create_array(str(tmp_path / "image.zarr"), data=pixels)
    model = toy()
    view = restore_lazy(model, tmp_path / "image.zarr", ignore=0)
    numbers = model.measure(open_image(tmp_path / "image.zarr"), ignore=0)
    np.testing.assert_array_equal(view.compute(), model.restore(pixels, statistics=numbers))


def test_what_cannot_be_looked_at_in_parts_is_refused(toy, image):
    with pytest.raises(TilingError, match="toy looks at the whole image at once"):
        restore_lazy(toy(halo=None), image)
    with pytest.raises(ImageError, match="no output 'scale'; choose one of mean"):
        restore_lazy(toy(), image, output="scale")
    with pytest.raises(ImageError, match="would be 0 and 1 as uint16"):
        restore_lazy(toy(output="normalized"), image, dtype="uint16")
    with pytest.raises(ImageError, match="level 7"):
        restore_lazy(toy(), image, level=7)
