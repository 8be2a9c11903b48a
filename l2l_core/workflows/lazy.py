"""A restoration that is computed where one looks: a dask array for napari and for notebooks."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, evolve, field

from l2l_core.errors import ImageError, TilingError
from l2l_core.images.image import Image
from l2l_core.images.normalization import Normalization
from l2l_core.images.places import as_place
from l2l_core.images.writing import cast
from l2l_core.streaming.boxes import Numbers
from l2l_core.streaming.chained import restore_chained
from l2l_core.streaming.frame import Frame
from l2l_core.streaming.jobs import ImageSource
from l2l_core.streaming.residents import device_lock
from l2l_core.streaming.tile_size import fitted_tile
from l2l_core.workflows.array_restoration import Model
from l2l_core.workflows.chained_model import with_fills
from l2l_core.workflows.odd_images import tell
from l2l_core.workflows.restoration import RestoreOptions
from l2l_core.workflows.restore_places import channel_number
from l2l_core.workflows.streamed_plan import frame_of, input_sides
from l2l_core.workflows.streamed_tasks import numbers_of, start_measuring, taken

if TYPE_CHECKING:
    from pathlib import Path

    import dask.array as da
    from numpy.typing import NDArray


_BLOCK = 1024
"""Pixels of a block along Y and X: what a viewer loads at once, a second or two of a CPU."""


def restore_lazy(
    model: Model,
    source: str | Path,
    *,
    output: str = "mean",
    axes: str | None = None,
    channel: str | None = None,
    level: int = 0,
    dtype: str = "float32",
    statistics: str | Normalization | None = None,
    ignore: float | None = None,
    block: int = _BLOCK,
    tile: int | None = None,
) -> da.Array:
    """Return the restoration of an image as a dask array that computes what is looked at.

    Every pixel has the value that restoring the whole image gives it.  Blocks are computed one
    after another by the model that is given, on threads of this process; nothing is kept of them.

    Parameters
    ----------
    model : Model
        From :func:`l2l_core.load_model`; open for as long as the array is used.
    source : str or Path
        An image of any format that is read in parts, or the URL of a zarr store.
    output : str, optional
        Which of the method's outputs.
    axes, channel, level, dtype, ignore, tile
        As in :class:`~l2l_core.workflows.restoration.RestoreOptions`.
    statistics : {"image", "model"} or Normalization, optional
        Whose numbers normalise the image.  Those of the image itself are taken over all of it when
        the first block is computed; numbers that :meth:`Model.measure` gave spare that.
    block : int, optional
        Side of a block along Y and X, in pixels of the restoration.

    Returns
    -------
    dask.array.Array
        With the axes ``model.output_axes(axes)`` in the order TCZYX.

    Raises
    ------
    ImageError
        If the image cannot be read, its axes are not the model's, there is no such output, or the
        restoration makes no sense as integers.
    TilingError
        If the method looks at the whole image at once.

    Examples
    --------
    >>> view = restore_lazy(model, "slide.zarr")  # doctest: +SKIP
    >>> viewer.add_image(view, multiscale=False)  # doctest: +SKIP
    """
    import dask.array as da

    kind = model.output_dtype(dtype)
    if output not in model.geometry.outputs:
        model.refuse_lost_outputs()
        raise ImageError(
            f"the model has no output {output!r}; choose one of {', '.join(model.geometry.outputs)}"
        )
    options = RestoreOptions(
        axes=axes,
        channel=channel,
        level=level,
        dtype=dtype,  # type: ignore[arg-type]
        statistics=None if isinstance(statistics, Normalization) else statistics,  # type: ignore[arg-type]
        ignore=ignore,
        tile=tile,
    )
    place = ImageSource(str(as_place(source)), axes, level)
    image = place.open()
    if channel is not None:
        place = evolve(place, channel=channel_number(image, channel))
        image = place.open()
    frame = frame_of(model, image)
    if not frame.geometry.bounded:
        raise TilingError(
            f"{source}: {model.unbounded} looks at the whole image at once, so that no part of "
            "it can be computed alone; restore the image with model.restore() or l2l restore"
        )
    chunks = _chunks(frame, block)
    fitted = fitted_tile(
        input_sides(frame, [sides[0] for sides in chunks]), frame.geometry, tile, shape=frame.sides
    )
    view = _View(model, image, frame, options, output, statistics, fitted)
    view_of_all: da.Array = da.map_blocks(  # type: ignore[no-untyped-call]
        view.block,
        dtype=kind,
        chunks=chunks,
        meta=np.empty((0,) * len(chunks), kind),
        token=f"l2l-{id(view)}",
    )
    return view_of_all


def _chunks(frame: Frame, block: int) -> tuple[tuple[int, ...], ...]:
    """Return the sides of the blocks along each axis: one position of what is gone over."""
    chunks = []
    for axis, size in zip(frame.output_axes, frame.output_shape, strict=True):
        side = 1 if axis in frame.outer else size if axis not in "YX" else min(block, size)
        full, rest = divmod(size, side)
        chunks.append((side,) * full + ((rest,) if rest else ()))
    return tuple(chunks)


@define(eq=False)
class _View:
    """An image, and the numbers of it that are taken once somebody looks."""

    model: Model
    image: Image
    frame: Frame
    options: RestoreOptions
    output: str
    statistics: Any
    tile: tuple[int, ...]
    _lock: Any = field(factory=Lock)
    _numbers: Numbers | None = None

    def block(self, block_info: Any = None) -> NDArray[Any]:
        """Return one block; called by dask, which tells where it lies."""
        box = [tuple(ends) for ends in block_info[None]["array-location"]]
        values, self.tile = restore_chained(
            self.model.restorer,
            self.model.steps,
            self.image,
            self.frame,
            box,
            self._once(),
            tile=self.tile,
            outputs=(self.output,),
            lock=device_lock(self.model.restorer.device),
        )
        tell(self.model.take_remarks())
        return cast(values[self.output], self.options.dtype)

    def _once(self) -> Numbers:
        with self._lock:
            if self._numbers is None:
                self._numbers = self._take()
            return self._numbers

    def _take(self) -> Numbers:
        if isinstance(self.statistics, Normalization):
            numbers = self.model.numbers(self.statistics)
            return with_fills(self.model, self.image, numbers)
        start = start_measuring(self.model, self.image, self.options)
        take = None if start is None else lambda: taken(start, self.image)
        return numbers_of(self.model, self.image, take)
