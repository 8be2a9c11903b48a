"""Gaussian filter: the baseline that every network has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field
from scipy import ndimage

from l2l_plugins.restorers.channelwise import ChannelwiseFilter
from l2l_plugins.restorers.checks import is_not_negative, is_positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@define(frozen=True)
class GaussianOptions:
    """Options of :class:`Gaussian`.

    Parameters
    ----------
    sigma : float or tuple of float
        Standard deviation in pixels, one number for all axes or one for each of ``[Z,] Y, X``.
    truncate : float
        The kernel ends at this many standard deviations.
    """

    sigma: float | tuple[float, ...] = field(default=2.0, validator=is_not_negative)
    truncate: float = field(default=4.0, validator=is_positive)


class Gaussian(ChannelwiseFilter):
    """Gaussian filter of raw intensities, :func:`scipy.ndimage.gaussian_filter`.

    At the image's own border it mirrors, edge pixel included.  The label2label paper takes the
    sigma 2 for actin, tubulin and paxillin and 3 for caveolae.
    """

    Options = GaussianOptions
    name = "gaussian"

    def reach(self) -> tuple[int | None, ...]:
        """Return SciPy's own radius: nothing beyond it has any weight."""
        return tuple(
            int(self.options.truncate * number + 0.5)
            for number in self.per_axis("sigma", self.options.sigma)
        )

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32 in any units, filtered over space."""
        filtered = ndimage.gaussian_filter(
            batch,
            (0.0, 0.0, *self.per_axis("sigma", self.options.sigma)),
            mode="reflect",
            truncate=self.options.truncate,
        )
        return {"mean": filtered}
