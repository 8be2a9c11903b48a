"""Pixels of a TIFF on demand: mapped where they lie in one piece, else by strips or tiles.

Follows TIFF 6.0 and BigTIFF through tifffile's tables of offsets and its decoders; only what a
request needs is read from the disk and decompressed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from attrs import define, field, frozen

from l2l_core.errors import ImageFormatError
from l2l_core.images.decoded import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@frozen
class MappedSource:
    """Uncompressed pixels in one piece of a file.

    Parameters
    ----------
    path : Path
    dtype : numpy.dtype
        With the file's byte order.
    offset : int
        In bytes.
    shape : tuple of int
    """

    path: Path
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]

    @property
    def chunks(self) -> tuple[int, ...]:
        """No block is better than another."""
        return (1,) * len(self.shape)

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return a copy of the pixels at `index`, in the machine's byte order."""
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        return np.array(mapped[index], self.dtype.newbyteorder("="))


@frozen
class Page:
    """Where the segments (strips or tiles) of one page lie.

    Parameters
    ----------
    path : Path
        The file: an OME-TIFF may consist of several.
    offsets, counts : tuple of int
        Of each segment, in bytes; a count of 0 is a segment that was never written.
    jpegtables : bytes, optional
        Quantisation tables that JPEG segments share.
    """

    path: Path
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    jpegtables: bytes | None = None


@define(frozen=True, slots=False)
class SegmentedSource:
    """Pages that are compressed, tiled, or scattered over a file.

    Parameters
    ----------
    shape : tuple of int
        Of the series: its last axes are those of a page, the others enumerate pages.
    dtype : numpy.dtype
    pages : tuple of Page or None
        None is a page that the file declares and does not have; its pixels are 0.
    keyframe : tifffile.TiffPage
        The page that tells how all of them are stored.
    decode : callable
        Its decoder of segments.
    token : object
        Tells this opening of the file from another one.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pages: tuple[Page | None, ...]
    keyframe: Any
    decode: Callable[..., Any] = field(repr=False)
    token: object = field(factory=object, eq=False, repr=False)

    @cached_property
    def leading(self) -> int:
        """How many axes enumerate pages."""
        count = 1
        for axis, size in enumerate(self.shape):
            if count == len(self.pages) and prod(self.shape[axis:]) == self.keyframe.size:
                return axis
            count *= size
        if count == len(self.pages):
            return len(self.shape)
        raise ImageFormatError(
            f"{len(self.pages)} pages of {self.keyframe.shape} do not make up the shape "
            f"{self.shape} that the file declares"
        )

    @cached_property
    def plain(self) -> bool:
        """Whether a page has rows and columns as the series has them, so that it can be cut."""
        return bool(self.shape[self.leading :] == tuple(self.keyframe.shape)) and (
            self.keyframe.axes in ("YX", "YXS", "SYX")
        )

    @property
    def chunks(self) -> tuple[int, ...]:
        """One page deep, and a tile or strip wide where pages can be cut."""
        inner = list(self.shape[self.leading :])
        if self.plain:
            rows = self.keyframe.axes.index("Y")
            height, width = self._segment
            inner[rows : rows + 2] = [min(height, inner[rows]), min(width, inner[rows + 1])]
        return (1,) * self.leading + tuple(inner)

    @property
    def _segment(self) -> tuple[int, int]:
        key = self.keyframe
        if key.is_tiled:
            return key.tilelength, key.tilewidth
        return key.rowsperstrip, key.imagewidth

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the pixels at `index`, decoding only the segments that it touches."""
        outer, inner = index[: self.leading], index[self.leading :]
        numbers = np.arange(len(self.pages)).reshape(self.shape[: self.leading])[outer]
        shape = tuple(len(range(part.start, part.stop, part.step)) for part in index)
        result = np.zeros((numbers.size, *shape[self.leading :]), self.dtype)
        for place, number in enumerate(numbers.ravel()):
            page = self.pages[number]
            if page is not None:
                result[place] = self._page(page, inner)
        return result.reshape(shape)

    def _page(self, page: Page, index: tuple[slice, ...]) -> NDArray[Any]:
        if not self.plain:
            rows = slice(0, self.keyframe.imagelength)
            columns = slice(0, self.keyframe.imagewidth)
            return self._window(page, rows, columns).reshape(self.shape[self.leading :])[index]
        first = self.keyframe.axes.index("Y")
        rows, columns = index[first], index[first + 1]
        window = self._window(page, rows, columns)
        samples, _, height, width, contiguous = window.shape
        # Either the samples lie one after the other, or each has a plane; never both.
        pixels = window.reshape(
            {
                "YX": (height, width),
                "YXS": (height, width, contiguous),
                "SYX": (samples, height, width),
            }[self.keyframe.axes]
        )
        steps = tuple(
            slice(None, None, part.step) if axis in "YX" else part
            for axis, part in zip(self.keyframe.axes, index, strict=True)
        )
        return pixels[steps]

    def _window(self, page: Page, rows: slice, columns: slice) -> NDArray[Any]:
        """Return rows and columns of a page as (planar samples, depth, Y, X, samples)."""
        planes, depth, _, _, samples = self.keyframe.shaped
        window = np.zeros(
            (planes, depth, rows.stop - rows.start, columns.stop - columns.start, samples),
            self.dtype,
        )
        for data, (plane, z, y, x, _), (d, h, w, _) in self._segments(page, rows, columns):
            if data is None:
                continue
            top, left = max(y, rows.start), max(x, columns.start)
            bottom, right = min(y + h, rows.stop), min(x + w, columns.stop)
            window[
                plane,
                z : z + d,
                top - rows.start : bottom - rows.start,
                left - columns.start : right - columns.start,
            ] = data[:d, top - y : bottom - y, left - x : right - x]
        return window

    def _segments(self, page: Page, rows: slice, columns: slice) -> Iterator[Any]:
        key = self.keyframe
        options: dict[str, Any] = {}
        if key.compression in (6, 7, 33007, 34892):
            options = {"jpegtables": page.jpegtables, "jpegheader": key.jpegheader}
        with page.path.open("rb") as file:
            for number in self._touched(rows, columns):
                offset, count = page.offsets[number], page.counts[number]
                if offset == 0 or count == 0:
                    continue
                yield SHARED.get(
                    (self.token, page.path, offset),
                    partial(self._decoded, file, page, number, options),
                )

    def _decoded(
        self, file: BinaryIO, page: Page, number: int, options: dict[str, Any]
    ) -> tuple[Any, int]:
        """Return a segment as tifffile's decoder gives it, and its size in memory."""
        file.seek(page.offsets[number])
        data = file.read(page.counts[number])
        if len(data) < page.counts[number]:
            raise ImageFormatError(
                f"{page.path}: the file ends in the middle of its pixels; it is truncated, so copy "
                "or export it again"
            )
        segment = self.decode(data, number, **options)
        return segment, 0 if segment[0] is None else segment[0].nbytes

    def _touched(self, rows: slice, columns: slice) -> Iterator[int]:
        key = self.keyframe
        height, width = self._segment
        down, across = -(-key.imagelength // height), -(-key.imagewidth // width)
        stacks = len(key.dataoffsets) // (down * across)
        for stack in range(stacks):
            for row in range(rows.start // height, -(-rows.stop // height)):
                for column in range(columns.start // width, -(-columns.stop // width)):
                    yield (stack * down + row) * across + column
