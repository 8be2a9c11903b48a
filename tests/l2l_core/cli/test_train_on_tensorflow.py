"""The same configuration on the TensorFlow engine, by commands in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

from l2l_core.cli.main import main

for name in ("tensorflow", "csbdeep"):
    pytest.importorskip(name, reason=f"TRAINING ON TENSORFLOW IS NOT TESTED: {name} is missing")

EPOCHS, STEPS = 3, 60


def start(config, out, *more):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    changes = ("restorer.backend=tensorflow", f"train.epochs={EPOCHS}")
    changes += (f"train.steps_per_epoch={STEPS}",)
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "l2l_core.cli.main", "train", str(config)),
            *("--out", str(out), *more),
            *(part for change in changes for part in ("--set", change)),
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return out, errors


def wait_for_epoch(process, run, epoch):
    log, deadline = run / "log.jsonl", time.monotonic() + 120
    while not log.is_file() or log.read_text("utf-8").count("\n") < epoch:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "training did not get that far"
        time.sleep(0.005)


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_same_bytes_and_says_nothing_of_tensorflows(
    config, tmp_path
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _, errors = finish(start(config, whole))
    for chatter in ("oneDNN", "absl", "cuda", "TensorRT", "Warning"):
        assert chatter not in errors
    assert f"epoch {EPOCHS}/{EPOCHS}" in errors

    process = start(config, killed)
    wait_for_epoch(process, killed, 1)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    log = (killed / "log.jsonl").read_text("utf-8")
    assert log.count("\n") < EPOCHS, "it was finished before it was killed"
    finish(start(config, killed, "--resume"))
    weights = [(run / "model" / "weights.safetensors").read_bytes() for run in (whole, killed)]
    assert weights[0] == weights[1]
    kept = ("epoch", "train", "validation", "learning_rate", "best")
    logs = [
        [
            {key: line[key] for key in kept}
            for line in map(json.loads, (run / "log.jsonl").read_text("utf-8").splitlines())
        ]
        for run in (whole, killed)
    ]
    assert logs[0] == logs[1]


def test_a_model_of_one_engine_restores_an_image_on_the_other(config, pairs, tmp_path, capsys):
    pytest.importorskip("torch", reason="THE ENGINES ARE NOT COMPARED: torch is missing")
    image = pairs / "input" / "pair-0001.ome.tif"
    arguments = [str(config), "--out", str(tmp_path / "run"), "--set"]
    assert main(["train", *arguments, "restorer.backend=tensorflow"]) == 0, capsys.readouterr().err
    restored = {}
    for backend in ("tensorflow", "torch"):
        out = tmp_path / f"{backend}.tif"
        given = ["restore", str(tmp_path / "run"), str(image), "--out", str(out)]
        assert main([*given, "--backend", backend, "--device", "cpu"]) == 0
        restored[backend] = tifffile.imread(out)
    expected = restored["torch"]
    far = np.abs(restored["tensorflow"] - expected).max()
    assert far < 1e-5 * expected.std() + 1e-6 * np.abs(expected).max()


def test_doctor_tells_tensorflow_and_its_devices(capsys):
    assert main(["doctor", "--json"]) == 0
    engines = {engine["name"]: engine for engine in json.loads(capsys.readouterr().out)["engines"]}
    found = engines["tensorflow"]
    assert found["available"]
    assert found["version"]
    assert any(device.startswith("cpu (") for device in found["devices"])
