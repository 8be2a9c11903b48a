"""Filling an OME-Zarr image with a pyramid, unit by unit.

A unit is whole shards, or whole chunks, at each level, so no two units ever write one object: they
may be written by several threads and processes, in any order, and again after a kill.  A chunk of
zeros alone is not stored, as zarr has it: a mosaic with empty corners stays small.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define

from l2l_core.errors import ImageFormatError, L2LError, TilingError
from l2l_core.images.ome_zarr_creation import create_store, set_attributes, told
from l2l_core.images.ome_zarr_metadata import COMPRESSIONS, StoreLayout
from l2l_core.images.place_files import delete, list_names
from l2l_core.images.places import Place, as_place, child, open_store
from l2l_core.images.replacing import flush

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = [
    "COMPRESSIONS",
    "PyramidWriter",
    "StoreLayout",
    "create_store",
    "open_levels",
    "set_attributes",
]

Area = tuple[tuple[int, int], ...]

_LEFTOVER = re.compile(r"(\d+)\.[0-9a-f]+\.partial")
"""What zarr calls a chunk while it writes it, and what a killed write leaves."""


def open_levels(place: Place, layout: StoreLayout) -> PyramidWriter:
    """Return what fills a store that :func:`create_store` made; nothing is read yet."""
    return PyramidWriter(as_place(place), layout)


@define(frozen=True)
class PyramidWriter:
    """Writes the levels of a store, area by area; safe for several threads and processes.

    An area is a range of pixels for each axis, cut to the level's shape. Along each axis it starts
    and ends where objects do: on whole shards or chunks, or at the end of the level.

    Parameters
    ----------
    place : Path or str
    layout : StoreLayout
        The one that the store was made with.
    """

    place: Place
    layout: StoreLayout

    def tidy(self, level: int, area: Area) -> None:
        """Delete what killed writes left in an area of a local store; what is whole stays.

        Raises
        ------
        OutputError
            If it cannot be deleted.
        TilingError
            If the area cuts an object.
        """
        with told(self.place, f"level {level}"):
            for folder, numbers in self._folders(level, area):
                # An object elsewhere appears as a whole.
                for name in list_names(folder) if isinstance(folder, Path) else ():
                    leftover = _LEFTOVER.fullmatch(name)
                    if leftover and int(leftover.group(1)) in numbers:
                        delete(child(folder, name))

    def write(self, level: int, area: Area, pixels: NDArray[Any]) -> None:
        """Write all pixels of an area; a local store has them on the disk itself afterwards.

        Each object takes the place of a former one in one step, whether that is whole or torn.

        Parameters
        ----------
        level : int
        area : tuple of (int, int)
        pixels : ndarray, axes of the layout
            Of the area's shape.

        Raises
        ------
        OutputError
            If the disk is full, or the store cannot be written to.
        TilingError
            If the area cuts an object, or the pixels do not fill it.
        """
        with told(self.place, f"level {level}"):
            self.fill(level, area, pixels)

    def fill(self, level: int, area: Area, pixels: NDArray[Any]) -> None:
        """Write as :meth:`write` does, and raise what the file system raises."""
        sides = tuple(stop - start for start, stop in area)
        if pixels.shape != sides:
            raise TilingError(f"an area of {sides} pixels was given {pixels.shape}")
        keys = [
            child(folder, number)
            for folder, numbers in self._folders(level, area)
            for number in numbers
        ]
        from l2l_core.images.checked_store import fresh

        # zarr reads a shard before it writes it anew, and a torn one cannot be read.
        self._open(level, fresh(self.place), "r+")[_index(area)] = pixels
        if isinstance(self.place, Path):
            self._flush(level, keys)

    def read(self, level: int, area: Area) -> NDArray[Any]:
        """Return the pixels of an area, which may lie anywhere in the level.

        Raises
        ------
        ImageFormatError
            If a chunk is damaged, or the store is gone.
        """
        try:
            return np.asarray(self._open(level, open_store(self.place), "r")[_index(area)])
        except (L2LError, MemoryError):
            raise
        # Decoders and protocols raise what they like.
        except Exception as error:
            why = str(error) or type(error).__name__
            raise ImageFormatError(
                f"{self.place}: level {level} cannot be read ({why}); the store is damaged or gone"
            ) from error

    def _open(self, level: int, store: Any, mode: Any) -> Any:
        import zarr

        return zarr.open_array(store, path=str(level), mode=mode)

    def _folders(self, level: int, area: Area) -> Iterator[tuple[Place, range]]:
        """Yield the folders with objects of an area, and the numbers of those in each."""
        shape = self.layout.levels[level][0]
        counts = []
        for (start, stop), side, size in zip(area, self.layout.objects(level), shape, strict=True):
            whole = stop == size or stop % side == 0
            if start % side or not whole or not 0 <= start < stop <= size:
                raise TilingError(
                    f"{start} to {stop} of {size} pixels at level {level} is not made of whole "
                    f"objects of {side}"
                )
            counts.append(range(start // side, -(-stop // side)))
        above = [str(level)] if self.layout.zarr_format == 2 else [str(level), "c"]
        for number in itertools.product(*counts[:-1]):
            yield child(self.place, *above, *number), counts[-1]

    def _flush(self, level: int, keys: Sequence[Place]) -> None:
        top = Path(self.place) / str(level)
        folders = {}
        for key in map(Path, keys):
            # A chunk of zeros alone is not there.
            if key.exists():
                flush(key)
                folders.update(dict.fromkeys(itertools.takewhile(top.__ne__, key.parents)))
        for folder in [*folders, top]:
            flush(folder)


def _index(area: Area) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in area)
