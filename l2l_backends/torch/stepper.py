"""One training step in torch: forward, loss, backward, Adam; on a GPU in mixed precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
import torch
from torch import Tensor

from l2l_backends.torch.compiling import Compiled
from l2l_backends.torch.device import own_out_of_memory
from l2l_backends.torch.network import canonical_name, to_array
from l2l_backends.torch.ops import TorchOps
from l2l_backends.torch.placing import place
from l2l_backends.training.stepper import Evaluation
from l2l_core.components import Paired, TrainingState
from l2l_core.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from l2l_backends.torch.network import CareUNet
    from l2l_core.components import Loss, Schedule

ADAM_EPSILON = 1e-7
"""Keras's, and so CSBDeep's; torch's own default is 1e-8."""

_MOMENTS = {"exp_avg": "adam.first_moment.", "exp_avg_sq": "adam.second_moment."}


class _LateLoss:
    """A loss on its way from the GPU; asking for the number waits for this loss alone."""

    def __init__(self, loss: Tensor) -> None:
        self._number = torch.empty((), dtype=torch.float32, pin_memory=True)
        self._number.copy_(loss, non_blocking=True)
        self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._arrived.record()

    def __float__(self) -> float:
        self._arrived.synchronize()
        return float(self._number)


class PairedStepper:
    """Trains a module on pairs with one loss; a :class:`~l2l_backends.training.stepper.Stepper`.

    Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980) with the constants of Keras
    (0.9, 0.999, epsilon 1e-7), applied as torch does it: epsilon is added after the correction
    of the second moment for its bias, which matters only where gradients are of its size.

    Parameters
    ----------
    module : CareUNet
        Gives a dict of outputs.
    loss : Loss
        Reads the outputs that it names.
    device : torch.device
        Where the module is.
    schedule : Schedule
        Precision, compilation and the first learning rate.
    announce : callable
        Told what the user should know.
    """

    def __init__(
        self,
        module: CareUNet,
        loss: Loss,
        *,
        device: torch.device,
        schedule: Schedule,
        announce: Callable[[str], None],
    ) -> None:
        self.module = module
        self.loss = loss
        self.device = device
        self.half = _half(device, schedule.precision)
        self.precision = "float32" if self.half is None else "mixed"
        self.lag = 8 if device.type == "cuda" else 0
        self._ops = TorchOps()
        self._forward: Callable[[Tensor], dict[str, Tensor]] = (
            Compiled(module, announce) if schedule.compile else module
        )
        self._optimizer = torch.optim.Adam(
            module.parameters(),
            lr=schedule.learning_rate,
            eps=ADAM_EPSILON,
            fused=device.type in ("cpu", "cuda"),
        )
        # bfloat16 has the range of float32; only float16 needs its gradients scaled.
        self._scaler = torch.amp.GradScaler(
            device.type, enabled=self.half is torch.float16 and device.type == "cuda"
        )
        if self.half is not None:
            announce(f"mixed precision: float32 weights, {str(self.half)[6:]} convolutions")

    def set_learning_rate(self, rate: float) -> None:
        """Use this learning rate from the next step on."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def train(self, batch: Paired) -> Mapping[str, SupportsFloat]:
        """Take one step on a collated batch of pairs."""
        with own_out_of_memory(_said(batch), self.device):
            loss = self._loss(place(batch.input, self.device), place(batch.target, self.device))[0]
            self._optimizer.zero_grad(set_to_none=True)
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self._scaler.step(self._optimizer)
            self._scaler.update()
            value = loss.detach()
            return {"loss": _LateLoss(value) if self.device.type == "cuda" else float(value)}

    @torch.no_grad()
    def evaluate(self, batch: Paired) -> Evaluation:
        """Return loss and predictions of a collated batch of pairs."""
        with own_out_of_memory(_said(batch), self.device):
            loss, outputs = self._loss(
                place(batch.input, self.device), place(batch.target, self.device)
            )
            return Evaluation({"loss": float(loss)}, to_array(outputs["mean"]), batch.target)

    def training_state(self) -> TrainingState:
        """Return Adam's moments, by canonical names, its step, and the gradient scaler."""
        arrays: dict[str, NDArray[Any]] = {}
        step = 0
        for name, parameter in self.module.named_parameters():
            # A head that the loss does not read has no gradient, and so no moments.
            if kept := self._optimizer.state.get(parameter):
                step = int(kept["step"])
                for key, prefix in _MOMENTS.items():
                    arrays[prefix + canonical_name(name)] = to_array(kept[key])
        facts: dict[str, Any] = {"adam_step": step}
        if self._scaler.is_enabled():
            facts["gradient_scaler"] = self._scaler.state_dict()
        return TrainingState(arrays, facts)

    def load_training_state(self, state: TrainingState) -> None:
        """Take over what :meth:`training_state` gave."""
        step = float(state.facts.get("adam_step", 0))
        device = self.device if self.device.type == "cuda" else torch.device("cpu")
        for name, parameter in self.module.named_parameters():
            name = canonical_name(name)
            moments = {key: state.arrays.get(p + name) for key, p in _MOMENTS.items()}
            if all(array is None for array in moments.values()):
                continue
            kept: dict[str, Tensor] = {"step": torch.tensor(step, device=device)}
            for key, array in moments.items():
                if array is None or array.shape != tuple(parameter.shape):
                    raise RunError(
                        f"the training state's {_MOMENTS[key]}{name} "
                        + ("is missing" if array is None else f"has the shape {array.shape}")
                        + f", expected {tuple(parameter.shape)}; it belongs to another network, "
                        "or is damaged. Start the run anew"
                    )
                kept[key] = torch.empty_like(parameter, requires_grad=False)
                kept[key].copy_(torch.from_numpy(np.array(array, order="C")))
            self._optimizer.state[parameter] = kept
        if self._scaler.is_enabled() and (scaler := state.facts.get("gradient_scaler")):
            self._scaler.load_state_dict(dict(scaler))

    def _loss(self, x: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        enabled = self.half is not None
        with torch.autocast(self.device.type, dtype=self.half, enabled=enabled):
            outputs = {name: value.float() for name, value in self._forward(x).items()}
        read = [outputs[name] for name in self.loss.outputs]
        prediction = read[0] if len(read) == 1 else torch.cat(read, dim=1)
        loss = self.loss(self._ops, target, prediction, channel_axis=1)
        return loss, outputs


def _half(device: torch.device, precision: str) -> torch.dtype | None:
    """Return the short type to compute convolutions in; None for float32."""
    if precision == "float32" or (precision == "auto" and device.type == "cpu"):
        return None
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        return torch.float16
    # On Apple's GPUs, as on CPUs, bfloat16 alone needs no scaling of gradients.
    return torch.bfloat16 if device.type != "mps" or precision == "mixed" else None


def _said(batch: Paired) -> str:
    return (
        f"a training step on a batch of shape {batch.input.shape}; a smaller train.batch_size "
        "or patches.shape needs less"
    )
