"""What is streamed is the restored whole, with all that was known of the image."""

import json

import numpy as np
import pytest
import yaozarrs
import zarr
from attrs import evolve

from l2l_core.errors import AxesError, ImageError, StatisticsError, TilingError
from l2l_core.images import open_image
from l2l_core.images.image import Length
from l2l_core.images.writing import write_image
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restoration import Silent
from l2l_core.workflows.restore import restore_file, restore_files


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 500, shape).astype(np.uint16)


def stored(place, pixels, *, chunks=32, **options):
    """Write a plain zarr array, of which files can be damaged one by one."""
    options = {"chunks": (chunks,) * pixels.ndim, "compressors": "auto", **options}
    array = zarr.create_array(str(place), shape=pixels.shape, dtype=pixels.dtype, **options)
    array[...] = pixels
    return place


def group_of(place):
    document = json.loads((place / "zarr.json").read_text())
    return document["attributes"]


class Told(Silent):
    """Keeps what is said."""

    def __init__(self):
        self.said = []
        self.counted = []

    def message(self, text):
        self.said.append(text)

    def pixels(self, title, total, before):
        display = super().pixels(title, total, before)
        self.counted.append((title, total, before))
        return display


@pytest.fixture
def blur():
    with load_model("gaussian:sigma=1") as model:
        yield model


@pytest.fixture
def image(tmp_path):
    """Return a mosaic of nine units of 64 pixels, in chunks of 32."""
    return stored(tmp_path / "image.zarr", noise(150, 170))


@pytest.mark.parametrize(
    ("axes", "shape", "geometry"),
    [
        ("YX", (150, 170), {}),
        ("ZYX", (5, 90, 70), {"axes": "ZYX"}),
        ("TCZYX", (2, 1, 3, 70, 90), {}),
        ("CYX", (2, 70, 90), {"channels_in": 2, "channels_out": 3}),
        ("YX", (70, 90), {"outputs": ("mean", "scale")}),
        ("CYX", (2, 70, 90), {"channels_in": 2, "channels_out": 2, "scale": 2}),
        ("TYX", (2, 70, 90), {"output_axes": "ZYX"}),
        ("ZYX", (3, 70, 90), {"axes": "ZYX", "output_axes": "YX"}),
        ("ZYX", (3, 70, 90), {"axes": "ZYX", "halo": (None, 1, 1)}),
    ],
)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_is_streamed_is_the_restored_whole(axes, shape, geometry, version, toy, tmp_path):
    pixels = noise(*shape)
    np.save(tmp_path / "image.npy", pixels)
    model = toy(**geometry)
    out = tmp_path / "out.zarr"
    options = {"unit": 64, "tile": 24, "all_outputs": True, "version": version, "axes": axes}
    result = restore_file(model, tmp_path / "image.npy", out, **options)
    assert not result.error
    whole = model.restore(pixels, axes, outputs="all")
    for name, expected in whole.items():
        place = tmp_path / ("out.zarr" if name == "mean" else f"out_{name}.zarr")
        restored = open_image(place)
        assert restored.axes == result.axes == model.output_axes(axes)
        assert restored.info.format == f"OME-Zarr {version}"
        np.testing.assert_array_equal(restored.read(), expected, strict=True)
        yaozarrs.validate_zarr_store(str(place))


def test_a_filter_takes_channels_one_by_one(blur, tmp_path):
    pixels = noise(2, 2, 3, 70, 90)
    write_image(tmp_path / "image.ome.zarr", pixels, "TCZYX", channel_names=("actin", "dna"))
    restore_file(blur, tmp_path / "image.ome.zarr", tmp_path / "out.zarr", unit=64)
    restored = open_image(tmp_path / "out.zarr")
    assert restored.info.channel_names == ("actin", "dna")
    np.testing.assert_array_equal(restored.read(), blur.restore(pixels, "TCZYX"))
    one = restore_file(
        blur, tmp_path / "image.ome.zarr", tmp_path / "dna.zarr", unit=64, channel="dna"
    )
    assert one.axes == "TZYX"
    np.testing.assert_array_equal(
        open_image(tmp_path / "dna.zarr").read(), blur.restore(pixels[:, 1], "TZYX")
    )


