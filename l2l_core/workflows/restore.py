"""Restore image files that fit into memory: one, or a folder of them, without losing anything.

A restoration that this model made of this image with these options is recognised by what stands in
its metadata and left alone; whatever else lies at its place is never overwritten unasked.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import define, evolve, field, validators

from l2l_core.components.options import unstructure
from l2l_core.errors import AxesError, DataError, ImageError, L2LError, OutputError
from l2l_core.images.reading import list_images, open_image
from l2l_core.images.writing import write_image
from l2l_core.workflows.recognition import finished, job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from l2l_core.images.image import Image, Length
    from l2l_core.workflows.model import Model

WRITABLE = (".ome.tif", ".ome.tiff", ".tif", ".tiff", ".ome.zarr", ".zarr", ".npy", ".png")

NOT_WRITABLE = (".jpg", ".jpeg", ".gif", ".bmp", ".btf", ".czi", ".lif", ".lsm", ".nd2", ".h5")
"""Suffixes that nobody gives to a folder, and that would become one unnoticed."""

NOT_A_MEASUREMENT = (
    "Restored by a trained or fixed method: intensities are no measure of amounts, and thin "
    "structure may be filled in."
)


@define(frozen=True, kw_only=True)
class RestoreOptions:
    """How images are restored.

    Parameters
    ----------
    axes : str, optional
        Axes of the inputs, where the files do not say.
    channel : str, optional
        The one channel to restore, by number from 0 or by name.
    level : int
        Level of a pyramid.
    dtype : {"float32", "uint16", "uint8"}
        Pixel type to write; integers are rounded and saturate.
    statistics : {"image", "model"}, optional
        Whose numbers normalise the input; the model's default where it is None.
    tile : int, optional
        Side of a tile in pixels; changes memory and speed, never the result.
    all_outputs : bool
        Whether every output is written, not the mean alone.
    """

    axes: str | None = None
    channel: str | None = None
    level: int = field(default=0, validator=validators.ge(0))
    dtype: Literal["float32", "uint16", "uint8"] = "float32"
    statistics: Literal["image", "model"] | None = None
    tile: int | None = None
    all_outputs: bool = False


@define(frozen=True)
class Restored:
    """What became of one image.

    Parameters
    ----------
    source, out : str
        Image and restoration.
    shape : tuple of int
        Of the restoration; empty where there is none.
    axes : str
        Its axes.
    seconds : float
        What it took.
    skipped : bool
        Whether the restoration was there already.
    error : str
        Why there is none.
    """

    source: str
    out: str
    shape: tuple[int, ...] = ()
    axes: str = ""
    seconds: float = 0.0
    skipped: bool = False
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "source": self.source,
            "out": self.out,
            "shape": list(self.shape),
            "axes": self.axes,
            "seconds": round(self.seconds, 3),
            "skipped": self.skipped,
            "error": self.error,
        }

    def row(self) -> tuple[str, str, str]:
        """Return cells for a table: the source, what became of it, and where it is."""
        if self.error:
            return (self.source, "failed", self.error)
        if self.skipped:
            return (self.source, "was finished before", self.out)
        shape = " x ".join(map(str, self.shape))
        return (self.source, f"{self.axes} {shape}, {self.seconds:.1f} s", self.out)


class TileProgress(Protocol):
    """Told about finished tiles; see :class:`l2l_core.workflows.progress.CountingProgress`."""

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` tiles are ready."""

    def close(self) -> None:
        """Take the display away."""


def restore_file(
    model: Model,
    source: str | Path,
    out: str | Path,
    *,
    restart: bool = False,
    progress: Callable[[str], TileProgress] | None = None,
    **options: Any,
) -> Restored:
    """Restore one image file.

    Parameters
    ----------
    model : Model
        From :func:`l2l_core.load_model`.
    source : str or Path
        An image, of any format that can be read.
    out : str or Path
        Image to write; its suffix chooses the format.
    restart : bool, optional
        Whether a restoration that is there already is made anew.
    progress : callable, optional
        Makes the display for an image of a name.
    **options
        Fields of :class:`RestoreOptions`.

    Returns
    -------
    Restored

    Raises
    ------
    ImageError, OutputError
        If the image cannot be restored, or the result not be written.

    Notes
    -----
    Pixel size, unit and channel names of the image go over to the restoration, and so does which
    model made it of what.
    """
    return _restore(model, Path(source), Path(out), RestoreOptions(**options), restart, progress)


def restore_files(
    model: Model,
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    restart: bool = False,
    progress: Callable[[str], TileProgress] | None = None,
    **options: Any,
) -> list[Restored]:
    """Restore several images, folders or globs into a folder, or one image to a file.

    An image that fails is reported in its place, and the others are restored all the same.

    Parameters
    ----------
    model : Model
        From :func:`l2l_core.load_model`.
    sources : sequence of str or Path
        Images, folders or globs.
    out : str or Path
        A folder, made where it is missing; or the image to write, where there is one source.
    restart, progress, **options
        As for :func:`restore_file`.

    Raises
    ------
    DataError
        If there are no images, or two of one name.
    """
    chosen = RestoreOptions(**options)
    images = list_images([str(source) for source in sources])
    target = Path(out)
    if target.suffix.lower() in NOT_WRITABLE and not target.is_dir():
        raise OutputError(
            f"{target}: images are not written as {target.suffix}; expected a folder, or one of "
            f"{', '.join(WRITABLE)}"
        )
    if len(images) == 1 and _suffix(target):
        return [_restore(model, images[0], target, chosen, restart, progress)]
    if _suffix(target):
        raise DataError(
            f"{len(images)} images cannot all be written to {target}; give a folder as --out"
        )
    jobs = _names(images, target, chosen)
    results = []
    for image, place in jobs:
        try:
            results.append(_restore(model, image, place, chosen, restart, progress))
        except (L2LError, MemoryError) as error:
            if len(jobs) == 1:
                raise
            why = str(error) or "this machine has not enough memory for it"
            results.append(Restored(str(image), str(place), error=why))
    return results


