"""Simulated pairs as a folder of OME-TIFF or OME-Zarr images, with all parameters beside them."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psutil
from attrs import define

from l2l_core.data.simulation.experiment import SeparationOptions, SimulationOptions
from l2l_core.data.simulation.pairs import simulate_pair
from l2l_core.data.simulation.specimens import SPECIMENS
from l2l_core.data.simulation.streams import pair_seeds
from l2l_core.errors import DataError, ImageError, OutputError
from l2l_core.images.image import Length
from l2l_core.images.reading import open_image
from l2l_core.images.replacing import replacing
from l2l_core.images.writing import write_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from l2l_core.data.simulation.experiment import ExperimentOptions
    from l2l_core.data.simulation.pairs import SimulatedPair

FORMATS = {"ome-tiff": ".ome.tif", "ome-zarr": ".ome.zarr"}
"""What pairs can be written as, and the suffix of the files."""

_BYTES_A_PIXEL = 110
"""What a pair takes while it is made, measured: both labels in steps, in float64."""


@define(frozen=True)
class WrittenPairs:
    """Where simulated pairs lie: a folder each, with the same file names, and the parameters.

    The repeat and the averages are None where the options do not ask for them.
    """

    input: Path
    benchmark: Path
    truth: Path
    parameters: Path
    input_repeat: Path | None = None
    input_average: Path | None = None
    benchmark_average: Path | None = None


def write_pairs(
    specimen: str,
    out: str | Path,
    pairs: int,
    seed: int,
    options: ExperimentOptions | None = None,
    *,
    format: str = "ome-tiff",
    progress: Callable[[int, int], None] | None = None,
) -> WrittenPairs:
    """Simulate pairs and write them, with all parameters beside them.

    Parameters
    ----------
    specimen : str
        A key of ``SPECIMENS``.
    out : path
        Folder that gets ``input/``, ``benchmark/`` and ``truth/``, with the same file names in
        each, and ``parameters.json``; ``input_repeat/``, ``input_average/`` and
        ``benchmark_average/`` too if the options ask for them.
    pairs : int
        How many, at least 1.
    seed : int
        Not negative.  Asking for more pairs with the same seed leaves the first ones as they are.
    options : SimulationOptions or SeparationOptions, optional
        Instead of the specimen's own.
    format : {"ome-tiff", "ome-zarr"}
        Of the images.
    progress : callable, optional
        Called with the number of pairs that are written, and of all.

    Raises
    ------
    DataError
        If there is no such specimen or format, or `pairs` or `seed` is out of range.
    OutputError
        If the folder holds simulated pairs already, or other images under their names, or cannot
        be written.
    """
    if specimen not in SPECIMENS:
        raise DataError(
            f"there is no specimen {specimen!r}; the specimens are {', '.join(sorted(SPECIMENS))}"
        )
    if format not in FORMATS:
        raise DataError(
            f"pairs cannot be written as {format!r}; expected one of {', '.join(FORMATS)}"
        )
    if pairs < 1 or seed < 0:
        raise DataError(
            f"cannot simulate {pairs} pairs with the seed {seed}; expected at least one pair and "
            "a seed of 0 or more"
        )
    options = SPECIMENS[specimen] if options is None else options
    folder = Path(out)
    written = _places(folder, options)
    if written.parameters.exists():
        raise OutputError(
            f"{folder} holds simulated pairs already ({written.parameters.name} is there); "
            "choose another folder or remove this one"
        )
    at_once = _at_once(options)
    seeds = pair_seeds(seed, pairs)
    names = [f"pair-{number:04d}{FORMATS[format]}" for number in range(1, pairs + 1)]
    facts: list[dict[str, Any]] = [{} for _ in names]

    def make(number: int) -> None:
        pair = simulate_pair(options, seeds[number])
        facts[number] = _write(pair, written, names[number], specimen, seeds[number], options)

    # Each pair has random streams of its own, so the order in which they are made is all one.
    with ThreadPoolExecutor(min(pairs, at_once)) as pool:
        jobs = [pool.submit(make, number) for number in range(pairs)]
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                if progress is not None:
                    progress(done, pairs)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    parameters = {
        "specimen": specimen,
        "seed": seed,
        "pairs": facts,
        "structure": _structure_names(options),
        "options": attrs.asdict(options),
    }
    # Last, so that its presence says that the set is whole.
    with replacing(written.parameters) as temporary:
        temporary.write_text(json.dumps(parameters, indent=2) + "\n", encoding="utf-8")
    return written


def _places(folder: Path, options: ExperimentOptions) -> WrittenPairs:
    return WrittenPairs(
        folder / "input",
        folder / "benchmark",
        folder / "truth",
        folder / "parameters.json",
        input_repeat=folder / "input_repeat" if options.repeat else None,
        input_average=folder / "input_average" if options.average_frames else None,
        benchmark_average=folder / "benchmark_average" if options.average_frames else None,
    )


def _at_once(options: ExperimentOptions) -> int:
    """Return how many pairs are made at a time; refuse images that would not fit into memory."""
    needed = _BYTES_A_PIXEL * prod(options.size)
    free = int(psutil.virtual_memory().available)
    if needed > free:
        sides = " x ".join(map(str, options.size))
        raise DataError(
            f"simulating images of {sides} pixels takes about {needed / 1e9:,.0f} GB of memory, "
            f"of which {free / 1e9:,.0f} GB are free; choose smaller images (--size)"
        )
    # More threads than this wait for each other, and each holds the images of a pair.
    return min(4, os.cpu_count() or 1, free // needed)


def _structure_names(options: ExperimentOptions) -> str | list[str]:
    if isinstance(options, SeparationOptions):
        return [type(structure).__name__ for structure in options.structures]
    return type(options.structure).__name__ if isinstance(options, SimulationOptions) else ""


def _write(
    pair: SimulatedPair,
    written: WrittenPairs,
    name: str,
    specimen: str,
    seed: int,
    options: ExperimentOptions,
) -> dict[str, Any]:
    """Write the images of a pair; return what the parameters tell of it."""
    pixel = Length(options.pixel_size_nm / 1000, "micrometer")
    facts: dict[str, Any] = {"seed": seed}
    if options.drift_nm:
        facts["drift_px"] = list(pair.drift_px)
    for part in attrs.fields_dict(WrittenPairs):
        folder = getattr(written, part)
        if part == "parameters" or folder is None:
            continue
        pixels = getattr(pair, part)
        path = folder / name
        _refuse_foreign(path)
        names = getattr(options, "names", ()) if pixels.ndim > 2 else (part,)
        write_image(
            path,
            pixels,
            "CYX"[-pixels.ndim :],
            pixel_size={"Y": pixel, "X": pixel},
            channel_names=names,
            provenance={"simulated": specimen, **facts},
        )
    return {"file": name, **facts}


def _refuse_foreign(path: Path) -> None:
    """Refuse to replace an image that is not simulated; what an interruption left may be."""
    if not path.exists():
        return
    try:
        made = open_image(path).info.metadata.get("provenance")
    except ImageError:
        made = None
    if not (isinstance(made, dict) and "simulated" in made):
        raise OutputError(
            f"{path} exists and was not simulated, so it is not replaced; choose another folder"
        )
