"""A model and the filters behind it give what restoring and then filtering gives, in any parts."""

import numpy as np
import pytest

from l2l_core.errors import (
    AxesError,
    ComponentError,
    ImageError,
    Interrupted,
    L2LError,
    OptionsError,
    TilingError,
)
from l2l_core.images import open_image
from l2l_core.images.writing import write_image
from l2l_core.workflows.chained_model import ChainedModel
from l2l_core.workflows.lazy import restore_lazy
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restoration import Silent
from l2l_core.workflows.restore import restore_file, restore_files

TOP_HAT = "white_top_hat:size=5"
MAP = "binary_map:threshold=600, min_size=4"
WIDE = "gaussian:sigma=1.5"
VOLUME = "gaussian:sigma=[0.5, 1, 1]"
DISTANCE = "distance_map:limit=4, threshold=0.5"
GLOBAL_MAP = "binary_map:percentile=80, min_size=4"


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 500, shape).astype(np.uint16)


def behind(model, *specs):
    return ChainedModel(model, [load_model(spec) for spec in specs])


def two_step(model, specs, pixels, axes):
    values = model.restore(pixels, axes)
    axes = model.output_axes(axes)
    for spec in specs:
        with load_model(spec) as one:
            values = one.restore(values, axes)
    return values


CASES = [
    ("YX", (67, 81), {}, (WIDE,)),
    ("YX", (67, 81), {}, (TOP_HAT, WIDE, DISTANCE)),
    ("YX", (9, 13), {"multiple": 4, "halo": 8}, (TOP_HAT,)),
    ("YX", (67, 81), {"scale": 2}, (WIDE,)),
    ("ZYX", (5, 40, 51), {"axes": "ZYX"}, (TOP_HAT,)),
    ("ZYX", (5, 40, 51), {"axes": "ZYX"}, (VOLUME, MAP)),
    ("ZYX", (5, 40, 51), {}, (VOLUME,)),
    ("TCZYX", (2, 1, 3, 40, 37), {}, (WIDE,)),
    ("TCYX", (2, 2, 40, 37), {"channels_in": 2, "channels_out": 3}, (WIDE, TOP_HAT)),
    ("TYX", (2, 40, 37), {"outputs": ("mean", "scale")}, (WIDE,)),
]


@pytest.mark.parametrize(("axes", "shape", "geometry", "specs"), CASES)
def test_a_chain_streams_and_shows_what_two_steps_give(axes, shape, geometry, specs, toy, tmp_path):
    pixels = noise(*shape)
    write_image(tmp_path / "image.ome.zarr", pixels, axes)
    alone = toy(**geometry)
    expected = two_step(alone, specs, pixels, axes)
    model = behind(alone, *specs)
    np.testing.assert_array_equal(model.restore(pixels, axes), expected, strict=True)
    restored = restore_file(model, tmp_path / "image.ome.zarr", tmp_path / "out.zarr", unit=32)
    assert not restored.error
    np.testing.assert_array_equal(open_image(tmp_path / "out.zarr").read(), expected)
    view = restore_lazy(model, tmp_path / "image.ome.zarr", block=23)
    np.testing.assert_array_equal(view.compute(), expected, strict=True)


@pytest.mark.parametrize("tile", [50, 64, 500])
def test_neither_tile_nor_unit_changes_what_comes_out(tile, toy, tmp_path):
    pixels = noise(99, 131)
    np.save(tmp_path / "image.npy", pixels)
    alone = toy()
    expected = two_step(alone, (WIDE, TOP_HAT), pixels, "YX")
    model = behind(alone, WIDE, TOP_HAT)
    np.testing.assert_array_equal(model.restore(pixels, tile=tile), expected)
    for unit in (32, 64, 4096):
        out = tmp_path / f"{unit}.zarr"
        restore_file(model, tmp_path / "image.npy", out, unit=unit, tile=tile)
        np.testing.assert_array_equal(open_image(out).read(), expected)


def test_a_small_part_of_a_large_image_is_all_that_is_computed(toy, tmp_path):
    pixels = noise(1200, 1200)
    np.save(tmp_path / "image.npy", pixels)
    alone = toy(scope="dataset")
    model = behind(alone, WIDE, TOP_HAT)
    view = restore_lazy(model, tmp_path / "image.npy", block=64)
    part = view[640:704, 640:704].compute()
    # The filters reach 8 pixels further, and a tile of the method is no larger than it has to be.
    assert sum(np.prod(tile) for tile in alone.restorer.tiles) < 100 * 100
    np.testing.assert_array_equal(part, model.restore(pixels)[640:704, 640:704])


