"""Peak memory of a restoration for images of 1, 4 and 16 times the area, beside CSBDeep's own."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.benchmarks.models import care_model
from tests.benchmarks.mosaics import mosaic
from tests.benchmarks.result import Result, machine

TIMES = (1, 2, 4)
"""How much longer each side is."""

GOAL = 1.1

CSBDEEP = """
import sys, numpy, tifffile
from csbdeep.models import CARE, Config
image = tifffile.imread(sys.argv[1])
model = CARE(Config("YX", 1, 1, unet_kern_size=3), "model", basedir=sys.argv[2])
tiles = int(sys.argv[3])
model.predict(image.astype("float32"), "YX", n_tiles=(tiles, tiles))
"""


def peak(command):
    """Return the peak resident size of a process and all its children in bytes, and its seconds."""
    started = time.monotonic()
    # A file, for a pipe that nobody empties would stop the process.
    with tempfile.TemporaryFile() as errors:
        process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        most = 0
        while process.poll() is None:
            total = 0
            for one in [process, *_children(process)]:
                try:
                    total += one.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            most = max(most, total)
            time.sleep(0.01)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(errors.read().decode(errors="replace")[-500:])
    return most, time.monotonic() - started


def _children(process):
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _restore(model, image, out, *options):
    return peak(
        [
            sys.executable,
            "-m",
            "l2l_core.cli.main",
            "restore",
            str(model),
            str(image),
            "--out",
            str(out),
            *map(str, options),
        ]
    )


def measure(
    repeats,
    *,
    side=8192,
    unit=2048,
    network_side=1024,
    network_unit=256,
    csbdeep=True,
    all_times=TIMES,
):
    about = machine()
    rows, raw = [], {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        network = care_model(place / "care", kernel=3)
        cases = {
            "gaussian": ("gaussian:sigma=2", side, unit, ()),
            "gaussian, 2 processes": ("gaussian:sigma=2", side, unit, ("--workers", 2)),
            "CARE, kernel 3": (network, network_side, network_unit, ("--tile", 256)),
        }
        for name, (model, first, one, options) in cases.items():
            found = []
            for times in all_times:
                image = place / "image.zarr"
                mosaic(image, (first * times, first * times), part=one)
                size, seconds = _restore(
                    model, image, place / "out.zarr", "--unit", one, "--dtype", "uint16", *options
                )
                found.append({"side": first * times, "bytes": size, "seconds": seconds})
                _remove(place, "image.zarr", "out.zarr", "out.zarr.l2l")
            raw[name] = found
            rows.append(_row(name, found))
        if csbdeep:
            raw["CSBDeep"] = found = _csbdeep(place, network_side, all_times)
            rows.append(_row("CSBDeep, CARE of kernel 3", found))
    return Result(
        title="Peak memory against the size of the image",
        columns=["method", "side of the image", "peak, MB", "largest to smallest"],
        rows=rows,
        notes=[
            f"resident size of the whole process tree; goal: at most {GOAL}",
            "the smallest image has 16 units already, so that all threads are at work",
            "CSBDeep predicts the image in as many tiles as units, from a TIFF file, in memory",
        ],
        raw=raw,
        machine=about,
    )


def _row(name, found):
    sides = ", ".join(str(one["side"]) for one in found)
    sizes = ", ".join(f"{one['bytes'] / 1e6:.0f}" for one in found)
    return [name, sides, sizes, f"{found[-1]['bytes'] / found[0]['bytes']:.2f}"]


def _csbdeep(place, side, all_times):
    import numpy as np
    import tifffile
    import zarr

    found = []
    for times in all_times:
        mosaic(place / "image.zarr", (side * times, side * times), part=side)
        tifffile.imwrite(place / "image.tif", np.asarray(zarr.open_array(place / "image.zarr")[:]))
        command = [sys.executable, "-c", CSBDEEP, place / "image.tif", place, 4 * times]
        size, seconds = peak([str(part) for part in command])
        found.append({"side": side * times, "bytes": size, "seconds": seconds})
        _remove(place, "image.zarr", "image.tif", "model")
    return found


def _remove(place, *names):
    import shutil

    for name in names:
        shutil.rmtree(place / name, ignore_errors=True)
        if (place / name).exists():
            (place / name).unlink()