def test_a_network_is_streamed_in_the_units_of_its_targets(trained, tmp_path):
    pixels = noise(70, 150).astype(np.float32)
    pixels[30, 60:64] = np.nan
    write_image(tmp_path / "image.tif", pixels, "YX")
    with load_model(trained.folder, device="cpu") as model:
        restore_file(model, tmp_path / "image.tif", tmp_path / "out.zarr", unit=64, tile=32)
        whole = model.restore(pixels, "YX")
    restored = open_image(tmp_path / "out.zarr").read()
    assert np.isnan(restored).sum() == 4
    np.testing.assert_array_equal(np.isnan(restored), np.isnan(pixels))
    np.testing.assert_allclose(restored, whole, atol=1e-5 * float(np.nanstd(whole)))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_are_the_means_of_two_by_two_pixels_to_the_top(version, tmp_path):
    pixels = noise(8200, 20)
    np.save(tmp_path / "image.npy", pixels)
    with load_model("identity") as model:
        restore_file(
            model, tmp_path / "image.npy", tmp_path / "out.zarr", unit=1024, version=version
        )
    group = zarr.open_group(str(tmp_path / "out.zarr"), mode="r")
    former = pixels.astype(np.float64)
    levels = [np.asarray(group[str(level)]) for level in range(len(list(group.array_keys())))]
    assert [level.shape[0] for level in levels] == [8200, 4100, 2050, 1025, 513, 257]
    for level in levels[1:]:
        former = np.pad(former, [(0, side % 2) for side in former.shape], mode="edge")
        former = former.reshape(former.shape[0] // 2, 2, former.shape[1] // 2, 2).mean((1, 3))
        np.testing.assert_allclose(level, former, rtol=1e-6)


def test_size_place_names_and_colours_of_the_image_go_over(toy, tmp_path):
    source = tmp_path / "image.ome.zarr"
    write_image(
        source,
        noise(2, 70, 90),
        "CYX",
        pixel_size={"Y": Length(0.4, "nanometer"), "X": Length(0.2, "nanometer")},
        channel_names=("actin", "dna"),
    )
    document = json.loads((source / "zarr.json").read_text())
    ome = document["attributes"]["ome"]
    ome["omero"]["channels"][1]["color"] = "00FF00"
    for dataset in ome["multiscales"][0]["datasets"]:
        dataset["coordinateTransformations"] = [
            dataset["coordinateTransformations"][0],
            {"type": "translation", "translation": [0.0, 10.0, 20.0]},
        ]
    (source / "zarr.json").write_text(json.dumps(document))
    model = toy(channels_in=2, channels_out=2, scale=2)
    restore_file(model, source, tmp_path / "out.zarr", unit=64)
    made = group_of(tmp_path / "out.zarr")
    multiscale = made["ome"]["multiscales"][0]
    assert [axis.get("unit") for axis in multiscale["axes"]] == [None, "nanometer", "nanometer"]
    scale, translation = multiscale["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [1.0, 0.2, 0.1]
    # A pixel of half the size has its centre a quarter of the former nearer to the edge.
    np.testing.assert_allclose(translation["translation"], [0.0, 9.9, 19.95])
    channels = made["ome"]["omero"]["channels"]
    assert [channel["label"] for channel in channels] == ["actin", "dna"]
    assert [channel["color"] for channel in channels] == ["FFFFFF", "00FF00"]
    restored = open_image(tmp_path / "out.zarr").read()
    for channel, pixels in zip(channels, restored, strict=True):
        low, high = np.percentile(pixels, (0.1, 99.9))
        assert channel["window"]["start"] == pytest.approx(low)
        assert channel["window"]["end"] == pytest.approx(high)


def test_the_store_says_what_made_it_and_when_it_is_complete(toy, image, tmp_path):
    told = Told()
    restore_file(toy(), image, tmp_path / "out.zarr", unit=64, progress=told)
    made = group_of(tmp_path / "out.zarr")["label2label"]
    assert made["status"] == "finished"
    assert (made["restorer"], made["source"], made["output"]) == ("toy", "image.zarr", "mean")
    assert "no measure of amounts" in made["note"]
    pixels = open_image(image).read()
    before = made["statistics"]["before"]
    assert before["offset"] == [float(pixels.min())]
    assert before["scale"] == [float(pixels.max() - pixels.min())]
    assert any("3 threads" in text for text in told.said)


def test_integers_saturate(tmp_path):
    pixels = np.linspace(-500, 70000, 70 * 80, dtype=np.float32).reshape(70, 80)
    np.save(tmp_path / "image.npy", pixels)
    with load_model("identity") as model:
        restore_file(model, tmp_path / "image.npy", tmp_path / "out.zarr", unit=64, dtype="uint16")
    restored = open_image(tmp_path / "out.zarr").read()
    np.testing.assert_array_equal(restored, np.rint(pixels.clip(0, 65535)), strict=False)
    assert restored.dtype == np.uint16


def test_a_normalised_restoration_is_not_written_as_integers(toy, image, tmp_path):
    with pytest.raises(ImageError, match="would be 0 and 1 as uint16; take float32"):
        restore_file(toy(output="normalized"), image, tmp_path / "out.zarr", dtype="uint16")
    assert not (tmp_path / "out.zarr").exists()


def test_a_pixel_without_a_value_has_none_and_spoils_no_other(blur, tmp_path):
    pixels = noise(70, 150).astype(np.float32)
    pixels[40, 64] = np.nan
    np.save(tmp_path / "image.npy", pixels)
    restore_file(blur, tmp_path / "image.npy", tmp_path / "out.zarr", unit=64)
    restored = open_image(tmp_path / "out.zarr").read()
    assert np.argwhere(np.isnan(restored)).tolist() == [[40, 64]]
    np.testing.assert_allclose(restored, blur.restore(pixels), rtol=1e-6)


def test_an_image_without_any_value_is_restored_to_none(blur, tmp_path):
    np.save(tmp_path / "image.npy", np.full((70, 150), np.nan, np.float32))
    assert not restore_file(blur, tmp_path / "image.npy", tmp_path / "out.zarr", unit=64).error
    assert np.isnan(open_image(tmp_path / "out.zarr").read()).all()


def test_whose_numbers_normalise(toy, image, tmp_path):
    pixels = open_image(image).read()
    model = toy()
    for statistics in ("image", "model"):
        out = tmp_path / f"by_{statistics}.zarr"
        restore_file(model, image, out, unit=64, statistics=statistics)
        np.testing.assert_array_equal(
            open_image(out).read(), model.restore(pixels, statistics=statistics)
        )
    dataset = toy(scope="dataset")
    restore_file(dataset, image, tmp_path / "default.zarr", unit=64)
    np.testing.assert_array_equal(
        open_image(tmp_path / "default.zarr").read(), open_image(tmp_path / "by_model.zarr").read()
    )


def test_the_filling_of_a_mosaic_is_left_out_of_its_numbers(toy, tmp_path):
    pixels = noise(150, 170)
    pixels[:70] = 0
    stored(tmp_path / "image.zarr", pixels)
    model = toy()
    restore_file(model, tmp_path / "image.zarr", tmp_path / "out.zarr", unit=64, ignore=0)
    numbers = model.measure(open_image(tmp_path / "image.zarr"), ignore=0)
    assert numbers.offset == (float(pixels[70:].min()),)
    np.testing.assert_array_equal(
        open_image(tmp_path / "out.zarr").read(), model.restore(pixels, statistics=numbers)
    )


@pytest.mark.parametrize("unit", [64, None])
@pytest.mark.parametrize(("ignore", "remarks"), [(None, 1), (0, 0)])
def test_much_filling_is_told_of_unless_it_is_left_out(unit, ignore, remarks, toy, tmp_path):
    pixels = noise(150, 170)
    pixels[:70] = 0
    model = toy()
    spec = evolve(model.info.normalization.input.spec, method="percentile")
    side = evolve(model.info.normalization.input, spec=spec)
    model.info = evolve(model.info, normalization=evolve(model.info.normalization, input=side))
    for name in ("a.zarr", "b.zarr"):
        stored(tmp_path / "images" / name, pixels)
    told = Told()
    restore_files(
        model, [tmp_path / "images"], tmp_path / "out", unit=unit, ignore=ignore, progress=told
    )
    said = [text for text in told.said if "begin anew with --ignore 0" in text]
    assert len(said) == remarks
    assert all("47% of the pixels are exactly 0" in text for text in said)


def test_an_image_without_contrast_is_refused(toy, tmp_path):
    np.save(tmp_path / "image.npy", np.full((70, 150), 5, np.uint16))
    with pytest.raises(StatisticsError, match=r"image\.npy"):
        restore_file(toy(), tmp_path / "image.npy", tmp_path / "out.zarr", unit=64)


def test_a_level_of_a_pyramid(blur, tmp_path):
    np.save(tmp_path / "image.npy", noise(30, 1200))
    source = tmp_path / "source.zarr"
    restore_file(blur, tmp_path / "image.npy", source, unit=512)
    restore_file(blur, source, tmp_path / "out.zarr", unit=64, level=1)
    level = open_image(source, level=1).read()
    np.testing.assert_array_equal(open_image(tmp_path / "out.zarr").read(), blur.restore(level))
    with pytest.raises(ImageError, match=r"source\.zarr.*level 9"):
        restore_file(blur, source, tmp_path / "none.zarr", level=9)
    assert not (tmp_path / "none.zarr").exists()
    assert not (tmp_path / "none.zarr.l2l").exists()


def test_an_image_without_a_plane_is_refused(blur, tmp_path):
    place = tmp_path / "image.zarr"
    zarr.create_array(str(place), shape=(4, 30), dtype="uint8", dimension_names=["t", "x"])
    with pytest.raises(AxesError, match=r"image\.zarr"):
        restore_file(blur, place, tmp_path / "out.zarr")
    np.save(tmp_path / "line.npy", np.arange(9.0))
    with pytest.raises(ImageError, match=r"line\.npy"):
        restore_file(blur, tmp_path / "line.npy", tmp_path / "out.zarr")
    assert not (tmp_path / "out.zarr").exists()


def test_a_method_of_the_whole_image_says_why_it_is_not_cut(toy, image, tmp_path):
    model = toy(halo=None)
    with pytest.raises(TilingError, match=r"toy looks at the whole .* give --unit 170 .*--level"):
        restore_file(model, image, tmp_path / "out.zarr", unit=64)
    result = restore_file(model, image, tmp_path / "out.zarr", unit=170)
    assert result.units == 1
    np.testing.assert_array_equal(
        open_image(tmp_path / "out.zarr").read(), model.restore(open_image(image).read())
    )


def test_a_unit_or_tile_that_is_too_small_is_refused_before_anything_is_made(toy, image, tmp_path):
    for options in ({"unit": 3}, {"tile": 2}):
        with pytest.raises(TilingError, match="too small"):
            restore_file(toy(), image, tmp_path / "out.zarr", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["image.zarr"]
