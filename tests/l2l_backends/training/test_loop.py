"""The loop on the smallest engine there is: one gain in NumPy, learnt with momentum."""

import json

import numpy as np
import pytest
from attrs import define

from l2l_backends.training.loop import TrainingLoop
from l2l_backends.training.stepper import Evaluation
from l2l_core.components import (
    Events,
    Geometry,
    Metric,
    Paired,
    Restorer,
    Schedule,
    TrainingState,
)
from l2l_core.errors import TrainingDivergedError
from l2l_plugins.metrics.pixelwise import Psnr


class Gain(Restorer):
    """Multiplies by a number."""

    def __init__(self):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = Geometry(axes="YX")
        self.gain = np.ones(1, np.float32)
        self.loop = None

    def restore(self, batch):
        return {"mean": batch * self.gain}

    def state(self):
        return {"gain": self.gain.copy()}

    def load_state(self, state):
        self.gain = np.array(state["gain"])

    def training_state(self):
        return self.loop.state()


class GainStepper:
    precision = "float32"

    def __init__(self, restorer, lag=0):
        self.restorer = restorer
        self.lag = lag
        self.velocity = np.zeros(1, np.float32)
        self.rate = None

    def set_learning_rate(self, rate):
        self.rate = rate

    def train(self, batch):
        error = self.restorer.restore(batch.input)["mean"] - batch.target
        self.velocity = np.float32(0.9) * self.velocity + (error * batch.input).mean()
        self.restorer.gain = (self.restorer.gain - self.rate * self.velocity).astype(np.float32)
        return {"loss": np.square(error).mean()}

    def evaluate(self, batch):
        image = self.restorer.restore(batch.input)["mean"]
        return Evaluation(
            {"loss": float(np.square(image - batch.target).mean())}, image, batch.target
        )

    def training_state(self):
        return TrainingState({"velocity": self.velocity}, {"kind": "momentum"})

    def load_training_state(self, state):
        self.velocity = np.array(state.arrays["velocity"])


class Pairs:
    """Target is three times the input, with noise."""

    def __init__(self, length=0, damaged=None, seed=0):
        self.length, self.damaged, self.seed, self.asked = length, damaged, seed, []

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        self.asked.append(index)
        rng = np.random.default_rng((self.seed, index))
        x = rng.random((1, 4, 4), dtype=np.float32)
        y = 3 * x + rng.normal(0, 0.3, x.shape).astype(np.float32)
        if index == self.damaged:
            x = np.full_like(x, np.nan)
        return Paired(x, y)


@define(frozen=True)
class Largest(Metric):
    def __call__(self, image, reference=None, *, data_range=None, mask=None, axes=None):
        assert axes == "CYX"
        assert data_range == 1.0
        return float(np.abs(image - reference).max())


class Recorder(Events):
    """Keeps the checkpoints as files would, through JSON and copies."""

    def __init__(self):
        self.records, self.kinds, self.steps, self.states = [], [], [], {}

    def step_ended(self, step, loss):
        self.steps.append((step, loss))

    def epoch_ended(self, record):
        self.records.append(record)

    def checkpoint(self, kind, restorer):
        made = restorer.training_state()
        copy = TrainingState(
            {name: np.array(array) for name, array in made.arrays.items()},
            json.loads(json.dumps(made.facts)),
        )
        self.kinds.append(kind)
        self.states[kind, len(self.records)] = (restorer.state(), copy)


def fit(schedule, *, resume=None, samples=None, validation=None, metrics=None, lag=0):
    restorer, events = Gain(), Recorder()
    if resume is not None:
        restorer.load_state(resume[0])
    loop = TrainingLoop(
        restorer,
        GainStepper(restorer, lag),
        schedule=schedule,
        metrics=metrics or {},
        events=events,
        resume=resume and resume[1],
    )
    restorer.loop = loop
    report, state = loop.run(
        samples if samples is not None else Pairs(),
        validation if validation is not None else Pairs(5, seed=1),
    )
    return report, restorer, events, state


# With momentum and this rate the gain overshoots, so that the last epoch is not the best.
SCHEDULE = Schedule(
    epochs=9, steps_per_epoch=3, batch_size=2, learning_rate=0.3, plateau_patience=2
)


def test_every_step_uses_its_own_samples():
    samples = Pairs()
    _, _, events, _ = fit(Schedule(epochs=2, steps_per_epoch=3, batch_size=4), samples=samples)
    assert sorted(samples.asked) == list(range(24))
    assert [step for step, _ in events.steps] == [1, 2, 3, 1, 2, 3]


def test_records_hold_means_over_steps_and_samples_and_the_rate_of_the_epoch():
    _, _, events, _ = fit(SCHEDULE, metrics={"largest": Largest()})
    losses = [loss for _, loss in events.steps]
    assert [record.epoch for record in events.records] == list(range(1, 10))
    for number, record in enumerate(events.records):
        assert record.train["loss"] == pytest.approx(np.mean(losses[3 * number : 3 * number + 3]))
        assert set(record.validation) == {"loss", "largest"}
    assert events.records[0].learning_rate == 0.3
    assert events.records[-1].learning_rate < 0.3


