"""The training loop: epochs, validation, learning rate, best weights, and going on after a stop."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from itertools import islice
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any, SupportsFloat

import attrs
import numpy as np

from l2l_backends.training.batches import batch_indices, prefetched, validation_indices
from l2l_backends.training.progress import Progress
from l2l_core.components import EpochRecord, FitReport, TrainingState
from l2l_core.errors import TrainingDivergedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from l2l_backends.training.stepper import Stepper
    from l2l_core.components import (
        Events,
        Metric,
        Restorer,
        Samples,
        Schedule,
        ValidationSamples,
    )

State = dict[str, "NDArray[Any]"]

METRIC_RANGE = 1.0
"""Data range of the metrics on validation samples: normalised images reach from 0 to about 1."""


class TrainingLoop:
    """One call of ``fit``: drives a stepper, tells the events, keeps the best weights.

    Step s of epoch e (both from 0) uses the samples ``(e * steps + s) * batch + 0, 1, ...``, so a
    run that goes on from a checkpoint sees what it would have seen.  A checkpoint is taken after
    an epoch; ``best`` before ``last``, so that ``last`` never speaks of a best that was not kept.

    Parameters
    ----------
    restorer : Restorer
        Whose weights the stepper trains.
    stepper : Stepper
        The engine's half.
    schedule : Schedule
        How long, and how.
    metrics : mapping
        Metrics of the validation samples, taken in normalised units with a data range of 1.
    events : Events
        Told about every step, epoch and checkpoint.
    resume : TrainingState, optional
        What :meth:`state` gave; the weights that belong to it are in `restorer`.
    """

    def __init__(
        self,
        restorer: Restorer,
        stepper: Stepper,
        *,
        schedule: Schedule,
        metrics: Mapping[str, Metric],
        events: Events,
        resume: TrainingState | None = None,
    ) -> None:
        self.restorer = restorer
        self.stepper = stepper
        self.schedule = schedule
        self.metrics = metrics
        self.events = events
        self.progress = Progress(learning_rate=schedule.learning_rate)
        self._best: State = {}
        if resume is not None and resume.facts:
            self.progress = Progress.from_facts(resume.facts)
            if last := _unprefixed("weights.", resume.arrays):
                restorer.load_state(last)
            self._best = _unprefixed("best.", resume.arrays) or restorer.state()
            stepper.load_training_state(resume)

    def run(
        self, samples: Samples, validation: ValidationSamples
    ) -> tuple[FitReport, TrainingState]:
        """Train, and leave the restorer with the weights of its best epoch.

        Returns
        -------
        FitReport
            What training came to.
        TrainingState
            With which a longer schedule goes on from the **last** epoch.

        Raises
        ------
        TrainingDivergedError
            If a loss or a weight is not finite.
        """
        self.stepper.set_learning_rate(self.progress.learning_rate)
        steps, size = self.schedule.steps_per_epoch, self.schedule.batch_size
        all_steps = range(self.progress.epoch * steps, self.schedule.epochs * steps)
        indices = (batch_indices(step, size) for step in all_steps)
        with closing(prefetched(samples, indices)) as batches:
            while (stopped := self.progress.stopped(self.schedule)) is None:
                self._epoch(islice(batches, steps), validation)
        state = self.state()
        if not self.progress.improved:
            last = {f"weights.{name}": array for name, array in self.restorer.state().items()}
            state = attrs.evolve(state, arrays={**state.arrays, **last})
            self.restorer.load_state(self._best)
        report = FitReport(
            epochs=self.progress.epoch,
            best_epoch=self.progress.best_epoch,
            best_loss=float("nan") if self.progress.best_loss is None else self.progress.best_loss,
            stopped=stopped,
        )
        return report, state

    def state(self) -> TrainingState:
        """Return what a later loop needs beside the weights that the restorer has now."""
        of_stepper = self.stepper.training_state()
        # While the last epoch is the best, the best weights are those of the restorer.
        best = {} if self.progress.improved else self._best
        return TrainingState(
            {**of_stepper.arrays, **{f"best.{name}": array for name, array in best.items()}},
            {**of_stepper.facts, **self.progress.to_facts()},
        )

    def _epoch(self, batches: Iterator[Any], validation: ValidationSamples) -> None:
        started = perf_counter()
        epoch, rate = self.progress.epoch + 1, self.progress.learning_rate
        self.events.epoch_started(epoch, self.schedule.epochs, self.schedule.steps_per_epoch)
        train = self._train(batches)
        validated = self._validate(validation)
        loss = validated["loss"] if validated else train["loss"]
        if not isfinite(loss):
            raise self._diverged(f"the validation loss became {loss} after epoch {epoch}", epoch)
        state = self.restorer.state()
        if bad := [name for name, array in state.items() if not np.isfinite(array).all()]:
            raise self._diverged(f"the weights {bad[0]!r} hold NaN after epoch {epoch}", epoch)
        self.progress = self.progress.after(loss, self.schedule)
        if self.progress.improved:
            self._best = state
        self.stepper.set_learning_rate(self.progress.learning_rate)
        self.events.epoch_ended(
            EpochRecord(
                epoch=epoch,
                train=train,
                validation=validated,
                learning_rate=rate,
                seconds=perf_counter() - started,
                best=self.progress.improved,
            )
        )
        if self.progress.improved:
            self.events.checkpoint("best", self.restorer)
        self.events.checkpoint("last", self.restorer)

    def _train(self, batches: Iterator[Any]) -> dict[str, float]:
        totals: dict[str, float] = {}
        waiting: deque[tuple[int, Any, Mapping[str, SupportsFloat]]] = deque()

        def settle(leave: int) -> None:
            while len(waiting) > leave:
                step, batch, losses = waiting.popleft()
                values = {name: float(loss) for name, loss in losses.items()}
                if not all(isfinite(value) for value in values.values()):
                    raise self._not_finite(step, batch, values)
                for name, value in values.items():
                    totals[name] = totals.get(name, 0.0) + value
                self.events.step_ended(step, values["loss"])

        for step, batch in enumerate(batches, start=1):
            waiting.append((step, batch, self.stepper.train(batch)))
            settle(self.stepper.lag)
        settle(0)
        return {name: total / self.schedule.steps_per_epoch for name, total in totals.items()}

    def _validate(self, validation: ValidationSamples) -> dict[str, float]:
        count = len(validation)
        if not count:
            return {}
        totals: dict[str, float] = {}
        axes = "C" + self.restorer.axes
        indices = validation_indices(count, self.schedule.batch_size)
        with closing(prefetched(validation, indices)) as batches:
            for batch in batches:
                evaluation = self.stepper.evaluate(batch)
                for name, loss in evaluation.losses.items():
                    totals[name] = totals.get(name, 0.0) + loss * len(evaluation.images)
                if not isfinite(totals["loss"]):
                    # Whoever called says so; a metric would complain of NaN pixels instead.
                    break
                for name, metric in self.metrics.items():
                    for image, reference in zip(
                        evaluation.images, evaluation.references, strict=True
                    ):
                        value = metric(image, reference, data_range=METRIC_RANGE, axes=axes)
                        totals[name] = totals.get(name, 0.0) + value
        return {name: total / count for name, total in totals.items()}

    def _not_finite(
        self, step: int, batch: Any, losses: Mapping[str, float]
    ) -> TrainingDivergedError:
        name, value = next((n, v) for n, v in losses.items() if not isfinite(v))
        epoch = self.progress.epoch + 1
        what = (
            f"the {name if name == 'loss' else name + ' loss'} became {value} in step {step} of "
            f"epoch {epoch}"
        )
        bad = [
            field.name
            for field in attrs.fields(type(batch))
            if not np.isfinite(getattr(batch, field.name)).all()
        ]
        if bad:
            first = ((epoch - 1) * self.schedule.steps_per_epoch + step - 1) * (
                self.schedule.batch_size
            )
            return TrainingDivergedError(
                f"{what} because the {bad[0]} of the samples {first} to "
                f"{first + self.schedule.batch_size - 1} holds NaN or infinite values; look at the "
                f"images with `l2l data inspect` and check their normalisation. {self._kept(epoch)}"
            )
        return self._diverged(what, epoch)

    def _diverged(self, what: str, epoch: int) -> TrainingDivergedError:
        rate = self.progress.learning_rate
        remedies = [f"a lower train.learning_rate ({rate / 4:g} instead of {rate:g})"]
        if self.stepper.precision != "float32":
            remedies.append('train.precision = "float32"')
        remedies.append(
            "and a look at the images and their normalisation (`l2l data inspect`): a target far "
            "outside 0 to 1 does this too"
        )
        return TrainingDivergedError(f"{what}. Try {', '.join(remedies)}. {self._kept(epoch)}")

    def _kept(self, epoch: int) -> str:
        if self.progress.epoch == 0:
            return "No epoch was finished before, so there is no checkpoint"
        return (
            f"The checkpoints of epoch {self.progress.epoch} (last) and "
            f"{self.progress.best_epoch} (best) are kept"
        )


def _unprefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> State:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
