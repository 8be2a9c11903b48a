"""A run whose model is followed by filters trains as one without them, and restores with them."""

import json

import numpy as np
import pytest
from attrs import evolve

from l2l_core.cli.main import main
from l2l_core.errors import RunError
from l2l_core.images import open_image
from l2l_core.models.model_file import read_record
from l2l_core.workflows.crossvalidation import CrossValidation, crossvalidate
from l2l_core.workflows.model import load_model
from l2l_core.workflows.run_report import history
from l2l_core.workflows.train import train

CHAIN = (
    'restorer.chain=[{name="white_top_hat", options={size=5}}, '
    '{name="binary_map", options={percentile=75, min_size=4}}]'
)


@pytest.fixture(scope="module")
def chained(tmp_path_factory, configure):
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    folder = tmp_path_factory.mktemp("chained")
    return train(configure(folder), folder / "run", overrides=[CHAIN])


@pytest.fixture
def l2l(capsys):
    """Return a function that runs a command and gives (status, stdout, stderr)."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_training_sees_the_network_alone(chained, trained):
    alone, behind = read_record(trained.model), read_record(chained.model)
    assert behind.weights_sha256 == alone.weights_sha256
    assert behind.geometry == alone.geometry
    logs = [
        [evolve(epoch, seconds=0.0) for epoch in history(run.folder)] for run in (trained, chained)
    ]
    assert logs[0] == logs[1]


def test_the_model_keeps_its_filters_and_applies_them(chained, trained, pairs):
    assert [step.name for step in read_record(chained.model).chain] == [
        "white_top_hat",
        "binary_map",
    ]
    pixels = open_image(pairs / "input" / "pair-0001.ome.tif").read()
    with (
        load_model(trained.model, device="cpu") as alone,
        load_model("white_top_hat:size=5") as first,
        load_model("binary_map:min_size=4") as second,
        load_model("distance_map:threshold=0.5") as third,
    ):
        expected = second.restore(first.restore(alone.restore(pixels, "YX")))
        further = third.restore(expected)
    with load_model(chained.model, device="cpu") as model:
        np.testing.assert_array_equal(model.restore(pixels, "YX"), expected)
    then = ["distance_map:threshold=0.5"]
    with load_model(chained.model, device="cpu", then=then) as model:
        np.testing.assert_array_equal(model.restore(pixels, "YX"), further)


def test_a_report_is_written_of_maps_too(chained):
    assert chained.report.exists()


def test_a_run_goes_on_with_the_same_filters_alone(chained):
    config = chained.folder / "config.toml"
    with pytest.raises(RunError, match=r"restorer\.chain\[0\]\.options\.size is 7 now and was 5"):
        train(config, chained.folder, resume=True, overrides=[CHAIN.replace("size=5", "size=7")])
    assert train(config, chained.folder, resume=True, overrides=[CHAIN]).folder == chained.folder


def test_a_run_of_before_there_were_chains_goes_on(trained, tmp_path, configure):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(trained.folder, run)
    facts = json.loads((run / "run.json").read_text())
    del facts["config"]["restorer"]["chain"]
    (run / "run.json").write_text(json.dumps(facts))
    assert train(configure(tmp_path), run, resume=True).folder == run


def test_the_command_tells_of_the_filters_and_takes_more(chained, pairs, l2l, tmp_path):
    status, out, _ = l2l("model", "info", chained.folder)
    assert status == 0
    assert "then white_top_hat" in out
    assert "percentile 75" in out
    image, made = pairs / "input" / "pair-0001.ome.tif", tmp_path / "map.tif"
    arguments = ["restore", chained.folder, image, "--device", "cpu", "--out", made]
    status, _, errors = l2l(*arguments, "--then", "distance_map:limit=3", "--then", "identity")
    assert status == 0, errors
    assert "then white_top_hat" in errors
    assert "comes out as distances" in errors
    chain = open_image(made).info.metadata["provenance"]["chain"]
    assert [step["restorer"] for step in chain] == [
        *("white_top_hat", "binary_map", "distance_map", "identity"),
    ]
    status, _, errors = l2l(*arguments)
    assert status == 1
    assert "--restart" in errors
    status, _, errors = l2l(*arguments, "--then", "care")
    assert status == 1
    assert "'care' has to be trained" in errors


@pytest.mark.parametrize("command", ["export-csbdeep", "export-onnx"])
def test_what_is_exported_is_the_network_alone_and_says_so(command, chained, l2l, tmp_path):
    pytest.importorskip("onnx" if command == "export-onnx" else "h5py")
    status, _, errors = l2l("model", command, chained.folder, "--out", tmp_path / "out")
    assert status == 0, errors
    assert "(white_top_hat, binary_map) is no part of it" in errors


def test_maps_are_scored_in_a_cross_validation_like_any_restoration(configure, tmp_path):
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    how = CrossValidation(folds=2, repeats=1, losses=("mae",), metrics=("nrmse",))
    found = crossvalidate(configure(tmp_path), tmp_path / "cv", how, overrides=[CHAIN])
    rows = [json.loads(line) for line in found.files.results.read_text().splitlines()]
    scores = [row["metrics"]["nrmse"]["restoration"] for row in rows]
    assert len(scores) == 4
    assert np.isfinite(scores).all()
