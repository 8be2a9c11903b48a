"""Hot pixels: single pixels of a detector that are far brighter than everything around them.

A pixel is hot if it exceeds its neighbourhood by several times what the neighbourhood varies by.
Its neighbours are the pixels of a window around it; the value that an eighth of them reaches is
their upper end, and that which an eighth does not exceed their lower end: the third highest and
third lowest of 24, so that two more hot or dead pixels beside it do no harm.  A spot that a
microscope made is wider than a pixel and shows in its neighbours: at the default threshold a
Gaussian one stays if its standard deviation is 0.6 pixels or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import AxesError

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLD = 4.0
SIZE = 5
FLOOR = 1.0

_SHARE = 8


def hot_pixels(
    plane: NDArray[Any], *, threshold: float = THRESHOLD, size: int = SIZE, floor: float = FLOOR
) -> NDArray[np.bool_]:
    """Return where a plane is hot.

    Parameters
    ----------
    plane : ndarray, (Y, X)
        Any real dtype, raw intensities.  At its border there are fewer neighbours.  NaN is not
        hot, and is nobody's neighbour.
    threshold : float
        A hot pixel exceeds the upper end of its neighbourhood by so many times the distance of its
        upper and lower end.
    size : int
        Side of the window in pixels, odd, 3 or more.
    floor : float
        Least distance of the two ends, in the image's units.  The default, one count, keeps single
        photons on an empty background; a normalised image needs less.

    Returns
    -------
    ndarray of bool, (Y, X)

    Raises
    ------
    AxesError
        If the array does not have two axes.
    """
    if plane.ndim != 2:
        raise AxesError(
            f"an array of shape {plane.shape} is no plane; expected two axes (Y, X): take a "
            "stack plane by plane"
        )
    hot = np.zeros(plane.shape, bool)
    rows, columns = plane.shape
    half = size // 2
    known = np.where(np.isfinite(plane), plane, -np.inf)
    padded = np.pad(known, half, constant_values=-np.inf)
    offsets = _neighbours(size)
    above = np.zeros(plane.shape, np.uint8)
    for y, x in offsets:
        above += padded[y : y + rows, x : x + columns] >= known
    # Ranks are costly, and a hot pixel is among the highest of its window.
    places = np.nonzero((above < len(offsets) / _SHARE) & (known > -np.inf))
    around = np.stack([padded[places[0] + y, places[1] + x] for y, x in offsets], axis=1)
    around.sort(axis=1)
    # What is unknown comes first; a pixel without neighbours is compared with itself.
    unknown = (around == -np.inf).sum(axis=1)
    rank = -(-(len(offsets) - unknown) // _SHARE)
    alone = rank == 0
    each = np.arange(len(around))
    upper = np.where(alone, known[places], around[each, len(offsets) - np.maximum(rank, 1)])
    lower = np.where(alone, upper, around[each, unknown + rank - 1])
    hot[places] = known[places] - upper > threshold * np.maximum(upper - lower, floor)
    return hot


def without_hot_pixels(plane: NDArray[Any], hot: NDArray[np.bool_]) -> NDArray[Any]:
    """Return a plane in which hot pixels have the median of their neighbours.

    Parameters
    ----------
    plane : ndarray, (Y, X)
    hot : ndarray of bool, (Y, X)
        Where it is hot.

    Returns
    -------
    ndarray, (Y, X), dtype of `plane`
        All others as they were.  The eight neighbours of a hot pixel are looked at, themselves hot
        or not, mirrored about the edge pixel at the border; integers are rounded.
    """
    cleaned = plane.copy()
    places = np.nonzero(hot)
    if places[0].size:
        padded = np.pad(plane, 1, mode="reflect")
        around = np.stack([padded[places[0] + y, places[1] + x] for y, x in _neighbours(3)], axis=1)
        medians = np.median(around, axis=1)
        cleaned[places] = np.rint(medians) if plane.dtype.kind in "iu" else medians
    return cleaned


def _neighbours(size: int) -> list[tuple[int, int]]:
    """Return where the pixels of a window are, counted from its corner, without its middle."""
    middle = size // 2
    return [(y, x) for y in range(size) for x in range(size) if (y, x) != (middle, middle)]
