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


_NO_MAP = (
    "distance_map got an image that is no map of structure: it has more than two values, and every "
    "pixel above 0 counts as structure; put binary_map before it, or say with its option threshold "
    "where structure begins"
)


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
    With the threshold 0 it expects a map and tells where it gets another image.
    """

    Options = DistanceMapOptions
    name = "distance_map"
    units = "as distances, in pixels where the option spacing says nothing else"

    _remark = ""

    def reach(self) -> tuple[int | None, ...]:
        """Return the pixels along each axis that are nearer than the limit."""
        spacing = self.per_axis("spacing", self.options.spacing)
        if self.options.limit is None:
            return (None,) * len(self.axes)
        # Structure at the limit itself makes no difference.
        return tuple(ceil(self.options.limit / size) - 1 for size in spacing)

    def _distance(self, image: NDArray[np.float32]) -> NDArray[Any]:
        structure = np.asarray(image > self.options.threshold)
        if self.options.threshold == 0 and not _is_map(image):
            self._remark = _NO_MAP
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

    def take_remark(self) -> str:
        """Return that an image was no map, where one was none since it was last asked for."""
        remark, self._remark = self._remark, ""
        return remark


def _is_map(image: NDArray[np.float32]) -> bool:
    """Whether an image has two values at the most, and one that stands in for missing pixels."""
    left = image[np.isfinite(image)]
    for _ in range(3):
        left = left[left != left[0]] if left.size else left
    return not left.size
