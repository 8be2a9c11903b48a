"""The script that lies beside an exported model whose normalisation is not CSBDeep's default.

CSBDeep keeps no numbers of normalisation with a model, so a model with units of its own needs a
few lines around ``CARE.predict``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l2l_core.components import ModelContent

SCRIPT = "predict.py"

_TEMPLATE = '''\
"""Restore with CSBDeep as the label2label model does that this folder was made from."""

from pathlib import Path

import numpy as np
from csbdeep.models import CARE

METHOD = @method@  # how an image's own numbers are taken
PERCENTILES = @percentiles@
INPUT = @input@  # (offset, scale), each with a number a channel; None: of each image
OUTPUT = @output@  # the same of what comes out; "input": the image's own; None: as it comes


def restore(image, axes):
    """Return the restoration of an array; axes as for CARE.predict, such as "YX"."""
    image = np.asarray(image, np.float32)
    offset, scale = measured(image, axes) if INPUT is None else along(INPUT, axes)
    folder = Path(__file__).resolve().parent
    model = CARE(config=None, name=folder.name, basedir=str(folder.parent))
    restored = model.predict((image - offset) / scale, axes, normalizer=None)
    if OUTPUT is None:
        return restored
    if OUTPUT != "input":
        offset, scale = along(OUTPUT, axes + "C" if restored.ndim > image.ndim else axes)
    return restored * scale + offset


def measured(image, axes):
    over = tuple(i for i, axis in enumerate(axes) if axis != "C")
    if METHOD == "none":
        return np.float32(0), np.float32(1)
    if METHOD == "mean_std":
        return image.mean(over, keepdims=True), image.std(over, keepdims=True)
    low, high = (0, 100) if METHOD == "min_max" else PERCENTILES
    numbers = np.percentile(image, [low, high], axis=over, keepdims=True).astype(np.float32)
    return numbers[0], numbers[1] - numbers[0]


def along(numbers, axes):
    shape = [-1 if axis == "C" else 1 for axis in axes]
    if "C" not in axes:
        shape = [1] * len(axes)
    return tuple(np.reshape(np.array(values, np.float32), shape) for values in numbers)
'''


def predicts_by_default(model: ModelContent) -> bool:
    """Whether ``CARE.predict`` with its defaults normalises as a model does."""
    spec = _spec(model)
    usual = "input" if model.channels_in == model.channels_out else "normalized"
    return (
        spec["method"] == "percentile"
        and (spec["low"], spec["high"], spec["scope"]) == (2.0, 99.8, "image")
        and model.normalization["output"] == usual
    )


def script(model: ModelContent) -> str:
    """Return the script for a model."""
    spec, normalization = _spec(model), model.normalization
    output = {
        "input": "input",
        "normalized": None,
        "target": _numbers(normalization["target"]["numbers"]),
    }[normalization["output"]]
    fixed = spec["scope"] == "dataset"
    values = {
        "method": spec["method"],
        "percentiles": (spec["low"], spec["high"]),
        "input": _numbers(normalization["input"]["numbers"]) if fixed else None,
        "output": output,
    }
    text = _TEMPLATE
    for name, value in values.items():
        text = text.replace(
            f"@{name}@", json.dumps(value) if isinstance(value, str) else repr(value)
        )
    return text


def _spec(model: ModelContent) -> dict[str, Any]:
    spec: dict[str, Any] = model.normalization["input"]["spec"]
    return spec


def _numbers(numbers: dict[str, Any] | None) -> tuple[list[float], list[float]] | None:
    return None if numbers is None else (list(numbers["offset"]), list(numbers["scale"]))
