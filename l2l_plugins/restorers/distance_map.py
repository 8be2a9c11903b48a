"""Distance map: how far each pixel is from the nearest structure."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field
from scipy import ndimage

from l2l_plugins.restorers.channelwise import ChannelwiseFilter, each_image
from l2l_plugins.restorers.checks import is_finite, is_positive

if TYPE_CHECKING:
    from numpy.typing import NDArray


@define(frozen=True)
class DistanceMapOptions:
    """Options of :class:`DistanceMap`.

    Parameters
    ----------
    threshold : float
        Intensity above which a pixel is structure; 0 for a binary map.
    limit : float, optional
        Longest distance, in units of `spacing`; what is further away has it too.  Where it is
        left out, distances have no end, and an image is not cut into tiles.
    spacing : float or tuple of float
        Size of a pixel, one number for all axes or one for each of ``[Z,] Y, X``; with the default
        distances are in pixels.
    """

    threshold: float = field(default=0.0, validator=is_finite)
    limit: float | None = field(default=None, validator=is_positive)
    spacing: float | tuple[float, ...] = field(default=1.0, validator=is_positive)


class DistanceMap(ChannelwiseFilter):
    """Euclidean distance to the structure, :func:`scipy.ndimage.distance_transform_edt`.

    It is 0 on the structure.  Where an image has none, it is the limit, or infinite without one.
    """

    Options = DistanceMapOptions
    name = "distance_map"
    units = "as distances, in pixels where the option spacing says nothing else"

    def reach(self) -> tuple[int | None, ...]:
        """Return the pixels along each axis that are nearer than the limit."""
        spacing = self.per_axis("spacing", self.options.spacing)
        if self.options.limit is None:
            return (None,) * len(self.axes)
        # Structure at the limit itself makes no difference.
        return tuple(ceil(self.options.limit / size) - 1 for size in spacing)

    def _distance(self, image: NDArray[np.float32]) -> NDArray[Any]:
        structure = np.asarray(image > self.options.threshold)
        limit = np.inf if self.options.limit is None else self.options.limit
        if not structure.any():
            return np.full(image.shape, limit)
        distance = ndimage.distance_transform_edt(
            ~structure, sampling=self.per_axis("spacing", self.options.spacing)
        )
        return np.asarray(np.minimum(distance, limit))

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return the distances in `batch`, (N, C, [Z,] Y, X) float32 in any units."""
        return each_image(batch, self._distance)
