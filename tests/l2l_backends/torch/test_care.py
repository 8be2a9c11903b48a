import subprocess
import sys

import numpy as np
import pytest
from attrs import define

torch = pytest.importorskip("torch")

from l2l_backends.care_network import CareOptions  # noqa: E402
from l2l_backends.torch.care import Care  # noqa: E402
from l2l_core.components import Events, Loss, Paired, Schedule, masked_mean  # noqa: E402
from l2l_core.errors import (  # noqa: E402
    DataError,
    DeviceError,
    ImageError,
    ModelDamagedError,
    OptionsError,
    TrainingDivergedError,
)


@define(frozen=True)
class Absolute(Loss):
    def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
        return masked_mean(ops, ops.abs(prediction - target), mask)


@define(frozen=True)
class Likelihood(Loss):
    outputs = ("mean", "scale")

    def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
        mean, scale = ops.split(prediction, 2, channel_axis)
        assert ops.shape(mean) == ops.shape(target)
        return masked_mean(ops, ops.abs(mean - target) / scale + ops.log(scale), mask)


class Noisy:
    """The target is a smooth wave, the input the same with noise."""

    def __init__(self, shape=(16, 16), channels=(1, 1), length=0):
        self.shape, self.channels, self.length = shape, channels, length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        wave = np.sin(rng.uniform(0, 6) + np.arange(self.shape[-1]) / 3).astype(np.float32)
        wave = np.broadcast_to(wave, (1, *self.shape))
        noise = rng.normal(0, 0.5, (self.channels[0], *self.shape)).astype(np.float32)
        return Paired(wave + noise, np.repeat(wave, self.channels[1], axis=0))


class Keeping(Events):
    def __init__(self):
        self.messages, self.records, self.kept = [], [], {}

    def message(self, text):
        self.messages.append(text)

    def epoch_ended(self, record):
        self.records.append(record)

    def checkpoint(self, kind, restorer):
        if kind == "last":
            self.kept[len(self.records)] = (restorer.state(), restorer.training_state())


def care(axes="YX", channels=(1, 1), **options):
    options = {"first_filters": 4, "kernel": 3} | options
    return Care(
        CareOptions(**options),
        axes=axes,
        channels_in=channels[0],
        channels_out=channels[1],
        device="cpu",
    )


SCHEDULE = Schedule(epochs=4, steps_per_epoch=3, batch_size=4, learning_rate=4e-3)


def fit(restorer, schedule=SCHEDULE, samples=None, loss=None, resume=None, seed=5):
    samples = samples or Noisy(length=3)
    events = Keeping()
    report = restorer.fit(
        samples,
        samples,
        losses={"target": loss or Absolute()},
        metrics={},
        schedule=schedule,
        seed=seed,
        events=events,
        resume=resume,
    )
    return report, events


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)


def test_training_lowers_the_loss():
    restorer = care()
    long = Schedule(epochs=8, steps_per_epoch=10, batch_size=4, learning_rate=4e-3)
    report, events = fit(restorer, long)
    losses = [record.validation["loss"] for record in events.records]
    assert report.best_loss < 0.6 * losses[0] or report.best_loss < 0.25
    assert "training on CPU" in events.messages[0]


def test_same_seed_gives_the_same_weights_and_another_seed_others():
    one, again, other = care(), care(), care()
    for restorer, seed in ((one, 5), (again, 5), (other, 6)):
        fit(restorer, seed=seed)
    assert same(one.state(), again.state())
    assert not same(one.state(), other.state())


@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize(
    ("options", "loss"), [({}, Absolute()), ({"probabilistic": True}, Likelihood())]
)
def test_resumed_training_is_the_same_to_the_last_bit(options, loss, stop):
    whole, resumed = care(**options), care(**options)
    report, events = fit(whole, loss=loss)
    state, training_state = events.kept[stop]
    resumed.load_state(state)
    again, rest = fit(resumed, loss=loss, resume=training_state, seed=99)
    assert [r.train for r in rest.records] == [r.train for r in events.records[stop:]]
    assert again == report
    assert same(resumed.state(), whole.state())
    last, last_again = events.kept[4][1], rest.kept[4 - stop][1]
    assert same(last.arrays, last_again.arrays)
    assert last.facts == last_again.facts
    assert last.facts["adam_step"] == 12


def test_a_head_that_the_loss_does_not_read_is_no_obstacle():
    whole, resumed = care(probabilistic=True), care(probabilistic=True)
    _, events = fit(whole)
    resumed.load_state(events.kept[2][0])
    fit(resumed, resume=events.kept[2][1])
    assert same(resumed.state(), whole.state())
    assert not any("scale" in name for name in events.kept[2][1].arrays)


def test_loaded_weights_are_where_training_starts_from():
    first, second = care(), care()
    fit(first)
    second.load_state(first.state())
    tiny = Schedule(epochs=1, steps_per_epoch=1, batch_size=1, learning_rate=1e-9)
    fit(second, tiny)
    for name, array in first.state().items():
        np.testing.assert_allclose(second.state()[name], array, atol=1e-7)


def test_restoring_is_pure_and_repeatable():
    restorer = care()
    batch = np.random.default_rng(0).normal(size=(2, 1, 16, 24)).astype(np.float32)
    kept, state = batch.copy(), restorer.state()
    batch.flags.writeable = False
    one, again = restorer.restore(batch)["mean"], restorer.restore(batch)["mean"]
    assert np.array_equal(one, again)
    assert np.array_equal(batch, kept)
    assert same(state, restorer.state())
    assert one.dtype == np.float32
    assert one.flags.c_contiguous
    assert one.flags.writeable


