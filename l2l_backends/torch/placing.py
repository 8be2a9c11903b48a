"""Arrays onto a device, in the memory layout that its convolutions are fastest in."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from numpy.typing import NDArray

Module = TypeVar("Module", bound=nn.Module)


def place_module(module: Module, device: torch.device) -> Module:
    """Return a module with memory on a device, uninitialised, and its kernels channels last."""
    module.to_empty(device=device)
    for parameter in module.parameters():
        parameter.data = _channels_last(parameter.data)
    return module


def place(array: NDArray[np.float32], device: torch.device) -> Tensor:
    """Return an array as a tensor on a device, channels last.

    On a CPU it may share the memory of `array`, which nobody may write to while it lives.

    Parameters
    ----------
    array : ndarray
        (N, C, [Z,] Y, X) float32.
    device : torch.device
        Where to.
    """
    if not array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C")
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory().to(device, non_blocking=True)
    else:
        tensor = tensor.to(device)
    return _channels_last(tensor)


def _channels_last(tensor: Tensor) -> Tensor:
    if tensor.ndim not in (4, 5) or tensor.device.type == "mps":
        return tensor
    layout = torch.channels_last if tensor.ndim == 4 else torch.channels_last_3d
    tensor = tensor.contiguous(memory_format=layout)
    if tensor.shape[1] == 1:
        # Both layouts describe the same bytes then; the strides decide which one torch sees, and
        # what it sees first it keeps through the whole network.
        strides = list(tensor.stride())
        strides[1] = 1
        tensor = tensor.as_strided(tensor.shape, strides)
    return tensor
