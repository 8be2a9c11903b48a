import json
import tomllib

import numpy as np
import pytest

from l2l_core.components import Events
from l2l_core.errors import ConfigError, Interrupted, ModelError, RunError, TrainingDivergedError
from l2l_core.models.model_file import read_model
from l2l_core.models.run_folder import RunFolder
from l2l_core.workflows.train import train

pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")


class StopAt(Events):
    """Press Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch, self.running = epoch, 0

    def epoch_started(self, epoch, epochs, steps):
        self.running = epoch

    def step_ended(self, step, loss):
        if (self.running, step) == (self.epoch, 2):
            raise KeyboardInterrupt


def weights(run):
    return read_model(run.model)[1]


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_a_run_folder_holds_all_that_tells_how_a_model_came_about(trained, pairs):
    folder = RunFolder.open(trained.folder)
    assert folder.record.status == "finished"
    assert folder.config_text.startswith("seed = 3")
    assert folder.record.config["train"]["learning_rate"] == 4e-4
    assert {"python", "label2label", "numpy", "torch"} <= folder.record.versions.keys()
    assert len(folder.record.data) == 8
    assert [line["epoch"] for line in folder.read_log()] == [1, 2]
    assert "psnr" in folder.read_log()[0]["validation"]
    assert folder.load_checkpoint("last").epoch == 2
    assert trained.report.read_text(encoding="utf-8").startswith("<!")


def test_a_model_keeps_normalisation_units_and_what_its_training_images_looked_like(trained):
    record, state = read_model(trained.model)
    assert record.normalization.input.numbers is None
    assert record.normalization.target.numbers is not None
    assert record.normalization.output == "target"
    assert record.appearance["input"]["mean"]["channels"][0]["contrast"]["michelson"] > 0
    assert record.training["config"]["seed"] == 3
    assert record.geometry.multiple == (2, 2)
    assert sum(tensor.size for tensor in state.values()) > 500


def test_the_model_has_the_weights_of_the_best_epoch(trained):
    folder = RunFolder.open(trained.folder)
    assert_same_weights(weights(trained), folder.load_checkpoint("best").state)
    assert folder.load_checkpoint("best").epoch == trained.fit.best_epoch


def test_the_same_seed_gives_the_same_weights_and_another_one_others(config, tmp_path, trained):
    again = train(config, tmp_path / "again")
    assert_same_weights(weights(again), weights(trained))
    other = train(config, tmp_path / "other", overrides=["seed=4"])
    assert any(
        not np.array_equal(values, weights(other)[name]) for name, values in weights(again).items()
    )


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_interrupted_run_says_what_is_safe_and_goes_on_to_the_same_weights(
    config, tmp_path, trained, epoch
):
    with pytest.raises(Interrupted, match="--resume") as caught:
        train(config, tmp_path / "run", display=StopAt(epoch))
    assert ("no epoch was finished" in str(caught.value)) == (epoch == 1)
    assert RunFolder.open(tmp_path / "run").record.status == "interrupted"
    resumed = train(config, tmp_path / "run", resume=True)
    assert_same_weights(weights(resumed), weights(trained))
    log = RunFolder.open(tmp_path / "run").read_log()
    assert [line["epoch"] for line in log] == [1, 2]


def test_a_run_that_is_there_is_not_overwritten(config, trained):
    with pytest.raises(RunError, match="--resume"):
        train(config, trained.folder)


def test_a_finished_run_is_left_as_it_is_and_can_be_made_longer(config, tmp_path):
    first = train(config, tmp_path / "run")
    before = (first.model / "weights.safetensors").stat().st_mtime_ns
    again = train(config, tmp_path / "run", resume=True)
    assert again.fit == first.fit
    assert (first.model / "weights.safetensors").stat().st_mtime_ns == before
    longer = train(config, tmp_path / "run", resume=True, overrides=["train.epochs=3"])
    assert longer.fit.epochs == 3
    straight = train(config, tmp_path / "straight", overrides=["train.epochs=3"])
    assert_same_weights(weights(longer), weights(straight))


def test_a_run_refuses_to_go_on_with_other_settings(config, tmp_path):
    with pytest.raises(Interrupted):
        train(config, tmp_path / "run", display=StopAt(2))
    with pytest.raises(RunError, match=r"train\.batch_size is 3 now and was 2"):
        train(config, tmp_path / "run", resume=True, overrides=["train.batch_size=3"])


def test_overrides_are_recorded_and_the_file_stays_verbatim(config, tmp_path):
    run = train(config, tmp_path / "run", overrides=["train.epochs=1", "loss.name=mse"])
    folder = RunFolder.open(run.folder)
    assert folder.record.overrides == ("train.epochs=1", "loss.name=mse")
    assert folder.config_text == config.read_text(encoding="utf-8")
    assert tomllib.loads(folder.config_text)["train"]["epochs"] == 2
    record = json.loads((run.model / "model.json").read_text(encoding="utf-8"))
    assert record["training"]["overrides"] == ["train.epochs=1", "loss.name=mse"]


def test_fine_tuning_begins_with_the_weights_of_a_model(config, tmp_path, trained):
    tuned = train(
        config,
        tmp_path / "tuned",
        overrides=[
            f"train.start_from={trained.folder}",
            "train.epochs=1",
            "train.learning_rate=1e-12",
        ],
    )
    for name, values in weights(tuned).items():
        np.testing.assert_allclose(values, weights(trained)[name], atol=1e-9, err_msg=name)


def test_fine_tuning_refuses_a_model_of_another_network(config, tmp_path, trained):
    changes = [f"train.start_from={trained.folder}", "restorer.options.first_filters=8"]
    with pytest.raises(ModelError, match="its options is"):
        train(config, tmp_path / "tuned", overrides=changes)


def test_a_diverging_run_stops_with_advice_and_is_marked(config, tmp_path):
    changes = ["train.learning_rate=1e30", "loss.name=mse", "train.epochs=5"]
    with pytest.raises(TrainingDivergedError, match="learning_rate"):
        train(config, tmp_path / "run", overrides=changes)
    record = RunFolder.open(tmp_path / "run").record
    assert record.status == "failed"
    assert "learning" in record.error


def test_all_problems_of_a_configuration_are_reported_before_anything_is_made(config, tmp_path):
    changes = ["train.epochs=0", "loss.name=maee", "restorer.options.dept=3"]
    with pytest.raises(ConfigError) as caught:
        train(config, tmp_path / "run", overrides=changes)
    text = str(caught.value)
    for part in ("train.epochs", "did you mean 'mae'", "dept"):
        assert part in text
    assert not (tmp_path / "run").exists()


def test_training_without_validation_says_so(config, tmp_path):
    said = []

    class Listener(Events):
        def message(self, text):
            said.append(text)

    run = train(config, tmp_path / "run", overrides=["data.validation=0"], display=Listener())
    assert any("validat" in text for text in said)
    assert "no validation" in run.report.read_text(encoding="utf-8").lower()
