"""Plan a streamed restoration: units, stores and all facts that its bytes depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, evolve

from l2l_core.components.options import unstructure
from l2l_core.errors import ImageError, TilingError
from l2l_core.images.guarding import Guard
from l2l_core.images.ome_zarr_metadata import VERSIONS, StoreLayout
from l2l_core.images.places import Place, as_place, name_of
from l2l_core.models.facts import fingerprint
from l2l_core.streaming.jobs import ImageJob, ImageSource
from l2l_core.streaming.tile_size import fitted_tile, least_tile
from l2l_core.streaming.units import GRID_VERSION, plan_grid
from l2l_core.workflows.restoration import NOT_A_MEASUREMENT, RestoreOptions
from l2l_core.workflows.restore_places import (
    Target,
    channel_number,
    chosen_channel,
    kept_names,
    pixel_size,
    suffix_of,
)

if TYPE_CHECKING:
    from l2l_core.images.image import Image
    from l2l_core.streaming.frame import Frame
    from l2l_core.streaming.ledger import Ledger
    from l2l_core.workflows.model import Model


def plan_image(model: Model, target: Target, options: RestoreOptions) -> ImageJob:
    """Return the plan of one image's restoration; nothing is written, no pixel is read.

    Parameters
    ----------
    model : Model
    target : Target
        Its `out` is a store.
    options : RestoreOptions

    Raises
    ------
    ImageError
        If the image cannot be read, its axes and channels are not the model's, or the restoration
        makes no sense as integers.
    TilingError
        If the method looks at the whole image at once, or a tile or unit is too small for it.
    """
    dtype = model.output_dtype(options.dtype)
    source = ImageSource(str(target.source), options.axes, options.level)
    guard = Guard.of(target.source, options.level)
    with source.open() as opened:
        if options.channel is not None:
            source = evolve(source, channel=channel_number(opened, options.channel))
        image = chosen_channel(opened, options.channel)
        frame = frame_of(model, image)
        _refuse_unbounded(model, frame, target, options)
        version = options.version or _version(image)
        grid = plan_grid(
            frame.output_shape,
            frame.output_axes,
            inner=frame.geometry.output_axes,
            whole=frame.whole,
            side=options.unit,
            scale=frame.scale,
            sharded=version != "0.4",
            load=frame.load,
        )
        layout = StoreLayout(
            axes=grid.axes,
            dtype=dtype.name,
            levels=tuple((level.shape, level.chunks, level.unit) for level in grid.levels),
            version=version,
            compression=options.compression,
            pixel_size=pixel_size(image, frame.geometry),
            translation=_translation(image, frame),
            channel_names=kept_names(image, grid.levels[0].shape, grid.axes, model.info.appearance),
            omero=_omero(image, source),
            name=_stem(target.out),
        )
    places = target.outputs(model, all_outputs=options.all_outputs)
    return ImageJob(
        source=source,
        guard=guard,
        frame=frame,
        grid=grid,
        stores={name: str(place) for name, place in places.items()},
        layout=layout,
        tile=fitted_tile(
            input_sides(frame, grid.levels[0].unit),
            frame.geometry,
            options.tile,
            shape=frame.sides,
        ),
        dtype=dtype.name,
    )


def frame_of(model: Model, image: Image) -> Frame:
    """Return how a model sees an image.

    Raises
    ------
    ImageError
        If its axes or channels are not the model's; names the image.
    """
    try:
        frame = model.frame(image.axes, image.shape)
    except ImageError as error:
        raise type(error)(f"{image.info.path}: {error}") from error
    return evolve(frame, lengths=_lengths(model, frame)) if frame.new_axes else frame


def _stem(place: Place) -> str:
    name = name_of(place)
    return name[: len(name) - len(suffix_of(place))]


def _version(image: Image) -> str:
    kind, _, version = image.info.format.partition(" ")
    return version if kind == "OME-Zarr" and version in VERSIONS else VERSIONS[-1]


def _lengths(model: Model, frame: Frame) -> dict[str, int]:
    """Ask a method that adds an axis how long it makes it, by a tile of nothing."""
    geometry = frame.geometry
    sides = least_tile(frame.sides, geometry)
    empty = np.zeros((1, geometry.channels_in, *sides), np.float32)
    shape = model.restorer.restore(empty)["mean"].shape[2:]
    return {
        axis: side
        for axis, side in zip(geometry.output_axes, shape, strict=True)
        if axis in frame.new_axes
    }


def _refuse_unbounded(model: Model, frame: Frame, target: Target, options: RestoreOptions) -> None:
    """Say why an image cannot be restored in parts, and what can be done instead."""
    geometry = frame.geometry
    unbounded = [
        axis
        for axis, halo in zip(geometry.axes, geometry.halo, strict=True)
        if halo is None and axis in "YX"
    ]
    if not unbounded:
        return
    longest = max(frame.sizes[axis] * frame.scale[axis] for axis in unbounded)
    if options.unit is not None and options.unit >= longest:
        return
    planes = 1 if "Z" not in geometry.axes else frame.sizes["Z"]
    needed = 12 * planes * frame.sizes["Y"] * frame.sizes["X"] / 1e9
    raise TilingError(
        f"{target.source}: {model.unbounded} looks at the whole image at once along "
        f"{' and '.join(unbounded)}, so parts of it cannot be restored apart without changing the "
        f"result; give --unit {longest} to hold each plane or volume in memory at once (about "
        f"{max(needed, 0.1):.1f} GB), restore a smaller --level, or take a method, or options of "
        "it such as a threshold=..., with a bounded receptive field"
    )


def input_sides(frame: Frame, unit: Sequence[int]) -> tuple[int, ...]:
    """Return what a unit covers of the image, one number for each axis of the method."""
    sides = dict(zip(frame.output_axes, unit, strict=True))
    return tuple(
        min(size, -(-sides[axis] // frame.scale[axis]))
        if axis in frame.geometry.output_axes
        else size
        for axis, size in zip(frame.geometry.axes, frame.sides, strict=True)
    )


def _translation(image: Image, frame: Frame) -> dict[str, float]:
    """Return where the first pixel of the restoration lies; a finer one has its centre earlier."""
    shifts: dict[str, float] = dict(image.info.metadata.get("translation", {}))
    for axis, factor in frame.scale.items():
        if factor > 1 and axis in image.info.pixel_size:
            step = image.info.pixel_size[axis].value
            shifts[axis] = shifts.get(axis, 0.0) - step / 2 + step / (2 * factor)
    return shifts


def _omero(image: Image, source: ImageSource) -> dict[str, Any] | None:
    """Return how viewers show the image, for the channels that are restored."""
    omero = image.info.metadata.get("omero")
    if not isinstance(omero, Mapping):
        return None
    channels = omero.get("channels")
    if source.channel is not None and isinstance(channels, list) and len(channels) > source.channel:
        return {**omero, "channels": [channels[source.channel]]}
    return dict(omero)


@define(frozen=True)
class Facts:
    """What decides about the bytes of a restoration, as plain values.

    Parameters
    ----------
    model, options : dict
        The same for all images.
    provenance : dict
        What each store says of itself, besides what is its own.
    """

    model: dict[str, Any]
    options: dict[str, Any]
    provenance: dict[str, Any]

    @classmethod
    def of(cls, model: Model, options: RestoreOptions) -> Facts:
        """Return the facts of a restoration by a model."""
        facts = model.provenance()
        how = unstructure(options)
        return cls(
            # Where the model lies is of no influence on the pixels.
            model={key: value for key, value in facts.items() if key not in ("model", "software")},
            # Nor the size of tiles, which a run may change to go on with less memory.
            options={
                **{key: value for key, value in how.items() if key != "tile"},
                "statistics": options.statistics or model.statistics,
            },
            provenance={**facts, "how": how, "note": NOT_A_MEASUREMENT},
        )

    def of_image(self, target: Target, job: ImageJob | None) -> dict[str, Any]:
        """Return what decides about one image: what it was, and its grid.

        Parameters
        ----------
        target : Target
        job : ImageJob, optional
            None for an image that goes into one file.
        """
        guard = job.guard if job else Guard.of(target.source)
        grid: dict[str, Any] = {"file": suffix_of(target.out)}
        if job:
            # Neither where the stores lie nor what they are called decides about their pixels.
            grid = {key: value for key, value in job.to_dict().items() if key != "stores"}
            grid["layout"] = {key: v for key, v in grid["layout"].items() if key != "name"}
        # What an image was tells it from others wherever it is moved to; elsewhere nothing says
        # when it was written.
        where = {} if isinstance(target.source, Path) else {"image": target.source}
        return {"input": {**where, **guard.to_dict()}, "grid": grid}

    def sections(self, images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the manifest of a ledger; that of many images says nothing of each of them.

        So images can be added to a folder, and each is compared on its own.
        """
        own = images[0] if len(images) == 1 else {"input": {}, "grid": {"version": GRID_VERSION}}
        return {
            "input": own["input"],
            "model": self.model,
            "options": self.options,
            "grid": own["grid"],
        }

    def job(self, image: Mapping[str, Any]) -> str:
        """Return what tells the restoration of one image from any other."""
        return fingerprint({"model": self.model, "options": self.options, **image})

    def provenance_of(self, image: Mapping[str, Any], job: ImageJob, output: str) -> dict[str, Any]:
        """Return what a store says of itself while it is not finished."""
        return {
            **self.provenance,
            "source": name_of(as_place(job.source.place)),
            "output": output,
            "job": self.job(image),
            "status": "unfinished",
        }


def former_jobs(ledger: Ledger) -> frozenset[str]:
    """Return the restorations that were begun with this ledger and given up before any unit.

    What was begun in their stores may be replaced; it is noted, for a run that is killed first.

    Raises
    ------
    OutputError
        If it cannot be noted.
    """
    former = ledger.former
    if former is not None:
        sections = former.sections
        # One image has the whole manifest; many have a note each, and a plate what they share.
        shared = {key: sections.get(key) for key in ("model", "options")}
        jobs = {fingerprint(sections), fingerprint(shared)}
        jobs |= {note["job"] for note in former.notes("image") if note["job"]}
        jobs |= {job for note in former.notes("former") for job in note["jobs"]}
        ledger.note("former", jobs=sorted(jobs))
    return frozenset(job for note in ledger.notes("former") for job in note["jobs"])
