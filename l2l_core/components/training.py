"""What a restorer is trained on, how long, and what it reports meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import define, field, validators

if TYPE_CHECKING:
    # Only annotations need them, and a plugin is listed without loading NumPy.
    import numpy as np  # noqa: TC004
    from numpy.typing import NDArray  # noqa: TC004

    from l2l_core.components.restorer import Restorer


@define(frozen=True, eq=False)
class Paired:
    """One sample of paired images: normalised (C, [Z,] Y, X) float32 each."""

    input: NDArray[np.float32]
    target: NDArray[np.float32]


@define(frozen=True, eq=False)
class Unpaired:
    """One sample of two unrelated images: normalised (C, [Z,] Y, X) float32 each."""

    a: NDArray[np.float32]
    b: NDArray[np.float32]


@define(frozen=True, eq=False)
class Single:
    """One sample of a single image: normalised (C, [Z,] Y, X) float32."""

    input: NDArray[np.float32]


Sample = Paired | Unpaired | Single


class Samples(Protocol):
    """Training samples without end: sample `index` is the same whenever it is asked for.

    An implementation is safe to call from several threads.
    """

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` >= 0."""


class ValidationSamples(Protocol):
    """A finite, fixed set of samples."""

    def __len__(self) -> int:
        """Return how many there are; 0 means that there is no validation."""

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index`, 0 <= index < len."""


@define(frozen=True, kw_only=True)
class Schedule:
    """How a restorer is trained; the table ``[train]`` of a configuration.

    The defaults are CSBDeep's: 100 epochs of 400 steps of 16 patches, Adam at 4e-4, halved after
    10 epochs without a better validation loss.

    Parameters
    ----------
    epochs, steps_per_epoch, batch_size : int
        Length of the training.
    learning_rate : float
        Of Adam, at the start.
    plateau_patience : int
        Epochs without improvement after which the rate is reduced; 0 keeps it.
    plateau_factor : float
        What the rate is multiplied by then.
    min_learning_rate : float
        The rate is not reduced below this.
    early_stopping : int
        Epochs without improvement after which training ends; 0 never ends it early.
    precision : {"auto", "float32", "mixed"}
        ``auto`` is mixed on a GPU and float32 on a CPU.
    compile : bool
        Whether the engine may compile the network (torch.compile, XLA) for speed.
    """

    epochs: int = field(default=100, validator=validators.ge(1))
    steps_per_epoch: int = field(default=400, validator=validators.ge(1))
    batch_size: int = field(default=16, validator=validators.ge(1))
    learning_rate: float = field(default=4e-4, validator=validators.gt(0))
    plateau_patience: int = field(default=10, validator=validators.ge(0))
    plateau_factor: float = field(
        default=0.5, validator=validators.and_(validators.gt(0), validators.lt(1))
    )
    min_learning_rate: float = field(default=1e-7, validator=validators.ge(0))
    early_stopping: int = field(default=0, validator=validators.ge(0))
    precision: Literal["auto", "float32", "mixed"] = field(
        default="auto", validator=validators.in_(("auto", "float32", "mixed"))
    )
    compile: bool = False


@define(frozen=True, kw_only=True)
class EpochRecord:
    """What one epoch came to; a line of ``log.jsonl``.

    Parameters
    ----------
    epoch : int
        Counted from 1.
    train : dict
        Mean losses over the epoch, ``{"loss": ..., ...}``.
    validation : dict
        Losses and metrics on the validation samples; empty where there are none.
    learning_rate : float
        During this epoch.
    seconds : float
        What it took.
    best : bool
        Whether it is the best so far.
    """

    epoch: int
    train: Mapping[str, float]
    validation: Mapping[str, float] = field(factory=dict)
    learning_rate: float = 0.0
    seconds: float = 0.0
    best: bool = True


@define(frozen=True, kw_only=True)
class FitReport:
    """What training came to.

    Parameters
    ----------
    epochs : int
        How many were trained, those before a resume included.
    best_epoch : int
        Epoch with the lowest validation loss, training loss where there is no validation.
    best_loss : float
        That loss.
    stopped : str
        Why it ended: ``"finished"`` or ``"early"``.
    """

    epochs: int
    best_epoch: int
    best_loss: float
    stopped: str = "finished"


@define(frozen=True, eq=False)
class TrainingState:
    """All that a training run needs beside the model in order to go on as if never stopped.

    Parameters
    ----------
    arrays : dict of ndarray
        Optimisers' moments, pools of images, ...
    facts : dict
        JSON values: epoch, learning rate, plateau counter, random states, ...
    """

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]


class Events:
    """What a training run tells whoever started it; every method may be left as it is."""

    def message(self, text: str) -> None:
        """Take a remark that is worth a line, such as the device that was chosen."""

    def epoch_started(self, epoch: int, epochs: int, steps: int) -> None:
        """Take note that epoch `epoch` of `epochs` begins, with `steps` steps."""

    def step_ended(self, step: int, loss: float) -> None:
        """Take note that step `step` (from 1) of the epoch is done, and its loss."""

    def epoch_ended(self, record: EpochRecord) -> None:
        """Take note of what an epoch came to; called before its checkpoints."""

    def checkpoint(self, kind: Literal["last", "best"], restorer: Restorer) -> None:
        """Save ``restorer.state()`` and ``restorer.training_state()`` under `kind`."""
