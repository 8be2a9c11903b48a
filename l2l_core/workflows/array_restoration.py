"""A model, ready to restore arrays: normalisation, axes and units around a restorer."""

from __future__ import annotations

from importlib.metadata import version
from math import prod
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from l2l_core.errors import ImageError, StatisticsError
from l2l_core.images.axes import AXES, guess_axes, parse_axes, reorder
from l2l_core.images.image import from_array
from l2l_core.images.normalization import Normalization, measure
from l2l_core.images.statistics import measure_moments
from l2l_core.images.writing import cast as cast_pixels
from l2l_core.streaming.boxes import Numbers, restore_box, shifted
from l2l_core.streaming.frame import Frame, put_position, restored_axes
from l2l_core.streaming.in_memory import tiled
from l2l_core.workflows.filters import filter_names
from l2l_core.workflows.odd_images import tell
from l2l_core.workflows.output_units import UNITS, put_back

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from numpy.typing import DTypeLike, NDArray

    from l2l_core.components.geometry import Geometry
    from l2l_core.components.restorer import Restorer
    from l2l_core.config import ComponentConfig
    from l2l_core.images.image import Image
    from l2l_core.models.model_file import ModelRecord
    from l2l_core.streaming.chained import Step

    Progress = Callable[[int, int], None]

Statistics = Literal["image", "model"]


