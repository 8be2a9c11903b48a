"""Choose what computes a restorer: the engine that is asked for, or the best one that is there.

``auto`` is, for prediction, the engine of a GPU's framework where there is a GPU, and otherwise
the fastest on a CPU that is installed; for training the engine that trains best.  Whether there is
a GPU is asked of the driver, not of the frameworks, which take seconds to import.
"""

from __future__ import annotations

import difflib
import os
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from l2l_core.components.engines import for_training
from l2l_core.components.registry import is_available, missing_requirements, registry
from l2l_core.errors import ComponentError, MissingDependencyError, UnknownComponentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l2l_core.components.discovery import Registration
    from l2l_core.components.records import RestorerInfo

Purpose = Literal["predict", "train"]

PREDICT_ON_CPU = ("onnx", "torch", "tensorflow")
PREDICT_ON_GPU = ("torch", "tensorflow", "onnx")


def has_gpu() -> bool:
    """Whether there is a GPU that a framework could use, without importing one.

    An NVIDIA driver (its entry in ``/proc``, or ``nvidia-smi`` on the path) whose devices
    ``CUDA_VISIBLE_DEVICES`` does not hide, or a Mac with Apple's processor.  Whether the installed
    framework can use it is for the engine to find out: it falls back on the CPU.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def info_of(registration: Registration) -> RestorerInfo:
    """Return the record of a restorer's registration."""
    return cast("RestorerInfo", registration.info)


def choose(
    name: str, backend: str = "auto", purpose: Purpose = "predict", *, device: str = "auto"
) -> Registration:
    """Return the record of the engine that computes a restorer.

    Parameters
    ----------
    name : str
        The restorer's name.
    backend : str, optional
        The engine, or ``"auto"``.
    purpose : {"predict", "train"}
        What for; an engine that only predicts is no choice for training.
    device : str, optional
        ``"cpu"`` has ``auto`` leave a GPU out of account.

    Returns
    -------
    Registration

    Raises
    ------
    UnknownComponentError
        If no restorer has this name, no engine is called so, or this restorer has no such engine.
    MissingDependencyError
        If what the engine stands on is not installed; names what to install.
    ComponentError
        If a restorer without training is to be trained, or the engine only predicts.
    """
    if purpose == "train":
        return _installed(for_training(name, backend))
    engines = registry().engines(name)
    if backend != "auto":
        return _installed(_named(name, backend, engines))
    on_gpu = device.startswith("gpu") or (device == "auto" and has_gpu())
    order = PREDICT_ON_GPU if on_gpu else PREDICT_ON_CPU
    ranked = sorted(engines, key=lambda found: _rank(found, order))
    for registration in ranked:
        if is_available(registration):
            return registration
    raise MissingDependencyError(_not_installed(name, ranked))


def _rank(registration: Registration, order: Sequence[str]) -> tuple[int, str]:
    engine = info_of(registration).engine
    # Without a framework is best; an engine that a third party brings comes after ours.
    known = ("", *order)
    return (known.index(engine) if engine in known else len(known), engine)


def _named(name: str, backend: str, engines: tuple[Registration, ...]) -> Registration:
    own = [info_of(found).engine for found in engines]
    if own == [""]:
        raise ComponentError(
            f"restorer {name!r} needs no framework, so there is no backend to choose; got "
            f"{backend!r}, leave it out or give 'auto'"
        )
    for registration in engines:
        if info_of(registration).engine == backend:
            return registration
    known = sorted({info_of(r).engine for r in registry().of_kind("restorer")} - {""})
    if backend not in known:
        near = difflib.get_close_matches(backend, [*known, "auto"], n=1)
        hint = f", did you mean {near[0]!r}?" if near else "."
        raise UnknownComponentError(
            f"no backend is called {backend!r}{hint} Known: auto, {', '.join(known)}"
        )
    raise UnknownComponentError(
        f"restorer {name!r} does not run on {backend!r}; it runs on {' or '.join(own)}"
    )


def _installed(registration: Registration) -> Registration:
    if not is_available(registration):
        raise MissingDependencyError(_not_installed(registration.info.name, [registration]))
    return registration


def _not_installed(name: str, engines: Sequence[Registration]) -> str:
    needed = " or ".join(
        f"{', '.join(missing_requirements(found))} (backend {info_of(found).engine!r})"
        for found in engines
    )
    names = [found.info.install for found in engines if found.info.install]
    remedy = " or ".join(f"pip install '{package}'" for package in dict.fromkeys(names))
    return (
        f"restorer {name!r} needs {needed}, which is not installed; "
        f"{remedy or 'see the documentation of the package that it comes from'}"
    )
