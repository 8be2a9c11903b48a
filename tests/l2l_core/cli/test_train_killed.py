"""Real processes and real signals: a killed or interrupted training goes on as if never stopped."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")

EPOCHS, STEPS = 4, 12
CHANGES = ("--set", f"train.epochs={EPOCHS}", "--set", f"train.steps_per_epoch={STEPS}")


def command(config, out, *more):
    return [
        *(sys.executable, "-m", "l2l_core.cli.main", "train", str(config)),
        *("--out", str(out), *CHANGES, *more),
    ]


def start(config, out, *more):
    # One thread: what is compared bit for bit must not depend on how many processors are free.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command(config, out, *more),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return out


def epochs_done(run):
    log = run / "log.jsonl"
    return len(log.read_text(encoding="utf-8").splitlines()) if log.is_file() else 0


def wait_for_epoch(process, run, epoch):
    deadline = time.monotonic() + 120
    while epochs_done(run) < epoch:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "training did not get that far"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, configure):
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(start(configure(folder), folder / "run"))
    return folder / "run"


@pytest.mark.slow
def test_killed_in_mid_epoch_and_resumed_it_ends_with_the_same_bytes(config, tmp_path, undisturbed):
    run = tmp_path / "run"
    generator = random.Random(11)
    kills = 0
    for epoch in (0, 1, 2):
        process = start(config, run, "--resume")
        wait_for_epoch(process, run, epoch)
        # Anywhere: within an epoch, while a checkpoint is written, between two.
        time.sleep(generator.uniform(0.0, 0.15) if epoch else 3.0)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate(timeout=60)
    assert kills >= 2
    finish(start(config, run, "--resume"))
    weights = [(one / "model" / "weights.safetensors").read_bytes() for one in (run, undisturbed)]
    assert weights[0] == weights[1]
    kept = ("epoch", "train", "validation", "learning_rate", "best")
    logs = [
        [
            {key: line[key] for key in kept}
            for line in map(json.loads, (one / "log.jsonl").read_text("utf-8").splitlines())
        ]
        for one in (run, undisturbed)
    ]
    assert logs[0] == logs[1]
    assert [line["epoch"] for line in logs[0]] == list(range(1, EPOCHS + 1))


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_with_130_and_says_what_is_safe(config, tmp_path):
    run = tmp_path / "run"
    process = start(config, run, "--set", "train.epochs=500")
    wait_for_epoch(process, run, 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    last = errors.strip().splitlines()[-1]
    assert last.startswith("Interrupted: everything up to epoch ")
    assert str(run) in last
    assert "--resume" in last
    assert "Traceback" not in errors
    assert json.loads((run / "run.json").read_text("utf-8"))["status"] == "interrupted"
