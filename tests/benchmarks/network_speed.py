"""The default network on a CPU against bare CSBDeep: a training step, and a prediction.

Each engine lives in a process of its own and they take turns, so that whatever else the machine
does falls on all of them alike; a ratio is taken within each turn.
"""

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tests.benchmarks.result import Result, machine, spread

ENGINES = ("csbdeep", "torch", "torch compiled", "torch ms_ssim")
GOALS = {"train": 1.15, "predict": 1.2}
WORK = {"train": "training step, 16 x 128 x 128", "predict": "prediction, 1024 x 1024"}


class Worker:
    """An engine's process, asked line by line."""

    def __init__(self, engine, kernel, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.engine_worker", engine, str(kernel), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, command):
        self.process.stdin.write(json.dumps({"do": command}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def _seconds(workers, repeats):
    """Return the seconds of every work and engine, a list over the turns: wall, and all cores."""
    seconds, computed = ({work: {e: [] for e in workers} for work in WORK} for _ in range(2))
    for turn in range(repeats + 1):
        for work, found in seconds.items():
            for engine, worker in workers.items():
                if work == "predict" and engine == "torch ms_ssim":
                    continue
                taken = worker.ask(work)
                if turn:  # the first turn compiles and warms up
                    found[engine].append(taken[0])
                    computed[work][engine].append(taken[1])
    return seconds, computed


def measure(repeats):
    about = machine()
    rows, raw, notes = [], {}, []
    for kernel in (5, 3):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            workers = {}
            for engine in ENGINES:
                workers[engine] = Worker(engine, kernel, folder)
                stack.callback(workers[engine].close)
            # Before any training step: all have the same weights.
            for engine in ENGINES[:3]:
                workers[engine].ask("save")
            images = {e: np.load(Path(folder) / f"{e}.npy") for e in ENGINES[:3]}
            seconds, computed = _seconds(workers, repeats)
            raw[f"kernel {kernel}"] = {"seconds": seconds, "seconds of all cores": computed}
        reference = images["csbdeep"]
        for work, found in seconds.items():
            for engine, taken in found.items():
                if not taken:
                    continue
                time = spread(taken)
                ratios = [a / b for a, b in zip(found["csbdeep"], taken, strict=True)]
                ratio = spread(ratios)
                goal = f">= {GOALS[work]}" if engine == "torch" and kernel == 5 else ""
                rows.append(
                    [
                        kernel,
                        WORK[work],
                        engine,
                        f"{time['median']:.3f} ({time['least']:.3f} to {time['largest']:.3f})",
                        f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['largest']:.2f})",
                        goal,
                    ]
                )
        for engine in ENGINES[1:3]:
            far = np.abs(images[engine] - reference).max() / reference.std()
            notes.append(
                f"kernel {kernel}: {engine} and CSBDeep predict the same to {far:.1e} of the "
                "standard deviation (goal 1e-5)"
            )
        slower = [
            b / a
            for a, b in zip(
                seconds["train"]["torch"], seconds["train"]["torch ms_ssim"], strict=True
            )
        ]
        notes.append(
            f"kernel {kernel}: MS-SSIM with 3 scales instead of L1 makes a step "
            f"{spread(slower)['median']:.2f} times as long (goal: under 1.25)"
        )
    return Result(
        title="CARE network on a CPU, against CSBDeep",
        columns=["kernel", "work", "engine", "seconds", "times as fast as CSBDeep", "goal"],
        rows=rows,
        notes=[f"medians of {repeats} interleaved turns, least and largest in brackets", *notes],
        raw=raw,
        machine=about,
    )
