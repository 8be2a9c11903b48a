"""What a training of seconds needs: samples, losses of no plugin, checkpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import define

from l2l_core.components import (
    Events,
    Loss,
    Paired,
    Restorer,
    Sample,
    Single,
    TrainingState,
    Unpaired,
    masked_mean,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    State = dict[str, NDArray[Any]]


@define(frozen=True)
class SquaredError(Loss):
    """Mean squared error, so that the suite stands on no plugin."""

    def __call__(
        self, ops: Any, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the mean of the squared differences."""
        return masked_mean(ops, ops.square(prediction - target), mask)


@define(frozen=True)
class Likelihood(Loss):
    """Negative log-likelihood of Laplace distributions, for restorers that give a scale."""

    outputs: ClassVar[tuple[str, ...]] = ("mean", "scale")

    def __call__(
        self, ops: Any, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the mean of the negative logarithm, up to a constant."""
        mean, scale = ops.split(prediction, 2, channel_axis)
        scale = ops.maximum(scale, 1e-3)
        return masked_mean(ops, ops.abs(mean - target) / scale + ops.log(scale), mask)


class SyntheticSamples:
    """Noise, and the same noise blurred and shifted: something to learn for any kind of method.

    Parameters
    ----------
    supervision : {"paired", "unpaired", "single"}
        Kind of samples.
    channels_in, channels_out : int
        Numbers of channels.
    shape : tuple of int
        Spatial sides of what goes in.
    shape_out : tuple of int
        Spatial sides of what comes out.
    count : int
        How many there are, for validation.
    """

    def __init__(
        self,
        supervision: str,
        channels_in: int,
        channels_out: int,
        shape: tuple[int, ...],
        shape_out: tuple[int, ...],
        count: int = 2,
    ) -> None:
        self.supervision = supervision
        self.inputs = (channels_in, *shape)
        self.targets = (channels_out, *shape_out)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng(index)
        first = rng.normal(0.5, 0.3, size=self.inputs).astype(np.float32)
        if self.supervision == "single":
            return Single(first)
        if self.targets[1:] == self.inputs[1:]:
            target = np.broadcast_to(first.mean(axis=0, keepdims=True), self.targets) * 0.5 + 0.1
        else:
            target = rng.normal(0.5, 0.3, size=self.targets)
        second = np.asarray(target, dtype=np.float32, order="C")
        return Unpaired(first, second) if self.supervision == "unpaired" else Paired(first, second)


class Keeping(Events):
    """Keeps the last checkpoint of every epoch, as a run folder would."""

    def __init__(self) -> None:
        self.checkpoints: list[tuple[State, TrainingState]] = []

    def checkpoint(self, kind: str, restorer: Restorer) -> None:
        """Keep weights and training state, the facts as JSON gives them back."""
        if kind == "last":
            training = restorer.training_state()
            self.checkpoints.append(
                (
                    copied(restorer.state()),
                    TrainingState(
                        copied(training.arrays), json.loads(json.dumps(dict(training.facts)))
                    ),
                )
            )


def copied(arrays: Mapping[str, NDArray[Any]]) -> State:
    """Return arrays that nobody else holds."""
    return {name: np.array(array, order="C") for name, array in arrays.items()}
