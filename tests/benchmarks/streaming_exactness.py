"""Restored unit by unit and tile by tile into OME-Zarr, against the whole image at once."""

import tempfile
from pathlib import Path

import attrs
import numpy as np
from attrs import define

from l2l_core.components.factory import make_restorer
from l2l_core.components.options import unstructure
from l2l_core.components.registry import is_available, registry
from l2l_core.errors import L2LError
from l2l_core.images.reading import open_image
from l2l_core.images.writing import write_image
from l2l_core.models.model_file import ModelRecord, NormalizationRecord
from l2l_core.streaming.tile_size import least_tile
from l2l_core.workflows.model import Model
from l2l_core.workflows.restore import restore_file
from tests.benchmarks.result import Result, machine

GOAL = 1e-5

SHAPES = {"YX": ((333, 417), (402, 255)), "ZYX": ((19, 91, 117),)}
"""Odd sides, and such that leave each rest of a division by 4."""

UNITS = {"YX": (64, 136, 200), "ZYX": (64,)}
MORE = (0, 3, 24)
"""Steps of the lattice that a tile has beyond the least, along each axis."""

OPTIONS = {
    "care": ({"kernel": 5, "first_filters": 4}, {"kernel": 3, "depth": 3, "first_filters": 4}),
    # Those that look at the whole image by default, with what bounds them.
    "nonlocal_means": ({"noise": 20.0, "patch_size": 3, "patch_distance": 1},),
    "binary_map": ({"threshold": 600.0, "min_size": 20},),
    "distance_map": ({"threshold": 600.0, "limit": 12.0},),
    # A large ball takes minutes for a small volume.
    "rolling_ball": ({"radius": 4.0},),
    "chain": ({"steps": [{"name": "median"}, {"name": "gaussian"}]},),
}


@define(frozen=True)
class Case:
    """A restorer in one of its forms."""

    name: str
    engine: str
    options: dict
    axes: str

    @property
    def title(self):
        options = ", ".join(f"{key} {value}" for key, value in self.options.items())
        return f"{self.name} {self.engine}".strip() + (f" ({options})" if options else "")


def cases():
    """Return all registered restorers on all engines that are installed, in 2D and 3D."""
    return [
        Case(found.info.name, found.info.engine, options, axes)
        for found in registry().of_kind("restorer")
        if is_available(found)
        for options in OPTIONS.get(found.info.name, ({},))
        for dimensions, axes in ((2, "YX"), (3, "ZYX"))
        if dimensions in found.info.dimensions
    ]


def model_of(case, seed=0):
    """Return a model, with random weights where it has any."""
    restorer = make_restorer(case.name, case.engine, case.options, axes=case.axes, device="cpu")
    rng = np.random.default_rng(seed)
    restorer.load_state(
        {name: _weights(values, rng) for name, values in sorted(restorer.state().items())}
    )
    record = ModelRecord(
        restorer=case.name,
        supplier="label2label",
        options=unstructure(restorer.options) if restorer.options is not None else {},
        axes=case.axes,
        channels_in=1,
        channels_out=1,
        geometry=restorer.geometry,
        normalization=NormalizationRecord(output="input"),
    )
    return Model(restorer, record, where=case.title, engine=case.engine)


def _weights(values, rng):
    """Return weights that keep a signal about as strong as it was, and no bias at 0."""
    if not np.issubdtype(values.dtype, np.floating):
        return values
    fan_in = max(1, values[0].size) if values.ndim > 1 else 100
    drawn = rng.normal(size=values.shape) * np.sqrt(2 / fan_in)
    return drawn.astype(values.dtype)


def measure(repeats, *, chosen=None, shapes=SHAPES, units=UNITS, more=MORE):
    about = machine()
    rows, raw, notes = [], {}, []
    for case in cases() if chosen is None else chosen:
        try:
            with model_of(case) as model, tempfile.TemporaryDirectory() as folder:
                if not _bounded(model.geometry):
                    notes.append(f"{case.title}, {case.axes}: looks at the whole image at once")
                    continue
                found = _deviations(model, Path(folder), shapes[case.axes], units[case.axes], more)
        except L2LError as error:
            notes.append(f"{case.title}, {case.axes}: {error}")
            continue
        raw[f"{case.title} {case.axes}"] = [attrs.asdict(one) for one in found]
        worst = max(found, key=lambda one: one.deviation)
        rows.append(
            [
                *(case.title, case.axes, len(found), max(one.units for one in found)),
                f"{worst.deviation:.1e}",
                "met" if worst.deviation <= GOAL else f"missed: {worst}",
            ]
        )
    return Result(
        title="Streamed against whole",
        columns=[
            *("restorer", "axes", "image, unit and tile sizes", "units at most"),
            *("largest deviation, in standard deviations", f"goal {GOAL:g}"),
        ],
        rows=rows,
        notes=[
            (
                f"images of {shapes}, units of {units}, each with {len(more)} sizes of tiles from "
                "the least that the halo allows; random weights"
            ),
            *notes,
        ],
        raw=raw,
        machine=about,
    )


def _bounded(geometry):
    return geometry.statistics_stages == 0 and all(
        halo is not None
        for axis, halo in zip(geometry.axes, geometry.halo, strict=True)
        if axis in "YX"
    )


@define(frozen=True)
class Found:
    """How far one restoration was from the whole image's."""

    shape: tuple
    unit: int
    tile: int
    units: int
    deviation: float


def _deviations(model, folder, shapes, sides, more):
    found = []
    axes, geometry = model.geometry.axes, model.geometry
    for shape in shapes:
        pixels = _image(shape)
        image = folder / f"image{'x'.join(map(str, shape))}.zarr"
        write_image(image, pixels, axes)
        whole = model.restore(pixels, axes, tile=4096)
        # Of a network that is silent nothing would be seen.
        assert whole.std() > 0, f"{model.where} gives the same value everywhere"
        for side in sides:
            for steps in more:
                tile = max(least_tile(shape, geometry)) + steps * max(geometry.multiple)
                out = image.with_name(f"{image.stem}-{side}-{steps}.zarr")
                result = restore_file(model, image, out, unit=side, tile=tile)
                with open_image(out) as restored:
                    far = np.abs(restored.read() - whole).max() / whole.std()
                found.append(Found(shape, side, tile, result.units, float(far)))
    return found


def _image(shape, seed=0):
    """Return spots on shading, with noise."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.arange(side) for side in shape), indexing="ij", sparse=True)
    light = 400.0 + 100 * np.sin(sum(axis / 23 for axis in grid))
    light += 3000 * (rng.random(shape) < 0.003)
    return rng.poisson(light).astype(np.uint16)
