"""The suite finds what is wrong with a restorer: each of these is broken in one way."""

import numpy as np
import pytest
from attrs import evolve
from scipy import ndimage

from l2l_core.components import (
    EpochRecord,
    FitReport,
    Geometry,
    Restorer,
    TrainingState,
)
from l2l_core.errors import ModelDamagedError
from l2l_core.testing.receptive_field import measure_nan_reach, measure_reach
from l2l_core.testing.restorer_suite import RestorerSuite


class Pooling(Restorer):
    """Means over blocks of four and of their neighbours, and a gain that is learnt."""

    declared = Geometry(axes="YX", halo=4, multiple=4)

    def __init__(self):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = self.declared
        self.gain = np.ones(2, np.float32)
        self.momentum = np.zeros(2)
        self.epoch = 0

    def restore(self, batch):
        n, c, height, width = batch.shape
        means = batch.reshape(n, c, height // 4, 4, width // 4, 4).mean(axis=(3, 5))
        means = ndimage.uniform_filter1d(means, 3, axis=2, mode="constant")
        means = ndimage.uniform_filter1d(means, 3, axis=3, mode="constant")
        means = means.repeat(4, axis=2).repeat(4, axis=3)
        return {"mean": (self.gain[0] * batch + self.gain[1] * means).astype(np.float32)}

    def fit(self, samples, validation, *, schedule, seed, events, resume=None, **_):
        self.momentum, self.epoch = np.zeros(2), 0
        if resume is not None:
            self.momentum = np.asarray(resume.arrays["momentum"])
            self.epoch = resume.facts["epoch"]
        for epoch in range(self.epoch, schedule.epochs):
            self.epoch = epoch + 1
            for step in range(schedule.steps_per_epoch):
                sample = samples[epoch * schedule.steps_per_epoch + step]
                error = sample.input.mean() - sample.target.mean()
                self.momentum = 0.9 * self.momentum + error
                self.gain = (self.gain - 0.1 * self.momentum).astype(np.float32)
            events.epoch_ended(EpochRecord(epoch=self.epoch, train={"loss": float(error)}))
            events.checkpoint("last", self)
        return FitReport(epochs=schedule.epochs, best_epoch=1, best_loss=0.0)

    def state(self):
        return {"gain": self.gain}

    def load_state(self, state):
        if set(state) != {"gain"} or state["gain"].shape != (2,):
            raise ModelDamagedError("gain is missing or not of shape (2,)")
        self.gain = np.asarray(state["gain"])

    def training_state(self):
        return TrainingState({"momentum": self.momentum}, {"epoch": self.epoch})


class TestPooling(RestorerSuite):
    def make_restorer(self):
        return Pooling()


class GlobalMean(Restorer):
    def __init__(self):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="YX", halo=None)

    def restore(self, batch):
        return {"mean": batch - batch.mean(axis=(2, 3), keepdims=True)}


class TestGlobalMean(RestorerSuite):
    supervision = "none"

    def make_restorer(self):
        return GlobalMean()


class UpSampled(Restorer):
    """Twice as many pixels, of the neighbours' mean, with their spread beside it."""

    def __init__(self):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="YX", halo=1, scale=2, outputs=("mean", "scale"))

    def restore(self, batch):
        mean = ndimage.correlate1d(batch, [0.25, 0.5, 0.25], axis=2)
        mean = mean.repeat(2, axis=2).repeat(2, axis=3)
        return {"mean": mean, "scale": np.abs(mean) + 1}


class TestUpSampled(RestorerSuite):
    supervision = "none"

    def make_restorer(self):
        return UpSampled()

    def test_halo_is_tight(self):
        with pytest.raises(AssertionError, match="along X the declared halo is"):
            suite_of(wider(UpSampled, 2)).test_halo_is_tight()


def suite_of(restorer, **attributes):
    class Suite(RestorerSuite):
        supervision = "paired" if issubclass(restorer, Pooling) else "none"

        def make_restorer(self):
            return restorer()

    for name, value in attributes.items():
        setattr(Suite, name, value)
    return Suite()


def wider(restorer, halo):
    class Wider(restorer):
        def __init__(self):
            super().__init__()
            self.geometry = evolve(self.geometry, halo=halo)

    return Wider


def with_geometry(**changes):
    return type("Changed", (Pooling,), {"declared": evolve(Pooling.declared, **changes)})


class NotPure(Pooling):
    calls = 0

    def restore(self, batch):
        self.calls += 1
        return {"mean": batch + np.float32(self.calls)}


