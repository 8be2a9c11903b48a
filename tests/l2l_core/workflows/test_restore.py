from pathlib import Path

import numpy as np
import pytest
import tifffile

from l2l_core.errors import AxesError, DataError, ImageError, OutputError
from l2l_core.images import open_image
from l2l_core.images.image import Length
from l2l_core.images.writing import write_image
from l2l_core.workflows.model import Model, load_model
from l2l_core.workflows.restoration import Silent
from l2l_core.workflows.restore import restore_file, restore_files


@pytest.fixture
def blur():
    with load_model("gaussian:sigma=1") as model:
        yield model


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "cell.ome.tif"
    rng = np.random.default_rng(0)
    write_image(
        path,
        rng.integers(0, 4000, (2, 3, 33, 41), dtype=np.uint16),
        "CZYX",
        pixel_size={"Z": Length(0.5), "Y": Length(0.1), "X": Length(0.1)},
        channel_names=("actin", "dna"),
    )
    return path


def test_pixel_size_channels_and_axes_survive_and_the_restoration_says_what_made_it(
    blur, image, tmp_path
):
    out = tmp_path / "restored.ome.tif"
    result = restore_file(blur, image, out)
    restored = open_image(out)
    assert restored.axes == "CZYX"
    assert restored.shape == (2, 3, 33, 41) == result.shape
    assert restored.info.pixel_size["X"] == Length(0.1)
    assert restored.info.channel_names == ("actin", "dna")
    made = restored.info.metadata["provenance"]
    assert made["restorer"] == "gaussian"
    assert "no measure of amounts" in made["note"]
    expected = blur.restore(open_image(image).read(), "CZYX")
    np.testing.assert_array_equal(restored.read(), expected)


def test_a_finished_restoration_is_recognised_and_left_alone(blur, image, tmp_path):
    out = tmp_path / "restored.tif"
    assert not restore_file(blur, image, out).skipped
    before = out.stat().st_mtime_ns
    assert restore_file(blur, image, out).skipped
    assert out.stat().st_mtime_ns == before
    assert not restore_file(blur, image, out, restart=True).skipped


def test_a_changed_input_is_not_taken_for_a_finished_one(blur, image, tmp_path):
    out = tmp_path / "restored.tif"
    restore_file(blur, image, out)
    write_image(image, np.zeros((8, 8), np.uint16) + np.arange(8, dtype=np.uint16), "YX")
    with pytest.raises(OutputError, match="--restart"):
        restore_file(blur, image, out)


@pytest.mark.parametrize("options", [{"dtype": "uint16"}, {"channel": "dna"}])
def test_other_options_are_another_restoration(blur, image, tmp_path, options):
    out = tmp_path / "restored.tif"
    restore_file(blur, image, out)
    with pytest.raises(OutputError, match="other options"):
        restore_file(blur, image, out, **options)


def test_neither_the_tile_nor_the_way_to_the_model_makes_another_restoration(
    image, tmp_path, trained, monkeypatch
):
    out = tmp_path / "restored.tif"
    with load_model(trained.folder, device="cpu") as model:
        assert not restore_file(model, image, out, channel="0").skipped
        assert restore_file(model, image, out, channel="0", tile=32).skipped
    monkeypatch.chdir(trained.folder)
    with load_model("model", device="cpu") as model:
        assert restore_file(model, image, out, channel="0").skipped


def test_png_files_are_restored_to_what_can_hold_the_result(blur, tmp_path):
    folder = tmp_path / "images"
    for name in ("a", "b"):
        write_image(folder / f"{name}.png", np.arange(64, dtype=np.uint8).reshape(8, 8), "YX")
    floats = restore_files(blur, [folder], tmp_path / "floats")
    assert [Path(one.out).name for one in floats] == ["a.ome.tif", "b.ome.tif"]
    assert not any(one.error for one in floats)
    bytes_ = restore_files(blur, [folder], tmp_path / "bytes", dtype="uint8")
    assert [Path(one.out).name for one in bytes_] == ["a.png", "b.png"]

    class Computing(Silent):
        def tiles(self, name):
            raise AssertionError(name)

    with pytest.raises(OutputError, match="ask for the dtype uint8 or uint16"):
        restore_file(blur, folder / "a.png", tmp_path / "a.png", progress=Computing())


def test_an_image_too_large_for_memory_does_not_keep_others_from_being_restored(tmp_path):
    class Narrow(Model):
        def restore(self, array, *args, **kwargs):
            if array.size > 72:
                raise MemoryError
            return super().restore(array, *args, **kwargs)

    for name, side in (("a", 10), ("b", 9)):
        np.save(tmp_path / f"{name}.npy", np.ones((8, side), np.float32))
    with load_model("identity") as model:
        narrow = Narrow(model.restorer, model.info)
        first, second = restore_files(narrow, [str(tmp_path / "*.npy")], tmp_path / "out")
    assert "not enough memory" in first.error
    assert second.shape == (8, 9)


def test_a_file_that_is_not_ours_is_not_overwritten(blur, image, tmp_path):
    out = tmp_path / "mine.tif"
    tifffile.imwrite(out, np.ones((4, 4), np.uint8))
    before = out.read_bytes()
    with pytest.raises(OutputError, match="can be recognised"):
        restore_file(blur, image, out)
    assert out.read_bytes() == before


