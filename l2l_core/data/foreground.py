"""Where in an image a patch may start so that it shows something.

The rule is that of CSBDeep's patch generator (Weigert et al. 2018, ``no_background_patches``): the
brightest pixel in the middle of the patch, half as wide as the patch, has to exceed a share of a
high percentile of the target.  It knows no offset: where a camera adds 100 to a signal of 50, a
share of 0.4 lets everything through.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define
from numpy.typing import NDArray
from scipy import ndimage

from l2l_core.data.pairs import FRAME
from l2l_core.data.splits import Region, narrowed
from l2l_core.images.axes import reorder
from l2l_core.images.statistics import search_percentiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l2l_core.images.image import Image

_PIXELS_AT_ONCE = 2**23


@define(frozen=True, eq=False)
class Starts:
    """Places where a patch may start in a region, as runs, so that a large image takes little.

    Parameters
    ----------
    shape : tuple of int
        How many places there are along T, Z, Y and X, counted from the region's corner.
    first : ndarray of int64
        Flat index, in an array of `shape`, of the first place of each run, ascending.
    ends : ndarray of int64
        How many places there are up to the end of each run.
    """

    shape: tuple[int, ...]
    first: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.ends[-1]) if self.ends.size else 0

    def place(self, number: int) -> tuple[int, ...]:
        """Return place `number` (0 to below the length) as positions along T, Z, Y and X."""
        run = int(np.searchsorted(self.ends, number, side="right"))
        before = int(self.ends[run - 1]) if run else 0
        flat = int(self.first[run]) + number - before
        place = []
        for size in reversed(self.shape):
            flat, position = divmod(flat, size)
            place.append(position)
        return tuple(reversed(place))

    def among(self, flat: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of these flat indices are places where a patch may start."""
        if not self.ends.size:
            return np.zeros(flat.shape, dtype=bool)
        run = np.searchsorted(self.first, flat, side="right") - 1
        lengths = np.diff(self.ends, prepend=0)
        inside: NDArray[np.bool_] = (run >= 0) & (flat < self.first[run] + lengths[run])
        return inside


def bright_levels(
    image: Image, regions: Sequence[Region], share: float, percentile: float
) -> tuple[float, ...]:
    """Return for each channel what a pixel has to exceed: a share of a percentile of the regions.

    Parameters
    ----------
    image : Image
        The target of the regions' pair.
    regions : sequence of Region
        All of one pair on one side, so that neither side knows the other's brightness.
    share, percentile : float
        The rule's numbers; `percentile` in percent.
    """
    searches = search_percentiles(narrowed(image, regions), (percentile,))
    return tuple(share * search.values[0] for search in searches)


def find_starts(region: Region, sides: dict[str, int], levels: Sequence[float] | None) -> Starts:
    """Return where patches may start, in one pass over the region's target.

    Parameters
    ----------
    region : Region
    sides : dict of str to int
        How far a patch reaches along T, Z, Y and X.
    levels : sequence of float or None
        What the brightest pixel in the middle of a patch has to exceed in at least one channel;
        None lets patches start anywhere, and reads nothing.
    """
    shape = tuple(len(region.box[axis]) - sides[axis] + 1 for axis in FRAME)
    # At least as many rows as a patch has, or of a wide image most rows were read many times over.
    rows_at_once = max(sides["Y"], _PIXELS_AT_ONCE // shape[3] - sides["Y"])
    firsts: list[NDArray[np.int64]] = []
    lengths: list[NDArray[np.int64]] = []
    for t in range(shape[0]):
        for top in range(0, shape[2], rows_at_once):
            rows = range(top, min(top + rows_at_once, shape[2]))
            masks = _masks(region, sides, shape, levels, t, rows)
            for z, mask in enumerate(masks):
                if region.cells is not None:
                    mask = mask & region.cells.allows(t, z, rows, shape[3])
                first, length = _runs(mask.ravel())
                corner = ((t * shape[1] + z) * shape[2] + top) * shape[3]
                firsts.append(first + corner)
                lengths.append(length)
    return _joined(shape, np.concatenate(firsts), np.concatenate(lengths))


def _masks(
    region: Region,
    sides: dict[str, int],
    shape: tuple[int, ...],
    levels: Sequence[float] | None,
    t: int,
    rows: range,
) -> Any:
    """Yield for each start along Z where in `rows` and X a patch may start."""
    if levels is None:
        for _ in range(shape[1]):
            yield np.ones((len(rows), shape[3]), dtype=bool)
        return
    # The middle of a patch that starts at s is [s + skip, s + skip + width).
    width = {axis: max(1, sides[axis] // 2) for axis in FRAME}
    skip = {axis: sides[axis] // 2 - width[axis] // 2 for axis in FRAME}
    planes: deque[NDArray[np.bool_]] = deque(maxlen=width["Z"])
    for z in range(skip["Z"], skip["Z"] + shape[1] - 1 + width["Z"]):
        window = {
            "T": range(t, t + 1),
            "Z": range(z, z + 1),
            "Y": range(rows.start + skip["Y"], rows.stop - 1 + skip["Y"] + width["Y"]),
            "X": range(skip["X"], shape[3] - 1 + skip["X"] + width["X"]),
        }
        pixels = read_box(region.pair.target, region, window, "YX")
        bright = np.zeros(pixels.shape[1:], dtype=np.uint8)
        for channel, level in zip(pixels, levels, strict=True):
            bright |= channel > level
        for axis, name in enumerate("YX"):
            bright = ndimage.maximum_filter1d(bright, width[name], axis=axis, mode="constant")
        top, left = width["Y"] // 2, width["X"] // 2
        bright = bright[top : top + len(rows), left : left + shape[3]]
        planes.append(bright.astype(bool))
        if len(planes) == width["Z"]:
            yield np.logical_or.reduce(planes)


def read_box(image: Image, region: Region, window: dict[str, range], spatial: str) -> NDArray[Any]:
    """Read part of a region.

    Parameters
    ----------
    image : Image
        Input or target of the region's pair.
    region : Region
    window : dict of str to range
        Positions along T, Z, Y and X, from the region's corner.
    spatial : str
        Axes of what comes out, ``"YX"`` or ``"ZYX"``; the window is one long along the others.

    Returns
    -------
    ndarray, (C, [Z,] Y, X), of the image's dtype
    """
    where = {}
    for axis in FRAME:
        if axis in image.axes:
            corner, part = region.box[axis].start, window[axis]
            where[axis] = slice(corner + part.start, corner + part.stop)
    return reorder(image.read(**where), image.axes, "C" + spatial, where=image.info.path)


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the runs of True begin, and how long they are."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return edges[::2].astype(np.int64), np.diff(edges)[::2].astype(np.int64)


def _joined(shape: tuple[int, ...], first: NDArray[np.int64], length: NDArray[np.int64]) -> Starts:
    """Return runs in ascending order, neighbours made one."""
    order = np.argsort(first, kind="stable")
    first, length = first[order], length[order]
    opens = np.ones(len(first), dtype=bool)
    opens[1:] = first[1:] != first[:-1] + length[:-1]
    ends = np.cumsum(length)
    last = np.append(np.flatnonzero(opens)[1:] - 1, len(first) - 1)[: int(opens.sum())]
    return Starts(shape, first[opens], ends[last])
