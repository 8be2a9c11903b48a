"""Planes, frames and channels of an image as an image of its own, still read on demand."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, evolve

from l2l_core.errors import DataError
from l2l_core.images.image import Image
from l2l_core.images.layout import SqueezedSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from l2l_core.config import SelectConfig

_PART = re.compile(r"(-?\d+)?(?:(:)(-?\d+)?(?::(\d+)?)?)?\Z")


def parse_selection(text: int | str, size: int, where: str = "") -> tuple[int, ...]:
    """Return the positions that a selection means along an axis.

    Parameters
    ----------
    text : int or str
        A position, a slice as Python's (``"0:14"``, ``"::2"``, ``"-3:"``), or several of both
        separated by commas (``"0,2,5"``, ``"0:4,8"``), in the order in which they are wanted.
        Empty means all.  Slices are cut to the image, as in Python; single positions are not.
    size : int
        Length of the axis.
    where : str, optional
        What a message begins with, such as the file and the axis.

    Returns
    -------
    tuple of int
        Positions from 0 to below `size`, each once, at least one.

    Raises
    ------
    DataError
        If the text is no selection, or selects nothing, something twice, or what does not exist.

    Examples
    --------
    >>> parse_selection("0:3,-1", 10)
    (0, 1, 2, 9)
    """
    at = f"{where}: " if where else ""
    if str(text).strip() == "":
        return tuple(range(size))
    positions: list[int] = []
    for part in str(text).split(","):
        found = _PART.match(part.strip())
        if found is None or not part.strip():
            raise DataError(
                f"{at}selection {text!r} is not understood; expected a position (3), a slice "
                "('0:14') or positions separated by commas ('0,2,5'), counted from 0"
            )
        start, colon, stop, step = found.groups()
        if colon:
            if step == "0":
                raise DataError(f"{at}selection {text!r} has the step 0; expected at least 1")
            bounds = (None if bound is None else int(bound) for bound in (start, stop, step))
            positions.extend(range(size)[slice(*bounds)])
            continue
        position = int(start)
        if not -size <= position < size:
            raise DataError(
                f"{at}selection {text!r} asks for position {position}; there are {size}, counted "
                "from 0"
            )
        positions.append(position % size)
    if not positions:
        raise DataError(f"{at}selection {text!r} selects nothing of {size}")
    if len(set(positions)) < len(positions):
        raise DataError(f"{at}selection {text!r} names a position twice; name each once")
    return tuple(positions)


def _runs(positions: Sequence[int]) -> list[slice]:
    """Return slices that together are `positions`, one if they are evenly spaced."""
    steps = {b - a for a, b in pairwise(positions)}
    if len(steps) <= 1 and min(steps, default=1) > 0:
        return [slice(positions[0], positions[-1] + 1, min(steps, default=1))]
    runs: list[slice] = []
    for position in positions:
        if runs and runs[-1].stop == position:
            runs[-1] = slice(runs[-1].start, position + 1)
        else:
            runs.append(slice(position, position + 1))
    return runs


def _in_a_row(positions: Sequence[int]) -> bool:
    return all(b - a == 1 for a, b in pairwise(positions))


@define(frozen=True, eq=False)
class SelectedSource:
    """Pixels of an image at chosen positions of some axes.

    Parameters
    ----------
    image : Image
        The whole.
    positions : tuple of (tuple of int or None)
        For each axis the positions in the whole, None for all.
    """

    image: Image
    positions: tuple[tuple[int, ...] | None, ...]

    @property
    def chunks(self) -> tuple[int, ...]:
        """Chunks of the whole; single positions along an axis of which single ones were chosen."""
        return tuple(
            side if chosen is None else min(side, len(chosen)) if _in_a_row(chosen) else 1
            for side, chosen in zip(self.image.chunks, self.positions, strict=True)
        )

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the pixels at `index`, counted in the selection."""
        parts = [
            [wanted] if chosen is None else _runs(chosen[wanted])
            for wanted, chosen in zip(index, self.positions, strict=True)
        ]
        return self._join(parts, ())

    def _join(self, parts: list[list[slice]], found: tuple[slice, ...]) -> NDArray[Any]:
        axis = len(found)
        if axis == len(parts):
            return self.image.read(**dict(zip(self.image.axes, found, strict=True)))
        pieces = [self._join(parts, (*found, part)) for part in parts[axis]]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=axis)

    def close(self) -> None:
        """Let go of the whole."""
        self.image.close()


def select(image: Image, positions: Mapping[str, Sequence[int]]) -> Image:
    """Return an image of the chosen positions, which is read when it is asked for pixels.

    Parameters
    ----------
    image : Image
    positions : mapping of str to sequence of int
        Positions by axis, at least one each; other axes stay whole.

    Returns
    -------
    Image
        With all axes of `image`; `image` itself if everything is chosen.
    """
    chosen = tuple(
        None
        if axis not in positions or tuple(positions[axis]) == tuple(range(size))
        else tuple(positions[axis])
        for axis, size in zip(image.axes, image.shape, strict=True)
    )
    if all(part is None for part in chosen):
        return image
    shape = tuple(
        size if part is None else len(part) for size, part in zip(image.shape, chosen, strict=True)
    )
    names = image.info.channel_names
    channels = chosen[image.axes.index("C")] if "C" in image.axes else None
    if names is not None and channels is not None:
        names = tuple(names[channel] for channel in channels if channel < len(names))
    info = evolve(image.info, shape=shape, channel_names=names)
    source = image._source
    if isinstance(source, SelectedSource):
        # A selection of a selection is one selection: reading stays one step deep.
        image = source.image
        chosen = tuple(
            part if outer is None else outer if part is None else tuple(outer[i] for i in part)
            for part, outer in zip(chosen, source.positions, strict=True)
        )
    return Image(info, SelectedSource(image, chosen))


def single(image: Image, axis: str, position: int) -> Image:
    """Return an image of one position along an axis, without that axis.

    Parameters
    ----------
    image : Image
    axis : str
        One of its axes.
    position : int
        Counted from 0.
    """
    chosen = select(image, {axis: (position,)})
    kept = tuple(name != axis for name in chosen.axes)
    info = evolve(
        chosen.info,
        axes=chosen.axes.replace(axis, ""),
        shape=tuple(n for n, keep in zip(chosen.shape, kept, strict=True) if keep),
    )
    return Image(info, SqueezedSource(chosen._source, kept))


def select_configured(image: Image, *configs: SelectConfig) -> Image:
    """Return an image of the planes, frames and channels that a configuration selects.

    Parameters
    ----------
    image : Image
    *configs : SelectConfig
        From the general to the special: where two of them speak of one axis, the last one counts.

    Raises
    ------
    DataError
        If a selection is not understood, or asks for an axis or a position that is not there.
    """
    positions = {}
    for axis in "TZC":
        texts = [getattr(config, axis.lower()) for config in configs]
        text = next((text for text in reversed(texts) if str(text).strip() != ""), "")
        if str(text).strip() == "":
            continue
        if axis not in image.axes:
            raise DataError(
                f"{image.info.path}: {axis.lower()} = {text!r} selects along {axis}, but the image "
                f"has the axes {image.axes}; take the selection away, or give data.axes if the "
                "file does not name its axes rightly"
            )
        size = image.shape[image.axes.index(axis)]
        positions[axis] = parse_selection(text, size, f"{image.info.path}, axis {axis}")
    return select(image, positions)
