"""Measure how far a restorer looks, by changing pixels and seeing which results change.

Reach depends on where a pixel lies on the restorer's lattice, so every phase is tried.  A whole
line (plane) of pixels is changed at once, along which many paths through a network lead; changes of
several sizes, signs and seeds wake units that one change leaves silent; and results are compared
bit for bit, with the change so large that what reaches the last pixel is not rounded away.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from l2l_core.components import Geometry, Restorer

_AMPLITUDES = (1.0, 1e3, 1e6)


@define(frozen=True)
class Reach:
    """How far blocks of the lattice look beyond themselves along one axis, in pixels.

    Parameters
    ----------
    before, after : int
        Furthest pixel before and after a block that has an influence on it.
    limit : int
        What could have been seen; a reach of this much may be longer.
    """

    before: int
    after: int
    limit: int

    @property
    def halo(self) -> int:
        """What a tile needs on either side of a kept block."""
        return max(self.before, self.after)

    def __or__(self, other: Reach) -> Reach:
        """Return the reach of both together."""
        return Reach(
            max(self.before, other.before),
            max(self.after, other.after),
            max(self.limit, other.limit),
        )


def measure_reach(
    restorer: Restorer, axis: int, *, seeds: int = 3, tolerance: float = 0.0, across: int = 8
) -> Reach:
    """Return the reach along one axis as finite changes of the input show it.

    Parameters
    ----------
    restorer : Restorer
        With a bounded halo along the axis.
    axis : int
        Position in ``geometry.axes``.
    seeds : int, optional
        Images that are tried.
    tolerance : float, optional
        Share of the largest change that counts as rounding, for a restorer that computes by FFT
        or running sums; 0 compares bit for bit.
    across : int, optional
        Least side of the image along the other axes, rounded up to the lattice.
    """
    found = Reach(0, 0, 0)
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        for amplitude in _AMPLITUDES:
            change = partial(_noisy, rng, amplitude)
            found = found | _reach(restorer, axis, rng, change, tolerance, across)
    return found


def _noisy(
    rng: np.random.Generator, amplitude: float, line: NDArray[np.float32]
) -> NDArray[np.float32]:
    return (line + amplitude * rng.normal(size=line.shape)).astype(np.float32)


def measure_nan_reach(restorer: Restorer, axis: int, *, across: int = 8) -> Reach:
    """Return how far NaN spreads along one axis.

    A NaN passes weights of zero and silent units, so this is the reach that the *structure* of a
    network gives, whatever its weights; it is too long for a method that computes by FFT or by
    running sums, and too short for one that treats NaN in its own way.
    """
    rng = np.random.default_rng(0)
    return _reach(restorer, axis, rng, lambda line: np.full_like(line, np.nan), 0.0, across)


def _reach(
    restorer: Restorer,
    axis: int,
    rng: np.random.Generator,
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    tolerance: float,
    across: int,
) -> Reach:
    geometry = restorer.geometry
    multiple = geometry.multiple[axis]
    middle, shape = _image_shape(geometry, axis, across)
    image = rng.normal(size=shape).astype(np.float32)
    plain = _restored(restorer, image)
    before = after = 0
    for phase in range(multiple):
        position = middle + phase
        changed = image.copy()
        line = (slice(None),) * (axis + 1) + (position,)
        changed[line] = change(image[line])
        for block in _changed_blocks(
            plain, _restored(restorer, changed), geometry, axis, tolerance
        ):
            first, last = block * multiple, (block + 1) * multiple - 1
            before = max(before, first - position)
            after = max(after, position - last)
    return Reach(before, after, limit=middle)


def _image_shape(geometry: Geometry, axis: int, across: int) -> tuple[int, tuple[int, ...]]:
    """Return a block in the middle of a long axis, and the sides (C, [Z,] Y, X) of the image."""
    multiple = geometry.multiple[axis]
    halo = geometry.lattice_halo[axis] or 0
    # Twice the declared halo and some, so that a longer reach has room to show.
    middle = -(-(2 * halo + 4 * multiple + 4) // multiple) * multiple
    sides = []
    for number, (m, h) in enumerate(zip(geometry.multiple, geometry.lattice_halo, strict=True)):
        small = min(across, 2 * h + m) if h is not None else across
        sides.append(2 * middle + multiple if number == axis else -(-small // m) * m)
    return middle, (geometry.channels_in, *sides)


def _restored(restorer: Restorer, image: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    # Alone in its batch: then both images take the same way through a library's kernels.
    with np.errstate(all="ignore"):
        return restorer.restore(np.asarray(image[None], order="C"))


def _changed_blocks(
    one: dict[str, NDArray[Any]],
    other: dict[str, NDArray[Any]],
    geometry: Geometry,
    axis: int,
    tolerance: float,
) -> Iterator[int]:
    """Yield the blocks of the lattice in which some output differs."""
    name = geometry.axes[axis]
    along = 2 + geometry.output_axes.index(name)
    step = geometry.multiple[axis] * geometry.scale[axis]
    found: set[int] = set()
    for output in geometry.outputs:
        with np.errstate(all="ignore"):
            difference = np.abs(other[output].astype(np.float64) - one[output])
        difference[np.isnan(difference)] = np.inf
        limit = tolerance * difference[np.isfinite(difference)].max(initial=0.0)
        others = tuple(i for i in range(difference.ndim) if i != along)
        differs = (difference > limit).any(axis=others)
        found |= {int(position) // step for position in np.flatnonzero(differs)}
    yield from sorted(found)
