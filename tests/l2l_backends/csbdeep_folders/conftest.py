"""CARE folders made by hand, in the layouts that the releases of Keras left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from l2l_backends.care_network import CareNetwork, CareOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEPTH_1 = [
    ("down.0.conv.0", "down_level_0_no_0"),
    ("down.0.conv.1", "down_level_0_no_1"),
    ("middle.conv.0", "middle_0"),
    ("middle.conv.1", "middle_2"),
    ("up.0.conv.0", "up_level_0_no_0"),
    ("up.0.conv.1", "up_level_0_no_2"),
    ("mean", "conv2d"),
    ("scale", "conv2d_1"),
]
"""A network of depth 1, written out: canonical name and CSBDeep's."""


@pytest.fixture
def network() -> CareNetwork:
    """Return a small probabilistic network with two channels."""
    options = CareOptions(depth=1, kernel=3, first_filters=2, probabilistic=True)
    return CareNetwork(options, "YX", 2, 2)


@pytest.fixture
def state(network: CareNetwork) -> dict[str, np.ndarray]:
    """Return weights of it, every number another."""
    rng = np.random.default_rng(5)
    return {n: rng.normal(size=s).astype(np.float32) for n, s in network.tensors.items()}


@pytest.fixture
def settings() -> dict[str, object]:
    """Return its settings, as CSBDeep keeps them."""
    return {
        "n_dim": 2,
        "axes": "YXC",
        "n_channel_in": 2,
        "n_channel_out": 2,
        "train_checkpoint": "weights_best.h5",
        "probabilistic": True,
        "unet_residual": True,
        "unet_n_depth": 1,
        "unet_kern_size": 3,
        "unet_n_first": 2,
        "unet_last_activation": "linear",
        "unet_input_shape": [None, None, 2],
        "train_loss": "laplace",
    }


@pytest.fixture
def layers(state: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return name, kernel (y, x, in, out) and bias of each layer, in order."""
    return [
        (theirs, np.moveaxis(state[f"{ours}.kernel"], (1, 0), (-2, -1)), state[f"{ours}.bias"])
        for ours, theirs in DEPTH_1
    ]


@pytest.fixture
def write_h5() -> Callable[..., None]:
    """Return a function that writes layers in the layout of a release of Keras."""
    return write_layers


@pytest.fixture
def folder(tmp_path: Path, settings: dict, layers: list) -> Path:
    """Return a sound folder."""
    made = tmp_path / "care"
    made.mkdir()
    (made / "config.json").write_text(json.dumps(settings))
    write_layers(made / "weights_best.h5", layers)
    return made


def write_layers(path: Path, layers: list, layout: str = "keras 2") -> None:
    """Write layers as one of ``keras 2.2``, ``keras 2``, ``keras 3``, ``whole`` or ``numbered``."""
    with h5py.File(path, "w") as file:
        if layout == "numbered":
            for number, (name, *tensors) in enumerate(layers):
                group = file.create_group(f"layers/conv2d{f'_{number}' if number else ''}/vars")
                group.attrs["name"] = name
                for key, values in enumerate(tensors):
                    group[str(key)] = values
            # Keras keeps a group for every layer, and those without weights are empty.
            file.create_group("layers/max_pooling2d/vars")
            return
        root = file.create_group("model_weights") if layout == "whole" else file
        root.attrs["backend"] = b"tensorflow"
        everything = [("input", *()), *layers, ("max_0", *())]
        names = {"keras 2.2": _suffixed}.get(layout, str)
        root.attrs["layer_names"] = [names(name).encode() for name, *_ in everything]
        for name, *tensors in everything:
            group = root.create_group(names(name))
            colon = "" if layout == "keras 3" else ":0"
            inner = f"{name}_3" if layout == "keras 2.2" else name
            keys = [f"{inner}/{key}{colon}" for key in ("kernel", "bias")][: len(tensors)]
            group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, values in zip(keys, tensors, strict=True):
                group[key] = values


def _suffixed(name: str) -> str:
    """Return the name that a layer gets in a session that made other models before."""
    return {"conv2d": "conv2d_12", "conv2d_1": "conv2d_13"}.get(name, f"{name}_1")
