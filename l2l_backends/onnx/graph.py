"""The CARE U-Net as an ONNX graph, built from canonical weights with the onnx package alone.

The input is ``image`` (N, C, [Z,] Y, X) float32, the outputs have the names of the network's; N
and all sides are open.  Format: https://github.com/onnx/onnx/blob/main/docs/IR.md, operators:
https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from l2l_backends.care_network import CONVOLUTIONS, SCALE_FLOOR
from l2l_core.errors import ComponentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from l2l_backends.care_network import CareNetwork

OPSET = 13
"""Version of the operators, of 2020: old enough for every runtime in use."""

IR_VERSION = 8
"""Version of the file format."""

INPUT = "image"

_LARGEST = 2**31 - 2**20
"""Bytes of weights that fit into one file of the format, whose lengths are 32 bits."""


def care_graph(network: CareNetwork, state: Mapping[str, NDArray[np.float32]]) -> onnx.ModelProto:
    """Return the graph of a CARE network with its weights, checked.

    Parameters
    ----------
    network : CareNetwork
        The description.
    state : mapping of ndarray
        Canonical weights, checked before.

    Returns
    -------
    ModelProto

    Raises
    ------
    ComponentError
        If the weights are too large for one file.
    """
    if (size := 4 * network.parameters) > _LARGEST:
        raise ComponentError(
            f"a network with {size / 2**30:.1f} GiB of weights does not fit into one ONNX graph, "
            "which holds 2 GiB; use the backend torch or tensorflow"
        )
    made = _Care(network, state)
    made.build()
    sides = list(network.axes)

    def described(name: str, channels: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, *sides])

    graph = helper.make_graph(
        made.nodes,
        "care",
        [described(INPUT, network.channels_in)],
        [described(name, network.channels_out) for name in network.outputs],
        made.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="label2label",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class _Care:
    """Nodes and constants of one network, as they are added."""

    def __init__(self, network: CareNetwork, state: Mapping[str, NDArray[np.float32]]) -> None:
        self.network, self.state = network, state
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.dimensions = len(network.axes)
        self.twice = self.constant("twice", np.array([1, 1] + [2] * self.dimensions, np.float32))

    def build(self) -> None:
        depth = self.network.options.depth
        features, skipped = INPUT, []
        for level in range(depth):
            features = self.convolutions(features, f"down.{level}")
            skipped.append(features)
            sides = [2] * self.dimensions
            features = self.node(
                "MaxPool", [features], f"down.{level}.pool", kernel_shape=sides, strides=sides
            )
        features = self.convolutions(features, "middle")
        for level in reversed(range(depth)):
            features = self.joined(features, skipped[level], level)
            features = self.convolutions(features, f"up.{level}", first=1)
        self.heads(features)

    def constant(self, name: str, array: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def convolutions(self, features: str, level: str, first: int = 0) -> str:
        for index in range(first, CONVOLUTIONS):
            name = f"{level}.conv.{index}"
            convolved = self.convolution(
                features, name, self.state[f"{name}.kernel"], self.state[f"{name}.bias"]
            )
            features = self.node("Relu", [convolved], f"{name}.relu")
        return features

    def convolution(
        self,
        features: str,
        name: str,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        output: str = "",
    ) -> str:
        """Add a convolution, zero padded to the same size."""
        inputs = [features, self.constant(f"{name}.kernel", kernel)]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", bias))
        sides = kernel.shape[2:]
        return self.node(
            "Conv",
            inputs,
            output or name,
            kernel_shape=sides,
            pads=[side // 2 for side in sides] * 2,
        )

    def joined(self, features: str, skip: str, level: int) -> str:
        """Add the first convolution of a level on the way up, over both of its inputs."""
        name = f"up.{level}.conv.0"
        kernel, bias = self.state[f"{name}.kernel"], self.state[f"{name}.bias"]
        below = kernel.shape[1] - self.state[f"down.{level}.conv.1.kernel"].shape[0]
        if self.dimensions == 2 and phase_taps(kernel.shape[-1]) < kernel.shape[-1]:
            own = self.convolution(skip, f"{name}.skip", kernel[:, below:], bias)
            small = self.convolution(features, f"{name}.below", phase_kernels(kernel[:, :below]))
            spread = self.node("DepthToSpace", [small], f"{name}.spread", blocksize=2, mode="CRD")
            convolved = self.node("Add", [own, spread], name)
        else:
            enlarged = self.node(
                "Resize",
                [features, "", self.twice],
                f"up.{level}.enlarged",
                mode="nearest",
                nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )
            both = self.node("Concat", [enlarged, skip], f"up.{level}.joined", axis=1)
            convolved = self.convolution(both, name, kernel, bias)
        return self.node("Relu", [convolved], f"{name}.relu")

    def heads(self, features: str) -> None:
        for output in self.network.outputs:
            kernel, bias = self.state[f"{output}.kernel"], self.state[f"{output}.bias"]
            steps: list[tuple[str, list[str]]] = []
            if output == "mean" and self.network.residual:
                steps.append(("Add", [INPUT]))
            if output == "mean" and self.network.options.last_activation == "relu":
                steps.append(("Relu", []))
            if output == "scale":
                floor = self.constant("scale.floor", np.array(SCALE_FLOOR, np.float32))
                steps += [("Softplus", []), ("Add", [floor])]
            # The last step, whichever it is, has the name of the output.
            names = [f"{output}.step.{number}" for number in range(len(steps))] + [output]
            value = self.convolution(features, output, kernel, bias, names[0])
            for (kind, others), name in zip(steps, names[1:], strict=True):
                value = self.node(kind, [value, *others], name)


def phase_taps(side: int) -> int:
    """Return the side of a kernel of `side` once it works on the image before it is enlarged."""
    reach = side // 2
    # Where the reach is odd, the two phases begin at different pixels: one tap more covers both.
    return reach + 1 + reach % 2


def phase_kernels(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return kernels for the image before nearest up-sampling that give the same as one after.

    Every pixel stands twice along each axis then, and several taps fall on one value.  Added up
    they make, for each phase (even or odd position along each axis), a smaller kernel; 9 instead
    of 25 multiplications for a side of 5.  The outputs are ordered (out, phase y, phase x), as
    ``DepthToSpace`` takes them in its mode CRD.

    Parameters
    ----------
    kernel : ndarray
        (out, in, ky, kx) float32 with equal odd sides.

    Returns
    -------
    ndarray
        (4 * out, in, n, n) float32 with n = ``phase_taps(ky)``.
    """
    side = kernel.shape[-1]
    taps = phase_taps(side)
    merging = np.zeros((2, taps, side))
    for phase in (0, 1):
        for tap in range(side):
            merging[phase, (phase + tap - side // 2) // 2 + taps // 2, tap] = 1
    merged = np.einsum("oiyx,pay,qbx->opqiab", kernel.astype(np.float64), merging, merging)
    kernels = merged.reshape(-1, kernel.shape[1], taps, taps)
    return np.asarray(kernels, dtype=np.float32)
