"""The CARE U-Net in 2D and 3D as a torch module.

Content-aware restoration: Weigert et al. 2018, Nature Methods 15, 1090,
https://doi.org/10.1038/s41592-018-0216-7.  U-Net: Ronneberger, Fischer and Brox 2015, MICCAI,
https://arxiv.org/abs/1505.04597.  Layers and channels stand in
:mod:`l2l_backends.care_network`; here they are computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from l2l_backends.care_network import SCALE_FLOOR, CareNetwork, Convolution
from l2l_backends.torch.enlarging import CONVOLVE, add_enlarged_convolution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def _convolution(described: Convolution) -> nn.Module:
    kind: Any = {2: nn.Conv2d, 3: nn.Conv3d}[len(described.sides)]
    # Built on "meta", whose initialisation draws nothing from torch's global generator.
    made: nn.Module = kind(
        described.channels_in,
        described.channels_out,
        described.sides,
        padding="same",
        device="meta",
    )
    return made


class Level(nn.Module):
    """Convolutions of one level, each followed by a rectifier."""

    def __init__(self, convolutions: Sequence[Convolution]) -> None:
        super().__init__()
        self.conv = nn.ModuleList(_convolution(described) for described in convolutions)

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """Return features (N, C, [Z,] Y, X) of the same sides, from convolution `first` on."""
        for convolution in self.conv[first:]:
            x = functional.relu(convolution(x), inplace=True)
        return x


class CareUNet(nn.Module):
    """The network; its tensors have the canonical names, with ``weight`` for ``kernel``.

    Parameters
    ----------
    network : CareNetwork
        What to build.  The weights have neither memory nor values yet: see
        :func:`l2l_backends.torch.placing.place_module` and :func:`load_weights`.
    """

    def __init__(self, network: CareNetwork) -> None:
        super().__init__()
        self.residual = network.residual
        self.last_activation = network.options.last_activation
        by_block: dict[str, list[Convolution]] = {}
        for convolution in network.convolutions:
            by_block.setdefault(convolution.name.partition(".conv.")[0], []).append(convolution)
        levels = range(network.options.depth)
        self.down = nn.ModuleList(Level(by_block[f"down.{level}"]) for level in levels)
        self.middle = Level(by_block["middle"])
        self.up = nn.ModuleList(Level(by_block[f"up.{level}"]) for level in levels)
        self.mean = _convolution(by_block["mean"][0])
        self.scale = _convolution(by_block["scale"][0]) if "scale" in by_block else None
        self.pool = nn.MaxPool2d(2) if len(network.axes) == 2 else nn.MaxPool3d(2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return ``mean``, and ``scale`` of a probabilistic network.

        Parameters
        ----------
        x : Tensor
            (N, C, [Z,] Y, X), normalised; sides are multiples of 2 to the power of the depth.
        """
        skipped = []
        features = x
        for level in self.down:
            features = level(features)
            skipped.append(features)
            features = self.pool(features)
        features = self.middle(features)
        for level, skip in zip(reversed(self.up), reversed(skipped), strict=True):
            first: Any = level.get_submodule("conv.0")
            features = level(functional.relu(_joined(features, skip, first), inplace=True), first=1)
        return self._heads(features, x)

    def _heads(self, features: Tensor, x: Tensor) -> dict[str, Tensor]:
        mean = self.mean(features)
        if self.residual:
            mean = mean + x
        if self.last_activation == "relu":
            mean = functional.relu(mean)
        if self.scale is None:
            return {"mean": mean}
        return {"mean": mean, "scale": functional.softplus(self.scale(features)) + SCALE_FLOOR}


def _joined(features: Tensor, skip: Tensor, convolution: Any) -> Tensor:
    """Return the convolution of `features`, enlarged, and `skip`, one after the other.

    Neither the enlarged image nor the concatenation is ever made: a convolution of a
    concatenation is the sum of two, and that of an enlarged image costs less before it.
    """
    kernel, below = convolution.weight, features.shape[1]
    total = CONVOLVE[skip.ndim - 2](skip, kernel[:, below:], convolution.bias, padding="same")
    return add_enlarged_convolution(total, features, kernel[:, :below])


def canonical_name(name: str) -> str:
    """Return the canonical name of a tensor of :class:`CareUNet`."""
    return name.removesuffix("weight") + "kernel" if name.endswith("weight") else name


def to_array(tensor: Tensor) -> NDArray[Any]:
    """Return a C-contiguous copy of a tensor in NumPy."""
    return np.array(tensor.detach().cpu().numpy(), order="C")


def weights(module: CareUNet) -> dict[str, NDArray[np.float32]]:
    """Return the canonical weights of a module, as copies."""
    return {canonical_name(name): to_array(value) for name, value in module.named_parameters()}


def load_weights(module: CareUNet, state: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy canonical weights into a module, in place; they were checked before."""
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.copy_(torch.from_numpy(np.array(state[canonical_name(name)], order="C")))
