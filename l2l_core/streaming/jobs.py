"""What a worker has to know of an image in order to restore a unit of it: facts, no open file."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.data.selection import single
from l2l_core.images.guarding import Guard
from l2l_core.images.ome_zarr_pyramid import StoreLayout
from l2l_core.images.reading import open_image
from l2l_core.streaming.boxes import Numbers
from l2l_core.streaming.frame import Frame
from l2l_core.streaming.units import Grid

if TYPE_CHECKING:
    from l2l_core.images.image import Image

_OPEN_AT_ONCE = 16


@define(frozen=True)
class ImageSource:
    """Which pixels go in.

    Parameters
    ----------
    place : str
        Path or URL.
    axes : str, optional
        Axes that the user gave.
    level : int
        Of a pyramid.
    channel : int, optional
        The one channel that is taken.
    """

    place: str
    axes: str | None = None
    level: int = 0
    channel: int | None = None

    def open(self) -> Image:
        """Open the image anew.

        Raises
        ------
        ImageError
            As :func:`~l2l_core.images.reading.open_image`.
        """
        image = open_image(self.place, axes=self.axes, level=self.level)
        return image if self.channel is None else single(image, "C", self.channel)


@lru_cache(maxsize=_OPEN_AT_ONCE)
def _opened(source: ImageSource, guard: str) -> Image:
    return source.open()


@define(frozen=True, kw_only=True)
class ImageJob:
    """The restoration of one image into stores that are filled unit by unit.

    Parameters
    ----------
    source : ImageSource
    guard : Guard
        What the image was when the work began.
    frame : Frame
        As the method sees it.
    grid : Grid
        Of units and levels.
    stores : dict of str to str
        Where each output goes.
    layout : StoreLayout
        Of each of these stores.
    tile : tuple of int
        Sides of a tile at the most, halo included.
    dtype : str
        That is written.
    """

    source: ImageSource
    guard: Guard
    frame: Frame
    grid: Grid
    stores: dict[str, str]
    layout: StoreLayout
    tile: tuple[int, ...]
    dtype: str

    def opened(self) -> Image:
        """Return the image, opened once for all units that are restored in this process."""
        # Another image at the same place, in the same process later, is not this one.
        return _opened(self.source, repr(self.guard))

    def to_dict(self) -> dict[str, Any]:
        """Return what the restoration's bytes depend on, as JSON values."""
        return {
            "grid": self.grid.to_dict(),
            "layout": self.layout.to_dict(),
            "stores": dict(self.stores),
            "tile": list(self.tile),
        }


@define(frozen=True)
class UnitItem:
    """One unit's work, for a worker anywhere.

    Parameters
    ----------
    image : int
        Which of the job's images.
    stage, index : int
        Which of its units.
    job : ImageJob
    numbers : Numbers, optional
        Of the whole image; units of later stages need none.
    """

    image: int
    stage: int
    index: int
    job: ImageJob
    numbers: Numbers | None = None

    @property
    def key(self) -> tuple[int, int, int]:
        """The unit's name in the ledger."""
        return (self.image, self.stage, self.index)

    @property
    def pixels(self) -> int:
        """How many pixels the unit has, of the level that its stage begins with."""
        return self.job.grid.unit(self.stage, self.index).pixels
