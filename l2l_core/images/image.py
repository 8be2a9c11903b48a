"""An image that is opened but not read: what is known of it, and pixels on demand.

An :class:`Image` holds no open file: each read opens what it needs, so that a thousand of them can
wait side by side and several threads can read one at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from attrs import define, evolve, field
from numpy.typing import NDArray

from l2l_core.errors import AxesError, ImageFormatError, L2LError
from l2l_core.images.axes import parse_axes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType


@define(frozen=True)
class Length:
    """A physical length or duration, with its unit as OME-Zarr writes it.

    Parameters
    ----------
    value : float
    unit : str
        ``"micrometer"``, ``"nanometer"``, ``"second"``, ...
    """

    value: float
    unit: str = "micrometer"

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"


def lengths(stated: Any) -> dict[str, Length]:
    """Return pixel sizes that a file states as ``{"X": [0.1, "micrometer"], ...}``.

    Whatever another program keeps under the same name says nothing to us.
    """
    found = {}
    for axis, value in stated.items() if isinstance(stated, Mapping) else ():
        match value:
            case (int() | float() as number, str() as unit) if axis in "TZYX" and number > 0:
                found[axis] = Length(float(number), unit)
    return found


@define(frozen=True)
class ImageInfo:
    """What is known of an image before a pixel is read.

    Parameters
    ----------
    path : str
        Where it came from.
    axes : str
        One letter of ``TCZYX`` for each axis, in the order of the pixels.
    shape : tuple of int
    dtype : str
        NumPy's name of the pixel type.
    pixel_size : dict of str to Length
        For those of T, Z, Y and X where the file says it.
    channel_names : tuple of str, optional
    format : str
        ``"TIFF"``, ``"OME-Zarr 0.5"``, ...
    metadata : dict
        What else the file says: ``"levels"`` and ``"series"`` (how many there are), and
        ``"provenance"`` (which model made it), where they exist.
    """

    path: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    pixel_size: dict[str, Length] = field(factory=dict)
    channel_names: tuple[str, ...] | None = None
    format: str = "array"
    metadata: dict[str, Any] = field(factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis."""
        return dict(zip(self.axes, self.shape, strict=True))


class Source(Protocol):
    """Where the pixels of an :class:`Image` come from; safe to read from several threads."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """Sides of the blocks that are best read as a whole; 1 where it does not matter."""

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return a copy of the pixels at `index`: one slice an axis, bounds inside, step >= 1."""


