"""Rolling ball: what a ball rolled under the image's surface cannot reach is the structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from l2l_plugins.restorers.channelwise import ChannelwiseFilter, each_image
from l2l_plugins.restorers.checks import is_not_negative, is_positive

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _is_radius(instance: Any, attribute: Any, value: float | tuple[float, ...]) -> None:
    is_not_negative(instance, attribute, value)
    if not np.any(value):
        raise ValueError(f"got {value!r}, expected a number above 0 along at least one axis")


@define(frozen=True)
class RollingBallOptions:
    """Options of :class:`RollingBall`.

    Parameters
    ----------
    radius : float or tuple of float
        Radius of the ball in pixels, one number for all axes or one for each of ``[Z,] Y, X``; it
        should be larger than the structure is wide.
    height : float, optional
        Radius of the ball along the axis of intensity, in the image's units; the largest of
        `radius` where it is left out, as usual, which suits an image of 8 bits.  On a larger
        range of intensities such a ball is nearly a flat disc; a height in proportion to the
        range makes it round again.
    """

    radius: float | tuple[float, ...] = field(default=20.0, validator=_is_radius)
    height: float | None = field(default=None, validator=is_positive)


class RollingBall(ChannelwiseFilter):
    """The image less the background of :func:`skimage.restoration.rolling_ball`.

    Nothing that comes out is negative, and nothing beyond the image's own border counts.  The
    label2label paper takes the radius 20 for actin, 10 for tubulin and 5 for caveolae and
    paxillin.  Its time grows with the radius squared, or cubed in volumes.
    """

    Options = RollingBallOptions
    name = "rolling_ball"

    def reach(self) -> tuple[int | None, ...]:
        """Return the whole pixels that the ball covers to either side."""
        return tuple(int(number) for number in self.per_axis("radius", self.options.radius))

    def _ball(self) -> NDArray[np.float64]:
        """Return the upper half of the ball, infinite where there is none of it."""
        radius = self.per_axis("radius", self.options.radius)
        height = max(radius) if self.options.height is None else self.options.height
        squared = np.zeros((1,) * len(radius))
        for axis, (number, reach) in enumerate(zip(radius, self.geometry.halo, strict=True)):
            along = np.arange(-(reach or 0), (reach or 0) + 1, dtype=np.float64)
            share = along / (number or 1.0)
            squared = squared + (share**2).reshape(
                [-1 if other == axis else 1 for other in range(len(radius))]
            )
        # Rounding must not lose the pixels that lie right on the ball, such as (3, 4) of 5.
        ball = height * np.sqrt(np.clip(1.0 - squared, 0.0, None))
        return np.where(squared > 1.0 + 1e-9, np.inf, ball)

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32, less its background, in the same units."""
        from skimage.restoration import rolling_ball

        ball = self._ball()
        return each_image(batch, lambda image: image - rolling_ball(image, kernel=ball))
