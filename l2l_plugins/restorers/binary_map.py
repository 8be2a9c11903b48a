"""Binary map of a restored image: a threshold, and small objects taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field
from scipy import ndimage

from l2l_plugins.restorers.channelwise import ChannelwiseFilter, each_image
from l2l_plugins.restorers.checks import is_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _is_percentile(instance: Any, attribute: Any, value: float) -> None:
    if not 0 <= value <= 100:
        raise ValueError(f"got {value!r}, expected a percentile between 0 and 100")


def _is_count(instance: Any, attribute: Any, value: int) -> None:
    if value < 0:
        raise ValueError(f"got {value!r}, expected a whole number of pixels, 0 or more")


@define(frozen=True)
class BinaryMapOptions:
    """Options of :class:`BinaryMap`.

    Parameters
    ----------
    percentile : float
        Percentile of the whole plane (volume) above which a pixel is structure; it is then not
        cut into tiles.
    threshold : float, optional
        Intensity above which a pixel is structure, in the image's units, instead of `percentile`,
        which has no effect then, given or not.  ``l2l data inspect`` prints the percentiles of an
        image of any size.
    min_size : int
        Objects of fewer pixels are taken away; 0 keeps all.
    diagonal : bool
        Whether pixels that touch at a corner only belong to one object.
    """

    percentile: float = field(default=75.0, validator=_is_percentile)
    threshold: float | None = field(default=None, validator=is_finite)
    min_size: int = field(default=50, validator=_is_count)
    diagonal: bool = False


class BinaryMap(ChannelwiseFilter):
    """1 where there is structure and 0 elsewhere, for a map and not for measuring intensities.

    The label2label paper takes the percentile 75 for actin, 60 for tubulin, 93 for caveolae and 90
    for paxillin, and objects of at least 50 pixels, 20 for caveolae.
    """

    Options = BinaryMapOptions
    name = "binary_map"
    units = "as 1 where there is structure and 0 elsewhere"

    def reach(self) -> tuple[int | None, ...]:
        """Return how far the last pixel that decides on an object's size can be.

        From a pixel of an object of at least n pixels, n of them are found within n - 1 steps from
        neighbour to neighbour; one of fewer pixels ends before.
        """
        if self.options.threshold is None:
            return (None,) * len(self.axes)
        return (max(self.options.min_size - 1, 0),) * len(self.axes)

    def _mapped(self, image: NDArray[np.float32]) -> NDArray[np.bool_]:
        options = self.options
        threshold = options.threshold
        if threshold is None:
            threshold = np.percentile(image, options.percentile)
        structure = np.asarray(image > threshold)
        if options.min_size < 2:
            return structure
        neighbours = ndimage.generate_binary_structure(
            image.ndim, image.ndim if options.diagonal else 1
        )
        labels, _ = ndimage.label(structure, neighbours)
        large = np.bincount(labels.ravel()) >= options.min_size
        large[0] = False
        return np.asarray(large[labels])

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return the map of `batch`, (N, C, [Z,] Y, X) float32 in any units, as 0 and 1."""
        return each_image(batch, self._mapped)
