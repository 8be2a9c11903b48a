"""One training step in TensorFlow: forward, loss, backward and Adam as one graph."""

from __future__ import annotations

from contextlib import contextmanager
from math import sqrt
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np

from l2l_backends.tensorflow.compiling import Compiled
from l2l_backends.tensorflow.device import own_out_of_memory
from l2l_backends.tensorflow.loading import tf
from l2l_backends.tensorflow.ops import TensorFlowOps
from l2l_backends.tensorflow.room import TRAINING, Room
from l2l_backends.tensorflow.weights import from_canonical, to_canonical
from l2l_backends.training.stepper import Evaluation
from l2l_core.components import Paired, TrainingState
from l2l_core.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from l2l_backends.tensorflow.csbdeep_network import CsbdeepUNet
    from l2l_backends.tensorflow.device import Device
    from l2l_core.components import Loss, Schedule

BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-7
"""Keras's, and so CSBDeep's."""

_MOMENTS = ("adam.first_moment.", "adam.second_moment.")


class PairedStepper:
    """Trains a network on pairs with one loss; a :class:`~l2l_backends.training.stepper.Stepper`.

    Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980) with the constants of Keras
    (0.9, 0.999, epsilon 1e-7), and with epsilon added after the correction of the second moment
    for its bias, as the PyTorch engine does: either goes on with the other's training state.

    Parameters
    ----------
    module : CsbdeepUNet
        Gives a dict of outputs.
    loss : Loss
        Reads the outputs that it names.
    device : Device
        Where the module is.
    schedule : Schedule
        Precision and compilation.
    announce : callable
        Told what the user should know.
    """

    def __init__(
        self,
        module: CsbdeepUNet,
        loss: Loss,
        *,
        device: Device,
        schedule: Schedule,
        announce: Callable[[str], None],
    ) -> None:
        self.module = module
        self.loss = loss
        self.device = device
        self.half = _half(device, schedule.precision, announce)
        self.precision = "float32" if self.half is None else "mixed"
        self.lag = 8 if device.is_gpu else 0
        self._ops = TensorFlowOps()
        self._rate = schedule.learning_rate
        self._step = 0
        self._read: set[str] = set()
        self._room = Room(module.network, device, TRAINING)
        with tf.device(device.name):
            self._moments = {
                prefix: {
                    name: tf.Variable(tf.zeros_like(variable), trainable=False)
                    for name, variable in module.variables.items()
                }
                for prefix in _MOMENTS
            }
        self._train = tf.function(self._take_step, autograph=False)
        self._evaluate = tf.function(self._losses_and_outputs, autograph=False)
        if schedule.compile and device.is_gpu:
            self._train = Compiled(self._take_step, announce)
        elif schedule.compile:
            # By a third, against TensorFlow's own kernels.
            announce("TensorFlow trains slower on a CPU when it is compiled; going on without")
        if self.half is not None:
            announce(f"mixed precision: float32 weights, {self.half} convolutions")

    def set_learning_rate(self, rate: float) -> None:
        """Use this learning rate from the next step on."""
        self._rate = rate

    def train(self, batch: Paired) -> Mapping[str, SupportsFloat]:
        """Take one step on a collated batch of pairs."""
        with self._computing(batch):
            step = self._step + 1
            first, second = (1 - beta**step for beta in BETAS)
            # The kernel adds epsilon before the correction; this makes up for that.
            epsilon = ADAM_EPSILON * sqrt(second)
            rates = [
                tf.constant(number, tf.float32) for number in (self._rate, first, second, epsilon)
            ]
            loss = self._train(channels_last(batch.input), channels_last(batch.target), *rates)
            self._step = step
            return {"loss": loss if self.device.is_gpu else float(loss)}

    def evaluate(self, batch: Paired) -> Evaluation:
        """Return loss and predictions of a collated batch of pairs."""
        with self._computing(batch):
            loss, outputs = self._evaluate(channels_last(batch.input), channels_last(batch.target))
            return Evaluation(
                {"loss": float(loss)}, channels_first(outputs["mean"].numpy()), batch.target
            )

    def training_state(self) -> TrainingState:
        """Return Adam's moments, by canonical names, and its step."""
        arrays: dict[str, NDArray[Any]] = {}
        for prefix, moments in self._moments.items():
            for name, moment in moments.items():
                # A head that the loss does not read has no gradient, and so no moments.
                if name in self._read:
                    arrays[prefix + name] = to_canonical(moment.numpy())
        return TrainingState(arrays, {"adam_step": self._step})

    def load_training_state(self, state: TrainingState) -> None:
        """Take over what :meth:`training_state` gave, of this engine or of the PyTorch one."""
        self._step = int(state.facts.get("adam_step", 0))
        shapes = self.module.network.tensors
        for name, shape in shapes.items():
            kept = {prefix: state.arrays.get(prefix + name) for prefix in _MOMENTS}
            if all(array is None for array in kept.values()):
                continue
            for prefix, array in kept.items():
                if array is None or array.shape != shape:
                    raise RunError(
                        f"the training state's {prefix}{name} "
                        + ("is missing" if array is None else f"has the shape {array.shape}")
                        + f", expected {shape}; it belongs to another network, or is damaged. "
                        "Start the run anew"
                    )
                self._moments[prefix][name].assign(from_canonical(array))
            self._read.add(name)

    @contextmanager
    def _computing(self, batch: Paired) -> Iterator[None]:
        said = (
            f"a training step on a batch of shape {batch.input.shape}; a smaller train.batch_size "
            "or patches.shape needs less"
        )
        with (
            own_out_of_memory(said, self.device),
            self._room.for_batch(batch.input.shape),
            tf.device(self.device.name),
        ):
            yield

    def _take_step(self, x: Any, target: Any, rate: Any, first: Any, second: Any, eps: Any) -> Any:
        names, variables = zip(*self.module.variables.items(), strict=True)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss = self._losses_and_outputs(x, target)[0]
        for name, variable, gradient in zip(
            names, variables, tape.gradient(loss, variables), strict=True
        ):
            if gradient is None:
                continue
            self._read.add(name)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._moments[_MOMENTS[0]][name].handle,
                v=self._moments[_MOMENTS[1]][name].handle,
                beta1_power=1 - first,
                beta2_power=1 - second,
                lr=rate,
                beta1=BETAS[0],
                beta2=BETAS[1],
                epsilon=eps,
                grad=gradient,
            )
        return loss

    def _losses_and_outputs(self, x: Any, target: Any) -> tuple[Any, dict[str, Any]]:
        # The layers know their types when the graph is traced, and only then.
        self.module.compute_in(self.half)
        try:
            outputs = self.module(x)
        finally:
            self.module.compute_in(None)
        read = [outputs[name] for name in self.loss.outputs]
        prediction = read[0] if len(read) == 1 else tf.concat(read, axis=-1)
        return self.loss(self._ops, target, prediction, channel_axis=-1), outputs


def channels_last(array: NDArray[np.float32]) -> Any:
    """Return (N, C, [Z,] Y, X) as a tensor (N, [Z,] Y, X, C)."""
    return tf.constant(np.array(np.moveaxis(array, 1, -1), order="C"))


def channels_first(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, [Z,] Y, X, C) as (N, C, [Z,] Y, X), C-contiguous."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 1))


def _half(device: Device, precision: str, announce: Callable[[str], None]) -> str | None:
    """Return the short type to compute convolutions in; None for float32."""
    if precision == "float32" or (precision == "auto" and not device.is_gpu):
        return None
    if device.is_gpu and not device.brain_floats:
        if precision == "mixed":
            announce(f"{device.words} does not compute in bfloat16; going on in float32")
        return None
    return "bfloat16"
