"""Smaller versions of an image for viewers: each level halves Y and X of the one before.

A pixel is the mean of the 2 x 2 pixels below it, or of what there is of them at an odd border, so
that a part that starts on even pixels has the same means as the whole image has there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_STRIP_PIXELS = 2**20
"""Pixels that are halved at once: the sums in between stay in the processor's cache."""


def level_shapes(shape: Sequence[int], axes: str, least: int = 512) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of all levels of a pyramid.

    Parameters
    ----------
    shape : sequence of int
        Sides of the image, one for each of `axes`.
    axes : str
        Axes in the order of the shape, with Y and X: ``"TCZYX"``.
    least : int
        Y and X are halved, an odd side rounded up, until neither is longer than this.

    Returns
    -------
    tuple of tuple of int
        The image's own shape first.

    Examples
    --------
    >>> level_shapes((3, 1100, 500), "CYX")
    ((3, 1100, 500), (3, 550, 250), (3, 275, 125))
    """
    levels = [tuple(int(side) for side in shape)]
    halving = [axes.index("Y"), axes.index("X")]
    while max(levels[-1][axis] for axis in halving) > max(1, least):
        levels.append(
            tuple(-(-side // 2) if i in halving else side for i, side in enumerate(levels[-1]))
        )
    return tuple(levels)


def halve(pixels: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return an image at half its size along Y and X.

    Parameters
    ----------
    pixels : ndarray
        Image over `axes`, of bools, integers or floating-point numbers.
    axes : str
        Axes in the order of the array, with Y and X: ``"TCZYX"``.

    Returns
    -------
    ndarray
        The 2 x 2 means, of the same dtype; an odd side is rounded up, and its last pixels are the
        means of those that there are.  Means of integers are rounded to the nearest, halves to
        the even one.  A pixel that is NaN or infinite counts for nothing; four of them give NaN.
    """
    import numpy as np

    planes = np.moveaxis(pixels, (axes.index("Y"), axes.index("X")), (-2, -1))
    rows, columns = planes.shape[-2:]
    sides = (-(-rows // 2), -(-columns // 2))
    halves = np.empty((*planes.shape[:-2], *sides), dtype=pixels.dtype)
    mean = _mean_of_floats if np.issubdtype(pixels.dtype, np.floating) else _mean_of_integers
    step = max(1, _STRIP_PIXELS // (4 * sides[1]))
    for outer in np.ndindex(*planes.shape[:-2]):
        for first in range(0, sides[0], step):
            strip = _even(planes[outer][2 * first : 2 * (first + step)])
            halves[outer][first : first + step] = mean(strip)
    return np.ascontiguousarray(np.moveaxis(halves, (-2, -1), (axes.index("Y"), axes.index("X"))))


def _even(plane: NDArray[Any]) -> NDArray[Any]:
    """Repeat the last row or column of an odd side, which leaves the mean of what there is."""
    import numpy as np

    rest = [(0, side % 2) for side in plane.shape]
    return np.pad(plane, rest, mode="edge") if any(after for _, after in rest) else plane


def _corners(plane: NDArray[Any]) -> list[NDArray[Any]]:
    return [plane[y::2, x::2] for y in (0, 1) for x in (0, 1)]


def _mean_of_integers(plane: NDArray[Any]) -> NDArray[Any]:
    if plane.dtype == bool:
        return _mean_of_integers(plane.view("uint8")).view(bool)
    # Quarters and what remains are added up apart, so that no integer is too large for its type.
    corners = _corners(plane)
    quarters, rest = corners[0] >> 2, corners[0] & 3
    for corner in corners[1:]:
        quarters += corner >> 2
        rest += corner & 3
    quarters += rest >> 2
    rest &= 3
    # 3 of 4 rounds up; 2 of 4 is a half, and rounds up where that makes it even.
    rest += quarters & 1
    quarters += rest > 2
    return quarters


def _mean_of_floats(plane: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    # Sums of float32 in float64: they can neither overflow nor depend on the strip.
    finite = np.isfinite(plane)
    if finite.all():
        return _sum(plane) * 0.25
    total = _sum(np.where(finite, plane, plane.dtype.type(0)))
    with np.errstate(invalid="ignore"):
        return total / _sum(finite)


def _sum(plane: NDArray[Any]) -> NDArray[np.float64]:
    import numpy as np

    a, b, c, d = _corners(plane)
    total: NDArray[np.float64] = np.add(a, b, dtype=np.float64)
    total += np.add(c, d, dtype=np.float64)
    return total
