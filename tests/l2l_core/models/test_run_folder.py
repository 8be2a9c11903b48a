import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from l2l_core.components import TrainingState
from l2l_core.errors import ModelDamagedError, OutputError, RunError
from l2l_core.models.run_folder import RunFolder, RunRecord

TEXT = "# my run\nseed =   1\n"


def record(**changes):
    config = {
        "seed": 1,
        "data": {"input": "a", "select": {"z": "0:14"}},
        "augment": [{"name": "flip", "options": {}}],
        "restorer": {"name": "care", "device": "auto", "options": {"depth": 2}},
        "train": {"epochs": 10, "batch_size": 16},
    }
    values = {"config": config, "data": {"a/1.tif": {"size": 10}, "a/2.tif": {"size": 20}}}
    return RunRecord(**{**values, **changes})


def changed(table, **values):
    config = record().config
    return record(config={**config, table: {**config[table], **values}})


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "runs" / "actin", record(), TEXT)


def test_a_new_run_is_found_again(run):
    again = RunFolder.open(run.path)
    assert again.record == record()
    assert again.config_text == TEXT
    assert again.record.status == "running"
    assert again.read_log() == []
    assert again.load_checkpoint("last") is None
    assert sorted(p.name for p in run.path.iterdir()) == ["config.toml", "log.jsonl", "run.json"]


def test_a_run_is_never_overwritten(run):
    with pytest.raises(RunError, match="holds a run; go on with it by --resume, or"):
        RunFolder.create(run.path, record(), "")
    assert run.config_text == TEXT


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="exists and is not empty; choose another folder"):
        RunFolder.create(tmp_path, record(), "")
    with pytest.raises(RunError, match="exists and is not empty"):
        RunFolder.create(tmp_path / "thesis.txt", record(), "")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "run").mkdir()
    RunFolder.create(tmp_path / "run", record(), TEXT)
    assert RunFolder.exists(tmp_path / "run")


def test_no_run(tmp_path):
    with pytest.raises(RunError, match=r"no run in .*run.json is missing"):
        RunFolder.open(tmp_path)
    assert not RunFolder.exists(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"format_version": 1}', r"is damaged: required key 'config' is missing"),
        ('{"format_version": "1"}', "is damaged"),
        ('{"format_version": 9}', "format version 9.*up to 1; upgrade"),
    ],
)
def test_a_damaged_or_newer_record_is_said(run, text, message):
    (run.path / "run.json").write_text(text)
    with pytest.raises(RunError, match=message):
        RunFolder.open(run.path)


def test_the_status_changes(run):
    run.update(status="finished", result={"best_loss": float("nan"), "epochs": np.int64(3)})
    found = RunFolder.open(run.path).record
    assert found.status == "finished"
    assert found.result == {"best_loss": None, "epochs": 3}


def test_the_log_grows_and_is_cut(run):
    for epoch in (1, 2, 3):
        run.log({"epoch": epoch, "train": {"loss": np.float32(0.5)}})
    run.log({"message": "hello"})
    with (run.path / "log.jsonl").open("a") as file:
        file.write('{"epoch": 4, "tra')
    assert [line.get("epoch") for line in run.read_log()] == [1, 2, 3, None]
    run.truncate_log(2)
    assert (run.path / "log.jsonl").read_text().count("\n") == 3
    assert [line.get("epoch") for line in run.read_log()] == [1, 2, None]


def test_a_line_of_the_log_may_hold_any_text(run):
    run.log({"epoch": 1, "text": "a\u2028b\x85c"})
    assert run.read_log() == [{"epoch": 1, "text": "a\u2028b\x85c"}]


def test_an_image_that_was_copied_is_the_same_where_all_of_it_was_hashed(tmp_path):
    def fingerprinted(modified, hashed):
        return record(data={"1.tif": {"sha256": "ab", "modified": modified, "hashed": hashed}})

    run = RunFolder.create(tmp_path / "copied", fingerprinted(1.0, "content"), "")
    run.check(fingerprinted(2.0, "content"))
    run = RunFolder.create(tmp_path / "large", fingerprinted(1.0, "ends"), "")
    with pytest.raises(RunError, match=r"1\.tif was changed"):
        run.check(fingerprinted(2.0, "ends"))


