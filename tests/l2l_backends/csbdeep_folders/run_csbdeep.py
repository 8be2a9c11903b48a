"""Run by a test in a process of its own: what CSBDeep itself makes of models, as arrays.

``python run_csbdeep.py PLAN FOLDER``: PLAN is JSON with ``trained``, settings and image axes of
models to make and to predict with, and ``exported``, folders to open and to predict with.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
from csbdeep.models import CARE, Config, IsotropicCARE, ProjectionCARE, UpsamplingCARE
from csbdeep.models.care_projection import ProjectionConfig


def main(plan: Path, out: Path) -> None:
    wanted = json.loads(plan.read_text())
    for name, entry in wanted["trained"].items():
        config = Config(**entry["config"], train_tensorboard=False)
        model = CARE(config, name, str(out))
        shake(model, entry["seed"])
        save(model, out / name, entry.get("layout", ""))
        predict(model, entry, out / f"{name}.npz")
    for name, entry in wanted["exported"].items():
        folder = Path(entry["folder"])
        if entry.get("script"):
            sys.path.insert(0, str(folder))
            import predict as exported

            image = np.load(entry["image"])
            np.savez(out / f"{name}.npz", mean=exported.restore(image, entry["axes"]))
            sys.path.remove(str(folder))
            del sys.modules["predict"]
            continue
        predict(CARE(None, folder.name, str(folder.parent)), entry, out / f"{name}.npz")
    upsampled(out)
    ProjectionCARE(ProjectionConfig("ZYX", unet_n_first=2), "projection", str(out))


def shake(model: CARE, seed: int) -> None:
    """Give every weight, biases too, a value of its own."""
    rng = np.random.default_rng(seed)
    model.keras_model.set_weights(
        [
            w + rng.normal(0, 0.1, w.shape).astype(np.float32)
            for w in model.keras_model.get_weights()
        ]
    )


def save(model: CARE, folder: Path, layout: str) -> None:
    if layout == "keras 3":
        model.keras_model.save_weights(str(folder / "weights_best.weights.h5"))
    elif layout == "whole":
        model.keras_model.save(str(folder / "weights_best.h5"))
    else:
        model.keras_model.save_weights(str(folder / "weights_best.h5"))


def predict(model: CARE, entry: dict, path: Path) -> None:
    image, axes = np.load(entry["image"]), entry["axes"]
    if model.config.probabilistic:
        found = model.predict_probabilistic(image, axes)
        np.savez(path, mean=found.mean(), scale=found.scale())
    else:
        np.savez(path, mean=model.predict(image, axes))


def upsampled(out: Path) -> None:
    rng = np.random.default_rng(8)
    image = rng.integers(0, 4000, (7, 21, 18)).astype(np.uint16)
    config = Config("ZYX", unet_n_first=2, unet_kern_size=3, train_tensorboard=False)
    model = UpsamplingCARE(config, "upsampling", str(out))
    shake(model, 3)
    model.keras_model.save_weights(str(out / "upsampling" / "weights_best.h5"))
    np.savez(out / "upsampling.npz", image=image, mean=model.predict(image, "ZYX", 2))
    config = Config("YX", unet_n_first=2, unet_kern_size=3, train_tensorboard=False)
    model = IsotropicCARE(config, "isotropic", str(out))
    model.keras_model.save_weights(str(out / "isotropic" / "weights_best.h5"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
