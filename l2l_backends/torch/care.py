"""Content-aware restoration (CARE) with PyTorch: the network that L2L trains on two labels.

Weigert et al. 2018, Nature Methods 15, 1090, https://doi.org/10.1038/s41592-018-0216-7; the
defaults of network and training are those of CSBDeep 0.8.2.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch

from l2l_backends.care_restorer import CareRestorer
from l2l_backends.torch.compiling import Compiled
from l2l_backends.torch.device import describe, find_device, own_out_of_memory
from l2l_backends.torch.memory import give_back_freed_memory, keep_freed_memory
from l2l_backends.torch.network import CareUNet, load_weights, to_array, weights
from l2l_backends.torch.placing import place, place_module
from l2l_backends.torch.stepper import PairedStepper
from l2l_backends.training.loop import TrainingLoop
from l2l_core.components import TrainingState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from l2l_backends.care_network import CareOptions
    from l2l_core.components import (
        Events,
        FitReport,
        Loss,
        Metric,
        Samples,
        Schedule,
        ValidationSamples,
    )


class Care(CareRestorer):
    """The CARE U-Net on torch.

    A new one has random weights; :meth:`fit` draws them anew from its seed unless weights were
    loaded or trained before, which it then goes on from.

    Parameters
    ----------
    options : CareOptions
        The network.
    axes : str
        ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int
        Numbers of channels.
    device : str, optional
        ``"auto"``, ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.

    Raises
    ------
    DeviceError
        If there is no such device.
    """

    def __init__(
        self,
        options: CareOptions,
        *,
        axes: str,
        channels_in: int,
        channels_out: int,
        device: str = "auto",
    ) -> None:
        super().__init__(
            options, axes=axes, channels_in=channels_in, channels_out=channels_out, device=device
        )
        self._where = find_device(device)
        if self._where.type == "cpu":
            keep_freed_memory()
        self._module = place_module(CareUNet(self.network), self._where)
        load_weights(self._module, self.network.initial_state(seed=0))
        self._forward: Callable[[torch.Tensor], dict[str, torch.Tensor]] = self._module
        self._half: torch.dtype | None = None
        self._has_weights = False
        self._loop: TrainingLoop | None = None
        self._training_state = TrainingState({}, {})

    def accelerate(
        self,
        *,
        compile: bool = False,
        half: bool = False,
        announce: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Make :meth:`restore` faster than it is by default.

        Parameters
        ----------
        compile : bool, optional
            Compile the network at its first call, which takes up to a minute.
        half : bool, optional
            Compute convolutions in bfloat16: much faster on a GPU, about three digits accurate.
        announce : callable, optional
            Told if the network cannot be compiled here.
        """
        self._forward = Compiled(self._module, announce) if compile else self._module
        self._half = torch.bfloat16 if half else None

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Restore a batch (N, C, [Z,] Y, X) float32; see :meth:`Restorer.restore`."""
        self.check_shape(batch.shape)
        with ExitStack() as stack:
            stack.enter_context(own_out_of_memory(f"a batch of shape {batch.shape}", self._where))
            stack.enter_context(torch.inference_mode())
            stack.enter_context(_exact(self._where, self._half))
            outputs = self._forward(place(batch, self._where))
            return {name: to_array(value.float()) for name, value in outputs.items()}

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
        """Train on pairs; see :meth:`Restorer.fit`.

        On a CPU the weights depend on nothing but the samples, the schedule, the seed and the
        number of threads, also where training was stopped and resumed.  At the end the weights
        are those of the best epoch.

        Raises
        ------
        TrainingDivergedError
            If the loss is not finite.
        OptionsError
            If the loss reads an output that this network does not have.
        DataError
            If the samples do not fit the network.
        OutOfMemory
            If a batch does not fit on the device.
        """
        loss = self.target_loss(losses)
        self.check_samples(samples)
        if not self._has_weights:
            load_weights(self._module, self.network.initial_state(seed))
        self._has_weights = True
        events.message(f"training on {describe(self._where)}")
        stepper = PairedStepper(
            self._module, loss, device=self._where, schedule=schedule, announce=events.message
        )
        self._loop = TrainingLoop(
            self, stepper, schedule=schedule, metrics=metrics, events=events, resume=resume
        )
        try:
            report, self._training_state = self._loop.run(samples, validation)
        finally:
            # The loop holds the optimiser, twice the weights on the device.
            self._loop = None
        return report

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return the canonical weights; see :mod:`l2l_backends.care_network`."""
        return weights(self._module)

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over canonical weights; see :meth:`Restorer.load_state`."""
        self.network.check(state)
        load_weights(self._module, state)
        self._has_weights = True

    def training_state(self) -> TrainingState:
        """Return optimiser, learning rate and best weights as of the last epoch."""
        return self._training_state if self._loop is None else self._loop.state()

    def close(self) -> None:
        """Give the device's memory back."""
        self._module.to("meta")
        if self._where.type == "cuda":
            torch.cuda.empty_cache()
        if self._where.type == "cpu":
            give_back_freed_memory()


@contextmanager
def _exact(device: torch.device, half: torch.dtype | None) -> Iterator[None]:
    """Compute reproducibly and in all of float32, unless a short type is asked for.

    By default cuDNN rounds the factors of float32 convolutions to 10 bits (TF32), and may choose
    another algorithm for another shape: then tiles differ from the whole image by 1e-3.
    """
    with ExitStack() as stack:
        if device.type == "cuda":
            stack.enter_context(
                torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
            )
        stack.enter_context(torch.autocast(device.type, dtype=half, enabled=half is not None))
        yield
