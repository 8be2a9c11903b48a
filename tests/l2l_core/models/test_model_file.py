import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from l2l_core.components import Geometry, Padding
from l2l_core.config import ComponentConfig, NormalizerConfig
from l2l_core.errors import (
    ModelDamagedError,
    ModelError,
    ModelNotFoundError,
    ModelVersionError,
    OutputError,
)
from l2l_core.images.normalization import Normalization
from l2l_core.images.replacing import replacing
from l2l_core.models import tensors
from l2l_core.models.facts import fingerprint
from l2l_core.models.model_file import (
    ModelRecord,
    NormalizationRecord,
    SideNormalization,
    is_model,
    read_model,
    read_record,
    write_model,
)


def record(**changes):
    facts = {
        "restorer": "care",
        "supplier": "label2label 0.1.0",
        "options": {"depth": 2, "kernel": 5},
        "axes": "ZYX",
        "channels_in": 1,
        "channels_out": 2,
        "geometry": Geometry(
            axes="ZYX",
            channels_out=2,
            halo=(None, 40, 40),
            multiple=(1, 4, 4),
            outputs=("mean", "scale"),
            padding=Padding(before="none"),
        ),
        "normalization": NormalizationRecord(
            input=SideNormalization(spec=NormalizerConfig(low=1.0)),
            target=SideNormalization(numbers=Normalization((0.1, 2.5), (3.0, 1e-7))),
            output="target",
        ),
        "training": {"epochs": 3, "loss": np.float32(0.5), "best": float("nan")},
        "appearance": {"percentiles": np.arange(3)},
    }
    return ModelRecord(**{**facts, **changes})


def state():
    rng = np.random.default_rng(0)
    return {
        "conv.weight": rng.normal(size=(4, 3, 5, 5)).astype(np.float32),
        "conv.bias": np.zeros(4, np.float32),
        "steps": np.array(7, np.int64),
    }


def test_a_model_comes_back_as_it_was_written(tmp_path):
    written = write_model(tmp_path / "model", record(), state())
    found, tensors_found = read_model(tmp_path / "model")
    assert found == written
    assert found.geometry == record().geometry
    assert found.normalization == record().normalization
    assert found.training == {"epochs": 3, "loss": 0.5, "best": None}
    assert found.appearance == {"percentiles": [0, 1, 2]}
    assert len(found.sha256) == len(found.weights_sha256) == 64
    assert tensors_found.keys() == state().keys()
    for name, tensor in state().items():
        assert tensors_found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(tensors_found[name], tensor)


def test_the_facts_are_readable_json_and_the_folder_holds_two_files(tmp_path):
    write_model(tmp_path / "model", record(), state())
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "model.json",
        "weights.safetensors",
    ]
    facts = json.loads((tmp_path / "model" / "model.json").read_text())
    assert facts["format_version"] == 1
    assert facts["tensors"]["conv.weight"] == {"shape": [4, 3, 5, 5], "dtype": "float32"}
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


