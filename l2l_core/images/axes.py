"""Axes of an image as a short text such as ``"ZCYX"``: read, guessed, and brought into order.

Letters and their order follow the OME model: T time, C channel, Z depth, Y rows, X columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import AxesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

AXES = "TCZYX"

NAMES = {"T": "time", "C": "channel", "Z": "depth", "Y": "rows", "X": "columns", "S": "samples"}


def at(where: str) -> str:
    """Return `where` as the beginning of a message, or nothing."""
    return f"{where}: " if where else ""


def parse_axes(text: str, ndim: int, *, where: str = "", samples: bool = False) -> str:
    """Check axes that a person gave, and return them in capitals.

    Parameters
    ----------
    text : str
        One letter for each axis of the array, in its order: ``"zyx"``.
    ndim : int
        Number of axes that the array has.
    where : str
        File or option that a message names.
    samples : bool
        Whether S, the colours of an RGB image, is allowed; only file readers know it.

    Returns
    -------
    str
        The same letters in capitals.

    Raises
    ------
    AxesError
        If a letter is unknown or comes twice, if Y or X is missing, or if there are not `ndim`.
    """
    axes = text.strip().upper()
    known = AXES + "S" if samples else AXES
    unknown = sorted(set(axes) - set(known))
    if unknown:
        raise AxesError(
            f"{at(where)}axes {text!r} have the unknown letter {unknown[0]!r}; give one letter of "
            f"{known} for each axis of the image, such as 'YX' or 'ZYX'"
        )
    twice = next((axis for axis in axes if axes.count(axis) > 1), None)
    if twice:
        raise AxesError(f"{at(where)}axes {text!r} name {twice} twice; name each axis once")
    if len(axes) != ndim:
        raise AxesError(
            f"{at(where)}axes {text!r} name {_count(len(axes))}, but the image has {ndim}; give "
            f"one letter of {AXES} for each, in the order of the image"
        )
    missing = [axis for axis in "YX" if axis not in axes]
    if missing:
        raise AxesError(f"{at(where)}axes {text!r} lack {missing[0]}; an image has Y and X")
    return axes


def _count(number: int) -> str:
    return "1 axis" if number == 1 else f"{number} axes"


def guess_axes(shape: Sequence[int], where: str = "") -> str:
    """Return the axes of an array that says nothing about them: ``"YX"`` of two, else none.

    Three axes may be planes, frames or channels, so there the answer is a question.

    Raises
    ------
    AxesError
        If the array has more or less than two axes.
    """
    if len(shape) == 2:
        return "YX"
    size = " x ".join(str(n) for n in shape)
    if len(shape) < 2:
        raise AxesError(
            f"{at(where)}an array of shape ({size}) is no image; expected two axes or more"
        )
    examples = {3: "'ZYX' (planes), 'TYX' (frames) or 'CYX' (channels)", 4: "'TZYX' or 'ZCYX'"}
    raise AxesError(
        f"{at(where)}does not say what its {len(shape)} axes of {size} are; give axes, such as "
        f"{examples.get(len(shape), repr(AXES))}"
    )


def spatial(axes: str) -> str:
    """Return those of `axes` that lie in space, in their order.

    >>> spatial("TCZYX")
    'ZYX'
    """
    return "".join(axis for axis in axes if axis in "ZYX")


def reorder(array: NDArray[Any], source: str, target: str, *, where: str = "") -> NDArray[Any]:
    """Transpose an array from one order of axes to another.

    Axes that only `target` has are inserted with length 1; those that only `source` has go if
    their length is 1.

    Parameters
    ----------
    array : ndarray, axes `source`, any dtype
    source, target : str
        Such as ``"YX"`` and ``"CYX"``.
    where : str
        File or option that a message names.

    Returns
    -------
    ndarray, axes `target`
        A view of `array` where NumPy can make one.

    Raises
    ------
    AxesError
        If an axis longer than 1 would be lost, or if `source` does not fit the array.
    """
    if len(source) != array.ndim:
        raise AxesError(
            f"{at(where)}axes {source!r} name {_count(len(source))}, but the array has "
            f"{array.ndim}: {array.shape}"
        )
    for axis, size in zip(source, array.shape, strict=True):
        if axis not in target and size != 1:
            raise AxesError(
                f"{at(where)}axis {axis} ({NAMES.get(axis, 'unknown')}) has size {size}, but only "
                f"{target} is asked for; select one position along {axis}, or go over them one "
                "by one"
            )
    squeezed = array[tuple(slice(None) if axis in target else 0 for axis in source)]
    kept = [axis for axis in source if axis in target]
    present = [axis for axis in target if axis in source]
    moved = squeezed.transpose([kept.index(axis) for axis in present])
    return moved[tuple(slice(None) if axis in source else np.newaxis for axis in target)]
