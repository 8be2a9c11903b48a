"""Changes of intensity, which the input undergoes alone: the target is what it should become."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from attrs import define, field, validators

from l2l_core.components import Augmenter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Images = tuple[NDArray[np.float32], ...]

_MANY_PHOTONS = 1e12
"""Above this the noise is less than the step of float32; the generator has an upper limit too."""


@define(frozen=True)
class PoissonNoise(Augmenter):
    """Shot noise added to what is in the image already.

    The paper broadens the histogram of its almost binary STED images with it.  Each pixel is taken
    for the mean of a Poisson distribution of ``(value - offset) / gain`` photons, and one count is
    drawn from it.  Pixels at or below the offset hold no photons and stay.

    Parameters
    ----------
    gain : float
        Grey values for one photon; 1 for an image that counts photons.  Greater values add more
        noise.
    offset : float
        Grey value of no photons at all, such as a camera's offset.
    """

    gain: float = field(default=1.0, validator=validators.gt(0))
    offset: float = 0.0

    joint: ClassVar[bool] = False

    def __call__(self, rng: np.random.Generator, arrays: Images) -> Images:
        """Return the images, the first of them with shot noise."""
        image = arrays[0].astype(np.float64)
        photons = (image - self.offset) / self.gain
        noisy = (photons > 0) & (photons < _MANY_PHOTONS)
        counts = rng.poisson(np.where(noisy, photons, 0.0))
        changed = np.where(noisy, counts * self.gain + self.offset, image)
        return (changed.astype(np.float32), *arrays[1:])


def _is_range(instance: Any, attribute: Any, value: tuple[float, ...]) -> None:
    if len(value) != 2 or not all(map(isfinite, value)) or value[0] > value[1]:
        raise ValueError(
            f"{attribute.name} is {list(value)}, expected two numbers [lowest, highest]"
        )


def _is_range_from_0(instance: Any, attribute: Any, value: tuple[float, ...]) -> None:
    _is_range(instance, attribute, value)
    if value[0] < 0:
        raise ValueError(f"{attribute.name} is {list(value)}, expected no number below 0")


def _between(rng: np.random.Generator, bounds: tuple[float, ...]) -> float:
    return float(rng.uniform(bounds[0], bounds[1]))


def _per_channel(image: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation of each channel, shaped to broadcast; NaN left out."""
    flat = image.reshape(len(image), -1).astype(np.float64)
    known = np.isfinite(flat)
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, flat, 0.0).sum(axis=1) / count
    variance = np.where(known, (flat - mean[:, None]) ** 2, 0.0).sum(axis=1) / count
    shape = (len(image),) + (1,) * (image.ndim - 1)
    return mean.reshape(shape), np.sqrt(variance).reshape(shape)


@define(frozen=True)
class GaussianNoise(Augmenter):
    """Camera noise: independent Gaussian noise of every pixel.

    Parameters
    ----------
    sigma : list of two float
        Range that the noise's standard deviation is drawn from, evenly, for each sample.
    unit : {"deviation", "raw"}
        Whether `sigma` is a share of the standard deviation of the region at hand, channel by
        channel, which fits images of any units; or is in grey values.
    """

    sigma: tuple[float, ...] = field(default=(0.0, 0.2), validator=_is_range_from_0)
    unit: Literal["deviation", "raw"] = field(
        default="deviation", validator=validators.in_(("deviation", "raw"))
    )

    joint: ClassVar[bool] = False

    def __call__(self, rng: np.random.Generator, arrays: Images) -> Images:
        """Return the images, the first of them with Gaussian noise."""
        image = arrays[0]
        sigma: Any = _between(rng, self.sigma)
        if self.unit == "deviation":
            sigma = sigma * _per_channel(image)[1]
        noise = sigma * rng.standard_normal(image.shape)
        return ((image + noise).astype(np.float32), *arrays[1:])


@define(frozen=True)
class IntensityJitter(Augmenter):
    """Random contrast and brightness, so that the network does not rely on either being exact.

    ``y = mean + gain * (x - mean) + shift * deviation``, with the region's own mean and standard
    deviation, channel by channel.

    Parameters
    ----------
    gain : list of two float
        Range of the factor on the contrast.
    shift : list of two float
        Range of the change of brightness, in standard deviations of the region.
    """

    gain: tuple[float, ...] = field(default=(0.8, 1.25), validator=_is_range_from_0)
    shift: tuple[float, ...] = field(default=(-0.1, 0.1), validator=_is_range)

    joint: ClassVar[bool] = False

    def __call__(self, rng: np.random.Generator, arrays: Images) -> Images:
        """Return the images, the first of them with another contrast and brightness."""
        image = arrays[0]
        gain, shift = _between(rng, self.gain), _between(rng, self.shift)
        mean, deviation = _per_channel(image)
        changed = mean + gain * (image - mean) + shift * deviation
        return (changed.astype(np.float32), *arrays[1:])
