import os
import subprocess
import sys

import numpy as np
import pytest

for name in ("tensorflow", "csbdeep"):
    pytest.importorskip(name, reason=f"THE TENSORFLOW ENGINE IS NOT TESTED: {name} is missing")

from l2l_backends.care_network import CareOptions  # noqa: E402
from l2l_backends.tensorflow.care import Care  # noqa: E402
from l2l_backends.tensorflow.device import gpus  # noqa: E402
from l2l_core.components import Events, Schedule  # noqa: E402
from l2l_core.errors import (  # noqa: E402
    DataError,
    DeviceError,
    ImageError,
    OptionsError,
    TrainingDivergedError,
)
from l2l_core.testing.tiny_training import (  # noqa: E402
    Likelihood,
    SquaredError,
    SyntheticSamples,
    copied,
)

SCHEDULE = Schedule(epochs=4, steps_per_epoch=2, batch_size=2, learning_rate=4e-3)


class Recording(Events):
    def __init__(self):
        self.messages, self.records, self.kept = [], [], {}

    def message(self, text):
        self.messages.append(text)

    def epoch_ended(self, record):
        self.records.append(record)

    def checkpoint(self, kind, restorer):
        if kind == "last":
            self.kept[len(self.records)] = (restorer.state(), restorer.training_state())


def care(axes="YX", channels=(1, 1), device="cpu", **options):
    options = {"first_filters": 2, "kernel": 3, "depth": 1} | options
    return Care(
        CareOptions(**options),
        axes=axes,
        channels_in=channels[0],
        channels_out=channels[1],
        device=device,
    )


def paired(shape=(16, 16), channels=(1, 1), count=3):
    return SyntheticSamples("paired", *channels, shape, shape, count=count)


def fit(restorer, schedule=SCHEDULE, samples=None, loss=None, resume=None, seed=5):
    samples = samples or paired()
    events = Recording()
    report = restorer.fit(
        samples,
        samples,
        losses={"target": loss or SquaredError()},
        metrics={},
        schedule=schedule,
        seed=seed,
        events=events,
        resume=resume,
    )
    return report, events


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_training_lowers_the_loss_and_says_where_it_trains():
    long = Schedule(epochs=4, steps_per_epoch=20, batch_size=4, learning_rate=4e-3)
    report, events = fit(care(), long)
    losses = [record.validation["loss"] for record in events.records]
    assert report.best_loss < 0.5 * losses[0]
    assert "training on CPU" in events.messages[0]


def test_a_seed_decides_the_weights_to_the_last_bit():
    one, again, other = care(), care(), care()
    for restorer, seed in ((one, 5), (again, 5), (other, 6)):
        fit(restorer, seed=seed)
    assert same(one.state(), again.state())
    assert not same(one.state(), other.state())


def test_resumed_training_is_the_same_to_the_last_bit():
    whole, resumed = (care(probabilistic=True, depth=2) for _ in range(2))
    report, events = fit(whole, loss=Likelihood())
    state, training = events.kept[3]
    resumed.load_state(state)
    again, rest = fit(resumed, loss=Likelihood(), resume=training, seed=99)
    assert [r.train for r in rest.records] == [r.train for r in events.records[3:]]
    assert again == report
    assert same(resumed.state(), whole.state())
    last, last_again = events.kept[4][1], rest.kept[1][1]
    assert same(last.arrays, last_again.arrays)
    assert last.facts == last_again.facts
    assert last.facts["adam_step"] == 8


def test_a_head_that_the_loss_does_not_read_is_no_obstacle():
    whole, resumed = care(probabilistic=True), care(probabilistic=True)
    _, events = fit(whole)
    resumed.load_state(events.kept[2][0])
    fit(resumed, resume=events.kept[2][1])
    assert same(resumed.state(), whole.state())
    names = [name for name in events.kept[2][1].arrays if name.startswith("adam.")]
    assert any("mean" in name for name in names)
    assert not any("scale" in name for name in names)


def test_the_learning_rate_is_the_schedules():
    slow = Schedule(epochs=1, steps_per_epoch=1, batch_size=1, learning_rate=1e-6)
    restorer = care()
    start = restorer.network.initial_state(5)
    fit(restorer, slow)
    moved = [np.abs(array - start[name]).max() for name, array in restorer.state().items()]
    # Adam's first step is the learning rate itself, wherever there is a gradient.
    assert max(moved) == pytest.approx(1e-6, rel=0.2)


def test_restoring_is_repeatable_and_leaves_the_batch_and_the_weights_alone():
    restorer = care(depth=2)
    batch = noise(2, 1, 16, 24)
    kept, state = batch.copy(), restorer.state()
    batch.flags.writeable = False
    one, again = restorer.restore(batch)["mean"], restorer.restore(batch)["mean"]
    assert np.array_equal(one, again)
    assert np.array_equal(batch, kept)
    assert same(state, restorer.state())
    assert one.dtype == np.float32
    assert one.flags.c_contiguous
    assert one.flags.writeable
    kept = copied({"mean": one})["mean"]
    restorer.restore(noise(2, 1, 16, 24) + 1)
    assert np.array_equal(one, kept)


