"""Contrast limited adaptive histogram equalisation (CLAHE): even contrast all over the image."""

from __future__ import annotations

from inspect import unwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from l2l_plugins.restorers.channelwise import ChannelwiseFilter, each_image

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _is_grid(instance: Any, attribute: Any, value: int | tuple[int, ...]) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    if not numbers or min(numbers) < 1:
        raise ValueError(f"got {value!r}, expected a whole number of regions, 1 or more")


def _is_share(instance: Any, attribute: Any, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"got {value!r}, expected a number above 0, and 1 at most")


def _are_levels(instance: Any, attribute: Any, value: int) -> None:
    # scikit-image rounds an image to 2 ** 14 grey levels before it counts them.
    if not 2 <= value <= 2**14:
        raise ValueError(f"got {value!r}, expected 2 to {2**14} grey levels")


@define(frozen=True)
class ClaheOptions:
    """Options of :class:`Clahe`.

    Parameters
    ----------
    grid : int or tuple of int
        Number of regions along each axis, one number for all axes or one for each of
        ``[Z,] Y, X``.
    clip_limit : float
        Share of a region's pixels that one grey level can have at most: the lower, the less noise
        is raised; 1 limits nothing.  The default, 40 / 256, is OpenCV's limit of 40.
    levels : int
        Number of grey levels that are told apart.
    """

    grid: int | tuple[int, ...] = field(default=7, validator=_is_grid)
    clip_limit: float = field(default=0.15625, validator=_is_share)
    levels: int = field(default=256, validator=_are_levels)


class Clahe(ChannelwiseFilter):
    """Equalisation by :func:`skimage.exposure.equalize_adapthist`, in the image's own range.

    What comes out lies between the least and the greatest intensity of the image that goes in,
    which are those of the whole image, as the regions are shares of it: there is no bounded halo,
    and an image is never cut into tiles.  The label2label paper takes a grid of 11 for actin and
    of 7 for tubulin, caveolae and paxillin.
    """

    Options = ClaheOptions
    name = "clahe"

    def reach(self) -> tuple[int | None, ...]:
        """Return None for every axis."""
        self.per_axis("grid", self.options.grid)
        return (None,) * len(self.axes)

    def _equalized(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        from skimage.exposure import equalize_adapthist

        low, high = float(image.min()), float(image.max())
        if not high > low:
            return image
        region = [
            -(-side // count)
            for side, count in zip(
                image.shape, self.per_axis("grid", self.options.grid), strict=True
            )
        ]
        shares = ((image.astype(np.float64) - low) / (high - low)).astype(np.float32)
        # Without its wrapper, to which a volume of 3 or 4 columns is a picture in colour.
        equalized: NDArray[np.float32] = unwrap(equalize_adapthist)(
            np.clip(shares, 0.0, 1.0),
            kernel_size=region,
            clip_limit=self.options.clip_limit,
            nbins=self.options.levels,
        )
        return low + equalized * np.float32(high - low)

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32 whole images, equalised in their units."""
        return each_image(batch, self._equalized)