@pytest.mark.parametrize(
    "specs", [(WIDE,), (WIDE, TOP_HAT), ("binary_map:threshold=600,min_size=0",)]
)
def test_pixels_without_a_value_are_to_the_filters_what_they_are_in_two_steps(specs, toy, tmp_path):
    pixels = noise(2, 67, 81).astype(np.float32)
    pixels[0, 20:30, 40:52] = np.nan
    write_image(tmp_path / "image.ome.zarr", pixels, "TYX")
    alone = toy()
    expected = two_step(alone, specs, pixels, "TYX")
    assert np.isnan(expected).sum() == 120
    model = behind(alone, *specs)
    np.testing.assert_array_equal(model.restore(pixels, "TYX"), expected)
    restored = restore_file(model, tmp_path / "image.ome.zarr", tmp_path / "out.zarr", unit=32)
    assert not restored.error
    streamed = open_image(tmp_path / "out.zarr").read()
    np.testing.assert_allclose(streamed, expected, rtol=1e-6)
    view = restore_lazy(model, tmp_path / "image.ome.zarr", block=23)
    np.testing.assert_allclose(view.compute(), expected, rtol=1e-6)


def test_a_step_that_looks_at_the_whole_image_is_named_and_restores_in_one_unit(toy, tmp_path):
    pixels = noise(70, 90)
    np.save(tmp_path / "image.npy", pixels)
    alone = toy()
    model = behind(alone, TOP_HAT, GLOBAL_MAP)
    with pytest.raises(TilingError, match=r"binary_map looks at the whole.*--unit 90.*threshold="):
        restore_file(model, tmp_path / "image.npy", tmp_path / "out.zarr", unit=64)
    with pytest.raises(TilingError, match="binary_map looks at the whole image"):
        restore_lazy(model, tmp_path / "image.npy")
    expected = two_step(alone, (TOP_HAT, GLOBAL_MAP), pixels, "YX")
    restore_file(model, tmp_path / "image.npy", tmp_path / "out.tif")
    np.testing.assert_array_equal(open_image(tmp_path / "out.tif").read(), expected)
    restore_file(model, tmp_path / "image.npy", tmp_path / "out.zarr", unit=96)
    np.testing.assert_array_equal(open_image(tmp_path / "out.zarr").read(), expected)


def test_only_the_mean_goes_through_the_filters(toy, tmp_path):
    pixels = noise(40, 40)
    np.save(tmp_path / "image.npy", pixels)
    model = behind(toy(outputs=("mean", "scale")), WIDE)
    assert list(model.restore(pixels, outputs="all")) == ["mean"]
    with pytest.raises(ImageError, match="gives its scale beside the mean, and only the mean"):
        restore_file(model, tmp_path / "image.npy", tmp_path / "out.zarr", all_outputs=True)
    with pytest.raises(ImageError, match="only the mean goes through gaussian"):
        restore_lazy(model, tmp_path / "image.npy", output="scale")


def test_a_method_that_changes_its_axes_is_followed_by_nothing(toy):
    with pytest.raises(ComponentError, match="turns ZYX into YX"):
        behind(toy(axes="ZYX", output_axes="YX"), WIDE)


def test_a_plane_is_no_volume_to_a_filter_either_and_nothing_is_computed_first(toy):
    alone = toy()
    with pytest.raises(AxesError, match="works in ZYX"):
        behind(alone, VOLUME).restore(noise(40, 40))
    assert alone.restorer.tiles == []


def test_what_comes_out_says_what_it_went_through_and_in_which_units(toy):
    alone = toy()
    model = behind(alone, TOP_HAT, MAP)
    assert model.units == "as 1 where there is structure and 0 elsewhere"
    assert behind(alone, WIDE).units == alone.units
    names = [step["restorer"] for step in model.provenance()["chain"]]
    assert names == ["white_top_hat", "binary_map"]
    assert "then white_top_hat" in model.describe()
    assert model.describe().endswith(model.units)


def test_a_map_of_normalised_restorations_may_be_integers(toy):
    alone = toy(output="normalized")
    assert behind(alone, MAP).output_dtype("uint8") == np.uint8
    with pytest.raises(ImageError, match="would be 0 and 1"):
        behind(alone, WIDE).output_dtype("uint8")


@pytest.mark.parametrize("workers", [None, 1])
def test_a_network_and_its_chain_are_streamed_on_threads_and_in_processes(
    workers, trained, tmp_path
):
    pixels = noise(70, 150)
    write_image(tmp_path / "image.tif", pixels, "YX")
    then = (TOP_HAT, WIDE)
    with load_model(trained.folder, device="cpu") as alone:
        expected = two_step(alone, then, pixels, "YX")
    with load_model(trained.folder, device="cpu", then=then) as model:
        np.testing.assert_array_equal(model.restore(pixels, "YX"), expected)
        out = tmp_path / "out.zarr"
        restored = restore_file(model, tmp_path / "image.tif", out, unit=64, workers=workers)
    assert not restored.error
    spread = float(expected.std())
    np.testing.assert_allclose(open_image(out).read(), expected, atol=1e-5 * spread)


