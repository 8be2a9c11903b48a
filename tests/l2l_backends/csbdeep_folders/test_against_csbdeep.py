"""Both ways against CSBDeep itself, which runs once, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import l2l_core as l2l
from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_core.components.options import structure
from l2l_core.components.registry import is_available, registry
from l2l_core.config import NormalizerConfig
from l2l_core.errors import UnsupportedModelError
from l2l_core.images.normalization import Normalization
from l2l_core.models.model_file import (
    ModelRecord,
    NormalizationRecord,
    SideNormalization,
    write_model,
)
from l2l_core.workflows.foreign_models import export_model
from l2l_core.workflows.model import existing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (find_spec("csbdeep") and find_spec("tensorflow")), reason="CSBDeep is not installed"
    ),
    pytest.mark.skipif(
        not any(is_available(engine) for engine in registry().engines("care")),
        reason="there is no engine for 'care'",
    ),
]

SMALL = {"unet_n_first": 4, "unet_n_depth": 2}

TRAINED = {
    "plane": ({"axes": "YX", **SMALL}, "YX", (45, 38)),
    "kernel 3": ({"axes": "YX", "unet_kern_size": 3, **SMALL}, "YX", (33, 50)),
    "kernel 7": ({"axes": "YX", "unet_kern_size": 7, "unet_n_first": 2}, "YX", (40, 44)),
    "not residual": ({"axes": "YX", "unet_residual": False, **SMALL}, "YX", (30, 31)),
    "relu": ({"axes": "YX", "unet_last_activation": "relu", **SMALL}, "YX", (30, 31)),
    "depth 1": ({"axes": "YX", "unet_n_depth": 1, "unet_n_first": 4}, "YX", (29, 31)),
    "depth 4": ({"axes": "YX", "unet_n_depth": 4, "unet_kern_size": 3, "unet_n_first": 2},
                "YX", (61, 50)),
    "x first": ({"axes": "XY", "unet_kern_size": 3, **SMALL}, "YX", (45, 38)),
    "probabilistic": ({"axes": "YX", "probabilistic": True, **SMALL}, "YX", (41, 42)),
    "probabilistic, not residual": (
        {"axes": "YX", "probabilistic": True, "unet_residual": False, **SMALL}, "YX", (41, 42)
    ),
    "two channels": (
        {"axes": "YX", "n_channel_in": 2, "n_channel_out": 2, **SMALL}, "CYX", (2, 37, 42)
    ),
    "two channels last": (
        {"axes": "YX", "n_channel_in": 2, "n_channel_out": 2, **SMALL}, "YXC", (37, 42, 2)
    ),
    "two to one": (
        {"axes": "YX", "n_channel_in": 2, "n_channel_out": 1, **SMALL}, "CYX", (2, 37, 42)
    ),
    "volume": ({"axes": "ZYX", **SMALL}, "ZYX", (10, 26, 31)),
    "volume, x first": ({"axes": "XYZ", **SMALL}, "ZYX", (10, 26, 31)),
    "volume, z last": ({"axes": "YXZ", "unet_n_depth": 1, "unet_n_first": 3}, "XYZ", (31, 26, 9)),
    "volume, probabilistic": (
        {"axes": "ZYX", "probabilistic": True, "n_channel_in": 2, "n_channel_out": 2,
         "unet_n_depth": 1, "unet_n_first": 3},
        "ZCYX", (9, 2, 20, 22),
    ),
    "saved by keras 3": ({"axes": "YX", "probabilistic": True, **SMALL}, "YX", (30, 40)),
    "saved as a whole": ({"axes": "YX", **SMALL}, "YX", (30, 40)),
}  # fmt: skip
LAYOUTS = {"saved by keras 3": "keras 3", "saved as a whole": "whole"}

# Options, axes, channels in and out, normalisation of the input, units of the output.
PERCENTILE = NormalizerConfig()
EXPORTED = {
    "out plane": ({}, "YX", 1, 1, PERCENTILE, "input"),
    "out kernel 3": ({"kernel": 3, "depth": 3}, "YX", 1, 1, PERCENTILE, "input"),
    "out kernel 7": ({"kernel": 7, "depth": 1}, "YX", 1, 1, PERCENTILE, "input"),
    "out not residual": ({"residual": False}, "YX", 2, 2, PERCENTILE, "input"),
    "out probabilistic": ({"probabilistic": True}, "YX", 1, 1, PERCENTILE, "input"),
    "out volume": ({"kernel": 3, "last_activation": "relu"}, "ZYX", 1, 1, PERCENTILE, "input"),
    "out two to one": ({"kernel": 3}, "YX", 2, 1, PERCENTILE, "normalized"),
    "out target": ({}, "YX", 1, 1, PERCENTILE, "target"),
    "out one to two": ({}, "YX", 1, 2, PERCENTILE, "target"),
    "out percentiles": ({}, "YX", 1, 1, NormalizerConfig(low=5, high=95), "input"),
    "out mean": ({}, "YX", 2, 2, NormalizerConfig(method="mean_std"), "target"),
    "out extremes": ({}, "YX", 1, 1, NormalizerConfig(method="min_max"), "normalized"),
    "out raw": ({}, "YX", 1, 1, NormalizerConfig(method="none"), "input"),
    "out dataset": ({}, "ZYX", 1, 1, NormalizerConfig(scope="dataset"), "target"),
}
SCRIPTED = [name for name, entry in EXPORTED.items() if entry[4:] != (PERCENTILE, "input")]
SCRIPTED.remove("out two to one")


def picture(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = rng.gamma(1.5, 300, shape) + 100 * np.arange(shape[-1])
    return image.astype(np.uint16)


def exported_image(axes: str, channels: int) -> tuple[np.ndarray, str]:
    shape = {"YX": (43, 37), "ZYX": (7, 21, 26)}[axes]
    return (
        (picture((channels, *shape), 9), f"C{axes}") if channels > 1 else (picture(shape, 9), axes)
    )


def write_own(folder: Path, entry: tuple, seed: int) -> None:
    options, axes, channels_in, channels_out, spec, output = entry
    network = CareNetwork(
        structure({"first_filters": 3, **options}, CareOptions), axes, channels_in, channels_out
    )
    rng = np.random.default_rng(seed)
    state = {
        name: (values + rng.normal(0, 0.1, values.shape)).astype(np.float32)
        for name, values in network.initial_state(seed).items()
    }

    def numbers(channels: int) -> Normalization:
        return Normalization([300.0, 120.0][:channels], [900.0, 2000.0][:channels])

    record = ModelRecord(
        restorer="care",
        options={"first_filters": 3, **options},
        axes=axes,
        channels_in=channels_in,
        channels_out=channels_out,
        geometry=network.geometry(),
        normalization=NormalizationRecord(
            input=SideNormalization(
                spec=spec, numbers=numbers(channels_in) if spec.scope == "dataset" else None
            ),
            target=SideNormalization(numbers=numbers(channels_out)),
            output=output,
        ),
    )
    write_model(folder, record, state)


@pytest.fixture(scope="module")
def csbdeep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of models and predictions that CSBDeep made."""
    place = tmp_path_factory.mktemp("csbdeep")
    plan: dict[str, dict] = {"trained": {}, "exported": {}}
    for seed, (name, (config, axes, shape)) in enumerate(TRAINED.items()):
        np.save(place / f"{name}.npy", picture(shape, seed))
        plan["trained"][name] = {
            "config": config,
            "axes": axes,
            "image": str(place / f"{name}.npy"),
            "seed": seed,
            "layout": LAYOUTS.get(name, ""),
        }
    for seed, (name, entry) in enumerate(EXPORTED.items()):
        write_own(place / f"{name} own", entry, seed)
        notes = export_model(*existing(place / f"{name} own"), place / name, format="csbdeep")
        assert bool(notes) == (name in SCRIPTED), name
        image, axes = exported_image(entry[1], entry[2])
        np.save(place / f"{name}.npy", image)
        plan["exported"][name] = {
            "folder": str(place / name),
            "axes": axes,
            "image": str(place / f"{name}.npy"),
            "script": name in SCRIPTED,
        }
    (place / "plan.json").write_text(json.dumps(plan))
    script = Path(__file__).with_name("run_csbdeep.py")
    done = subprocess.run(
        [sys.executable, str(script), str(place / "plan.json"), str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return place


def assert_predicts(where: Path, image: np.ndarray, axes: str, expected: dict) -> None:
    with l2l.load_model(where, device="cpu") as model:
        outputs = model.restore(image, axes, outputs="all")
    for name in expected:
        got, wanted = outputs[name], expected[name]
        if wanted.ndim > got.ndim:
            got = got[..., None]
        if got.shape != wanted.shape:
            # CSBDeep puts several channels behind the axes of an image that had none.
            got = np.moveaxis(got, 0, -1)
        assert got.shape == wanted.shape
        # float32 on an offset that is many times the deviation rounds to less than 1e-5 of it.
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=1e-4 * wanted.std())


@pytest.mark.parametrize("name", TRAINED)
def test_folder_of_csbdeep_restores_as_csbdeep_predicts(csbdeep: Path, name: str) -> None:
    image = np.load(csbdeep / f"{name}.npy")
    assert_predicts(csbdeep / name, image, TRAINED[name][1], np.load(csbdeep / f"{name}.npz"))


@pytest.mark.parametrize("name", EXPORTED)
def test_exported_folder_predicts_in_csbdeep_as_the_model_restores(
    csbdeep: Path, name: str
) -> None:
    image, axes = exported_image(EXPORTED[name][1], EXPORTED[name][2])
    assert_predicts(csbdeep / f"{name} own", image, axes, np.load(csbdeep / f"{name}.npz"))


def test_upsampling_model_restores_a_volume_that_was_enlarged_first(csbdeep: Path) -> None:
    from scipy.ndimage import zoom

    found = np.load(csbdeep / "upsampling.npz")
    enlarged = zoom(found["image"], (2, 1, 1), order=1)
    assert_predicts(csbdeep / "upsampling", enlarged, "ZYX", {"mean": found["mean"]})


def test_isotropic_model_is_read_as_the_network_in_planes_that_it_is(csbdeep: Path) -> None:
    record, _ = existing(csbdeep / "isotropic")
    assert (record.restorer, record.axes) == ("care", "YX")


def test_projection_model_is_refused_with_the_reason(csbdeep: Path) -> None:
    with pytest.raises(UnsupportedModelError, match=r"ProjectionCARE model: .* onto a plane"):
        existing(csbdeep / "projection")
