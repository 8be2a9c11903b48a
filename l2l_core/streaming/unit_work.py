"""Restore one unit: read it with its halo, compute, write its files at every level it owns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2l_core.errors import DamagedChunksError, ImageError, ImageFormatError
from l2l_core.images.damaged import damaged_chunks
from l2l_core.images.decoded import read_once
from l2l_core.images.ome_zarr_pyramid import open_levels
from l2l_core.images.pyramid import halve
from l2l_core.images.writing import cast
from l2l_core.streaming.chained import restore_chained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from l2l_core.components.restorer import Restorer
    from l2l_core.images.ome_zarr_pyramid import PyramidWriter
    from l2l_core.streaming.boxes import Numbers
    from l2l_core.streaming.chained import Step
    from l2l_core.streaming.jobs import ImageJob
    from l2l_core.streaming.tiling import Range
    from l2l_core.streaming.units import Unit


def restore_unit(
    restorer: Restorer,
    job: ImageJob,
    unit: Unit,
    numbers: Numbers,
    *,
    steps: Sequence[Step] = (),
    tile: Sequence[int] | None = None,
    lock: AbstractContextManager[Any] | None = None,
) -> tuple[int, ...]:
    """Restore a unit of the first stage, and write it with the levels that are made of it alone.

    What a former attempt tore is neither read nor kept. What it wrote stays until the same bytes
    take its place: a worker that comes late to a unit that is done never makes it undone.

    Parameters
    ----------
    restorer : Restorer
    job : ImageJob
    unit : Unit
    numbers : Numbers
        Of the whole image.
    steps : sequence of Step, optional
        Filters that follow.
    tile : sequence of int, optional
        Sides of a tile at the most, instead of the job's.
    lock : context manager, optional
        Held while the device computes.

    Returns
    -------
    tuple of int
        Sides of the tile that the device had memory for.

    Raises
    ------
    ImageError
        If the image has changed or vanished, or a chunk of it is damaged; names the chunks.
    OutputError
        If the unit cannot be written.
    OutOfMemory
        If the device has no memory for the smallest tile.
    """
    writers = {name: open_levels(place, job.layout) for name, place in job.stores.items()}
    for writer in writers.values():
        _tidy(writer, job, unit)
    job.guard.check(job.source.place)
    values, fitting = _restored(restorer, steps, job, unit, numbers, tile or job.tile, lock)
    # A store that went away reads as empty, so that is looked for again before anything is kept.
    job.guard.check(job.source.place)
    for name, writer in writers.items():
        _write(writer, job, unit, cast(values.pop(name), job.dtype))
    return fitting


def _restored(
    restorer: Restorer,
    steps: Sequence[Step],
    job: ImageJob,
    unit: Unit,
    numbers: Numbers,
    tile: Sequence[int],
    lock: AbstractContextManager[Any] | None,
) -> tuple[dict[str, NDArray[Any]], tuple[int, ...]]:
    try:
        with read_once():
            return restore_chained(
                restorer,
                steps,
                job.opened(),
                job.frame,
                unit.box,
                numbers,
                tile=tile,
                outputs=tuple(job.stores),
                lock=lock,
            )
    except ImageFormatError as error:
        raise damage(job, input_box(job, unit.box), error) from error


def damage(job: ImageJob, box: Mapping[str, Range], error: ImageFormatError) -> ImageError:
    """Return an error that names the damaged chunks, where the image is stored in chunks.

    Parameters
    ----------
    job : ImageJob
    box : mapping of str to (int, int)
        What was read, by axis of the image; whole along those not named.
    error : ImageFormatError
        From the reading.

    Raises
    ------
    ImageError
        If the image has changed or vanished, which explains more than its chunks.
    """
    source = job.source
    job.guard.check(source.place)
    if source.channel is not None:
        box = {**box, "C": (source.channel, source.channel + 1)}
    names = damaged_chunks(source.place, source.level, box, axes=source.axes)
    if not names:
        return error
    damaged = DamagedChunksError(cannot_be_decoded(source.place, names))
    damaged.place, damaged.chunks = source.place, tuple(names)
    return damaged


def cannot_be_decoded(place: str, chunks: Sequence[str]) -> str:
    """Return the sentence about chunks of an image that are damaged.

    Parameters
    ----------
    place : str
        Of the image.
    chunks : sequence of str
        Their keys; the first three are named.
    """
    more = f" and {len(chunks) - 3} more" if len(chunks) > 3 else ""
    return (
        f"{place}: {', '.join(chunks[:3])}{more} cannot be decoded; copy the damaged files "
        "again (a file that is deleted leaves all of its pixels empty), then run the same command "
        "again"
    )


def input_box(job: ImageJob, box: Sequence[Range]) -> dict[str, Range]:
    """Return which pixels of the image a part of the restoration may need, halo included.

    Parameters
    ----------
    job : ImageJob
    box : sequence of (int, int)
        One for each axis of the restoration.

    Returns
    -------
    dict of str to (int, int)
        By axis of the image.
    """
    asked = dict(zip(job.frame.output_axes, box, strict=True))
    wanted = {axis: asked[axis] for axis in job.frame.outer}
    for axis, (start, stop), side, tile in zip(
        job.frame.geometry.axes, job.frame.region(box), job.frame.sides, job.tile, strict=True
    ):
        # A tile at the border is shifted inward, so up to a whole one more is read.
        wanted[axis] = (max(0, start - tile), min(side, stop + tile))
    return wanted


def pyramid_unit(job: ImageJob, unit: Unit) -> None:
    """Write the levels of a later stage's unit, from the level that the stage begins with.

    Parameters
    ----------
    job : ImageJob
    unit : Unit
        Of a stage from 1 on.

    Raises
    ------
    ImageFormatError
        If the level it begins with cannot be read.
    OutputError
        If the unit cannot be written.
    """
    for place in job.stores.values():
        writer = open_levels(place, job.layout)
        _tidy(writer, job, unit)
        first = job.grid.written_levels(unit.stage).start
        _write(writer, job, unit, halve(writer.read(first - 1, unit.box), job.grid.axes))


def _tidy(writer: PyramidWriter, job: ImageJob, unit: Unit) -> None:
    for level in job.grid.written_levels(unit.stage):
        writer.tidy(level, job.grid.area(unit, level))


def _write(writer: PyramidWriter, job: ImageJob, unit: Unit, pixels: NDArray[Any]) -> None:
    for level in job.grid.written_levels(unit.stage):
        if level > job.grid.written_levels(unit.stage).start:
            pixels = halve(pixels, job.grid.axes)
        writer.write(level, job.grid.area(unit, level), pixels)
