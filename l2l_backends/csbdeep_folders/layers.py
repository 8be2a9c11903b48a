"""Between the layers of a Keras file and the canonical weights of the CARE network.

Layers are told by the part that they play (``down_level_0_no_1``) and by their order; the names of
the last ones (``conv2d_12``) and of tensors depend on what else ran in the session that wrote them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import ModelDamagedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from l2l_backends.care_network import CareNetwork, Convolution
    from l2l_backends.csbdeep_folders.keras_file import StoredLayer, StoredTensor, StoredWeights

# The last convolution of a block bears the number of convolutions, not its own position.
_ROLES = {"down": "down_level_{level}_no_{index}", "up": "up_level_{level}_no_{index}"}
_ROLE = re.compile(r"(?P<role>(?:down|up)_level_\d+_no_\d+|middle_\d+)(?:_\d+)?\Z")
_REMEDY = "take the config.json and the weights of one and the same training"


def keras_name(convolution: Convolution, dimensions: int) -> str:
    """Return the name that CSBDeep gives to a convolution.

    Examples
    --------
    >>> from l2l_backends.care_network import CareNetwork, CareOptions
    >>> [keras_name(c, 2) for c in CareNetwork(CareOptions(depth=1), "YX").convolutions]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['down_level_0_no_0', 'down_level_0_no_1', 'middle_0', 'middle_2', 'up_level_0_no_0',
     'up_level_0_no_2', 'conv2d']
    """
    part, *rest = convolution.name.split(".")
    if part == "mean":
        return f"conv{dimensions}d"
    if part == "scale":
        return f"conv{dimensions}d_1"
    index = rest[-1]
    if part == "middle":
        return "middle_2" if index == "1" else "middle_0"
    if part == "up" and index == "1":
        index = "2"
    return _ROLES[part].format(level=rest[0], index=index)


def to_state(
    stored: StoredWeights, network: CareNetwork, order: str, where: str
) -> dict[str, NDArray[np.float32]]:
    """Return the canonical weights of a file.

    Parameters
    ----------
    stored : StoredWeights
        The file, still open.
    network : CareNetwork
        What the settings describe.
    order : str
        The spatial axes in the order of the stored kernels.
    where : str
        What a message calls the file.

    Raises
    ------
    ModelDamagedError
        If a layer is missing or unknown, or a tensor has another shape or dtype; names them.
    """
    problems: list[str] = []
    paired = _paired(stored.layers, network, problems)
    _refuse(problems, where, network)
    for convolution, layer in paired:
        _check_tensors(convolution, layer, order, network.axes, problems)
    _refuse(problems, where, network)
    state: dict[str, NDArray[np.float32]] = {}
    for convolution, layer in paired:
        kernel = layer.tensors[0].read()
        if stored.flipped:
            kernel = np.flip(kernel, tuple(range(len(order))))
        kernel = kernel.transpose(_from_keras(order, network.axes))
        state[f"{convolution.name}.kernel"] = np.asarray(kernel, dtype=np.float32, order="C")
        bias = layer.tensors[1].read()
        state[f"{convolution.name}.bias"] = np.asarray(bias, dtype=np.float32, order="C")
    return state


def to_layers(
    state: Mapping[str, NDArray[Any]], network: CareNetwork
) -> list[tuple[str, list[tuple[str, NDArray[np.float32]]]]]:
    """Return the layers of a file from canonical weights, kernels as ([kz,] ky, kx, in, out)."""
    dimensions = len(network.axes)
    to_keras = (*range(2, dimensions + 2), 1, 0)
    return [
        (
            keras_name(convolution, dimensions),
            [
                ("kernel", np.asarray(state[f"{convolution.name}.kernel"]).transpose(to_keras)),
                ("bias", np.asarray(state[f"{convolution.name}.bias"])),
            ],
        )
        for convolution in network.convolutions
    ]


def _from_keras(order: str, axes: str) -> tuple[int, ...]:
    """Return the transposition from (spatial axes in `order`, in, out) to (out, in, ZYX)."""
    return (len(order) + 1, len(order), *(order.index(axis) for axis in axes))


def _paired(
    layers: tuple[StoredLayer, ...], network: CareNetwork, problems: list[str]
) -> list[tuple[Convolution, StoredLayer]]:
    by_role: dict[str, StoredLayer] = {}
    others: list[StoredLayer] = []
    for layer in layers:
        match = _ROLE.match(layer.name)
        if match is None:
            others.append(layer)
        elif match["role"] in by_role:
            problems.append(f"layer {layer.name!r} is there a second time")
        else:
            by_role[match["role"]] = layer
    names = [keras_name(c, len(network.axes)) for c in network.convolutions]
    if not by_role and len(others) == len(names):
        # A file that numbers all layers alike: their order is all that is known.
        return list(zip(network.convolutions, others, strict=True))
    count = len(network.outputs)
    roles, heads = names[:-count], names[-count:]
    problems += [f"layer {role!r} is missing" for role in roles if role not in by_role]
    problems += [
        f"layer {layer.name!r} belongs to no part of it"
        for role, layer in by_role.items()
        if role not in roles
    ]
    if len(others) < count:
        problems.append(
            f"the last layer {heads[len(others)]!r} is missing, after "
            f"{' and '.join(network.outputs)} were expected"
        )
    problems += [f"layer {layer.name!r} is one too many" for layer in others[count:]]
    if problems:
        return []
    found = [*(by_role[role] for role in roles), *others]
    return list(zip(network.convolutions, found, strict=True))


def _check_tensors(
    convolution: Convolution, layer: StoredLayer, order: str, axes: str, problems: list[str]
) -> None:
    if len(layer.tensors) != 2:
        problems.append(
            f"layer {layer.name!r} has {len(layer.tensors)} tensors, expected kernel and bias"
        )
        return
    sides = tuple(convolution.sides[axes.index(axis)] for axis in order)
    kernel = (*sides, convolution.channels_in, convolution.channels_out)
    for tensor, expected in zip(layer.tensors, (kernel, (convolution.channels_out,)), strict=True):
        _check_tensor(tensor, expected, problems)


def _check_tensor(tensor: StoredTensor, expected: tuple[int, ...], problems: list[str]) -> None:
    if tensor.shape != expected:
        problems.append(f"tensor {tensor.name!r} has the shape {tensor.shape}, expected {expected}")
    elif tensor.dtype.kind != "f":
        problems.append(f"tensor {tensor.name!r} is {tensor.dtype}, expected float32")


def _refuse(problems: list[str], where: str, network: CareNetwork) -> None:
    if not problems:
        return
    options = network.options
    more = len(problems) - 3
    raise ModelDamagedError(
        f"{where} does not fit config.json, which describes a {len(network.axes)}D "
        f"{'probabilistic ' if options.probabilistic else ''}network of depth {options.depth}, "
        f"kernel {network.kernel} and {options.first_filters} first filters, with "
        f"{network.channels_in} channels in and {network.channels_out} out: "
        + "; ".join(problems[:3])
        + (f"; and {more} more" if more > 0 else "")
        + f"; {_REMEDY}"
    )