def test_validation_counts_every_sample_once_though_the_last_batch_is_smaller():
    _, restorer, events, _ = fit(Schedule(epochs=1, steps_per_epoch=1, batch_size=2))
    losses = [
        np.square(restorer.gain * sample.input - sample.target).mean()
        for sample in (Pairs(5, seed=1)[index] for index in range(5))
    ]
    assert events.records[0].validation["loss"] == pytest.approx(np.mean(losses), rel=1e-6)


def test_fit_ends_with_the_weights_of_the_best_epoch():
    report, restorer, events, _ = fit(SCHEDULE)
    losses = [record.validation["loss"] for record in events.records]
    assert report.best_epoch == 1 + int(np.argmin(losses)) < report.epochs == 9
    assert report.best_loss == min(losses)
    assert restorer.gain == events.states["best", report.best_epoch][0]["gain"]
    assert restorer.gain != events.states["last", 9][0]["gain"]


def test_without_validation_the_training_loss_chooses():
    report, _, events, _ = fit(SCHEDULE, validation=Pairs(0))
    assert all(not record.validation for record in events.records)
    assert report.best_loss == min(record.train["loss"] for record in events.records)


def test_best_is_kept_before_last():
    _, _, events, _ = fit(Schedule(epochs=1, steps_per_epoch=1, batch_size=1))
    assert events.kinds == ["best", "last"]


@pytest.mark.parametrize("stop", [1, 4, 8])
def test_a_run_resumed_from_a_checkpoint_ends_as_if_it_had_never_stopped(stop):
    whole_report, whole, events, _ = fit(SCHEDULE)
    report, resumed, rest, _ = fit(SCHEDULE, resume=events.states["last", stop])
    assert report == whole_report
    assert resumed.gain == whole.gain
    assert rest.steps == events.steps[3 * stop :]


def test_a_finished_run_goes_on_from_its_last_epoch_though_it_holds_the_best_weights():
    whole_report, whole, events, _ = fit(SCHEDULE)
    short = Schedule(
        epochs=6, steps_per_epoch=3, batch_size=2, learning_rate=0.3, plateau_patience=2
    )
    _, first, _, state = fit(short)
    report, longer, rest, _ = fit(SCHEDULE, resume=(first.state(), state))
    assert report == whole_report
    assert longer.gain == whole.gain
    assert rest.steps == events.steps[18:]


def test_resuming_a_finished_run_changes_nothing():
    report, first, _, state = fit(SCHEDULE)
    again, second, events, _ = fit(SCHEDULE, resume=(first.state(), state))
    assert (again, second.gain) == (report, first.gain)
    assert not events.steps


def test_stops_early():
    report, _, _, _ = fit(
        Schedule(
            epochs=50,
            steps_per_epoch=3,
            batch_size=2,
            learning_rate=0.3,
            early_stopping=3,
        )
    )
    assert report.stopped == "early"
    assert report.epochs == report.best_epoch + 3 < 50


def test_losses_that_are_read_late_come_out_the_same():
    _, at_once, events, _ = fit(SCHEDULE)
    _, late, late_events, _ = fit(SCHEDULE, lag=8)
    assert late.gain == at_once.gain
    assert late_events.steps == events.steps


@pytest.mark.parametrize("lag", [0, 8])
def test_a_damaged_sample_is_named_and_the_kept_checkpoint_too(lag):
    with pytest.raises(TrainingDivergedError) as caught:
        fit(SCHEDULE, samples=Pairs(damaged=9), lag=lag)
    said = str(caught.value)
    assert "became nan in step 2 of epoch 2 because the input of the samples 8 to 9" in said
    assert "checkpoints of epoch 1" in said


def test_a_loss_that_runs_away_says_what_to_try():
    schedule = Schedule(epochs=200, steps_per_epoch=3, batch_size=2, learning_rate=1e4)
    with (
        np.errstate(all="ignore"),
        pytest.raises(TrainingDivergedError, match=r"learning_rate \(2500 instead of 10000\)"),
    ):
        fit(schedule)


def test_weights_that_are_not_finite_never_reach_a_checkpoint():
    # The only step ends in a broken weight, and without validation no loss tells.
    restorer, events = Gain(), Recorder()
    stepper = GainStepper(restorer)
    stepper.velocity = np.full(1, np.inf, np.float32)
    loop = TrainingLoop(
        restorer,
        stepper,
        schedule=Schedule(epochs=1, steps_per_epoch=1, batch_size=1),
        metrics={},
        events=events,
    )
    with pytest.raises(TrainingDivergedError, match=r"'gain' hold NaN .* no checkpoint"):
        loop.run(Pairs(), Pairs(0))
    assert not events.kinds


def test_a_validation_loss_that_is_not_finite_is_said_before_a_metric_complains():
    with pytest.raises(TrainingDivergedError, match="the validation loss became nan after epoch 1"):
        fit(SCHEDULE, validation=Pairs(5, damaged=2, seed=1), metrics={"psnr": Psnr()})