def _names(
    images: Sequence[Path], folder: Path, options: RestoreOptions
) -> list[tuple[Path, Path]]:
    """Return where each image goes; a format that cannot take the restoration becomes OME-TIFF."""
    jobs: dict[Path, Path] = {}
    for image in images:
        fits = _suffix(image) and (_suffix(image) != ".png" or options.dtype != "float32")
        name = image.name if fits else f"{image.stem}.ome.tif"
        place = folder / name
        if place in jobs:
            raise DataError(
                f"{image} and {jobs[place]} would both be restored to {place}; restore them into "
                "different folders"
            )
        jobs[place] = image
    return [(image, place) for place, image in jobs.items()]


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return next((suffix for suffix in WRITABLE if name.endswith(suffix)), "")


def _restore(
    model: Model,
    source: Path,
    out: Path,
    options: RestoreOptions,
    restart: bool,
    progress: Callable[[str], TileProgress] | None,
) -> Restored:
    if not _suffix(out):
        raise OutputError(
            f"{out}: the format of an image is chosen by its suffix; expected one of "
            f"{', '.join(WRITABLE)}"
        )
    if out.exists() and source.resolve() == out.resolve():
        raise OutputError(f"{out} is the image itself; give another --out, it is not overwritten")
    if _suffix(out) == ".png" and options.dtype == "float32":
        raise OutputError(
            f"{out}: a PNG holds uint8 or uint16, and a restoration is float32 by default; ask for "
            "the dtype uint8 or uint16, or write a .tif"
        )
    with open_image(source, axes=options.axes, level=options.level) as image:
        return _restore_image(model, image, source, out, options, restart, progress)


def _restore_image(
    model: Model,
    image: Image,
    source: Path,
    out: Path,
    options: RestoreOptions,
    restart: bool,
    progress: Callable[[str], TileProgress] | None,
) -> Restored:
    provenance = {
        **model.provenance(),
        "source": source.name,
        "how": unstructure(options),
        "note": NOT_A_MEASUREMENT,
        "job": job(model.provenance(), source, unstructure(options)),
    }
    places = _places(model, out, options)
    if not restart and finished(places.values(), provenance["job"]):
        with open_image(out) as former:
            shape, axes = former.shape, former.axes
        return Restored(str(source), str(out), shape, axes, skipped=True)
    started = time.monotonic()
    display = progress(source.name) if progress else None
    try:
        array, axes, names = _pixels(image, options.channel)
        outputs = model.restore(
            array,
            axes,
            outputs="all",
            tile=options.tile,
            dtype=options.dtype,
            statistics=options.statistics,
            progress=display,
        )
    finally:
        if display:
            display.close()
    written = model.output_axes(axes)
    sizes = _pixel_size(image, model)
    for name, place in places.items():
        write_image(
            place,
            outputs[name],
            written,
            pixel_size=sizes,
            channel_names=_names_of(names, outputs[name], written),
            provenance={**provenance, "output": name},
        )
    shape = tuple(outputs["mean"].shape)
    return Restored(str(source), str(out), shape, written, time.monotonic() - started)


def _places(model: Model, out: Path, options: RestoreOptions) -> dict[str, Path]:
    """Return where each output goes: the mean to `out`, the others beside it."""
    suffix = _suffix(out)
    stem = out.name[: len(out.name) - len(suffix)]
    others = model.geometry.outputs if options.all_outputs else ()
    return {
        "mean": out,
        **{name: out.with_name(f"{stem}_{name}{suffix}") for name in others if name != "mean"},
    }


def _pixels(image: Image, channel: str | None) -> tuple[NDArray[Any], str, tuple[str, ...] | None]:
    """Return pixels, axes and channel names of what is to be restored."""
    names = image.info.channel_names
    if channel is None:
        return image.read(), image.axes, names
    if "C" not in image.axes:
        raise AxesError(
            f"{image.info.path} has the axes {image.axes} and no channels; leave --channel out"
        )
    count = image.info.sizes["C"]
    known = list(names or ())
    if channel in known:
        index = known.index(channel)
    elif channel.isdecimal() and int(channel) < count:
        index = int(channel)
    else:
        called = f", called {', '.join(known)}" if known else ""
        raise ImageError(
            f"{image.info.path} has no channel {channel!r}; it has {count}, 0 to {count - 1}"
            f"{called}"
        )
    pixels = image.read(C=index).squeeze(image.axes.index("C"))
    return pixels, image.axes.replace("C", ""), (known[index],) if known else None


def _pixel_size(image: Image, model: Model) -> dict[str, Length]:
    """Return the pixel size of a restoration: finer where the method up-samples."""
    scale = dict(zip(model.geometry.axes, model.geometry.scale, strict=True))
    return {
        axis: evolve(size, value=size.value / scale.get(axis, 1))
        for axis, size in image.info.pixel_size.items()
    }


def _names_of(
    names: tuple[str, ...] | None, array: NDArray[Any], axes: str
) -> tuple[str, ...] | None:
    """Return the channel names where the restoration still has those channels."""
    count = array.shape[axes.index("C")] if "C" in axes else 1
    return names if names and len(names) == count else None
