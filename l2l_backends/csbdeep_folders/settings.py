"""``config.json`` of a CSBDeep folder: what network it describes, and which weights it names.

CSBDeep 0.8.2, https://github.com/CSBDeep/CSBDeep: a model's folder does not say of which class
the model is; what is known is told from the settings alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_core.errors import ModelDamagedError, UnsupportedModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CONFIG = "config.json"

_NETWORK = {
    "n_dim", "axes", "n_channel_in", "n_channel_out", "probabilistic", "unet_residual",
    "unet_n_depth", "unet_kern_size", "unet_n_first", "unet_last_activation", "unet_input_shape",
}  # fmt: skip
"""All that a CARE network depends on; settings that begin with ``train_`` change nothing in it."""

_OTHERS = {
    "proj_": "a ProjectionCARE model: a second network finds a surface and projects the volume "
    "onto a plane before the CARE network restores that, and label2label has no such network; "
    "restore with CSBDeep itself, or train a 2D model on projections",
    "n2v": "a Noise2Void model, whose network is another than CARE's: it normalises batches; "
    "restore with n2v itself",
    "denoiseg_": "a DenoiSeg model, which segments besides; use denoiseg itself",
    "n_rays": "a StarDist model, which finds nuclei and restores nothing; use stardist itself",
}
"""How a setting of another model class begins, and what is said about that class."""

_PREDICTED = {3, 5, 7}, range(1, 6)
"""Kernels and depths for which CSBDeep 0.8.2 knows how far tiles overlap; it predicts no others."""


@define(frozen=True)
class Settings:
    """What a ``config.json`` says.

    Parameters
    ----------
    network : CareNetwork
        The network.
    order : str
        The spatial axes in the order that the stored kernels have, such as ``"XYZ"``.
    checkpoint : str
        Name of the file with the weights of the best epoch; empty where none is named.
    facts : dict
        All settings as they are.
    """

    network: CareNetwork
    order: str
    checkpoint: str
    facts: dict[str, Any]


def read_settings(path: Path) -> Settings:
    """Read and check a ``config.json``.

    Raises
    ------
    ModelDamagedError
        If it is missing, no JSON, or has impossible settings; lists all of them.
    UnsupportedModelError
        If it is of another model class, or of a network that does not exist here.
    """
    facts = _read_json(path)
    _refuse_other_classes(facts, path)
    return _structured(facts, path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelDamagedError(
            f"{path} is missing: the weights alone do not say what network they belong to; copy it "
            "from where the model was trained, CSBDeep writes it beside the weights"
        ) from None
    except json.JSONDecodeError as error:
        raise ModelDamagedError(
            f"{path} is no JSON: {error.msg} in line {error.lineno}; it was cut short or edited, "
            "copy it again from where the model was trained"
        ) from error
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise ModelDamagedError(
            f"{path} cannot be read: {error}; copy it again from where the model was trained"
        ) from error
    if not isinstance(facts, dict):
        raise ModelDamagedError(
            f"{path} holds a {type(facts).__name__}; expected the settings of a CARE model by name"
        )
    return facts


def _refuse_other_classes(facts: Mapping[str, Any], path: Path) -> None:
    for beginning, what in _OTHERS.items():
        if any(key.startswith(beginning) for key in facts):
            raise UnsupportedModelError(f"{path} is of {what}")
    unknown = sorted(k for k in facts if k not in _NETWORK and not k.startswith("train_"))
    if unknown or not any(key.startswith("unet_") for key in facts):
        why = (
            f"it has {', '.join(map(repr, unknown[:5]))}, which a CARE model has not"
            if unknown
            else "it has none of the settings of a CARE network (unet_n_depth, unet_kern_size, ...)"
        )
        raise UnsupportedModelError(
            f"{path} is of an unknown model class: {why}; the folders of CARE models can be read, "
            "other classes need the software that trained them"
        )


def _structured(facts: dict[str, Any], path: Path) -> Settings:
    problems: list[str] = []

    def take(key: str, default: Any, fits: Callable[[Any], bool], expected: str) -> Any:
        value = facts.get(key, default)
        if fits(value):
            return value
        problems.append(f"{key} is {value!r}, expected {expected}")
        return default

    channels_in = take("n_channel_in", 1, _counts, "an integer of 1 or more")
    channels_out = take("n_channel_out", 1, _counts, "an integer of 1 or more")
    dimensions = take("n_dim", _dimensions(facts), lambda v: v in (2, 3), "2 or 3")
    default_axes = {2: "YXC", 3: "ZYXC"}[dimensions]
    axes = take("axes", default_axes, lambda v: isinstance(v, str), "text such as 'YXC'").upper()
    order = _spatial_order(axes, dimensions, path, problems)
    options = {
        "depth": take("unet_n_depth", 2, _counts, "an integer of 1 or more"),
        "kernel": take(
            "unet_kern_size",
            {2: 5, 3: 3}[dimensions],
            lambda v: _counts(v) and v % 2 == 1,
            "one odd integer for all axes",
        ),
        "first_filters": take("unet_n_first", 32, _counts, "an integer of 1 or more"),
        "residual": take("unet_residual", channels_in == channels_out, _is_flag, "true or false"),
        "last_activation": take(
            "unet_last_activation",
            "linear",
            lambda v: v in ("linear", "relu"),
            "'linear' or 'relu', the activations that a CARE network ends with",
        ),
        "probabilistic": take("probabilistic", False, _is_flag, "true or false"),
    }
    if options["residual"] and channels_in != channels_out:
        problems.append(
            f"unet_residual is true with {channels_in} channels in and {channels_out} out, and "
            "only equally many can be added"
        )
    _check_input_shape(facts.get("unet_input_shape"), axes, dimensions, channels_in, problems)
    if problems:
        raise ModelDamagedError(
            f"{path} describes no CARE network: {'; '.join(problems)}; copy the file again from "
            "where the model was trained"
        )
    try:
        made = CareOptions(**options)
    except ValueError as error:
        raise UnsupportedModelError(f"{path} describes a network beyond bounds: {error}") from error
    checkpoint = facts.get("train_checkpoint")
    return Settings(
        CareNetwork(made, "ZYX"[-dimensions:], channels_in, channels_out),
        order,
        checkpoint if isinstance(checkpoint, str) else "",
        facts,
    )


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _dimensions(facts: Mapping[str, Any]) -> int:
    axes = facts.get("axes")
    if isinstance(axes, str):
        return 3 if len(set(axes.upper()) - set("SC")) > 2 else 2
    return 2


def _spatial_order(axes: str, dimensions: int, path: Path, problems: list[str]) -> str:
    """Return the spatial axes in the order of the network's arrays."""
    order = axes.replace("S", "").replace("C", "")
    if "T" in order and sorted(order) in (sorted("TYX"), sorted("TZYX")):
        raise UnsupportedModelError(
            f"{path} has the axes {axes!r}: the network looks along time as if it were a third "
            "axis in space, and models work in YX or ZYX here, frame by frame; restore with "
            "CSBDeep itself"
        )
    if sorted(order) != sorted("ZYX"[-dimensions:]) or "C" in axes.replace("S", "")[1:-1]:
        problems.append(
            f"axes is {axes!r}, expected the {dimensions} axes {'ZYX'[-dimensions:]} in any order "
            "with the channels C first or last"
        )
        return "ZYX"[-dimensions:]
    return order