def test_the_image_itself_is_never_the_output(blur, image):
    before = image.read_bytes()
    with pytest.raises(OutputError, match="is the image itself"):
        restore_file(blur, image, image, restart=True)
    assert image.read_bytes() == before


def test_one_channel_by_name_or_number(blur, image, tmp_path):
    by_name = restore_file(blur, image, tmp_path / "a.ome.tif", channel="dna")
    by_number = restore_file(blur, image, tmp_path / "b.ome.tif", channel="1")
    assert by_name.axes == by_number.axes == "ZYX"
    np.testing.assert_array_equal(
        open_image(tmp_path / "a.ome.tif").read(), open_image(tmp_path / "b.ome.tif").read()
    )
    with pytest.raises(ImageError, match="actin, dna"):
        restore_file(blur, image, tmp_path / "c.ome.tif", channel="membrane")


def test_asking_for_a_channel_where_there_is_none(blur, tmp_path):
    tifffile.imwrite(tmp_path / "plane.tif", np.arange(64, dtype=np.uint8).reshape(8, 8))
    with pytest.raises(AxesError, match="leave --channel out"):
        restore_file(blur, tmp_path / "plane.tif", tmp_path / "out.tif", channel="0")


def test_integers_are_written_on_request_alone_and_saturate(tmp_path):
    pixels = np.full((8, 9), 300.0, np.float32)
    pixels[0] = -5
    pixels[1] = 70000
    np.save(tmp_path / "image.npy", pixels)
    with load_model("identity") as model:
        restore_file(model, tmp_path / "image.npy", tmp_path / "float.tif")
        restore_file(model, tmp_path / "image.npy", tmp_path / "int.tif", dtype="uint16")
    assert open_image(tmp_path / "float.tif").dtype == np.float32
    written = open_image(tmp_path / "int.tif").read()
    assert written.dtype == np.uint16
    assert written[0, 0] == 0
    assert written[1, 0] == 65535


def test_a_folder_is_restored_and_a_bad_image_does_not_stop_the_others(blur, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "c"):
        tifffile.imwrite(folder / f"{name}.tif", np.arange(64, dtype=np.uint16).reshape(8, 8))
    (folder / "b.tif").write_bytes(b"II*\0 no image")
    results = restore_files(blur, [folder], tmp_path / "out")
    assert [bool(result.error) for result in results] == [False, True, False]
    assert "b.tif" in results[1].error
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.tif", "c.tif"]


def test_several_images_do_not_go_into_one_file(blur, image, tmp_path):
    tifffile.imwrite(tmp_path / "plane.tif", np.arange(64, dtype=np.uint8).reshape(8, 8))
    with pytest.raises(DataError, match="give a folder"):
        restore_files(blur, [image, tmp_path / "plane.tif"], tmp_path / "out.tif")


def test_a_format_that_cannot_be_written_does_not_become_a_folder(blur, image, tmp_path):
    with pytest.raises(OutputError, match=r"not written as \.jpg; expected a folder"):
        restore_files(blur, [image], tmp_path / "restored.jpg")
    assert not (tmp_path / "restored.jpg").exists()
    assert restore_files(blur, [image], tmp_path / "2026.11")[0].out.endswith("tif")


def test_two_images_of_one_name_are_refused_before_any_is_restored(blur, tmp_path):
    for part in ("one", "two"):
        (tmp_path / part).mkdir()
        np.save(tmp_path / part / "x.npy", np.eye(8))
    with pytest.raises(DataError, match="would both be restored to"):
        restore_files(blur, [tmp_path / "one/x.npy", tmp_path / "two/x.npy"], tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_network_restores_a_stack_plane_by_plane_in_the_targets_units(trained, tmp_path):
    stack = np.random.default_rng(1).integers(50, 900, (2, 29, 31)).astype(np.uint16)
    write_image(tmp_path / "stack.tif", stack, "ZYX")
    with load_model(trained.folder, device="cpu") as model:
        restore_file(model, tmp_path / "stack.tif", tmp_path / "out.ome.zarr", tile=24)
        whole = model.restore(stack, "ZYX")
        numbers = model.info.normalization.target.numbers
    written = open_image(tmp_path / "out.ome.zarr").read()
    np.testing.assert_allclose(written, whole, atol=1e-5 * float(whole.std()) + 1e-3)
    assert abs(written.mean() - numbers.offset[0]) < 3 * numbers.scale[0]


def test_options_that_change_nothing_for_a_file_are_told(blur, image, tmp_path):
    class Told(Silent):
        said = ()

        def message(self, text):
            self.said += (text,)

    told = Told()
    restore_file(blur, image, tmp_path / "a.ome.tif", workers=2, progress=told)
    assert any("--workers changes nothing" in text for text in told.said)
    quiet = Told()
    restore_file(blur, image, tmp_path / "b.ome.tif", progress=quiet)
    assert not quiet.said


def test_the_ledger_of_a_restoration_is_no_place_for_another(blur, image, tmp_path):
    restore_file(blur, image, tmp_path / "a.zarr", channel="0")
    with pytest.raises(OutputError, match="is the ledger of a restoration"):
        restore_files(blur, [image, image.parent], tmp_path / "a.zarr.l2l")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_leaving_nan_out_is_nothing_to_ask_for(blur, image, tmp_path, value):
    assert not restore_file(blur, image, tmp_path / "a.zarr", ignore=value).error
    assert restore_file(blur, image, tmp_path / "a.zarr").skipped
