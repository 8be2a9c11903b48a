import json
import shutil
import tomllib
from datetime import datetime

import numpy as np
import pytest

from l2l_core.components import Events
from l2l_core.errors import (
    ComponentError,
    ConfigError,
    DataError,
    DeviceError,
    Interrupted,
    ModelError,
    ModelNotFoundError,
    OptionsError,
    RunError,
    TrainingDivergedError,
)
from l2l_core.images import list_images, open_image
from l2l_core.images.writing import write_image
from l2l_core.models.model_file import read_model
from l2l_core.models.run_folder import RunFolder
from l2l_core.workflows.model import load_model
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


def test_a_run_that_is_there_is_not_overwritten_nor_are_images_opened_first(config, trained):
    with pytest.raises(RunError, match="--resume"):
        train(config, trained.folder)
    with pytest.raises(RunError, match="--resume"):
        train(config, trained.folder, overrides=["data.input=nowhere"])


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


def test_a_finished_run_without_its_report_or_model_gets_them(config, tmp_path):
    first = train(config, tmp_path / "run")
    before = weights(first)
    first.report.unlink()
    again = train(config, tmp_path / "run", resume=True)
    assert again.report.read_text(encoding="utf-8").startswith("<!")
    shutil.rmtree(first.model)
    assert_same_weights(weights(train(config, tmp_path / "run", resume=True)), before)


def test_a_best_checkpoint_of_an_epoch_that_came_to_another_end_is_not_the_model(config, tmp_path):
    # The second epoch, at an absurd rate, is worse than the first.
    changes = ["train.plateau_patience=0", "train.learning_rate=0.3", "loss.name=mse"]
    straight = train(config, tmp_path / "straight", overrides=changes)
    assert straight.fit.best_epoch == 1
    with pytest.raises(Interrupted):
        train(config, tmp_path / "run", overrides=changes, display=StopAt(2))
    folder = RunFolder.open(tmp_path / "run")
    last = folder.load_checkpoint("last")
    nothing = {name: np.zeros_like(values) for name, values in last.state.items()}
    folder.save_checkpoint("best", 2, nothing, last.training)
    resumed = train(config, tmp_path / "run", resume=True, overrides=changes)
    assert_same_weights(weights(resumed), weights(straight))


def test_each_start_of_a_run_is_recorded(config, tmp_path):
    with pytest.raises(Interrupted):
        train(config, tmp_path / "run", display=StopAt(2))
    train(config, tmp_path / "run", resume=True, overrides=["train.epochs=3"])
    sessions = RunFolder.open(tmp_path / "run").record.sessions
    assert [one["from_epoch"] for one in sessions] == [0, 1]
    assert [one["overrides"] for one in sessions] == [[], ["train.epochs=3"]]
    started = [datetime.fromisoformat(one["at"]) for one in sessions]
    assert started == sorted(started)


def test_a_metric_that_is_listed_twice_is_refused_before_anything_is_made(config, tmp_path):
    with pytest.raises(OptionsError, match="'psnr' is listed twice"):
        train(config, tmp_path / "run", overrides=['train.metrics=["psnr", "psnr"]'])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (["restorer.device=gpu:99"], DeviceError),
        (["train.start_from=nowhere"], ModelNotFoundError),
    ],
)
def test_what_cannot_begin_leaves_no_folder_in_the_way(config, tmp_path, changes, error):
    with pytest.raises(error):
        train(config, tmp_path / "run", overrides=changes)
    assert not (tmp_path / "run").exists()


def test_units_that_no_channel_has_are_refused_before_training(config, pairs, tmp_path):
    for path in list_images(pairs / "input"):
        pixels = open_image(path).read()
        write_image(tmp_path / "input" / path.name, np.stack([pixels, pixels]), "CYX")
    changes = [f"data.input={tmp_path / 'input'}", "normalize.output=input"]
    with pytest.raises(DataError, match=r"2 channels and the targets 1.*normalize\.output"):
        train(config, tmp_path / "run", overrides=changes)
    assert not (tmp_path / "run").exists()


BROKEN_METHOD = """
    from l2l_core.components import Geometry, MetricInfo, Restorer, RestorerInfo, hookimpl


    class Forgetful(Restorer):
        def __init__(self, options, **kwargs):
            super().__init__(options, **kwargs)
            self.geometry = Geometry(axes=self.axes)

        def restore(self, batch):
            return {"mean": batch}

        def fit(self, samples, validation, **rest):
            return None


    @hookimpl
    def l2l_restorers():
        yield RestorerInfo(
            name="forgetful",
            target=f"{__name__}:Forgetful",
            summary="Says nothing of its training",
            supervision="paired",
        )


    @hookimpl
    def l2l_metrics():
        yield MetricInfo(
            name="mine", target="l2l_plugins.metrics.pixelwise:Nrmse", summary="A metric"
        )
    """


def test_a_method_that_does_not_report_is_named_and_plugins_are_recorded(config, tmp_path, install):
    install("l2l-forgetful", BROKEN_METHOD, version="2.0")
    changes = ["restorer.name=forgetful", "restorer.options={}", 'train.metrics=["mine"]']
    with pytest.raises(ComponentError, match=r"Forgetful\.fit\(\) returned a NoneType"):
        train(config, tmp_path / "run", overrides=changes)
    record = RunFolder.open(tmp_path / "run").record
    assert record.status == "failed"
    assert record.plugins == {"l2l-forgetful": "2.0"}
    train(config, tmp_path / "other", overrides=['train.metrics=["mine"]'])
    assert RunFolder.open(tmp_path / "other").record.plugins == {"l2l-forgetful": "2.0"}


def test_a_run_is_finished_whatever_its_validation_images_are_like(config, pairs, tmp_path):
    for side in ("input", "benchmark"):
        for number, path in enumerate(list_images(pairs / side)):
            pixels = open_image(path).read().astype(np.float32)
            stack = np.stack([pixels, pixels, pixels])
            # A plane without a specimen, and a pixel that was never measured.
            stack[0] = 7 if side == "input" or number % 2 else stack[0]
            stack[1, 5, 6] = np.nan
            write_image(tmp_path / side / f"{number}.tif", stack, "ZYX")
    changes = [f"data.input={tmp_path / 'input'}", f"data.target={tmp_path / 'benchmark'}"]
    run = train(config, tmp_path / "run", overrides=changes)
    assert RunFolder.open(run.folder).record.status == "finished"
    assert "NRMSE" in run.report.read_text(encoding="utf-8")


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


def test_noise_that_was_trained_with_is_not_put_on_what_is_restored(config, pairs, tmp_path):
    noise = 'augment=[{name="poisson_noise", options={gain=500.0}}]'
    run = train(config, tmp_path / "run", overrides=[noise])
    pixels = open_image(pairs / "input" / "pair-0001.ome.tif").read()
    with load_model(run.model, device="cpu") as model:
        restored = model.restore(pixels, "YX")
        np.testing.assert_array_equal(model.restore(pixels, "YX"), restored)
        # The network on the image as it is, normalised and put back by hand.
        numbers = model.numbers(model.measure(pixels, "YX"))
        alone = model.restorer.restore(numbers.before.apply(pixels[np.newaxis])[np.newaxis])
        expected = numbers.after.invert(alone["mean"][0])[0]
    np.testing.assert_allclose(restored, expected, rtol=1e-5)