class WritesItsInput(Pooling):
    def restore(self, batch):
        batch *= 2
        return {"mean": batch}


class MixesTheBatch(Pooling):
    def restore(self, batch):
        return {"mean": batch - batch.mean(axis=0, keepdims=True)}


class WrongShape(Pooling):
    def restore(self, batch):
        return {"mean": batch[..., 1:]}


class WrongDtype(Pooling):
    def restore(self, batch):
        return {"mean": batch.astype(np.float64)}


class WrongName(Pooling):
    def restore(self, batch):
        return {"restored": batch}


class HidesState(Pooling):
    def state(self):
        return {"gain": np.ones(2, np.float32)}


class SharesState(Pooling):
    def fit(self, *args, **kwargs):
        gain = self.gain
        report = super().fit(*args, **kwargs)
        gain[:] = self.gain
        self.gain = gain
        return report


class TakesAnything(Pooling):
    def load_state(self, state):
        self.gain = np.resize(state.get("gain", np.ones(2)), 2).astype(np.float32)


class StumblesOverAState(Pooling):
    def load_state(self, state):
        self.gain = state["gain"].reshape(2)


class ForgetsItsMomentum(Pooling):
    def training_state(self):
        return TrainingState({"momentum": np.zeros(2)}, {"epoch": self.epoch})


class LearnsNothing(Pooling):
    def fit(self, *args, **kwargs):
        gain = self.gain
        report = super().fit(*args, **kwargs)
        self.gain = gain
        return report


class EndsEarly(Pooling):
    def fit(self, *args, **kwargs):
        return evolve(super().fit(*args, **kwargs), epochs=1)


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (NotPure, "test_is_pure"),
        (WritesItsInput, "test_is_pure"),
        (MixesTheBatch, "test_images_of_a_batch_do_not_influence_each_other"),
        (WrongShape, "test_gives_what_its_geometry_says"),
        (WrongDtype, "test_gives_what_its_geometry_says"),
        (WrongName, "test_gives_what_its_geometry_says"),
        (with_geometry(channels_out=2), "test_is_a_restorer_that_says_its_geometry"),
        (with_geometry(halo=0), "test_halo_is_sufficient"),
        (with_geometry(halo=0), "test_tiled_equals_whole"),
        (with_geometry(halo=9), "test_halo_is_tight"),
        (with_geometry(multiple=8), "test_multiple_is_tight"),
        (HidesState, "test_state_is_the_whole_model"),
        (SharesState, "test_state_is_not_shared_with_the_training"),
        (TakesAnything, "test_a_state_of_something_else_is_refused"),
        (StumblesOverAState, "test_a_state_of_something_else_is_refused"),
        (ForgetsItsMomentum, "test_resumed_training_equals_uninterrupted"),
        (LearnsNothing, "test_training_changes_the_model_and_reports"),
        (EndsEarly, "test_training_changes_the_model_and_reports"),
    ],
)
def test_a_broken_restorer_fails(broken, test):
    with pytest.raises((AssertionError, KeyError, ValueError, pytest.fail.Exception)):
        getattr(suite_of(broken), test)()


def test_a_halo_that_is_one_step_too_large_is_let_pass():
    suite_of(with_geometry(halo=8)).test_halo_is_tight()


def test_the_reach_of_blocks_is_measured():
    reach = measure_reach(Pooling(), 0)
    assert (reach.before, reach.after) == (4, 4)
    assert measure_nan_reach(UpSampled(), 0).halo == 1
    assert measure_reach(UpSampled(), 1).halo == 0


class Shifted(UpSampled):
    def restore(self, batch):
        mean = np.roll(batch, 3, axis=3).repeat(2, axis=2).repeat(2, axis=3)
        return {"mean": mean, "scale": mean}


def test_the_reach_has_two_sides():
    reach = measure_reach(Shifted(), 1)
    assert (reach.before, reach.after) == (3, 0)


class Silent(Restorer):
    """A unit that hardly anything wakes stands before most of the reach."""

    def __init__(self):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="YX", halo=5)

    def restore(self, batch):
        far = np.maximum(np.pad(batch, [(0, 0)] * 3 + [(5, 0)])[..., :-5] - 1e9, 0)
        return {"mean": batch + far + np.maximum(np.roll(batch, 5, axis=2) * 1e-9, 0)}


def test_a_path_that_is_silent_or_faint_is_found():
    assert measure_reach(Silent(), 0).halo == 5
    assert measure_reach(Silent(), 1).halo == 0
    assert measure_nan_reach(Silent(), 1).halo == 5
    suite_of(Silent).test_halo_is_tight()