@define(frozen=True)
class ArraySource:
    """Pixels that are in memory already.

    Parameters
    ----------
    array : ndarray
    """

    array: NDArray[Any]

    @property
    def chunks(self) -> tuple[int, ...]:
        """No block is better than another."""
        return (1,) * self.array.ndim

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return a copy of the pixels at `index`."""
        return self.array[index].copy()


class Image:
    """An image whose pixels are read on demand.

    Parameters
    ----------
    info : ImageInfo
    source : Source
        With the axes, the shape and the pixel type of `info`.

    Examples
    --------
    >>> image = from_array(np.zeros((5, 64, 64), np.uint16), "ZYX")
    >>> image.read(Z=2, X=slice(0, 32)).shape
    (1, 64, 32)
    """

    def __init__(self, info: ImageInfo, source: Source) -> None:
        self.info = info
        self._source = source

    def __repr__(self) -> str:
        shape = " x ".join(str(n) for n in self.shape)
        return f"<Image {self.info.path}: {self.axes} {shape} {self.dtype.name}>"

    @property
    def axes(self) -> str:
        """One letter for each axis."""
        return self.info.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.info.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Pixel type."""
        return np.dtype(self.info.dtype)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Sides of the blocks in which the pixels are stored; 1 where it does not matter."""
        return self._source.chunks

    def read(self, **where: slice | int) -> NDArray[Any]:
        """Read pixels, and no more of the file than that takes.

        Parameters
        ----------
        **where : slice or int
            By axis: ``Z=3``, ``X=slice(0, 512)``. Positions count from the end where they are
            negative, and slices are cut to the image, as in Python. Axes not named are read whole.

        Returns
        -------
        ndarray, axes ``info.axes``, dtype ``info.dtype``
            All axes are kept: an int is a slice of length 1. The array is the caller's own.

        Raises
        ------
        AxesError
            If the image has no such axis, or no such position along it.
        ImageFormatError
            If the file is damaged or has changed.
        """
        unknown = sorted(set(where) - set(self.axes))
        if unknown:
            raise AxesError(
                f"{self.info.path}: there is no axis {unknown[0]}; the image has {self.axes}"
            )
        index = tuple(
            self._slice(axis, size, where.get(axis, slice(None)))
            for axis, size in zip(self.axes, self.shape, strict=True)
        )
        shape = tuple(len(range(part.start, part.stop, part.step)) for part in index)
        if 0 in shape:
            return np.empty(shape, self.dtype)
        try:
            pixels = self._source.read(index)
        except (L2LError, MemoryError):
            raise
        # Decoders of dozens of compressions raise what they like; all of it means one thing.
        except Exception as error:
            why = str(error) or type(error).__name__
            raise ImageFormatError(
                f"{self.info.path}: the pixels cannot be read ({why}); the file is damaged or has "
                "changed since it was opened"
            ) from error
        return np.asarray(pixels, dtype=self.dtype)

    def _slice(self, axis: str, size: int, where: slice | int) -> slice:
        if isinstance(where, slice):
            start, stop, step = where.indices(size)
            if step < 1:
                raise AxesError(f"{self.info.path}: step {step} along {axis}; expected at least 1")
            return slice(start, stop, step)
        position = where + size if where < 0 else where
        if not 0 <= position < size:
            raise AxesError(
                f"{self.info.path}: there is no position {where} along {axis}; the image has "
                f"{size}, counted from 0"
            )
        return slice(position, position + 1, 1)

    def blocks(self, limit: int = 2**22) -> Iterator[dict[str, slice]]:
        """Yield places for :meth:`read` that cover each pixel once, each about `limit` pixels.

        A block is made of whole chunks of the file, so that none is decoded twice.
        """
        for index in cover(self.shape, self.chunks, limit):
            yield dict(zip(self.axes, index, strict=True))

    def close(self) -> None:
        """Let go of what the image holds; reading is over."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def cover(shape: Sequence[int], chunks: Sequence[int], limit: int) -> Iterator[tuple[slice, ...]]:
    """Yield blocks that cover an array of `shape` once, in the order of its memory.

    Parameters
    ----------
    shape, chunks : sequence of int
        The array's shape, and the sides of a chunk.
    limit : int
        Pixels in a block at most, unless a single chunk has more.
    """
    if 0 in shape:
        return
    block = block_sides(shape, chunks, limit)
    counts = [-(-size // side) for size, side in zip(shape, block, strict=True)]
    for position in np.ndindex(*counts):
        yield tuple(
            slice(i * side, min((i + 1) * side, size))
            for i, side, size in zip(position, block, shape, strict=True)
        )


def block_sides(shape: Sequence[int], chunks: Sequence[int], limit: int) -> tuple[int, ...]:
    """Return the sides of the blocks of :func:`cover`, which those at the far ends fall short of.

    Parameters
    ----------
    shape, chunks : sequence of int
        The array's shape, nowhere 0, and the sides of a chunk.
    limit : int
        Pixels in a block at most, unless a single chunk has more.
    """
    block = [min(chunk, size) for chunk, size in zip(chunks, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        room = limit // prod(block)
        if block[axis] * room >= shape[axis]:
            block[axis] = shape[axis]
        elif room > 1:
            block[axis] *= room
    return tuple(block)


def from_array(array: NDArray[Any], axes: str, **metadata: Any) -> Image:
    """Return an image of pixels that are in memory.

    Parameters
    ----------
    array : ndarray, axes `axes`
    axes : str
    **metadata
        Fields of :class:`ImageInfo`: ``pixel_size``, ``channel_names``, ``path``, ...

    Raises
    ------
    AxesError
        If `axes` does not fit the array.
    """
    where = str(metadata.get("path", ""))
    info = ImageInfo(
        path=where or "array in memory",
        axes=parse_axes(axes, array.ndim, where=where),
        shape=array.shape,
        dtype=array.dtype.name,
    )
    return Image(evolve(info, **{**metadata, "path": info.path}), ArraySource(array))
