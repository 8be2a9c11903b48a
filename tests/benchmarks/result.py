"""What a benchmark found, with the machine that it ran on, as JSON and Markdown."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import attrs
import psutil
from attrs import define, field

PACKAGES = ("label2label", "torch", "tensorflow", "csbdeep", "onnxruntime", "numpy")


def machine():
    """Return what a reader must know of this computer to judge the numbers."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), cpu)
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cpu": cpu,
        "cores": len(psutil.Process().cpu_affinity())
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "load_before": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def spread(values):
    """Return median, least and largest of some numbers."""
    return {"median": median(values), "least": min(values), "largest": max(values)}


@define
class Result:
    """A table with its title, and remarks."""

    title: str
    columns: list
    rows: list
    notes: list = field(factory=list)
    raw: dict = field(factory=dict)
    machine: dict = field(factory=machine)


def write(result, folder, name):
    """Write ``name.json`` and ``name.md`` into `folder`; return the latter's path."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(attrs.asdict(result), indent=2) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    about = result.machine
    versions = ", ".join(f"{package} {number}" for package, number in about["versions"].items())
    lines = [
        f"# {result.title}",
        "",
        "| " + " | ".join(result.columns) + " |",
        "|" + "---|" * len(result.columns),
        *("| " + " | ".join(str(cell) for cell in row) + " |" for row in result.rows),
        "",
        *(f"- {note}" for note in result.notes),
        "",
        (
            f"{about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB; "
            f"{about['system']}; Python {about['python']}; {versions}; "
            f"load {about['load_before']} before; {about['date']}."
        ),
        "",
    ]
    path = folder / f"{name}.md"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