@pytest.mark.parametrize(
    ("axes", "sides", "options"),
    [
        ("YX", (16, 24), {}),
        ("YX", (16, 16), {"probabilistic": True, "kernel": 5}),
        ("ZYX", (8, 12, 8), {}),
    ],
)
def test_no_image_of_a_batch_has_an_influence_on_another(axes, sides, options):
    restorer = care(axes, (2, 2), **options)
    batch = np.random.default_rng(0).normal(size=(5, 2, *sides)).astype(np.float32)
    together = restorer.restore(batch)
    assert list(together) == list(restorer.geometry.outputs)
    for name, images in together.items():
        alone = np.concatenate([restorer.restore(image[None])[name] for image in batch])
        np.testing.assert_allclose(alone, images, atol=1e-5 * images.std())


def test_last_rectifier_keeps_the_mean_from_being_negative():
    batch = np.random.default_rng(0).normal(size=(1, 1, 16, 16)).astype(np.float32)
    assert care().restore(batch)["mean"].min() < 0
    assert care(last_activation="relu").restore(batch)["mean"].min() == 0


def test_state_round_trip_in_three_dimensions():
    one, other = care("ZYX", (1, 2), residual=False), care("ZYX", (1, 2), residual=False)
    fit(
        one,
        Schedule(epochs=1, steps_per_epoch=1, batch_size=1),
        Noisy((4, 8, 8), (1, 2), length=1),
    )
    other.load_state(one.state())
    batch = np.random.default_rng(0).normal(size=(1, 1, 4, 8, 8)).astype(np.float32)
    assert np.array_equal(one.restore(batch)["mean"], other.restore(batch)["mean"])


def test_state_is_a_copy():
    restorer = care()
    state = restorer.state()
    state["mean.kernel"] += 1
    assert not same(state, restorer.state())


def test_weights_of_another_network_are_refused_and_change_nothing():
    restorer = care()
    before = restorer.state()
    with pytest.raises(ModelDamagedError, match=r"down.0.conv.0.kernel"):
        restorer.load_state(care(kernel=5).state())
    assert same(before, restorer.state())


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 1, 16, 18), "18 pixels along X.*multiples of 4"),
        ((1, 2, 16, 16), r"\(1, 2, 16, 16\); this network takes \(N, 1, Y, X\)"),
        ((1, 1, 4, 16, 16), r"takes \(N, 1, Y, X\)"),
    ],
)
def test_batches_that_do_not_fit_are_refused(shape, said):
    with pytest.raises(ImageError, match=said):
        care().restore(np.zeros(shape, np.float32))


def test_samples_that_do_not_fit_are_refused_before_training():
    with pytest.raises(DataError, match="18 pixels along Y"):
        fit(care(), samples=Noisy((18, 16), length=1))
    with pytest.raises(DataError, match=r"target has the shape \(2, 16, 16\); expected \(1, "):
        fit(care(), samples=Noisy(channels=(1, 2), length=1))


def test_a_loss_that_reads_a_scale_needs_a_probabilistic_network():
    with pytest.raises(OptionsError, match=r"Likelihood reads the output 'scale'.*probabilistic"):
        fit(care(), loss=Likelihood())


def test_training_that_runs_away_ends_with_what_to_try():
    with pytest.raises(TrainingDivergedError, match=r"learning_rate.*normalisation"):
        fit(care(), Schedule(epochs=9, steps_per_epoch=20, batch_size=2, learning_rate=1e12))


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(DeviceError, match="gpu:97"):
        Care(CareOptions(), axes="YX", channels_in=1, channels_out=1, device="gpu:97")


STARVED = """
import resource
import numpy as np
from pathlib import Path
from l2l_backends.care_network import CareOptions
from l2l_backends.torch.care import Care
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


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_a_batch_too_large_for_the_memory_is_our_error_and_a_smaller_one_still_works():
    subprocess.run([sys.executable, "-c", STARVED], check=True, timeout=120)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # torch warns of its own use
def test_compiled_restoration_is_the_same():
    restorer = care(depth=1, first_filters=2)
    batch = np.random.default_rng(0).normal(size=(1, 1, 16, 16)).astype(np.float32)
    plain, said = restorer.restore(batch)["mean"], []
    restorer.accelerate(compile=True, announce=said.append)
    np.testing.assert_allclose(restorer.restore(batch)["mean"], plain, atol=1e-5 * plain.std())
    assert all("cannot be compiled here" in text for text in said)


def test_short_types_are_used_only_when_asked_for():
    restorer = care()
    batch = np.random.default_rng(0).normal(size=(1, 1, 16, 16)).astype(np.float32)
    exact = restorer.restore(batch)["mean"]
    restorer.accelerate(half=True)
    rough = restorer.restore(batch)["mean"]
    assert rough.dtype == np.float32
    assert 1e-5 < np.abs(rough - exact).max() / exact.std() < 0.1
    restorer.accelerate()
    assert np.array_equal(restorer.restore(batch)["mean"], exact)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_restores_as_the_cpu_does_and_trains_in_mixed_precision():
    on_cpu = care(kernel=5)
    on_gpu = Care(on_cpu.options, axes="YX", channels_in=1, channels_out=1, device="gpu")
    on_gpu.load_state(on_cpu.state())
    batch = np.random.default_rng(0).normal(size=(2, 1, 64, 64)).astype(np.float32)
    expected = on_cpu.restore(batch)["mean"]
    np.testing.assert_allclose(on_gpu.restore(batch)["mean"], expected, atol=1e-5 * expected.std())
    report, events = fit(on_gpu)
    assert np.isfinite(report.best_loss)
    assert any("mixed precision" in text for text in events.messages)
