"""Removal of hot pixels: everything else stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field, validators

from l2l_core.images.hot_pixels import FLOOR, SIZE, THRESHOLD, hot_pixels, without_hot_pixels
from l2l_plugins.restorers.channelwise import ChannelwiseFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _has_neighbours(instance: Any, attribute: Any, value: int) -> None:
    if value < 3 or value % 2 == 0:
        raise ValueError(f"{attribute.name} is {value}, expected an odd number of at least 3")


@define(frozen=True)
class RemoveHotPixelsOptions:
    """Options of :class:`RemoveHotPixels`.

    Parameters
    ----------
    threshold : float
        A pixel is hot if it exceeds the third highest of its 24 neighbours by so many times the
        distance of the third highest and the third lowest (in general, an eighth of them).
    size : int
        Side of the window of neighbours in pixels, odd.
    floor : float
        What that distance counts as at least, in grey values. 1 keeps single photons on an empty
        background; take less for an image whose intensities are below 1.
    """

    threshold: float = field(default=THRESHOLD, validator=validators.gt(0))
    size: int = field(default=SIZE, validator=_has_neighbours)
    floor: float = field(default=FLOOR, validator=validators.ge(0))


class RemoveHotPixels(ChannelwiseFilter):
    """Median of the eight neighbours where a pixel is hot, and the pixel itself elsewhere.

    Planes of a stack are cleaned one by one: a hot pixel of a camera is hot in all of them.  At
    the image's own border fewer neighbours are looked at.
    """

    Options = RemoveHotPixelsOptions
    name = "remove_hot_pixels"

    def reach(self) -> tuple[int | None, ...]:
        """Return half a window along Y and X."""
        half = self.options.size // 2
        return tuple(half if axis in "YX" else 0 for axis in self.axes)

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32 in any units, without hot pixels."""
        restored = np.empty_like(batch)
        for index in np.ndindex(*batch.shape[:-2]):
            hot = hot_pixels(
                batch[index],
                threshold=self.options.threshold,
                size=self.options.size,
                floor=self.options.floor,
            )
            restored[index] = without_hot_pixels(batch[index], hot)
        return {"mean": restored}