@given(
    arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
        array_shapes(min_dims=0, max_dims=4, max_side=5),
    )
)
def test_any_memory_layout_is_kept(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("tensors") / "t.safetensors"
    given_state = {"plain": array, "turned": array.T, "sparse": np.repeat(array, 2)[::2]}
    sha256 = tensors.save(path, given_state)
    found = tensors.load(path, tensors.describe(given_state), sha256, remedy="-")
    for name, tensor in given_state.items():
        assert found[name].shape == tensor.shape
        np.testing.assert_array_equal(found[name], tensor)


def test_other_than_numbers_is_refused(tmp_path):
    with pytest.raises(ModelError, match="tensor 'names' is of dtype <U1"):
        write_model(tmp_path / "model", record(), {"names": np.array(["a"])})
    assert list(tmp_path.iterdir()) == []


def test_no_model(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no model at"):
        read_model(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        read_model(tmp_path)
    assert not is_model(tmp_path)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_missing_file_is_named(tmp_path, name):
    write_model(tmp_path, record(), state())
    (tmp_path / name).unlink()
    with pytest.raises(ModelDamagedError, match=rf"{name} is missing; copy the model folder"):
        read_model(tmp_path)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_truncated_file_is_refused(tmp_path, name):
    write_model(tmp_path, record(), state())
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelDamagedError, match=rf"{name} was truncated or altered"):
        read_model(tmp_path)


def test_altered_weights_are_refused(tmp_path):
    write_model(tmp_path, record(), state())
    content = bytearray((tmp_path / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(ModelDamagedError, match="altered"):
        read_model(tmp_path)
    read_record(tmp_path)


def test_altered_facts_are_refused(tmp_path):
    write_model(tmp_path, record(), state())
    path = tmp_path / "model.json"
    path.write_text(path.read_text().replace('"kernel": 5', '"kernel": 3'))
    with pytest.raises(ModelDamagedError, match=r"model.json was altered"):
        read_record(tmp_path)


def rewritten(path, **changes):
    facts = json.loads((path / "model.json").read_text())
    facts.pop("sha256")
    facts.update(changes)
    (path / "model.json").write_text(json.dumps({**facts, "sha256": fingerprint(facts)}))


def test_a_newer_format_is_refused(tmp_path):
    write_model(tmp_path, record(), state())
    rewritten(tmp_path, format_version=3, something_new=True)
    with pytest.raises(ModelVersionError, match=r"format version 3, .* up to 2; upgrade"):
        read_record(tmp_path)


def test_a_chain_is_kept_and_is_newer_than_what_earlier_versions_read(tmp_path):
    steps = (ComponentConfig(name="gaussian", options={"sigma": 2.0}),)
    written = write_model(tmp_path / "chained", record(chain=steps), state())
    assert read_record(tmp_path / "chained").chain == written.chain == steps
    assert written.format_version == 2
    plain = write_model(tmp_path / "plain", record(), state())
    facts = json.loads((tmp_path / "plain" / "model.json").read_text())
    assert facts["format_version"] == 1
    assert "chain" not in facts
    assert plain.sha256 != written.sha256


def test_every_tensor_is_compared(tmp_path):
    written = write_model(tmp_path, record(), state())
    listed = {
        "conv.weight": {"shape": [4, 3, 5, 3], "dtype": "float32"},
        "conv.bias": {"shape": [4], "dtype": "float64"},
        "gone": {"shape": [], "dtype": "int64"},
    }
    rewritten(tmp_path, tensors=listed)
    with pytest.raises(ModelDamagedError) as caught:
        read_model(tmp_path)
    message = str(caught.value)
    assert "'gone' is missing" in message
    assert "'steps' is not known" in message
    assert "'conv.weight' is float32 (4, 3, 5, 5), expected float32 (4, 3, 5, 3)" in message
    assert "'conv.bias' is float32 (4,), expected float64 (4,)" in message
    assert written.tensors.keys() == state().keys()


def test_unknown_facts_are_refused(tmp_path):
    write_model(tmp_path, record(), state())
    rewritten(tmp_path, surprise=1, channels_in="1")
    with pytest.raises(ModelDamagedError, match=r"channels_in; unknown key 'surprise'"):
        read_record(tmp_path)


def test_a_model_is_replaced(tmp_path):
    write_model(tmp_path / "model", record(), state())
    write_model(tmp_path / "model", record(channels_in=3), {"only": np.ones(2)})
    found, found_state = read_model(tmp_path / "model")
    assert found.channels_in == 3
    assert list(found_state) == ["only"]
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="no model folder, so it is not replaced"):
        write_model(tmp_path, record(), state())
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_replacement_that_was_killed_between_its_renames_leaves_the_former_model(tmp_path):
    write_model(tmp_path / "model", record(), state())
    (tmp_path / "model").rename(tmp_path / ".model.former")
    assert is_model(tmp_path / "model")
    assert read_model(tmp_path / "model")[0].channels_in == 1
    write_model(tmp_path / "model", record(channels_in=3), state())
    assert read_model(tmp_path / "model")[0].channels_in == 3
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_full_disk_leaves_the_former_model_whole(tmp_path):
    write_model(tmp_path / "model", record(), state())
    script = f"""
import numpy as np, resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_model_file import record
from l2l_core.errors import OutputError
from l2l_core.models.model_file import write_model
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    write_model({str(tmp_path / "model")!r}, record(channels_in=3), {{"big": np.zeros(10**6)}})
except OutputError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "what was there before is unchanged" in done.stderr
    assert read_model(tmp_path / "model")[0].channels_in == 1
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_no_space_left_on_device_is_said(tmp_path):
    write_model(tmp_path / "model", record(), state())
    with (
        pytest.raises(OutputError, match=r"No space left .*before is unchanged"),
        replacing(tmp_path / "model", "model"),
        Path("/dev/full").open("wb", 0) as full,
    ):
        full.write(b"x")
    assert read_model(tmp_path / "model")[0].channels_in == 1


@pytest.mark.slow
def test_killed_at_any_moment_there_is_a_whole_model(tmp_path):
    write_model(tmp_path / "model", record(), state())
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_model_file import record, state
from l2l_core.models.model_file import write_model
print("ready", flush=True)
while True:
    write_model({str(tmp_path / "model")!r}, record(), state())
"""
    rng = np.random.default_rng(0)
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        read_model(tmp_path / "model")
