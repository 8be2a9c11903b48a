"""The commands that do the work, as a user calls them: what they print, write and refuse."""

import json

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from l2l_core.cli.main import main
from l2l_core.images import open_image


@pytest.fixture
def l2l(capsys):
    """Return a function that runs a command and gives (status, stdout, stderr)."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def plane(tmp_path):
    path = tmp_path / "plane.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 999, (40, 44)).astype(np.uint16))
    return path


def test_two_commands_train_a_model_and_restore_an_image(l2l, config, pairs, tmp_path):
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    status, out, errors = l2l("train", config, "--out", tmp_path / "run", "--device", "cpu")
    assert status == 0, errors
    assert "report" in out
    assert "epoch 2/2" in errors
    image = pairs / "input" / "pair-0001.ome.tif"
    status, out, errors = l2l("restore", tmp_path / "run", image, "--out", tmp_path / "r.ome.tif")
    assert status == 0, errors
    assert "target" in errors or "units of the images it was trained to give" in errors
    assert open_image(tmp_path / "r.ome.tif").shape == (48, 52)


def test_restore_prints_json_alone(l2l, plane, tmp_path):
    status, out, _ = l2l("restore", "gaussian", plane, "--out", tmp_path / "r.tif", "--json")
    assert status == 0
    found = json.loads(out)["restored"][0]
    assert found["shape"] == [40, 44]
    assert not found["skipped"]
    status, out, _ = l2l("restore", "gaussian", plane, "--out", tmp_path / "r.tif", "--json")
    assert json.loads(out)["restored"][0]["skipped"]


def test_evaluate_prints_the_data_range_with_the_numbers(l2l, plane):
    status, out, _ = l2l("evaluate", plane, "--reference", plane, "--metrics", "psnr,pearson")
    assert status == 0
    assert "data range" in out
    status, out, _ = l2l(
        *("evaluate", plane, "--reference", plane, "--metrics", "pearson,nrmse"),
        *("--data-range", 500, "--json"),
    )
    found = json.loads(out)
    assert found["data_range"] == 500
    assert found["metrics"]["pearson"]["mean"] == pytest.approx(1)


def test_evaluate_says_which_metrics_make_use_of_the_data_range(l2l, plane):
    _, out, _ = l2l(
        *("evaluate", plane, "--reference", plane, "--data-range", 500),
        *("--metrics", "ssim:filter_size=7,nrmse"),
    )
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert rows["ssim:filter_size=7"].endswith("500")
    assert rows["nrmse"].endswith("not used")


def test_evaluate_says_the_units_of_what_has_one(l2l, tmp_path):
    smooth = tmp_path / "smooth.npy"
    np.save(smooth, ndimage.gaussian_filter(np.random.default_rng(0).random((64, 64)), 1.5))
    asked = (
        *("evaluate", smooth, "--reference", smooth, "--metrics"),
        "si_psnr,decorrelation_resolution,decorrelation_resolution:pixel_size=0.1,nrmse",
    )
    rows = {line.split()[0]: line.split() for line in l2l(*asked)[1].splitlines() if line}
    assert rows["metric"][2] == "unit"
    assert rows["si_psnr"][2] == "dB"
    assert rows["decorrelation_resolution"][2] == "px"
    assert rows["decorrelation_resolution:pixel_size=0.1"][2:4] == ["as", "pixel_size"]
    assert rows["nrmse"][2] == "lower"
    units = json.loads(l2l(*asked, "--json")[1])["units"]
    assert list(units.values()) == ["dB", "px", "as pixel_size", ""]


def test_evaluate_takes_one_image_alone(l2l, plane):
    status, out, _ = l2l("evaluate", plane)
    assert status == 0
    assert "michelson_contrast" in out
    status, _, err = l2l("evaluate", plane, "--metrics", "psnr", "--data-range", 5)
    assert status == 1
    assert "none was given" in err


def test_inspect_shows_what_a_file_holds(l2l, plane):
    status, out, _ = l2l("data", "inspect", plane)
    assert status == 0
    assert "YX" in out
    assert "40 x 44" in out
    status, out, _ = l2l("data", "inspect", plane, "--json")
    assert json.loads(out)["images"][0]["dtype"] == "uint16"


def test_simulate_writes_three_folders_and_refuses_to_write_them_twice(l2l, tmp_path):
    arguments = ("simulate", "filaments", "--out", tmp_path / "s", "--pairs", 2, "--size", 32)
    status, _, _ = l2l(*arguments)
    assert status == 0
    assert (tmp_path / "s" / "truth" / "pair-0002.ome.tif").is_file()
    status, _, errors = l2l(*arguments)
    assert status == 1
    assert "already" in errors


def test_model_info_tells_how_a_model_came_about(l2l, trained):
    status, out, _ = l2l("model", "info", trained.folder)
    assert status == 0
    for part in ("care", "percentiles 2 and 99.8", "mae", "parameters", "michelson"):
        assert part in out
    status, out, _ = l2l("model", "info", trained.model, "--json")
    assert json.loads(out)["restorer"] == "care"


def test_a_filter_that_is_misspelt_suggests_the_right_one(l2l, plane, tmp_path):
    status, _, errors = l2l("restore", "gausian", plane, "--out", tmp_path / "r.tif")
    assert status == 1
    assert "gaussian" in errors


def bad_inputs(folder):
    """Write one image for each way in which an image is bad; return the names."""
    folder.mkdir()
    good = np.random.default_rng(1).integers(0, 900, (40, 40)).astype(np.uint16)
    tifffile.imwrite(folder / "truncated.tif", good)
    whole = (folder / "truncated.tif").read_bytes()
    (folder / "truncated.tif").write_bytes(whole[: len(whole) // 2])
    tifffile.imwrite(folder / "zero.tif", np.zeros((40, 40), np.uint16))
    np.save(folder / "nan.npy", np.full((40, 40), np.nan, np.float32))
    (folder / "empty.tif").touch()
    (folder / "notes.txt").write_text("no image", encoding="utf-8")
    return ("truncated.tif", "zero.tif", "nan.npy", "empty.tif", "notes.txt", "missing.tif")


@pytest.mark.parametrize(
    "name", ["truncated.tif", "zero.tif", "nan.npy", "empty.tif", "notes.txt", "missing.tif"]
)
def test_a_bad_image_is_one_sentence_that_names_it_and_no_output(l2l, trained, tmp_path, name):
    assert name in bad_inputs(tmp_path / "bad")
    path = tmp_path / "bad" / name
    status, out, errors = l2l("restore", trained.folder, path, "--out", tmp_path / "r.tif")
    assert status == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert "Traceback" not in errors
    assert out == ""
    assert not (tmp_path / "r.tif").exists()


def test_axes_that_do_not_fit_are_named(l2l, plane, tmp_path):
    status, _, errors = l2l(
        *("restore", "gaussian", plane, "--axes", "ZYX", "--out", tmp_path / "r.tif")
    )
    assert status == 1
    assert "ZYX" in errors


def test_a_colour_picture_is_refused_where_one_channel_is_meant(l2l, trained, tmp_path):
    from PIL import Image

    pixels = np.random.default_rng(2).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "colour.png")
    status, _, errors = l2l(
        *("restore", trained.folder, tmp_path / "colour.png", "--out", tmp_path / "r.tif")
    )
    assert status == 1
    assert "channel" in errors or "RGB" in errors


@pytest.mark.parametrize("damage", ["missing", "truncated", "altered", "newer"])
def test_a_damaged_model_is_refused_with_its_reason(l2l, trained, plane, tmp_path, damage):
    import shutil

    model = tmp_path / "model"
    shutil.copytree(trained.model, model)
    weights, facts = model / "weights.safetensors", model / "model.json"
    if damage == "missing":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "altered":
        facts.write_text(facts.read_text("utf-8").replace('"axes": "YX"', '"axes": "XY"'), "utf-8")
    else:
        text = facts.read_text("utf-8")
        facts.write_text(text.replace('"format_version": 1', '"format_version": 99'), "utf-8")
    status, _, errors = l2l("restore", model, plane, "--out", tmp_path / "r.tif")
    assert status == 1
    line = errors.strip().splitlines()[-1]
    assert line.startswith("Error: ")
    expected = {"missing": "missing", "truncated": "trunc", "altered": "altered", "newer": "99"}
    assert expected[damage] in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data.input=nowhere", ("nowhere",)),
        ("data.target=empty", ("empty",)),
        ("data.target=fewer", ("pair-0004",)),
        ("data.target=other", ("48 x 52", "30 x 30", "pair-0001")),
        ("patches.shape=[128, 128]", ("48", "128")),
        ("data.axes=ZYX", ("ZYX",)),
        ("restorer.backend=jax", ("jax", "torch")),
        ("trian.epochs=3", ("trian", "train")),
        ("train.epochs='3'", ("whole number", "train.epochs")),
        ("train.epochs=0", ("train.epochs",)),
        ("loss.name=ms_sim", ("ms_ssim",)),
        ("loss.name=laplace", ("scale", "mean alone", "choose")),
    ],
)
def test_what_is_wrong_with_a_training_is_said_in_one_sentence(
    l2l, config, pairs, tmp_path, change, words
):
    import shutil

    (tmp_path / "empty").mkdir()
    shutil.copytree(pairs / "benchmark", tmp_path / "fewer")
    (tmp_path / "fewer" / "pair-0004.ome.tif").unlink()
    shutil.copytree(pairs / "benchmark", tmp_path / "other")
    tifffile.imwrite(tmp_path / "other" / "pair-0001.ome.tif", np.ones((30, 30), np.uint16))
    status, _, errors = l2l("train", config, "--out", tmp_path / "run", "--set", change)
    assert status == 1
    assert "Traceback" not in errors
    found = errors[errors.index("Error: ") :]
    for word in words:
        assert word in found
    assert not (tmp_path / "run").exists()


def test_images_in_different_units_are_told_by_a_psnr_below_zero(l2l, plane, tmp_path):
    other = tmp_path / "other.ome.tif"
    tifffile.imwrite(other, tifffile.imread(plane) * np.float32(100), metadata={"axes": "YX"})
    arguments = ("evaluate", other, "--reference", plane, "--metric", "psnr")
    assert "--fit-gain fits gain and offset first" in l2l(*arguments)[2]
    assert l2l(*arguments, "--fit-gain")[2] == ""
    assert l2l("evaluate", plane, "--reference", plane, "--metric", "psnr")[2] == ""


def test_a_metric_that_takes_the_reference_for_the_truth_says_so(l2l, plane):
    arguments = ("evaluate", plane, "--reference", plane, "--json", "--metrics")
    status, out, err = l2l(*arguments, "structure_precision,nrmse")
    assert status == 0
    assert json.loads(out)["reference"] == str(plane)
    assert err.count("warning: structure_precision takes the reference for the truth") == 1
    assert "nrmse" not in err
    assert l2l(*arguments, "nrmse")[2] == ""
    status, out, err = l2l(*arguments, "structure_precision", "--metric", "hallucination_rate")
    assert list(json.loads(out)["metrics"]) == ["structure_precision", "hallucination_rate"]
    assert err.startswith("warning: structure_precision, hallucination_rate take the reference")
    assert err.count("warning") == 1
