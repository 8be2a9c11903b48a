"""A restoration that is killed and gone on with is, byte for byte, one that nobody disturbed."""

import json
import signal

import numpy as np
import pytest

from l2l_core.images.ome_zarr_creation import set_attributes
from l2l_core.images.writing import write_image
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restore import restore_file
from tests.benchmarks.killing import Findings, Setting, Victim, kill_again_and_again, undisturbed

SMALL = Setting("threads", (8192, 64), 512, seconds=0.03)


def killed(folder, setting, kills, seed):
    victim = Victim(folder / "victim", setting)
    expected = undisturbed(victim)
    findings, rng = Findings(), np.random.default_rng(seed)
    while findings.kills + findings.worker_kills < kills:
        kill_again_and_again(victim, expected, rng, findings, kills)
    return findings


@pytest.mark.slow
def test_kills_leave_no_trace_and_no_acknowledged_unit_is_made_again(tmp_path):
    findings = killed(tmp_path, SMALL, kills=6, seed=1)
    assert findings.units >= 8
    assert findings.wrong == {}
    # Three threads work, and one unit waits.
    assert findings.recomputed <= 4 * findings.kills


@pytest.mark.slow
def test_workers_that_are_killed_leave_no_trace_either(tmp_path):
    pytest.importorskip("distributed")
    setting = Setting("processes", (8192, 64), 512, workers=2, seconds=0.1)
    findings = killed(tmp_path, setting, kills=3, seed=3)
    assert findings.worker_kills
    assert findings.wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "document", "folder"), [("0.4", ".zattrs", "0/15"), ("0.5", "zarr.json", "0/c/15")]
)
def test_what_a_kill_left_half_written_is_cleared_away(tmp_path, version, document, folder):
    setting = Setting("threads", (8192, 64), 512, ("--ome-zarr", version), seconds=0.1)
    victim = Victim(tmp_path / "victim", setting)
    expected = undisturbed(victim)
    process = victim.begin()
    while victim.acknowledged() < 2:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    store = victim.stores[0]
    last = store / folder
    last.mkdir(exist_ok=True)
    for torn in (last / "0", last / "0.1f0e.partial", store / f".{document}.1f0e.part"):
        torn.write_bytes(b"torn")
    (store.with_name(".restored.zarr.1f0e.part") / "0").mkdir(parents=True)
    (store.with_name(".restored.zarr.deleted") / "0").mkdir(parents=True)
    assert victim.begin().wait() == 0
    findings = Findings()
    victim.judge(expected, findings)
    assert findings.wrong == {}


def test_what_a_kill_left_of_the_last_metadata_is_cleared_away(tmp_path):
    image, out = tmp_path / "image.zarr", tmp_path / "restored.zarr"
    write_image(image, np.arange(96 * 96, dtype=np.uint16).reshape(96, 96), "YX")
    with load_model("gaussian:sigma=1") as model:
        restore_file(model, image, out, unit=64)
        document = out / "zarr.json"
        whole = document.read_bytes()
        # As it was when all units were done, and the metadata under way.
        ledger = tmp_path / "restored.zarr.l2l" / "ledger.jsonl"
        lines = ledger.read_bytes().splitlines(keepends=True)
        assert b"finished" in lines[-1]
        ledger.write_bytes(b"".join(lines[:-1]))
        provenance = json.loads(whole)["attributes"]["label2label"]
        set_attributes(out, provenance={**provenance, "status": "unfinished"})
        torn = out / ".zarr.json.1f0e.part"
        torn.write_bytes(b"torn")
        restore_file(model, image, out, unit=64)
    assert document.read_bytes() == whole
    assert not torn.exists()
