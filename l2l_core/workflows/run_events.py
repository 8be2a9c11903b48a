"""What a training run writes while it goes on: a line of the log and checkpoints each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import asdict

from l2l_core.components.training import EpochRecord, Events

if TYPE_CHECKING:
    from l2l_core.components.restorer import Restorer
    from l2l_core.models.run_folder import RunFolder


class RunEvents(Events):
    """Write log and checkpoints of a run, and pass everything on to a display.

    Parameters
    ----------
    folder : RunFolder
        Where to write.
    display : Events
        Who else is told.
    epoch : int
        What is on the disk already.
    """

    def __init__(self, folder: RunFolder, display: Events, epoch: int) -> None:
        self._folder, self._display = folder, display
        self.epoch = self._ended = epoch

    def message(self, text: str) -> None:
        """Pass a remark on."""
        self._display.message(text)

    def epoch_started(self, epoch: int, epochs: int, steps: int) -> None:
        """Pass it on."""
        self._display.epoch_started(epoch, epochs, steps)

    def step_ended(self, step: int, loss: float) -> None:
        """Pass it on."""
        self._display.step_ended(step, loss)

    def epoch_ended(self, record: EpochRecord) -> None:
        """Write a line of the log."""
        self._folder.log(asdict(record))
        self._display.epoch_ended(record)
        self._ended = record.epoch

    def checkpoint(self, kind: Literal["last", "best"], restorer: Restorer) -> None:
        """Write a checkpoint."""
        self._folder.save_checkpoint(kind, self._ended, restorer.state(), restorer.training_state())
        if kind == "last":
            self.epoch = self._ended
