import os
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from l2l_core.components.factory import make_restorer
from l2l_core.components.options import unstructure
from l2l_core.config import NormalizerConfig
from l2l_core.errors import DeviceError, ImageError, ModelDamagedError
from l2l_core.models.model_file import (
    ModelRecord,
    NormalizationRecord,
    SideNormalization,
    write_model,
)
from l2l_core.workflows.model import load_model

pytest.importorskip("onnx", reason="the onnx package is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")


def made(engine="onnx", options=None, *, axes="YX", channels=(1, 1), device="cpu"):
    channels_in, channels_out = channels
    restorer = make_restorer(
        "care",
        engine,
        options or {},
        axes=axes,
        channels_in=channels_in,
        channels_out=channels_out,
        device=device,
    )
    state = restorer.network.initial_state(seed=5)
    rng = np.random.default_rng(5)
    # Biases of zero would hide one that is left out.
    for name in state:
        if name.endswith("bias"):
            state[name] = rng.normal(0, 0.1, state[name].shape).astype(np.float32)
    # Random heads give images almost without contrast, where one bit is many standard deviations.
    for output in restorer.geometry.outputs:
        state[f"{output}.kernel"] *= 10
    restorer.load_state(state)
    return restorer


def worst(got, expected):
    """Return the largest difference in standard deviations of what is expected."""
    return max(np.abs(got[name] - expected[name]).max() / expected[name].std() for name in expected)


NETWORKS = [
    *({"depth": d, "kernel": k, "first_filters": 4} for d, k in product((1, 2, 3, 4), (3, 5, 7))),
    {"depth": 2, "kernel": 1, "first_filters": 4},
    {"first_filters": 32},
    {"kernel": 3, "first_filters": 16, "residual": False},
    {"first_filters": 16, "last_activation": "relu"},
    {"first_filters": 4, "probabilistic": True},
    {"first_filters": 5, "probabilistic": True, "residual": False, "last_activation": "relu"},
]


@pytest.mark.parametrize("channels", [(1, 1), (3, 2)])
@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_planes_come_out_as_from_torch(options, channels):
    pytest.importorskip("torch", reason="the torch engine is not installed")
    ours, torchs = (made(engine, options, channels=channels) for engine in ("onnx", "torch"))
    step = ours.network.multiple
    image = np.random.default_rng(0).normal(0.5, 2.0, (2, channels[0], 3 * step, 48))
    batch = image.astype(np.float32)
    assert worst(ours.restore(batch), torchs.restore(batch)) < 1e-5


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 1, "kernel": 5, "first_filters": 4},
        {"depth": 1, "kernel": 7, "first_filters": 2, "residual": False},
        {"depth": 2, "first_filters": 8, "probabilistic": True},
        {"depth": 3, "kernel": 3, "first_filters": 4},
        {"depth": 4, "kernel": 3, "first_filters": 2},
    ],
    ids=str,
)
def test_volumes_come_out_as_from_torch(options):
    pytest.importorskip("torch", reason="the torch engine is not installed")
    ours, torchs = (made(e, options, axes="ZYX", channels=(2, 2)) for e in ("onnx", "torch"))
    batch = np.random.default_rng(0).normal(0.5, 0.3, (2, 2, 16, 32, 16)).astype(np.float32)
    assert worst(ours.restore(batch), torchs.restore(batch)) < 1e-5


def written(folder, options, axes="YX"):
    restorer = made(options=options, axes=axes)
    spec = NormalizerConfig(method="percentile", low=1.0, high=99.8)
    record = ModelRecord(
        restorer="care",
        supplier="label2label",
        options=unstructure(restorer.options),
        axes=axes,
        channels_in=1,
        channels_out=1,
        geometry=restorer.geometry,
        normalization=NormalizationRecord(input=SideNormalization(spec=spec), output="input"),
    )
    return write_model(folder, record, restorer.state())


@pytest.mark.parametrize(("axes", "shape"), [("YX", (61, 83)), ("ZYX", (7, 29, 34))])
def test_a_model_of_odd_sizes_comes_out_alike_on_both_engines(tmp_path, axes, shape):
    pytest.importorskip("torch", reason="the torch engine is not installed")
    written(tmp_path, {"depth": 2, "first_filters": 4}, axes)
    image = np.random.default_rng(1).gamma(2.0, 40.0, shape).astype(np.uint16)
    restored = {
        engine: load_model(tmp_path, backend=engine, device="cpu").restore(image, axes=axes)
        for engine in ("onnx", "torch")
    }
    assert restored["onnx"].shape == shape
    difference = np.abs(restored["onnx"] - restored["torch"]).max()
    assert difference / restored["torch"].std() < 1e-5