def _check_input_shape(
    shape: Any, axes: str, dimensions: int, channels: int, problems: list[str]
) -> None:
    if shape is None:
        return
    at = 0 if axes.startswith("C") else -1
    if not isinstance(shape, list) or len(shape) != dimensions + 1 or shape[at] != channels:
        problems.append(
            f"unet_input_shape is {shape!r}, expected {dimensions} sides (null for any) and "
            f"{channels} for the channels"
        )


def to_settings(network: CareNetwork) -> dict[str, Any]:
    """Return the settings of a network, as CSBDeep 0.8.2 writes them.

    Training goes on there with CSBDeep's defaults; TensorBoard, which needs a package of its own,
    is off.

    Raises
    ------
    UnsupportedModelError
        If CSBDeep could open it, and not predict with it.
    """
    options = network.options
    kernels, depths = _PREDICTED
    if network.kernel not in kernels or options.depth not in depths:
        raise UnsupportedModelError(
            f"the network has the kernel {network.kernel} and the depth {options.depth}; CSBDeep "
            "0.8.2 predicts with kernels of 3, 5 and 7 pixels and depths of 1 to 5 only"
        )
    return {
        "n_dim": len(network.axes),
        "axes": network.axes + "C",
        "n_channel_in": network.channels_in,
        "n_channel_out": network.channels_out,
        "train_checkpoint": "weights_best.h5",
        "train_checkpoint_last": "weights_last.h5",
        "train_checkpoint_epoch": "weights_now.h5",
        "probabilistic": options.probabilistic,
        "unet_residual": network.residual,
        "unet_n_depth": options.depth,
        "unet_kern_size": network.kernel,
        "unet_n_first": options.first_filters,
        "unet_last_activation": options.last_activation,
        "unet_input_shape": [None] * len(network.axes) + [network.channels_in],
        "train_loss": "laplace" if options.probabilistic else "mae",
        "train_epochs": 100,
        "train_steps_per_epoch": 400,
        "train_learning_rate": 0.0004,
        "train_batch_size": 16,
        "train_tensorboard": False,
        "train_reduce_lr": {"factor": 0.5, "patience": 10, "min_delta": 0},
    }
