"""Simulated pairs as a folder of OME-TIFF files, with all parameters beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from attrs import define

from l2l_core.data.simulation.pairs import SPECIMENS, SimulationOptions, simulate_pair
from l2l_core.data.simulation.streams import pair_seeds
from l2l_core.errors import DataError, ImageError, OutputError
from l2l_core.images.image import Length
from l2l_core.images.reading import open_image
from l2l_core.images.replacing import replacing
from l2l_core.images.writing import write_image

if TYPE_CHECKING:
    from collections.abc import Callable


@define(frozen=True)
class WrittenPairs:
    """Where simulated pairs lie: a folder each, with the same file names, and the parameters."""

    input: Path
    benchmark: Path
    truth: Path
    parameters: Path


def write_pairs(
    specimen: str,
    out: str | Path,
    pairs: int,
    seed: int,
    options: SimulationOptions | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> WrittenPairs:
    """Simulate pairs and write them as OME-TIFF, with all parameters beside them.

    Parameters
    ----------
    specimen : str
        A key of ``SPECIMENS``.
    out : path
        Folder that gets ``input/``, ``benchmark/`` and ``truth/``, with the same file names in
        each, and ``parameters.json``.
    pairs : int
        How many, at least 1.
    seed : int
        Not negative.  Asking for more pairs with the same seed leaves the first ones as they are.
    options : SimulationOptions, optional
        Instead of the specimen's own.
    progress : callable, optional
        Called with the number of pairs that are written, and of all.

    Raises
    ------
    DataError
        If there is no such specimen, or `pairs` or `seed` is out of range.
    OutputError
        If the folder holds simulated pairs already, or other images under their names, or cannot
        be written.
    """
    if specimen not in SPECIMENS:
        raise DataError(
            f"there is no specimen {specimen!r}; the specimens are {', '.join(sorted(SPECIMENS))}"
        )
    if pairs < 1 or seed < 0:
        raise DataError(
            f"cannot simulate {pairs} pairs with the seed {seed}; expected at least one pair and "
            "a seed of 0 or more"
        )
    options = SPECIMENS[specimen] if options is None else options
    folder = Path(out)
    written = WrittenPairs(
        folder / "input", folder / "benchmark", folder / "truth", folder / "parameters.json"
    )
    if written.parameters.exists():
        raise OutputError(
            f"{folder} holds simulated pairs already ({written.parameters.name} is there); "
            "choose another folder or remove this one"
        )
    seeds = pair_seeds(seed, pairs)
    names = [f"pair-{number:04d}.ome.tif" for number in range(1, pairs + 1)]
    pixel = Length(options.pixel_size_nm / 1000, "micrometer")
    for done, (name, pair_seed) in enumerate(zip(names, seeds, strict=True), start=1):
        pair = simulate_pair(options, pair_seed)
        for part in ("input", "benchmark", "truth"):
            path: Path = getattr(written, part) / name
            _refuse_foreign(path)
            write_image(
                path,
                getattr(pair, part),
                "YX",
                pixel_size={"Y": pixel, "X": pixel},
                channel_names=(part,),
                provenance={"simulated": specimen, "seed": pair_seed},
            )
        if progress is not None:
            progress(done, pairs)
    parameters = {
        "specimen": specimen,
        "seed": seed,
        "pairs": [
            {"file": name, "seed": pair_seed} for name, pair_seed in zip(names, seeds, strict=True)
        ],
        "structure": type(options.structure).__name__,
        "options": attrs.asdict(options),
    }
    # Last, so that its presence says that the set is whole.
    with replacing(written.parameters) as temporary:
        temporary.write_text(json.dumps(parameters, indent=2) + "\n", encoding="utf-8")
    return written


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