def test_auto_takes_it_on_a_machine_without_a_gpu(tmp_path, monkeypatch):
    written(tmp_path, {"depth": 1, "first_filters": 2})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert load_model(tmp_path).engine == "onnx"
    assert load_model(tmp_path, device="cpu").engine == "onnx"


def test_restores_without_torch_and_tensorflow(tmp_path):
    """In an interpreter in which neither can be imported, and onnx at work imports neither."""
    written(tmp_path, {"depth": 1, "first_filters": 2})
    code = (
        "import sys; absent = ('torch', 'tensorflow', 'keras', 'csbdeep')\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "import numpy as np, l2l_core as l2l\n"
        "model = l2l.load_model(sys.argv[1], backend='onnx')\n"
        "assert model.restore(np.eye(32, dtype=np.float32), axes='YX').shape == (32, 32)\n"
        "assert not any(sys.modules[name] for name in absent)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_says_nothing_of_its_own(tmp_path):
    written(tmp_path, {"depth": 1, "first_filters": 2})
    code = (
        "import sys, numpy as np, l2l_core as l2l\n"
        "l2l.load_model(sys.argv[1], backend='onnx').restore(np.eye(32), axes='YX')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert done.stdout + done.stderr == ""


def test_is_not_trained():
    with pytest.raises(TypeError, match="not trained here"):
        made(options={"depth": 1, "first_filters": 2}).fit(
            None, None, losses={}, metrics={}, schedule=None, seed=0, events=None
        )


def test_takes_only_its_own_weights_and_keeps_a_copy():
    restorer = made(options={"depth": 1, "first_filters": 2})
    batch = np.random.default_rng(0).normal(size=(1, 1, 8, 8)).astype(np.float32)
    before = restorer.restore(batch)["mean"]
    state = restorer.state()
    for array in state.values():
        array += 1
    np.testing.assert_array_equal(restorer.restore(batch)["mean"], before)
    restorer.load_state(state)
    assert not np.array_equal(restorer.restore(batch)["mean"], before)
    state.pop("mean.bias")
    with pytest.raises(ModelDamagedError, match=r"'mean\.bias' is missing"):
        restorer.load_state(state)


def test_a_batch_that_does_not_fit_is_refused():
    restorer = made(options={"depth": 2, "first_filters": 2})
    with pytest.raises(ImageError, match="takes multiples of 4"):
        restorer.restore(np.zeros((1, 1, 8, 10), np.float32))


def test_a_batch_that_cannot_be_written_to_is_taken():
    restorer = made(options={"depth": 1, "first_filters": 2})
    batch = np.zeros((1, 1, 8, 8), np.float32)
    batch.flags.writeable = False
    assert np.isfinite(restorer.restore(batch)["mean"]).all()


def test_a_device_that_is_not_there():
    with pytest.raises(DeviceError, match="'tpu' is no device; expected 'auto', 'cpu' or 'gpu:N'"):
        made(device="tpu")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime was built for GPUs")
    with pytest.raises(DeviceError, match="'gpu:0' does not exist here: this ONNX Runtime"):
        made(device="gpu:0")


def test_takes_no_more_threads_than_it_may(monkeypatch):
    from l2l_backends.onnx.runtime import threads

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads() == usable
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads() == 1
    for ignored in ("0", "many", "100000"):
        monkeypatch.setenv("OMP_NUM_THREADS", ignored)
        assert threads() == usable


SCARCE = """
import resource, sys
import numpy as np
from l2l_core.components.factory import make_restorer
from l2l_core.errors import OutOfMemory
from l2l_core.streaming.in_memory import restore_array

options = {"depth": 1, "kernel": 3, "first_filters": 64}
restorer = make_restorer("care", "onnx", options, axes="YX", device="cpu")
image = np.random.default_rng(0).normal(size=(1, 1024, 1024)).astype(np.float32)
expected = restore_array(restorer, image, tile=192)["mean"]
restorer.load_state(restorer.state())
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 600 * 2**20
before = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
try:
    restorer.restore(image[None])
except OutOfMemory as error:
    assert "no memory left on CPU, 1 threads for a batch of shape (1, 1, 1024, 1024)" in str(error)
else:
    sys.exit("there was memory enough, so this tests nothing")
restored = restore_array(restorer, image, tile=1024)["mean"]
# The comparison is not what is short of memory.
resource.setrlimit(resource.RLIMIT_AS, before)
assert np.abs(restored - expected).max() / expected.std() < 1e-5
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits its own memory as Linux does")
def test_out_of_memory_becomes_ours_and_smaller_tiles_go_through():
    done = subprocess.run(
        [sys.executable, "-c", SCARCE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_closing_gives_the_memory_back():
    restorer = made(options={"depth": 1, "first_filters": 2})
    restorer.restore(np.zeros((1, 1, 8, 8), np.float32))
    restorer.close()
    assert restorer._session is None
    assert not restorer.state()
