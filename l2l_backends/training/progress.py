"""How far a training run has come, as one frozen value: epochs, learning rate, best loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs import define

from l2l_core.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.components import Schedule


@define(frozen=True, kw_only=True)
class Progress:
    """What is known after a number of epochs.

    The learning rate follows Keras's ``ReduceLROnPlateau`` as CSBDeep sets it: a loss is better
    if it is smaller than the best so far by however little (``min_delta = 0``); after `patience`
    epochs in a row without a better one the rate is multiplied by the factor, and the count
    begins anew (no cool-down).

    Parameters
    ----------
    epoch : int
        How many epochs are done.
    learning_rate : float
        Of the next epoch.
    best_epoch : int
        Epoch of the lowest loss, from 1; 0 before the first.
    best_loss : float, optional
        That loss.
    waited : int
        Epochs without a better loss since the last better one or the last reduction.
    """

    epoch: int = 0
    learning_rate: float
    best_epoch: int = 0
    best_loss: float | None = None
    waited: int = 0

    def after(self, loss: float, schedule: Schedule) -> Progress:
        """Return the progress after one more epoch, which came to `loss`."""
        epoch = self.epoch + 1
        if self.best_loss is None or loss < self.best_loss:
            return attrs.evolve(self, epoch=epoch, best_epoch=epoch, best_loss=loss, waited=0)
        waited, rate = self.waited + 1, self.learning_rate
        if schedule.plateau_patience and waited >= schedule.plateau_patience:
            waited = 0
            # A rate that began below the least one is left alone.
            rate = min(rate, max(rate * schedule.plateau_factor, schedule.min_learning_rate))
        return attrs.evolve(self, epoch=epoch, learning_rate=rate, waited=waited)

    @property
    def improved(self) -> bool:
        """Whether the last epoch was the best so far."""
        return self.epoch > 0 and self.best_epoch == self.epoch

    def stopped(self, schedule: Schedule) -> str | None:
        """Return why training ends here, ``"finished"`` or ``"early"``; None if it goes on."""
        if self.epoch >= schedule.epochs:
            return "finished"
        patience = schedule.early_stopping
        return "early" if patience and self.epoch - self.best_epoch >= patience else None

    def to_facts(self) -> dict[str, Any]:
        """Return JSON values that :meth:`from_facts` takes back, exactly."""
        return attrs.asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Progress:
        """Return the progress that a training state holds.

        Raises
        ------
        RunError
            If something is missing.
        """
        names = [attribute.name for attribute in attrs.fields(cls)]
        missing = [name for name in names if name not in facts]
        if missing:
            raise RunError(
                f"the training state lacks {', '.join(missing)}; it was not written by this "
                "training loop, or is damaged. Start the run anew, or fine-tune its model with "
                "start_from"
            )
        return cls(**{name: facts[name] for name in names})
