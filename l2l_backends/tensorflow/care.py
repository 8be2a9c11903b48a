"""Content-aware restoration (CARE) with TensorFlow: CSBDeep's own network, trained by our loop.

Weigert et al. 2018, Nature Methods 15, 1090, https://doi.org/10.1038/s41592-018-0216-7; the
defaults of network and training are those of CSBDeep 0.8.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2l_backends.care_restorer import CareRestorer
from l2l_backends.tensorflow.csbdeep_network import CsbdeepUNet
from l2l_backends.tensorflow.device import exact, find_device, own_out_of_memory
from l2l_backends.tensorflow.loading import tf
from l2l_backends.tensorflow.room import PREDICTION, Room
from l2l_backends.tensorflow.stepper import PairedStepper, channels_first, channels_last
from l2l_backends.tensorflow.weights import load_weights, weights
from l2l_backends.training.loop import TrainingLoop
from l2l_core.components import TrainingState

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """The CARE U-Net on TensorFlow.

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
        with tf.device(self._where.name):
            self._module = CsbdeepUNet(self.network)
            load_weights(self._module.variables, self.network.initial_state(seed=0))
        self._room = Room(self.network, self._where, PREDICTION)
        # One graph for batches of all sizes.
        shape = (None, *(None,) * len(axes), channels_in)
        self._predict = tf.function(
            self._module, input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False
        )
        self._has_weights = False
        self._loop: TrainingLoop | None = None
        self._training_state = TrainingState({}, {})

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Restore a batch (N, C, [Z,] Y, X) float32; see :meth:`Restorer.restore`."""
        self.check_shape(batch.shape)
        said = f"a batch of shape {batch.shape}"
        with (
            own_out_of_memory(said, self._where),
            self._room.for_batch(batch.shape),
            exact(self._where),
        ):
            outputs = self._predict(channels_last(batch))
            return {name: channels_first(value.numpy()) for name, value in outputs.items()}

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
            load_weights(self._module.variables, self.network.initial_state(seed))
        self._has_weights = True
        events.message(f"training on {self._where.words}")
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
        return weights(self._module.variables)

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over canonical weights; see :meth:`Restorer.load_state`."""
        self.network.check(state)
        load_weights(self._module.variables, state)
        self._has_weights = True

    def training_state(self) -> TrainingState:
        """Return optimiser, learning rate and best weights as of the last epoch."""
        return self._training_state if self._loop is None else self._loop.state()

    def close(self) -> None:
        """Give the weights back; TensorFlow keeps the memory for its next network."""
        del self._predict, self._module
