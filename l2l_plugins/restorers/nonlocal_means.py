"""Non-local means: a pixel becomes the mean of those nearby whose surroundings look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from l2l_core.images.appearance import noise
from l2l_plugins.restorers.channelwise import ChannelwiseFilter, each_image
from l2l_plugins.restorers.checks import is_odd, is_positive

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_STEPS = 256
"""Steps that a standard deviation of the noise is divided into.

scikit-image takes the distance of two patches from sums over the whole image, so that rounding
would depend on where an image is cut, and could move a patch across the distance at which it counts
no longer.  Of multiples of a step such sums are exact, up to 2 ** 37 variances of the noise."""


def _is_distance(instance: Any, attribute: Any, value: int) -> None:
    if value < 1:
        raise ValueError(f"got {value!r}, expected a whole number of pixels, 1 or more")


@define(frozen=True)
class NonlocalMeansOptions:
    """Options of :class:`NonlocalMeans`.

    Parameters
    ----------
    patch_size : int
        Side of the patches that are compared, in pixels, odd.
    patch_distance : int
        How far away along each axis a pixel is looked for, in pixels.
    strength : float
        How unlike patches may be, in standard deviations of the noise; the higher, the smoother.
    noise : float, optional
        Standard deviation of the noise, in the image's units.  Where it is left out, it is
        estimated from each plane (volume) as a whole, which is then not cut into tiles.
    """

    patch_size: int = field(default=5, validator=is_odd)
    patch_distance: int = field(default=6, validator=_is_distance)
    strength: float = field(default=0.8, validator=is_positive)
    noise: float | None = field(default=None, validator=is_positive)


class NonlocalMeans(ChannelwiseFilter):
    """Fast non-local means, :func:`skimage.restoration.denoise_nl_means`.

    Intensities are rounded to 1/256 of the noise's standard deviation, so that tiles come out as
    the whole image does.  At the image's own border it mirrors.  Volumes take long: about a minute
    for a million voxels with the defaults.
    """

    Options = NonlocalMeansOptions
    name = "nonlocal_means"

    def reach(self) -> tuple[int | None, ...]:
        """Return how far the outermost patch reaches; None where the noise is not given."""
        options = self.options
        reach = options.patch_distance + options.patch_size // 2
        return (None if options.noise is None else reach,) * len(self.axes)

    def _denoised(self, image: NDArray[np.float32]) -> NDArray[Any]:
        from skimage.restoration import denoise_nl_means

        options = self.options
        sigma = estimated_noise(image) if options.noise is None else options.noise
        if not sigma > 0:
            return image
        steps = np.rint(image.astype(np.float64) * (_STEPS / sigma)) / _STEPS
        denoised = denoise_nl_means(
            steps,
            patch_size=options.patch_size,
            patch_distance=options.patch_distance,
            h=options.strength,
            sigma=1.0,
            fast_mode=True,
            preserve_range=True,
        )
        return np.asarray(denoised * sigma, np.float32)

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32, with less noise, in the same units."""
        return each_image(batch, self._denoised)


def estimated_noise(image: NDArray[np.float32]) -> float:
    """Return the standard deviation of the noise of a plane, or the median of a volume's planes.

    Parameters
    ----------
    image : ndarray
        ([Z,] Y, X).
    """
    planes = image.reshape(-1, *image.shape[-2:])
    return float(np.median([noise(plane) for plane in planes]))
