"""The interface of a restorer: the method itself, without files, tiles, axes or normalisation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define

from l2l_core.components.training import (
    Events,
    FitReport,
    Samples,
    Schedule,
    TrainingState,
    ValidationSamples,
)
from l2l_core.errors import ModelDamagedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from l2l_core.components.geometry import Geometry
    from l2l_core.components.loss import Loss
    from l2l_core.components.metric import Metric


@define(frozen=True)
class NoOptions:
    """Options of a restorer that has none."""


class Restorer(ABC):
    """A method that turns a batch of normalised images into restorations.

    The core reads files, orders axes, normalises, pads, cuts tiles and puts them together again,
    for every restorer alike; a plugin of fifty lines streams a terabyte.  What the core must know
    for that is in :attr:`geometry`.

    Parameters
    ----------
    options : Options
        Instance of the class's ``Options``.
    axes : str
        Spatial axes of the images, ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int
        Numbers of channels.
    device : str, optional
        ``"auto"``, ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.

    Attributes
    ----------
    Options : type
        Frozen attrs class of the options, a part of the configuration.
    roles : tuple of str
        Names of the losses that :meth:`fit` wants; ``("target",)`` for a method with one.
    normalizes : bool
        False for a filter that works on raw intensities and gives them back in the same units.
    units : str
        Only of a filter that gives something else than intensities: what it is, to follow "comes
        out", such as ``"as distances, in pixels"``.
    """

    Options: ClassVar[type] = NoOptions
    roles: ClassVar[tuple[str, ...]] = ("target",)
    normalizes: ClassVar[bool] = True

    geometry: Geometry
    units: str = ""

    def __init__(
        self, options: Any, *, axes: str, channels_in: int, channels_out: int, device: str = "auto"
    ) -> None:
        self.options = options
        self.axes = axes
        self.channels_in = channels_in
        self.channels_out = channels_out
        self.device = device

    @classmethod
    def outputs_of(cls, options: Any) -> tuple[str, ...]:
        """Return what comes out with these options; equals ``geometry.outputs`` of an instance.

        A configuration is checked with it before any restorer is made: a loss must find the
        outputs that it reads.

        Parameters
        ----------
        options : Options
            Instance of the class's ``Options``.

        Returns
        -------
        tuple of str
            ``("mean",)``, or for instance ``("mean", "scale")`` of a probabilistic method.
        """
        return ("mean",)

    @abstractmethod
    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Restore a batch; pure, and no image of the batch has an influence on another.

        Parameters
        ----------
        batch : ndarray
            (N, C, [Z,] Y, X) float32, C-contiguous, normalised; sides are multiples of
            ``geometry.multiple``.

        Returns
        -------
        dict of ndarray
            For each of ``geometry.outputs`` an array (N, C_out, [Z,] Y, X) float32, with each
            side times ``geometry.scale``.

        Raises
        ------
        OutOfMemory
            If the device has no memory for the batch; the core tries again with a smaller tile.
        """

    def fit(
        self,
        samples: Samples,
        validation: ValidationSamples,
        *,
        losses: Mapping[str, Loss],
        metrics: Mapping[str, Metric],
        schedule: Schedule,
        seed: int,
        events: Events,
        resume: TrainingState | None = None,
    ) -> FitReport:
        """Train on samples of the kind that the record's ``supervision`` names.

        Parameters
        ----------
        samples : Samples
            Step s of epoch e (from 0) uses the samples ``(e * steps + s) * batch + 0, 1, ...``.
        validation : ValidationSamples
            Fixed samples on which the best epoch is chosen.
        losses : mapping
            A loss for each of :attr:`roles`.
        metrics : mapping
            Metrics to log on the validation samples.
        schedule : Schedule
            How long, and how.
        seed : int
            Of the initial weights and of whatever else is random.
        events : Events
            Told about every step, epoch and checkpoint.
        resume : TrainingState, optional
            What :meth:`training_state` gave; the matching :meth:`state` was loaded before.

        Returns
        -------
        FitReport

        Raises
        ------
        TrainingDivergedError
            If the loss is not finite.
        """
        raise TypeError(f"{type(self).__name__} is not trained here; it has no fit()")

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the model's tensors, in the one layout that all engines of this name share."""
        return {}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` gave.

        Raises
        ------
        ModelDamagedError
            If a tensor is missing, unknown, or of another shape or dtype; names it.
        """
        check_state(state, {}, type(self).__name__)

    def training_state(self) -> TrainingState:
        """Return what :meth:`fit` needs in order to go on as if it had never been stopped."""
        return TrainingState({}, {})

    def collect(self, batch: NDArray[np.float32], stage: int) -> None:
        """Add the kept pixels of a batch to the global statistics of `stage`.

        Called only where ``geometry.statistics_stages`` > 0, with all stages before frozen.
        """
        raise TypeError(f"{type(self).__name__} declares no statistics stages")

    def freeze(self, stage: int) -> None:
        """Finish the statistics of `stage`; from now on they are constants."""
        raise TypeError(f"{type(self).__name__} declares no statistics stages")

    def export_onnx(self) -> bytes | None:
        """Return what :meth:`restore` computes as an ONNX graph, for other software.

        Its input is ``image`` (N, C, [Z,] Y, X) float32, normalised, with open N and sides; its
        outputs have the names and shapes of ``geometry.outputs``.  Which image it expects, and in
        what units it answers, the core writes beside it.

        Returns
        -------
        bytes or None
            The serialised model; None where the method cannot be written as a graph.
        """
        return None

    def take_remark(self) -> str:
        """Return in a sentence what was odd about the images since it was last asked for.

        Empty where nothing was.  The core tells it once a restoration, whichever thread, process
        or machine restored.
        """
        return ""

    def close(self) -> None:  # noqa: B027 - most restorers hold nothing
        """Give back what the restorer holds on its device."""


def check_state(
    state: Mapping[str, NDArray[Any]],
    expected: Mapping[str, tuple[tuple[int, ...], str]],
    what: str,
) -> None:
    """Check the tensors that :meth:`Restorer.load_state` is given.

    Parameters
    ----------
    state : mapping of ndarray
        What was read.
    expected : mapping
        Shape and dtype of each tensor, such as ``{"kernel": ((1, 1, 7, 7), "float32")}``.
    what : str
        What the tensors are loaded into, for the message.

    Raises
    ------
    ModelDamagedError
        If a tensor is missing, unknown, or of another shape or dtype; names the first three.
    """
    problems = [f"tensor {name!r} is missing" for name in expected if name not in state]
    problems += [f"tensor {name!r} is not part of it" for name in state if name not in expected]
    for name, (shape, dtype) in expected.items():
        if name not in state:
            continue
        array = state[name]
        if tuple(array.shape) != tuple(shape):
            problems.append(f"tensor {name!r} has the shape {array.shape}, expected {shape}")
        elif array.dtype != dtype:
            problems.append(f"tensor {name!r} is {array.dtype}, expected {dtype}")
    if problems:
        more = len(problems) - 3
        raise ModelDamagedError(
            f"the tensors do not fit {what}: {'; '.join(problems[:3])}"
            + (f"; and {more} more" if more > 0 else "")
            + ". Load those that belong to these options, or train again"
        )
