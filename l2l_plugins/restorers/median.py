"""Median filter: takes single bright and dark pixels away and keeps edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field
from scipy import ndimage

from l2l_plugins.restorers.channelwise import ChannelwiseFilter
from l2l_plugins.restorers.checks import is_odd

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@define(frozen=True)
class MedianOptions:
    """Options of :class:`Median`.

    Parameters
    ----------
    size : int or tuple of int
        Sides of the window in pixels, odd, one number for all axes or one for each of
        ``[Z,] Y, X``.
    """

    size: int | tuple[int, ...] = field(default=3, validator=is_odd)


class Median(ChannelwiseFilter):
    """Median of a rectangular window, :func:`scipy.ndimage.median_filter`.

    At the image's own border it mirrors, edge pixel included.
    """

    Options = MedianOptions
    name = "median"

    def reach(self) -> tuple[int | None, ...]:
        """Return half a window."""
        return tuple(side // 2 for side in self.per_axis("size", self.options.size))

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32 in any units, filtered over space."""
        size = (1, 1, *self.per_axis("size", self.options.size))
        return {"mean": ndimage.median_filter(batch, size=size, mode="reflect")}