def test_last_rectifier_keeps_the_mean_from_being_negative():
    batch = noise(1, 1, 16, 16)
    assert care().restore(batch)["mean"].min() < 0
    assert care(last_activation="relu").restore(batch)["mean"].min() == 0


def test_state_is_a_copy():
    restorer = care()
    state = restorer.state()
    state["mean.kernel"] += 1
    assert not same(state, restorer.state())


def test_what_does_not_fit_is_refused_before_training():
    with pytest.raises(ImageError, match=r"17 pixels along X.*multiples of 2"):
        care().restore(np.zeros((1, 1, 16, 17), np.float32))
    with pytest.raises(DataError, match="17 pixels along Y"):
        fit(care(), samples=paired((17, 16)))
    with pytest.raises(OptionsError, match=r"Likelihood reads the output 'scale'.*probabilistic"):
        fit(care(), loss=Likelihood())


def test_training_that_runs_away_ends_with_what_to_try():
    with pytest.raises(TrainingDivergedError, match=r"learning_rate.*normalisation"):
        fit(care(), Schedule(epochs=9, steps_per_epoch=20, batch_size=2, learning_rate=1e12))


def test_mixed_precision_trains_in_short_types_and_restores_in_float32():
    restorer, batch = care(kernel=5), noise(1, 1, 16, 16)
    mixed = Schedule(
        epochs=1, steps_per_epoch=2, batch_size=2, learning_rate=1e-3, precision="mixed"
    )
    exact = care(kernel=5)
    _, events = fit(restorer, mixed)
    _, wanted = fit(exact, Schedule(epochs=1, steps_per_epoch=2, batch_size=2, learning_rate=1e-3))
    assert any("mixed precision: float32 weights, bfloat16" in text for text in events.messages)
    rough, fine = events.records[0].train["loss"], wanted.records[0].train["loss"]
    assert 1e-7 < abs(rough - fine) / fine < 0.05
    assert {array.dtype for array in restorer.state().values()} == {np.dtype(np.float32)}
    exact.load_state(restorer.state())
    assert np.array_equal(restorer.restore(batch)["mean"], exact.restore(batch)["mean"])


def test_compilation_that_would_be_slower_is_left_out_and_said():
    compiled = Schedule(epochs=1, steps_per_epoch=1, batch_size=1, compile=True)
    _, events = fit(care(), compiled)
    assert any("slower on a CPU" in text for text in events.messages)


@pytest.mark.parametrize("device", ["gpu:97", "cuda", "GPU", ""])
def test_devices_that_are_not_there_are_named_with_those_that_are(device):
    with pytest.raises(DeviceError, match=r"expected 'auto' or one of cpu"):
        care(device=device)


@pytest.mark.skipif(bool(gpus()), reason="there is a GPU")
def test_a_missing_gpu_is_explained():
    with pytest.raises(DeviceError, match="TensorFlow finds no GPU"):
        care(device="gpu")


STARVED = """
import resource
import numpy as np
from pathlib import Path
from l2l_backends.care_network import CareOptions
from l2l_backends.tensorflow.care import Care
from l2l_core.errors import OutOfMemory

made = Care(CareOptions(), axes="YX", channels_in=1, channels_out=1, device="cpu")
small = made.restore(np.zeros((1, 1, 32, 32), np.float32))["mean"]
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, -1))
try:
    made.restore(np.zeros((1, 1, 2048, 2048), np.float32))
except OutOfMemory as error:
    assert "(1, 1, 2048, 2048)" in str(error), error
else:
    raise SystemExit("there was enough memory")
assert np.array_equal(made.restore(np.zeros((1, 1, 32, 32), np.float32))["mean"], small)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_a_batch_too_large_for_the_memory_is_our_error_and_a_smaller_one_still_works():
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", STARVED], check=True, timeout=200, env=environment)


@pytest.mark.gpu
@pytest.mark.skipif(not gpus(), reason="no GPU that TensorFlow can use")
def test_a_gpu_restores_as_the_cpu_does_and_trains_in_mixed_precision():
    on_cpu, on_gpu = care(kernel=5, depth=2), care(kernel=5, depth=2, device="gpu")
    on_gpu.load_state(on_cpu.state())
    batch = noise(2, 1, 64, 64)
    expected = on_cpu.restore(batch)["mean"]
    np.testing.assert_allclose(on_gpu.restore(batch)["mean"], expected, atol=1e-5 * expected.std())
    report, _ = fit(on_gpu)
    assert np.isfinite(report.best_loss)
