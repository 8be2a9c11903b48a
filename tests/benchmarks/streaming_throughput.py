"""Pixels written from end to end, against the bare network on the same tiles, and a plain copy."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import zarr

from l2l_core.images.reading import open_image
from l2l_core.streaming.in_memory import restore_tiles
from l2l_core.streaming.tiling import plan
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restoration import RestoreOptions
from l2l_core.workflows.restore import restore_file
from l2l_core.workflows.restore_places import Target
from l2l_core.workflows.streamed_plan import plan_image
from tests.benchmarks.models import care_model
from tests.benchmarks.mosaics import mosaic
from tests.benchmarks.result import Result, machine, spread

GOAL = 0.9
THREADS = 3


def measure(repeats, *, side=4096, unit=2048, copy_side=16384, copy_unit=4096, kernel=5):
    about = machine()
    raw = {"network": [], "pipeline": []}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        image = place / "image.zarr"
        mosaic(image, (side, side), part=unit)
        with load_model(care_model(place / "care", kernel=kernel)) as model:
            engine = model.engine
            for _ in range(min(repeats, 3)):
                raw["network"].append(_network_turn(model, image, place, unit))
        mosaic(place / "large.zarr", (copy_side, copy_side), part=copy_unit)
        with load_model("identity") as model:
            for _ in range(repeats):
                raw["pipeline"].append(_copy_turn(model, place, copy_unit))
    share = spread([turn["bare"] / turn["streamed"] for turn in raw["network"]])
    piped = spread([turn["copy"] / turn["streamed"] for turn in raw["pipeline"]])
    rates = {
        "network": side * side / 1e6 / np.median([t["streamed"] for t in raw["network"]]),
        "identity": copy_side**2 / 1e6 / np.median([t["streamed"] for t in raw["pipeline"]]),
        "copy": copy_side**2 / 1e6 / np.median([t["copy"] for t in raw["pipeline"]]),
    }
    halo = raw["network"][0]["computed"] / side**2 - 1
    return Result(
        title="Throughput from end to end",
        columns=["what", "Mpx/s", "as a share of", "median (least to largest)", "goal"],
        rows=[
            [
                f"CARE, kernel {kernel}, {engine}, {side} x {side}, units of {unit}",
                f"{rates['network']:.2f}",
                "the bare network on the same tiles, from memory",
                f"{share['median']:.2f} ({share['least']:.2f} to {share['largest']:.2f})",
                f"{GOAL}",
            ],
            [
                f"identity, {copy_side} x {copy_side} uint16, units of {copy_unit}",
                f"{rates['identity']:.0f}",
                f"a plain copy by zarr on {THREADS} threads, {rates['copy']:.0f} Mpx/s",
                f"{piped['median']:.2f} ({piped['least']:.2f} to {piped['largest']:.2f})",
                "",
            ],
        ],
        notes=[
            f"the halo: {100 * halo:.0f} % more pixels computed than kept, in both",
            (
                "from end to end: opening, statistics of the whole image, reading, computing, four "
                "levels, compressing, writing, flushing to the disk, metadata"
            ),
            (
                "the plain copy writes one level of the same chunks, shards and compression, and "
                "flushes nothing"
            ),
        ],
        raw=raw,
        machine=about,
    )


def _network_turn(model, image, place, unit):
    """Time the stream, then the network alone on the tiles that the stream computed."""
    out = place / f"restored-{time.monotonic_ns()}.zarr"
    started = time.perf_counter()
    restore_file(model, image, out, unit=unit)
    streamed = time.perf_counter() - started
    job = plan_image(model, Target(image, out), RestoreOptions(unit=unit))
    pixels = np.random.default_rng(0).normal(size=(1, *job.frame.sides)).astype(np.float32)
    timed = _Timed(model.restorer)
    for index in range(job.grid.count(0)):
        region = job.frame.region(job.grid.unit(0, index).box)
        tiles = plan(job.frame.sides, model.geometry, job.tile, region=region)
        restore_tiles(timed, lambda at: pixels[(slice(None), *at)], tiles)
    return {"streamed": streamed, "bare": timed.seconds, "computed": timed.pixels}


class _Timed:
    """A restorer and the time that it takes, without whoever calls it."""

    def __init__(self, restorer):
        self.restorer = restorer
        self.seconds = 0.0
        self.pixels = 0

    def __getattr__(self, name):
        return getattr(self.restorer, name)

    def restore(self, batch):
        started = time.perf_counter()
        restored = self.restorer.restore(batch)
        self.seconds += time.perf_counter() - started
        self.pixels += batch[:, 0].size
        return restored


def _copy_turn(model, place, unit):
    source = place / "large.zarr"
    out = place / f"identity-{time.monotonic_ns()}.zarr"
    started = time.perf_counter()
    restore_file(model, source, out, unit=unit, dtype="uint16")
    streamed = time.perf_counter() - started
    with open_image(out) as restored:
        assert (restored.read(Y=slice(0, 64)) == zarr.open_array(source)[:64]).all()
    started = time.perf_counter()
    _copy(source, zarr.open_group(out)["0"], place / f"copy-{time.monotonic_ns()}.zarr", unit)
    return {"streamed": streamed, "copy": time.perf_counter() - started}


def _copy(source, like, out, unit):
    """Copy an array by units into one of the same chunks, shards and compression."""
    array = zarr.open_array(source, mode="r")
    target = zarr.create_array(
        out,
        shape=array.shape,
        dtype=array.dtype,
        chunks=like.chunks,
        shards=like.shards,
        compressors=like.compressors,
    )
    steps = range(0, array.shape[0], unit)

    def one(corner):
        at = tuple(slice(start, start + unit) for start in corner)
        target[at] = array[at]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, [(y, x) for y in steps for x in steps]))
