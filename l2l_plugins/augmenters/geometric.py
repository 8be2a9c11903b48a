"""Changes of geometry, which all images of a sample undergo together.

Right angles, mirrors and zoom are what the label2label paper augments with; the zoom factors are
its own (0.8, 0.9, 1.1 and 1.2 for its caveolae).
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from attrs import define, field, validators
from scipy import ndimage

from l2l_core.components import Augmenter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Images = tuple[NDArray[np.float32], ...]


@define(frozen=True)
class Rotate90(Augmenter):
    """Rotation by 0, 90, 180 or 270 degrees in the YX plane, equally likely.

    An image whose Y and X differ is rotated by 0 or 180 degrees, which keep its shape.
    """

    joint: ClassVar[bool] = True

    def __call__(self, rng: np.random.Generator, arrays: Images) -> Images:
        """Return the images, all rotated by one angle."""
        quarters = int(rng.integers(4))
        if arrays[0].shape[-1] != arrays[0].shape[-2]:
            quarters = 2 * (quarters % 2)
        return tuple(np.rot90(array, quarters, axes=(-2, -1)) for array in arrays)


def _are_spatial_axes(instance: Any, attribute: Any, value: str) -> None:
    if not value or not set(value) <= set("ZYX") or len(set(value)) != len(value):
        raise ValueError(f"{attribute.name} is {value!r}, expected letters of 'ZYX', each once")


@define(frozen=True)
class Flip(Augmenter):
    """Mirror image along each of `axes`, or not, equally likely and each for itself.

    Parameters
    ----------
    axes : str
        Spatial axes; Z has no meaning in a flat sample and is left out there.
    """

    axes: str = field(default="YX", validator=_are_spatial_axes)

    joint: ClassVar[bool] = True

    def __call__(self, rng: np.random.Generator, arrays: Images) -> Images:
        """Return the images, all mirrored alike."""
        present = "ZYX"[-(arrays[0].ndim - 1) :]
        drawn = [axis for axis in self.axes if rng.integers(2)]
        mirrored = tuple(1 + present.index(axis) for axis in drawn if axis in present)
        return tuple(np.flip(array, mirrored) for array in arrays)


def _interpolate(array: NDArray[np.float32], factor: float, axis: int) -> NDArray[np.float32]:
    """Magnify along one axis about the centre, linearly, mirrored at the ends.

    Gives what ``scipy.ndimage.affine_transform(order=1, mode="reflect")`` gives, ten times as fast:
    along a straight axis the weights are the same for all lines.
    """
    size = array.shape[axis]
    centre = (size - 1) / 2
    position = centre + (np.arange(size) - centre) / factor
    below = np.floor(position).astype(np.intp)
    shape = [1] * array.ndim
    shape[axis] = size
    weight = (position - below).astype(np.float32).reshape(shape)
    neighbours = []
    for index in (below, below + 1):
        index = index % (2 * size)
        neighbours.append(array.take(np.minimum(index, 2 * size - 1 - index), axis=axis))
    result: NDArray[np.float32] = neighbours[0] * (1 - weight) + neighbours[1] * weight
    return result


def _are_factors(instance: Any, attribute: Any, value: tuple[float, ...]) -> None:
    if not value or not all(isfinite(factor) and factor > 0 for factor in value):
        raise ValueError(f"{attribute.name} is {list(value)}, expected numbers above 0")


@define(frozen=True)
class Zoom(Augmenter):
    """Magnification about the centre in the YX plane; the shape stays.

    A factor below 1 shows more of the surroundings at a smaller scale, which is why the region
    that the change starts from is larger than a patch; where the image ends, it is reflected.
    Planes are not zoomed along Z, whose pixels have another size.

    Parameters
    ----------
    factors : list of float
        One of them is drawn for each sample.
    order : {1, 3}
        Interpolation as in :mod:`scipy.ndimage`: 1, linear, does not overshoot; 3, a cubic spline,
        keeps fine detail, takes many times as long, and rings beside bright points.
    """

    factors: tuple[float, ...] = field(default=(0.5, 0.75, 1.25, 1.5), validator=_are_factors)
    order: Literal[1, 3] = field(default=1, validator=validators.in_((1, 3)))

    joint: ClassVar[bool] = True

    def __call__(self, rng: np.random.Generator, arrays: Images) -> Images:
        """Return the images, all magnified by one factor."""
        factor = self.factors[int(rng.integers(len(self.factors)))]
        return tuple(self._magnify(array, factor) for array in arrays)

    def _magnify(self, array: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
        if factor == 1.0:
            return array
        if self.order == 1:
            for axis in (-2, -1):
                array = _interpolate(array, factor, axis)
            return array
        # Output pixel i shows input position centre + (i - centre) / factor.
        step = 1.0 / factor
        offset = [(n - 1) / 2 * (1.0 - step) for n in array.shape[-2:]]
        zoomed = np.empty(array.shape, np.float32)
        for index in np.ndindex(*array.shape[:-2]):
            ndimage.affine_transform(
                array[index], [step, step], offset, output=zoomed[index],
                order=self.order, mode="reflect",
            )  # fmt: skip
        return zoomed

    def margin(self, axes: str) -> tuple[float, ...]:
        """Return the inverse of the smallest factor for Y and X, a quarter more for a spline."""
        factor = max(1.0, 1.0 / min(self.factors))
        if self.order > 1 and set(self.factors) != {1.0}:
            # A spline looks beyond the two neighbours of a position; its reach falls off fourfold
            # with every pixel.
            factor *= 1.25
        return tuple(factor if axis in "YX" else 1.0 for axis in axes)
