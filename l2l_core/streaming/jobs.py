"""What a worker has to know of an image in order to restore a unit of it: facts, no open file."""

from __future__ import annotations

from collections import OrderedDict
from itertools import product
from math import prod
from threading import Lock
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
    from collections.abc import Iterable

    from l2l_core.images.image import Image
    from l2l_core.streaming.standing import UnitSet

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
    run : str
        Token of the run that reads it, and no other: another run opens it anew, since pixels may
        have changed where nothing else did.
    """

    place: str
    axes: str | None = None
    level: int = 0
    channel: int | None = None
    run: str = ""

    def open(self) -> Image:
        """Open the image anew.

        Raises
        ------
        ImageError
            As :func:`~l2l_core.images.reading.open_image`.
        """
        image = open_image(self.place, axes=self.axes, level=self.level)
        return image if self.channel is None else single(image, "C", self.channel)


_opened: OrderedDict[tuple[ImageSource, str], Image] = OrderedDict()
_guard = Lock()


def _opened_once(key: tuple[ImageSource, str]) -> Image:
    with _guard:
        if key in _opened:
            _opened.move_to_end(key)
            return _opened[key]
    # Outside the lock, since a place far away may take its time; the first to be ready is kept.
    image = key[0].open()
    with _guard:
        image = _opened.setdefault(key, image)
        while len(_opened) > _OPEN_AT_ONCE:
            _opened.popitem(last=False)
    return image


def close_images(run: str) -> None:
    """Let go of the images that a run opened in this process, once it has ended."""
    with _guard:
        images = [_opened.pop(key) for key in list(_opened) if key[0].run == run]
    for image in images:
        image.close()


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
        return _opened_once((self.source, repr(self.guard)))

    @property
    def pixels(self) -> int:
        """How many pixels the restoration has at full size."""
        return prod(self.grid.levels[0].shape)

    def to_dict(self) -> dict[str, Any]:
        """Return what tells this work from any other, as JSON values.

        The tile is none of it: whoever runs out of memory goes on with a smaller one.
        """
        return {
            "grid": self.grid.to_dict(),
            "layout": self.layout.to_dict(),
            "stores": dict(self.stores),
        }

    def pixels_done(self, done: UnitSet, image: int) -> int:
        """Return how many pixels the units have that are done, without a look at each of them.

        Parameters
        ----------
        done : UnitSet
        image : int
            Which of its images this is.
        """
        level = self.grid.levels[0]
        whole, inner = done.count(image, 0), 0
        if whole == self.grid.count(0):
            return self.pixels
        sides = [min(pair) for pair in zip(level.unit, level.shape, strict=True)]
        counts = [-(-size // side) for side, size in zip(sides, level.shape, strict=True)]
        rests = [
            size - (count - 1) * side
            for side, count, size in zip(sides, counts, level.shape, strict=True)
        ]
        # All units are alike but those at the far ends, which are few, and alike within a kind.
        short = [rest < side for rest, side in zip(rests, sides, strict=True)]
        for kind in product(*((False, True) if cut else (False,) for cut in short)):
            if not any(kind):
                continue
            steps = product(
                *(
                    (count - 1,) if last else range(count - cut)
                    for last, cut, count in zip(kind, short, counts, strict=True)
                )
            )
            there = sum((image, 0, _index(at, counts)) in done for at in steps)
            edges = zip(kind, rests, sides, strict=True)
            inner += there * prod(rest if last else side for last, rest, side in edges)
            whole -= there
        return inner + whole * prod(sides)


def _index(steps: Iterable[int], counts: Iterable[int]) -> int:
    index = 0
    for step, count in zip(steps, counts, strict=True):
        index = index * count + step
    return index


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
