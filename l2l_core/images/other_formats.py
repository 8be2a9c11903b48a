"""Microscopes' own formats (.czi, .lif, .nd2), through bioio where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from l2l_core.errors import ImageError, ImageFormatError
from l2l_core.images.decoded import ChunkedSource
from l2l_core.images.image import Image, ImageInfo, Length
from l2l_core.images.layout import settle
from l2l_core.images.logs import quiet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@frozen
class DaskSource:
    """Pixels behind a lazy dask array.

    Parameters
    ----------
    array : dask.array.Array
    """

    array: Any

    @property
    def chunks(self) -> tuple[int, ...]:
        """The largest chunk along each axis."""
        return tuple(max(sides) for sides in self.array.chunks)

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the pixels at `index`, computed in this thread."""
        return np.asarray(self.array[index].compute(scheduler="synchronous"))


def open_other(path: Path, *, axes: str | None = None, level: int = 0, series: int = 0) -> Image:
    """Open an image of a format that bioio reads.

    Raises
    ------
    ImageFormatError
        If bioio or its reader is not installed, or cannot read the file.
    ImageError
        If there is no such series or level.
    """
    try:
        from bioio import BioImage
    except ImportError as error:
        raise ImageFormatError(
            f"{path}: files that end in {path.suffix} are read by bioio, which is not installed; "
            "run: pip install 'label2label[bioformats]', or export the image as TIFF"
        ) from error
    try:
        with quiet("bioio"):
            image = BioImage(path)
        scenes, levels = list(image.scenes), list(image.resolution_levels)
        _check("series", series, len(scenes), path)
        image.set_scene(scenes[series])
        _check("level", level, len(levels), path)
        image.set_resolution_level(level)
        return _image(path, image, axes, len(scenes), len(levels))
    except (ImageError, MemoryError):
        raise
    # Each reader has errors of its own; that of one that is missing lists what to install.
    except Exception as error:
        why = (str(error) or type(error).__name__).splitlines()[0].split(". ")[0]
        raise ImageFormatError(
            f"{path}: bioio cannot read the file ({why}); check that its reader is there with "
            "pip install 'label2label[bioformats]', or export the image as TIFF"
        ) from error


def _check(what: str, number: int, count: int, path: Path) -> None:
    if not 0 <= number < count:
        raise ImageError(f"{path}: there is no {what} {number}; the file has {count}, from 0")


def _image(path: Path, image: Any, axes: str | None, scenes: int, levels: int) -> Image:
    array = image.dask_data
    layout = settle(image.dims.order, array.shape, axes, str(path))
    measured = {axis: getattr(image.physical_pixel_sizes, axis) for axis in "ZYX"}
    channels = dict(zip(layout.axes, layout.shape, strict=True)).get("C", 1)
    names = tuple(str(name) for name in image.channel_names or ())
    info = ImageInfo(
        path=str(path),
        axes=layout.axes,
        shape=layout.shape,
        dtype=np.dtype(array.dtype).newbyteorder("=").name,
        # bioio gives lengths in micrometres, whatever the file has.
        pixel_size={a: Length(float(v)) for a, v in measured.items() if v and a in layout.axes},
        channel_names=names if len(names) == channels else None,
        format=path.suffix[1:].upper(),
        metadata={"series": scenes, "levels": levels},
    )
    source = ChunkedSource(DaskSource(array), tuple(array.shape), np.dtype(array.dtype))
    return Image(info, layout.wrap(source))
