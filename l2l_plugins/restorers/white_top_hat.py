"""White top-hat: keeps what is bright and narrower than a window."""

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
class WhiteTopHatOptions:
    """Options of :class:`WhiteTopHat`.

    Parameters
    ----------
    size : int or tuple of int
        Sides of the window in pixels, odd, one number for all axes or one for each of
        ``[Z,] Y, X``; what is wider is taken for background.
    """

    size: int | tuple[int, ...] = field(default=11, validator=is_odd)


class WhiteTopHat(ChannelwiseFilter):
    """The image less its opening with a rectangle, :func:`scipy.ndimage.white_tophat`.

    Nothing that comes out is negative.  At the image's own border it mirrors, edge pixel included.
    The label2label paper takes the size 11 for actin, 25 for tubulin, 13 for caveolae and 17 for
    paxillin.
    """

    Options = WhiteTopHatOptions
    name = "white_top_hat"

    def reach(self) -> tuple[int | None, ...]:
        """Return two half windows: one of the erosion, one of the dilation after it."""
        return tuple(side - 1 for side in self.per_axis("size", self.options.size))

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32 in any units, less its background."""
        size = (1, 1, *self.per_axis("size", self.options.size))
        return {"mean": ndimage.white_tophat(batch, size=size, mode="reflect")}
