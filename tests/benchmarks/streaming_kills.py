"""Restorations that are killed at random moments and gone on with: same bytes, nothing twice."""

import tempfile
from pathlib import Path

import attrs

from tests.benchmarks.killing import Setting, kill
from tests.benchmarks.result import Result, machine

SETTINGS = (
    Setting("threads, OME-Zarr 0.5", (9216, 2048), 1024),
    Setting("threads, OME-Zarr 0.4", (9216, 2048), 1024, ("--ome-zarr", "0.4")),
    Setting("threads, three stages of levels", (40_960, 64), 2048),
    Setting("2 worker processes", (9216, 2048), 1024, workers=2, seconds=0.15),
)
KILLS = (25, 15, 20, 30)
WRONG = ("computed_again", "written_again", "acknowledged_again", "differing", "leftovers")


def measure(repeats, *, settings=SETTINGS, kills=KILLS, seed=0):
    about = machine()
    rows, raw = [], {}
    for setting, count in zip(settings, kills, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            found = kill(Path(folder) / "kills", setting, count, seed)
        raw[setting.name] = attrs.asdict(found)
        rows.append(
            [
                *(setting.name, found.units, found.restorations, found.kills, found.worker_kills),
                *(found.late_kills, found.recomputed),
                *(len(getattr(found, name)) for name in (*WRONG, "orphans")),
            ]
        )
    total = sum(row[3] + row[4] for row in rows)
    return Result(
        title="Restorations killed at random moments",
        columns=[
            "who works",
            "units",
            "restorations",
            "kills of the program",
            "kills of one worker",
            "of these with upper levels and metadata alone to write",
            "units computed once more",
            "acknowledged units computed again",
            "files of acknowledged units touched",
            "units acknowledged twice",
            "files that differ from an undisturbed run's",
            "files left over",
            "processes left over",
        ],
        rows=rows,
        notes=[
            (
                f"{total} kills by SIGKILL at random moments (seed {seed}) from the first "
                "acknowledged unit on to the end; the same command goes on each time"
            ),
            (
                "two outputs, uint16, each with its pyramid; every file of the stores is compared, "
                "metadata and provenance too"
            ),
            "the last six columns should be 0",
        ],
        raw=raw,
        machine=about,
    )