def test_going_on_with_the_same(run):
    run.check(record())


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (changed("train", batch_size=8), "train.batch_size is 8 now and was 16 when it began"),
        (changed("train", epochs=5), "train.epochs is 5 now and was 10 .*raised, not lowered"),
        (changed("restorer", options={"depth": 3}), "restorer.options.depth is 3 now and was 2"),
        (changed("restorer", options={}), "restorer.options.depth is not set now and was 2"),
        (changed("data", select={"z": ""}), 'data.select.z is "" now and was "0:14"'),
        (changed("data", axes="ZYX"), 'data.axes is "ZYX" now and was not set'),
        (
            record(config={**record().config, "augment": [{"name": "zoom", "options": {}}]}),
            r'augment\[0\].name is "zoom" now and was "flip"',
        ),
        (record(data={"a/1.tif": {"size": 11}, "a/2.tif": {"size": 20}}), "a/1.tif was changed"),
        (record(data={"a/1.tif": {"size": 10}}), "the image a/2.tif is gone"),
        (record(data={**record().data, "a/3.tif": {}}), "the image a/3.tif is new"),
    ],
)
def test_a_change_is_refused_and_named(run, now, message):
    with pytest.raises(RunError, match=message):
        run.check(now)


def test_all_changes_are_named_at_once(run):
    with pytest.raises(RunError) as caught:
        run.check(changed("train", batch_size=8, epochs=1))
    assert "batch_size" in str(caught.value)
    assert "epochs" in str(caught.value)


def test_epochs_may_be_raised_and_the_device_is_free(run):
    run.check(changed("train", epochs=11))
    run.check(changed("restorer", device="cpu"))


def test_epochs_that_an_override_gave_are_not_raised_by_leaving_it_out(tmp_path):
    short = record(overrides=("train.epochs=10",))
    run = RunFolder.create(tmp_path / "run", short, TEXT)
    longer = changed("train", epochs=100)
    with pytest.raises(RunError, match=r"began with --set train.epochs=10, which is not given now"):
        run.check(longer)
    run.check(RunRecord(config=longer.config, data=longer.data, overrides=("train.epochs=100",)))


def states(seed=0):
    rng = np.random.default_rng(seed)
    weights = {"w": rng.normal(size=(3, 4)).astype(np.float32), "scalar": np.float32(seed)}
    arrays = {"moment/w": rng.normal(size=(3, 4)), "turned": rng.normal(size=(4, 3)).T}
    facts = {
        "epoch": seed,
        "best": float("inf"),
        "rng": np.random.default_rng(seed).bit_generator.state,
    }
    return weights, TrainingState(arrays, facts)


def test_a_checkpoint_comes_back_bit_for_bit(run):
    weights, training = states(3)
    run.save_checkpoint("last", 3, weights, training)
    found = RunFolder.open(run.path).load_checkpoint("last")
    assert found.epoch == 3
    assert found.training.facts == training.facts
    for name, array in weights.items():
        np.testing.assert_array_equal(found.state[name], array)
    for name, array in training.arrays.items():
        np.testing.assert_array_equal(found.training.arrays[name], array)
    assert run.load_checkpoint("best") is None


def test_a_newer_checkpoint_takes_the_place_of_the_former(run):
    for epoch in (1, 2):
        run.save_checkpoint("last", epoch, *states(epoch))
    run.save_checkpoint("best", 1, *states(1))
    assert run.load_checkpoint("last").epoch == 2
    assert run.load_checkpoint("best").epoch == 1
    assert sorted(p.name for p in (run.path / "checkpoints").iterdir()) == ["best", "last"]


@pytest.mark.parametrize("name", ["checkpoint.json", "weights.safetensors", "training.safetensors"])
def test_an_altered_checkpoint_is_refused(run, name):
    run.save_checkpoint("last", 1, *states(1))
    path = run.path / "checkpoints" / "last" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelDamagedError, match=name):
        run.load_checkpoint("last")


def test_a_log_that_cannot_be_written_is_said(run):
    (run.path / "log.jsonl").unlink()
    (run.path / "log.jsonl").mkdir()
    with pytest.raises(OutputError, match="log"):
        run.log({"epoch": 1})


@pytest.mark.slow
def test_killed_at_any_moment_a_whole_checkpoint_is_there(run):
    run.save_checkpoint("last", 1, *states(1))
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from itertools import count
from test_run_folder import states
from l2l_core.models.run_folder import RunFolder
run = RunFolder.open({str(run.path)!r})
print("ready", flush=True)
for epoch in count(run.load_checkpoint("last").epoch + 1):
    run.save_checkpoint("last", epoch, *states(epoch))
    run.log({{"epoch": epoch}})
    run.update(result={{"epochs": epoch}})
"""
    rng = np.random.default_rng(0)
    seen = [1]
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = RunFolder.open(run.path).load_checkpoint("last")
        np.testing.assert_array_equal(found.state["w"], states(found.epoch)[0]["w"])
        seen.append(found.epoch)
        assert json.loads((run.path / "run.json").read_text())["format_version"] == 1
    assert seen == sorted(seen)
    assert seen[-1] > 1