class Model:
    """A restorer with what its images need around it; made by :func:`l2l_core.load_model`.

    Attributes
    ----------
    info : ModelRecord
        All that is known of the model.
    restorer : Restorer
        What restores batches of normalised tiles.
    engine : str
        What computes it; empty for a method without a framework.
    where : str
        Folder that it came from, or the filter's name.
    each_channel : bool
        Whether it takes the channels of an image one by one, as a filter of single images does.
    steps : tuple of Step
        Filters that follow; see :class:`~l2l_core.workflows.chained_model.ChainedModel`.
    then : tuple of ComponentConfig
        Those of them that are no part of the stored model.
    """

    steps: tuple[Step, ...] = ()
    then: tuple[ComponentConfig, ...] = ()

    def __init__(
        self, restorer: Restorer, info: ModelRecord, *, where: str = "", engine: str = ""
    ) -> None:
        self.restorer = restorer
        self.info = info
        self.where = where
        self.engine = engine
        # A filter has no channels of its own: it takes those of an image one by one.
        self.each_channel = not info.tensors and info.restorer in filter_names()

    @property
    def geometry(self) -> Geometry:
        """Halo, multiples and outputs."""
        return self.restorer.geometry

    @property
    def unbounded(self) -> str:
        """Name of the method, to say what looks at the whole image at once."""
        return self.info.restorer

    @property
    def statistics(self) -> Statistics:
        """Whose numbers normalise an image where nobody says: its own or the model's."""
        return "model" if self.info.normalization.input.spec.scope == "dataset" else "image"

    @property
    def units(self) -> str:
        """Units of what comes out, in words."""
        if not self.restorer.normalizes:
            return self.restorer.units or UNITS["input"]
        return UNITS[self.info.normalization.output]

    def describe(self) -> str:
        """Return one line about the model."""
        geometry = self.geometry
        engine = f" on {self.engine}" if self.engine else ""
        channels = f"{geometry.channels_in} in, {geometry.channels_out} out"
        if self.each_channel:
            channels = "each channel for itself"
        return (
            f"{self.where}: {self.info.restorer}{engine}, {geometry.axes}, {channels}; comes out "
            f"{self.units}"
        )

    def normalized_by(self, statistics: Statistics | None = None) -> str:
        """Return in words whose numbers normalise an image, and who chose that."""
        if not self.restorer.normalizes:
            return "takes intensities as they are"
        whose = {"image": "each image's own numbers, taken over all of it", "model": "the model's"}
        who = "as asked" if statistics else "the model's default"
        return f"normalises by {whose[statistics or self.statistics]} ({who})"

    def provenance(self) -> dict[str, Any]:
        """Return what a restored image carries about where it comes from, as JSON values."""
        return {
            "software": f"label2label {version('label2label')}",
            "model": self.where,
            "model_sha256": self.info.sha256,
            "restorer": self.info.restorer,
            "supplier": self.info.supplier,
            "engine": self.engine,
            "options": self.info.options,
            "units": self.units,
        }

    def output_axes(self, axes: str) -> str:
        """Return the axes of what comes out for an image with `axes`.

        The same, in the same order; a channel axis besides where several channels come out, and
        spatial axes more or less where the method has it so.
        """
        result = restored_axes(axes, self.geometry, each_channel=self.each_channel)
        found = [axis for axis in axes if axis in result]
        for axis in AXES:
            if axis in result and axis not in found:
                after = [i for i, other in enumerate(found) if AXES.index(other) > AXES.index(axis)]
                found.insert(after[0] if after else len(found), axis)
        return "".join(found)

    @overload
    def restore(
        self,
        array: NDArray[Any],
        axes: str = "",
        *,
        outputs: Literal["mean"] = "mean",
        tile: int | Sequence[int] | None = None,
        batch: int | None = None,
        dtype: DTypeLike | None = None,
        statistics: Statistics | Normalization | None = None,
        progress: Progress | None = None,
    ) -> NDArray[Any]: ...
    @overload
    def restore(
        self,
        array: NDArray[Any],
        axes: str = "",
        *,
        outputs: Literal["all"],
        tile: int | Sequence[int] | None = None,
        batch: int | None = None,
        dtype: DTypeLike | None = None,
        statistics: Statistics | Normalization | None = None,
        progress: Progress | None = None,
    ) -> dict[str, NDArray[Any]]: ...
    def restore(
        self,
        array: NDArray[Any],
        axes: str = "",
        *,
        outputs: Literal["mean", "all"] = "mean",
        tile: int | Sequence[int] | None = None,
        batch: int | None = None,
        dtype: DTypeLike | None = None,
        statistics: Statistics | Normalization | None = None,
        progress: Progress | None = None,
    ) -> NDArray[Any] | dict[str, NDArray[Any]]:
        """Restore an image.

        Parameters
        ----------
        array : ndarray
            Any real dtype, in the units of a file, with the axes `axes`.
        axes : str
            Some of T, C, Z, Y and X, one letter for each axis, in any order; an array of two
            axes is YX.  Frames, and planes where the method works in planes, go one by one.
        outputs : {"mean", "all"}
            The restoration, or a dict of all that the method gives, such as ``scale``.
        tile : int or sequence of int, optional
            Sides of a tile in pixels; changes memory and speed, never the result.
        batch : int, optional
            Tiles that go in together.
        dtype : {"float32", "uint16", "uint8"}, optional
            Of the result; integers are rounded and saturate.  float32 by default.
        statistics : {"image", "model"} or Normalization, optional
            Whose numbers normalise the image: its own, taken over all of it, or those that the
            model was trained with.  By default as the model was trained.  For a part of an image
            the numbers of the whole, from :meth:`measure`.
        progress : callable, optional
            Called with the number of finished tiles and of all.

        Returns
        -------
        ndarray or dict of ndarray
            With the axes :meth:`output_axes`, in the units :attr:`units`; ``scale`` is in the
            same units without their offset.  Pixels that are NaN in the input are NaN.

        Raises
        ------
        AxesError, ImageError
            If axes, channels or dtype do not fit.
        StatisticsError
            If the image is constant or all NaN, or the model has no numbers of its own.
        TilingError, OutOfMemory
            If the tile is too small for the method, or the device for a tile.
        """
        if outputs not in ("mean", "all"):
            raise ImageError(f"outputs is {outputs!r}; expected 'mean' or 'all'")
        array = np.asarray(array)
        if array.dtype.kind not in "biuf":
            raise ImageError(
                f"an array of dtype {array.dtype} is no image; expected integers or real numbers"
            )
        axes = parse_axes(axes or guess_axes(array.shape), array.ndim)
        frame = self.frame(axes, array.shape)
        kind = self.output_dtype(dtype)
        before = (
            statistics
            if isinstance(statistics, Normalization)
            else self.measure(array, axes, statistics=statistics)
        )
        numbers = self.numbers(before, self._fill(array, axes))
        names = ("mean",) if outputs == "mean" else self.geometry.outputs
        image = from_array(array, axes)
        count = prod(frame.sizes[axis] for axis in frame.outer)
        results: dict[str, NDArray[Any]] = {}
        for number, box in enumerate(frame.positions()):
            restored, tile = restore_box(
                self.restorer,
                image,
                frame,
                box,
                numbers,
                tile=tile,
                outputs=names,
                batch=batch,
                progress=shifted(progress, number, count),
            )
            put_position(results, restored, frame, box, kind)
        tell(self.take_remarks())
        finished = {
            name: reorder(values, frame.output_axes, self.output_axes(axes))
            for name, values in results.items()
        }
        return finished["mean"] if outputs == "mean" else finished

    @property
    def axes(self) -> str:
        """Spatial axes that the method works in."""
        return self.geometry.axes

    def frame(self, axes: str, shape: Sequence[int]) -> Frame:
        """Return how the model sees an image of these axes and this shape.

        Raises
        ------
        AxesError, ImageError
            If the axes or channels are not the model's, or there are no pixels.
        """
        return Frame(axes, tuple(shape), tiled(self.geometry), self.each_channel)

    def output_dtype(self, dtype: DTypeLike | None) -> np.dtype[Any]:
        """Return the pixel type that is written where `dtype` is asked for.

        Raises
        ------
        ImageError
            If restorations cannot be written as that, or would be 0 and 1 alone.
        """
        if dtype is None:
            return np.dtype(np.float32)
        # Refused before any computing: cast() knows what can be written.
        kind = cast_pixels(np.zeros(1, np.float32), dtype).dtype
        if kind.kind in "iu" and self.units == UNITS["normalized"]:
            raise ImageError(
                f"the model's restorations are normalised, about 0 to 1, and would be 0 and 1 as "
                f"{kind}; take float32"
            )
        return kind

    def measure(
        self,
        image: Image | NDArray[Any],
        axes: str = "",
        *,
        statistics: Statistics | None = None,
        ignore: float | None = None,
    ) -> Normalization | None:
        """Return the numbers that normalise an image, and so every part of it.

        Parameters
        ----------
        image : Image or ndarray
            The whole of it; an :class:`~l2l_core.images.image.Image` is read in blocks.
        axes : str, optional
            Axes of an array.
        statistics : {"image", "model"}, optional
            As for :meth:`restore`.
        ignore : float, optional
            A pixel value that the image's own numbers leave out.

        Returns
        -------
        Normalization or None
            None for a filter of raw intensities.

        Raises
        ------
        StatisticsError
            If the image is constant or all NaN, or the model has no numbers of its own.
        """
        if statistics not in (None, "image", "model"):
            raise StatisticsError(f"statistics is {statistics!r}; expected 'image' or 'model'")
        if not self.restorer.normalizes:
            return None
        side = self.info.normalization.input
        if (statistics or self.statistics) == "image":
            spec = side.spec
            return measure(
                image, axes, method=spec.method, low=spec.low, high=spec.high, ignore=ignore
            )
        if side.numbers is None:
            raise StatisticsError(
                "the model has no numbers of its own: it was trained with those of each image "
                "(normalize.input.scope = 'image'); take the image's (statistics 'image')"
            )
        return side.numbers

    def numbers(
        self, before: Normalization | None, fill: tuple[float, ...] | None = None
    ) -> Numbers:
        """Return what takes an image to the method's units and back.

        Parameters
        ----------
        before : Normalization, optional
            From :meth:`measure`.
        fill : tuple of float, optional
            For each channel what stands in for pixels without a value, where `before` is None.

        Raises
        ------
        ModelError
            If the image's units cannot be put back on the channels that come out.
        """
        return Numbers(before, put_back(self.info, self.restorer.geometry, before), fill)

    def _fill(self, array: NDArray[Any], axes: str) -> tuple[float, ...] | None:
        """Return the mean of each channel where a filter needs it: it has pixels without a value.

        Over all frames and planes, so that a part of the image gets the same.
        """
        if self.restorer.normalizes or array.dtype.kind != "f" or np.isfinite(array).all():
            return None
        return tuple(m.mean for m in measure_moments(from_array(array, axes)))

    def take_remarks(self) -> list[str]:
        """Return what was odd about the images since this was last asked for."""
        return [remark for remark in (self.restorer.take_remark(),) if remark]

    def refuse_lost_outputs(self) -> None:
        """Refuse to give every output where some end before a filter; here none does."""

    def close(self) -> None:
        """Give back what the model holds on its device."""
        self.restorer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Model {self.describe()}>"
