"""What an engine supplies to the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, SupportsFloat

import numpy as np
from attrs import define
from numpy.typing import NDArray

if TYPE_CHECKING:
    from l2l_core.components import TrainingState


@define(frozen=True, eq=False)
class Evaluation:
    """What a validation batch came to.

    Parameters
    ----------
    losses : mapping
        Means over the batch; ``"loss"`` is the one that training makes small.
    images, references : ndarray
        Predictions and what they are compared with, (N, C, [Z,] Y, X) float32, normalised.
    """

    losses: Mapping[str, float]
    images: NDArray[np.float32]
    references: NDArray[np.float32]


class Stepper(Protocol):
    """One engine's half of the training: everything that touches a tensor.

    Attributes
    ----------
    lag : int
        How many steps the losses may be read late; 0 where reading one costs nothing.  A device
        that computes on its own is never waited for when this is more than 0.
    precision : str
        ``"float32"`` or ``"mixed"``, for messages.
    """

    lag: int
    precision: str

    def set_learning_rate(self, rate: float) -> None:
        """Use this learning rate from the next step on."""

    def train(self, batch: Any) -> Mapping[str, SupportsFloat]:
        """Take one step on a collated batch.

        Returns
        -------
        mapping
            Losses of the batch before the step; ``"loss"`` is the one that was made smaller.
            Making a float of one may wait for the device.
        """

    def evaluate(self, batch: Any) -> Evaluation:
        """Return losses and predictions of a collated validation batch; changes nothing."""

    def training_state(self) -> TrainingState:
        """Return optimisers and scalers as arrays and JSON values."""

    def load_training_state(self, state: TrainingState) -> None:
        """Take over what :meth:`training_state` gave; what else `state` holds is left alone."""
