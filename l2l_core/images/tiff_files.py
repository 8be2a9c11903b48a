"""Opening TIFF, ImageJ hyperstacks, OME-TIFF, BigTIFF and what else tifffile knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import ImageError, ImageFormatError, L2LError
from l2l_core.images.image import Image, ImageInfo
from l2l_core.images.layout import settle
from l2l_core.images.logs import quiet
from l2l_core.images.tiff_metadata import describe
from l2l_core.images.tiff_pages import MappedSource, Page, SegmentedSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from l2l_core.images.image import Source

# What tifffile says of chains and tables that end in nowhere, and then passes over. Tags beyond
# the description and the places of the pixels may be wrong without harm.
TRUNCATED = re.compile(
    r"invalid page offset|corrupted (tag list|IFD)|TiffTag (270|273|279|324|325) .*invalid value"
)


def open_tiff(path: Path, *, axes: str | None = None, level: int = 0, series: int = 0) -> Image:
    """Open one series of a TIFF at one level of its pyramid.

    Parameters
    ----------
    path : Path
    axes : str, optional
        Instead of what the file says.
    level : int
        0 is full resolution.
    series : int
        Which of several images of the file.

    Raises
    ------
    ImageFormatError
        If the file is no TIFF, truncated, or stored in a way that cannot be decoded.
    AxesError
        If the file does not say its axes and none are given, or they do not fit.
    """
    import tifffile

    with quiet("tifffile") as complaints:
        try:
            with tifffile.TiffFile(path) as file:
                return _open(file, path, axes, level, series, complaints)
        except (L2LError, MemoryError):
            raise
        # tifffile raises what the damage happens to cause: struct.error, IndexError, KeyError...
        except Exception as error:
            raise _damaged(path, str(error) or type(error).__name__) from error


def _damaged(path: Path, why: str) -> ImageFormatError:
    return ImageFormatError(
        f"{path}: this is no whole TIFF file ({why}); it is truncated, damaged or of another "
        "format, so copy or export it again"
    )


def _open(
    file: Any, path: Path, axes: str | None, level: int, series: int, complaints: list[str]
) -> Image:
    count = len(file.series)
    # Counting the pages follows their chain to its end, which a truncated file does not have.
    if len(file.pages) == 0 or any(TRUNCATED.search(line) for line in complaints):
        raise _damaged(path, "its tables lead beyond its end")
    if not 0 <= series < count:
        raise ImageError(f"{path}: there is no series {series}; the file has {count}, from 0")
    chosen = file.series[series]
    levels = len(chosen.levels)
    if not 0 <= level < levels:
        raise ImageError(f"{path}: there is no level {level}; the image has {levels}, from 0")
    chosen = chosen.levels[level]
    if chosen.dtype is None:
        raise _damaged(path, "pixels of an unknown type")
    layout = settle(chosen.axes, chosen.shape, axes, str(path))
    source = _source(file, chosen, path, complaints)
    facts = describe(file, series, layout)
    factors = {
        axis: full / here
        for axis, full, here in zip(
            file.series[series].axes, file.series[series].shape, chosen.shape, strict=False
        )
    }
    info = ImageInfo(
        path=str(path),
        axes=layout.axes,
        shape=layout.shape,
        dtype=np.dtype(chosen.dtype).newbyteorder("=").name,
        pixel_size=facts.scaled(factors),
        channel_names=facts.channel_names,
        format=facts.format,
        metadata={"series": count, "levels": levels, **facts.metadata},
    )
    return Image(info, layout.wrap(source))


def _source(file: Any, series: Any, path: Path, complaints: list[str]) -> Source:
    dtype = np.dtype(file.byteorder + np.dtype(series.dtype).char)
    shape = tuple(series.shape)
    if not series.is_multifile and series.dataoffset is not None:
        needed = series.dataoffset + int(np.prod(shape, dtype=object)) * dtype.itemsize
        _check_length(path, needed)
        return MappedSource(path, dtype, series.dataoffset, shape)
    key = series.keyframe
    _check_codec(path, key)
    try:
        decode = key.decode
        pages = tuple(_page(page) for page in series.pages)
    except NotImplementedError as error:
        raise _damaged(path, str(error)) from error
    if None in pages and complaints:
        raise _damaged(path, f"{pages.count(None)} of {len(pages)} planes are missing")
    _check_lengths(pages)
    return SegmentedSource(shape, dtype.newbyteorder("="), pages, key, decode)


def _check_codec(path: Path, key: Any) -> None:
    """Refuse a compression whose decoder is not installed, before any pixel is wanted."""
    from tifffile import TIFF

    try:
        if key.compression != 1:
            TIFF.DECOMPRESSORS[key.compression]
        if key.predictor != 1:
            TIFF.UNPREDICTORS[key.predictor]
    except (KeyError, ImportError) as error:
        name = getattr(key.compression, "name", key.compression)
        raise ImageFormatError(
            f"{path}: nothing here can decode its compression ({name}); run: pip install "
            "imagecodecs, or save the image without compression"
        ) from error


def _page(page: Any) -> Page | None:
    if page is None:
        return None
    return Page(
        path=Path(page.parent.filehandle.path),
        offsets=tuple(page.dataoffsets),
        counts=tuple(page.databytecounts),
        jpegtables=page.jpegtables,
    )


def _check_lengths(pages: Iterable[Page | None]) -> None:
    """Raise an ImageFormatError if a file, of possibly thousands, ends before its pages do."""
    ends: dict[Path, int] = {}
    for page in filter(None, pages):
        last = max((a + n for a, n in zip(page.offsets, page.counts, strict=True)), default=0)
        ends[page.path] = max(last, ends.get(page.path, 0))
    for name, end in ends.items():
        _check_length(name, end)


def _check_length(path: Path, needed: int) -> None:
    size = path.stat().st_size
    if size < needed:
        raise ImageFormatError(
            f"{path}: the file ends after {size} of at least {needed} bytes; it is truncated, so "
            "copy or export it again"
        )
