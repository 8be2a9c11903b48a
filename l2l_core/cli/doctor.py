"""``l2l doctor``: what there is on this machine, and what is broken."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from l2l_core.cli.output import columns, remark, say, say_json
from l2l_core.components.records import OpsInfo, RestorerInfo
from l2l_core.components.registry import (
    PluginWarning,
    Registry,
    is_available,
    load_target,
    registry,
)

if TYPE_CHECKING:
    from l2l_core.components.discovery import Registration

_PACKAGES = (
    "label2label", "numpy", "scipy", "tifffile", "zarr", "dask", "attrs", "cattrs",
    "pluggy", "safetensors",
)  # fmt: skip
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def command(as_json: bool) -> None:
    """Show versions, devices, engines, memory, and what is broken.

    Imports every installed framework to ask for its devices, which takes some seconds.
    """
    with warnings.catch_warnings():
        # What is broken is part of the result here.
        warnings.simplefilter("ignore", PluginWarning)
        known = registry()
    if not as_json and sys.stderr.isatty():
        remark("looking at the engines ...")
    found = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "engines": [_engine(name, r) for name, r in sorted(_engines(known).items())],
        "processors": _processors(),
        "memory": _memory(),
        "disk": {"folder": str(Path.cwd()), "free_gib": _gib(shutil.disk_usage(Path.cwd()).free)},
        "plugins": sorted({f"{r.distribution} {r.version}" for r in known.components}),
        "broken": [
            {"name": b.name, "distribution": b.distribution, "error": b.error} for b in known.broken
        ],
    }
    if as_json:
        say_json(found)
    else:
        say(_report(found, known))


def _report(found: dict[str, Any], known: Registry) -> list[str]:
    processors, memory, disk = found["processors"], found["memory"], found["disk"]
    threads = "".join(f", {key}={value}" for key, value in processors["variables"].items())
    rows = [
        ("python", found["python"]),
        ("system", found["system"]),
        ("processors", f"{processors['usable']} usable of {processors['installed']}{threads}"),
        ("memory", f"{memory['free_gib']:.1f} GiB free of {memory['total_gib']:.1f} GiB"),
        ("disk", f"{disk['free_gib']:.1f} GiB free at {disk['folder']}"),
        ("plugins", ", ".join(found["plugins"])),
    ]
    lines = [*columns(rows, indent=0), "", "packages"]
    lines += columns([(name, at or "not installed") for name, at in found["packages"].items()])
    lines += ["", "engines"]
    for engine in found["engines"]:
        devices = ", ".join(engine["devices"]) or "its devices are not told"
        lines.append(f"  {engine['name']}  {engine['version']}  {engine['problem'] or devices}")
    if not found["engines"]:
        lines.append("  none is known")
    if not any(engine["available"] for engine in found["engines"]):
        lines.append("  No framework is installed, so no network can be trained or run here:")
        lines.append("  pip install 'label2label[torch]'")
    lines += ["", "broken" if known.broken else "Nothing is broken."]
    lines += [f"  {b.name} of {b.distribution}: {b.error}" for b in known.broken]
    return lines


def _engines(known: Registry) -> dict[str, Registration]:
    """Return all engines by name, each with a record that tells its devices where there is one."""
    engines = {r.info.name: r for r in known.of_kind("ops") if r.info.name != "numpy"}
    for registration in known.of_kind("restorer"):
        info = registration.info
        # An engine that only predicts has no array operations.
        if isinstance(info, RestorerInfo) and info.engine and info.devices:
            engines.setdefault(info.engine, registration)
    return engines


def _engine(name: str, registration: Registration) -> dict[str, Any]:
    """Return what an engine says of itself; whatever goes wrong there is told, not raised."""
    info = registration.info
    found: dict[str, Any] = {
        "name": name,
        "version": _version(name) or "",
        "available": is_available(registration),
        "devices": [],
        "problem": "",
    }
    if not found["available"]:
        found["problem"] = "not installed" + (
            f"; pip install '{info.install}'" * bool(info.install)
        )
    elif isinstance(info, OpsInfo | RestorerInfo) and info.devices:
        try:
            found["devices"] = [str(device) for device in load_target(registration, info.devices)()]
        # A framework whose driver does not fit may fail in any way.
        except Exception as error:
            found["problem"] = " ".join(f"{type(error).__name__}: {error}".split())
    return found


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _processors() -> dict[str, Any]:
    installed = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else installed
    variables = {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ}
    return {"usable": usable, "installed": installed, "variables": variables}


def _memory() -> dict[str, float]:
    import psutil

    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    # In a container the limit of its group counts, of which the kernel's figures know nothing.
    limit, used = _number("memory.max"), _number("memory.current")
    if limit is not None and limit < total:
        total, free = limit, min(free, limit - (used or 0))
    return {"total_gib": _gib(total), "free_gib": _gib(free)}


def _number(name: str) -> int | None:
    try:
        return int(Path("/sys/fs/cgroup", name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _gib(number: int) -> float:
    return round(number / 2**30, 2)
