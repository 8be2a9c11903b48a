from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from l2l_core.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Install = Callable[..., None]

PLUGIN = """
    from l2l_core.components import OpsInfo, hookimpl

    def devices():
        return ["gpu:0 Imaginary 9000", "cpu"]

    def fails():
        raise OSError("driver and library do not fit")

    @hookimpl
    def l2l_ops():
        common = dict(target="l2l_engines:Ops", summary="An engine")
        yield OpsInfo(name="fine", devices="l2l_engines:devices", **common)
        yield OpsInfo(name="failing", devices="l2l_engines:fails", **common)
        yield OpsInfo(name="silent", **common)
        yield OpsInfo(name="absent", requires="l2l_absent", install="l2l-engines[absent]", **common)
"""


def test_doctor_tells_the_devices_of_every_engine_and_survives_their_failures(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-engines", PLUGIN)
    install("l2l-broken", "import l2l_no_such_module")
    assert main(["doctor", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    engines = {engine["name"]: engine for engine in found["engines"]}
    assert engines["fine"]["devices"] == ["gpu:0 Imaginary 9000", "cpu"]
    assert engines["failing"]["problem"].startswith("OSError: driver and library do not fit")
    assert engines["silent"] | {"version": ""} == {
        "name": "silent",
        "version": "",
        "available": True,
        "devices": [],
        "problem": "",
    }
    assert not engines["absent"]["available"]
    assert engines["absent"]["problem"] == "not installed; pip install 'l2l-engines[absent]'"
    assert [broken["distribution"] for broken in found["broken"]] == ["l2l-broken"]
    assert found["packages"]["label2label"] == version("label2label")
    assert 0 < found["memory"]["free_gib"] <= found["memory"]["total_gib"]
    assert 1 <= found["processors"]["usable"] <= found["processors"]["installed"]
    assert said.err == ""


def test_doctor_says_the_same_to_people(
    install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    install("l2l-engines", PLUGIN)
    install("l2l-broken", "import l2l_no_such_module")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for part in ("gpu:0 Imaginary 9000, cpu", "OMP_NUM_THREADS=1", "GiB free", "l2l_broken of"):
        assert part in shown


def test_doctor_tells_torch_and_its_devices(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    assert main(["doctor", "--json"]) == 0
    (engine,) = [
        found
        for found in json.loads(capsys.readouterr().out)["engines"]
        if found["name"] == "torch"
    ]
    assert engine["version"] == torch.__version__
    assert any(device.startswith("cpu") for device in engine["devices"])


def test_doctor_tells_onnx_which_has_no_array_operations(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert main(["doctor", "--json"]) == 0
    engines = {found["name"]: found for found in json.loads(capsys.readouterr().out)["engines"]}
    assert engines["onnx"]["available"]
    assert engines["onnx"]["version"] == version("onnx")
    assert engines["onnx"]["devices"][-1] == f"cpu (1 threads; ONNX Runtime {runtime.__version__})"