class Stopped(Silent):
    """Interrupts when the second unit is ready."""

    def pixels(self, title, total, before):
        display = super().pixels(title, total, before)
        shown = []

        class Stopping(type(display)):
            def __call__(self, *_):
                shown.append(1)
                if len(shown) == 2:
                    raise KeyboardInterrupt

        return Stopping()


def test_a_stopped_restoration_goes_on_with_the_same_filters_alone(tmp_path):
    pixels = noise(150, 170)
    np.save(tmp_path / "image.npy", pixels)
    out = tmp_path / "out.zarr"
    with load_model(WIDE, then=[MAP]) as model, pytest.raises(Interrupted):
        restore_file(model, tmp_path / "image.npy", out, unit=64, progress=Stopped())
    for then in ((), [MAP, TOP_HAT]):
        with (
            load_model(WIDE, then=then) as other,
            pytest.raises(L2LError, match=r"what follows MODEL \(--then\) was binary_map"),
        ):
            restore_file(other, tmp_path / "image.npy", out, unit=64)
    with load_model(WIDE, then=[MAP]) as model:
        result = restore_file(model, tmp_path / "image.npy", out, unit=64)
        expected = model.restore(pixels)
    assert 0 < result.units_before < result.units
    np.testing.assert_array_equal(open_image(out).read(), expected)


def test_filters_by_name_are_followed_as_models_are():
    pixels = noise(40, 50)
    expected = two_step(load_model(WIDE), (TOP_HAT, MAP), pixels, "YX")
    model = load_model(
        WIDE, then=[TOP_HAT, {"name": "binary_map", "options": {"threshold": 600.0, "min_size": 4}}]
    )
    np.testing.assert_array_equal(model.restore(pixels), expected)


@pytest.mark.parametrize(
    ("then", "error", "says"),
    [
        (["care"], ComponentError, "restorer 'care' has to be trained"),
        (["gausian"], ComponentError, "did you mean 'gaussian'"),
        (["gaussian:sgma=1"], OptionsError, "sgma"),
        (["gaussian:sigma"], OptionsError, "cannot be read"),
        ("gaussian", OptionsError, "expected a list of filters"),
        ([{"name": "gaussian", "option": {}}], OptionsError, "option"),
    ],
)
def test_what_cannot_follow_is_refused(then, error, says):
    with pytest.raises(error, match=says):
        load_model("identity", then=then)


@pytest.mark.parametrize("name", ["out.zarr", "out.tif"])
@pytest.mark.parametrize("workers", [None, 2])
def test_distances_of_no_map_are_told_of_once_a_restoration(workers, name, tmp_path):
    write_image(tmp_path / "in.ome.zarr", noise(70, 81), "YX")
    with load_model("gaussian:sigma=1", then=["distance_map:limit=3"]) as model:
        for number in range(2):
            with pytest.warns(UserWarning, match="is no map of structure") as told:
                restore_file(
                    *(model, tmp_path / "in.ome.zarr", tmp_path / f"{number}-{name}"),
                    unit=32 if name.endswith(".zarr") else None,
                    workers=workers,
                )
            assert len(told) == 1


@pytest.mark.parametrize("workers", [None, 2])
def test_distances_of_no_map_are_told_of_once_a_batch_of_files(workers, tmp_path):
    sources = [tmp_path / f"{number}.npy" for number in range(3)]
    for number, source in enumerate(sources):
        np.save(source, noise(40, 41, seed=number))
    with (
        load_model("distance_map:limit=3") as model,
        pytest.warns(UserWarning, match="is no map of structure") as told,
    ):
        restore_files(model, sources, tmp_path / "out", workers=workers)
    assert len(told) == 1


def test_distances_of_no_map_are_a_warning_in_memory_and_of_what_is_lazy(tmp_path):
    write_image(tmp_path / "in.ome.zarr", noise(40, 41), "YX")
    for then in (["distance_map:limit=3"], ["chain:steps=[{name='distance_map'}]"]):
        with (
            load_model("gaussian:sigma=1", then=then) as model,
            pytest.warns(UserWarning, match="put binary_map before it"),
        ):
            model.restore(noise(40, 41))
    with load_model("distance_map:limit=3") as model:
        lazy = restore_lazy(model, tmp_path / "in.ome.zarr")
        with pytest.warns(UserWarning, match="put binary_map before it"):
            lazy.compute()
