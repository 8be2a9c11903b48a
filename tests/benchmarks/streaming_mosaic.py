"""A mosaic of 10^9 pixels from end to end, and the plan of one of 10^12."""

import sys
import tempfile
import time
from pathlib import Path

from l2l_core.components.geometry import Geometry
from l2l_core.streaming.ledger import Ledger
from l2l_core.streaming.tile_size import fitted_tile, halo_share
from l2l_core.streaming.units import plan_grid
from tests.benchmarks.mosaics import mosaic
from tests.benchmarks.result import Result, machine
from tests.benchmarks.streaming_memory import peak

NETWORK = Geometry(axes="YX", halo=40, multiple=4)
RATE = 1e9
"""Pixels a second of a cluster of GPUs, for the load on its scheduler."""


def measure(repeats, *, side=32768, planned=1_000_000, unit=4096):
    about = machine()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        started = time.monotonic()
        mosaic(place / "mosaic.zarr", (side, side), part=unit)
        made = time.monotonic() - started
        out = place / "restored.zarr"
        command = ["-m", "l2l_core.cli.main", "restore", "gaussian:sigma=2", place / "mosaic.zarr"]
        command += ["--out", out, "--dtype", "uint16", "--unit", unit]
        size, seconds = peak([sys.executable, *map(str, command)])
        written = [path for path in out.rglob("*") if path.is_file()]
        stored, files = sum(path.stat().st_size for path in written), len(written)
        plan = _plan(planned, place)
    pixels = side * side
    return Result(
        title="Large mosaics",
        columns=["what", "found"],
        rows=[
            [
                f"{side} x {side} uint16, gaussian, written with its pyramid",
                f"{seconds:.0f} s, {pixels / seconds / 1e6:.1f} Mpx/s, peak {size / 1e6:.0f} MB",
            ],
            ["the restoration", f"{stored / 1e9:.2f} GB in {files} files"],
            [
                f"plan of {planned} x {planned}: units",
                ", ".join(f"{n} of stage {stage}" for stage, n in enumerate(plan["units"])),
            ],
            ["making all of them, one by one", f"{plan['listing']:.1f} s"],
            ["tile, and what the halo costs", f"{plan['tile']}, {100 * plan['halo']:.0f} %"],
            [
                "a ledger of as many lines",
                (
                    f"{plan['ledger_mb']:.1f} MB; {plan['append_ms']:.2f} ms a line, flushed; "
                    f"opened again in {plan['opening']:.1f} s"
                ),
            ],
            [
                f"units for the scheduler at {RATE / 1e9:.0f} Gpx/s",
                f"{plan['per_second']:.0f} a second",
            ],
        ],
        notes=[f"the mosaic was made in {made:.0f} s"],
        raw={"seconds": seconds, "peak": size, "plan": plan},
        machine=about,
    )


def _plan(side, place):
    grid = plan_grid((side, side), "YX", inner="YX")
    units = [grid.count(stage) for stage in range(grid.stages)]
    started = time.perf_counter()
    kept = sum(
        grid.unit(stage, index).pixels
        for stage, count in enumerate(units)
        for index in range(count)
    )
    listing = time.perf_counter() - started
    assert kept >= side * side
    unit = grid.levels[0].unit
    tile = fitted_tile(unit, NETWORK)
    sections = {"input": {}, "model": {}, "options": {}, "grid": grid.to_dict()}
    with Ledger.open(place / "ledger", sections) as ledger:
        started = time.perf_counter()
        for stage, count in enumerate(units):
            for index in range(count):
                ledger.acknowledge(
                    (0, stage, index), seconds=12.345, worker="node-17", pixels=2**24
                )
        append = (time.perf_counter() - started) / sum(units)
    size = (place / "ledger" / "ledger.jsonl").stat().st_size
    started = time.perf_counter()
    with Ledger.open(place / "ledger", sections) as ledger:
        assert len(ledger.done) == sum(units)
    opening = time.perf_counter() - started
    return {
        "units": units,
        "listing": listing,
        "tile": " x ".join(map(str, tile)),
        "halo": halo_share((side, side), unit, NETWORK, tile),
        "ledger_mb": size / 1e6,
        "append_ms": 1000 * append,
        "opening": opening,
        "per_second": RATE / grid.unit(0, 0).pixels,
    }
