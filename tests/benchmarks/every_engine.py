"""The default network on a CPU, by every engine: a training step, and a prediction.

Bare CSBDeep, the TensorFlow engine, PyTorch plain and compiled, and ONNX Runtime, as far as they
are installed; each in a process of its own, taking turns as in the benchmark ``network_speed``.
"""

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from l2l_core.components.registry import is_available, registry
from tests.benchmarks.network_speed import WORK, Worker
from tests.benchmarks.result import Result, machine, spread

BOTH = ("train", "predict")
WORK_OF = {
    "csbdeep": BOTH,
    "tensorflow": BOTH,
    "tensorflow ms_ssim": ("train",),
    "torch": BOTH,
    "torch compiled": BOTH,
    "onnx": ("predict",),
}
GOALS = {("tensorflow", "train"): 0.95, ("tensorflow", "predict"): 0.95, ("onnx", "predict"): 2.0}
KERNEL = 5


class EveryWorker(Worker):
    """A process with any of the engines."""

    def __init__(self, engine, folder):
        module = "tests.benchmarks.every_engine_worker"
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, engine, str(KERNEL), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


def installed():
    """Return the engines that can be measured here."""
    found = {found.info.engine for found in registry().engines("care") if is_available(found)}
    return [name for name in WORK_OF if name == "csbdeep" or name.split()[0] in found]


def _measured(workers, repeats):
    """Return for each engine and work the seconds of each turn: wall, and all cores together."""
    taken = {(engine, work): [] for engine in workers for work in WORK_OF[engine]}
    for turn in range(repeats + 1):
        for work in BOTH:
            for engine, worker in workers.items():
                if work in WORK_OF[engine]:
                    seconds = worker.ask(work)
                    if turn:  # the first turn compiles and warms up
                        taken[engine, work].append(seconds)
    return taken


def measure(repeats):
    about = machine()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers = {}
        for engine in installed():
            workers[engine] = EveryWorker(engine, folder)
            stack.callback(workers[engine].close)
        images = {}
        # Before any training step: all have the same weights.
        for engine, worker in workers.items():
            worker.ask("save")
            images[engine] = np.load(Path(folder) / f"{engine}.npy")
        taken = _measured(workers, repeats)
    rows = []
    for (engine, work), seconds in sorted(taken.items(), key=lambda item: BOTH.index(item[0][1])):
        wall = spread([turn[0] for turn in seconds])
        pairs = list(zip(taken["csbdeep", work], seconds, strict=True))
        ratios = [spread([a[kind] / b[kind] for a, b in pairs]) for kind in (0, 1)]
        goal = GOALS.get((engine, work))
        rows.append(
            [
                WORK[work],
                engine,
                f"{wall['median']:.3f} ({wall['least']:.3f} to {wall['largest']:.3f})",
                *(f"{r['median']:.2f} ({r['least']:.2f} to {r['largest']:.2f})" for r in ratios),
                f">= {goal}" if goal else "",
            ]
        )
    reference = images["csbdeep"]
    notes = [f"kernel {KERNEL}; medians of {repeats} interleaved turns, least and largest behind"]
    for engine, image in images.items():
        if engine != "csbdeep" and "predict" in WORK_OF[engine]:
            far = np.abs(image - reference).max() / reference.std()
            notes.append(
                f"{engine} and CSBDeep predict the same to {far:.1e} of the standard deviation "
                "(goal 1e-5)"
            )
    return Result(
        title="CARE network on a CPU, by every engine",
        columns=[
            "work",
            "engine",
            "seconds",
            "times as fast as CSBDeep",
            "the same by the time of all cores",
            "goal",
        ],
        rows=rows,
        notes=notes,
        raw=json.loads(json.dumps({f"{e}, {w}": s for (e, w), s in taken.items()})),
        machine=about,
    )
