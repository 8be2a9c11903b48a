"""The interface of an augmenter: a random change of a training sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Augmenter(ABC):
    """A random change of a sample: of all its images alike, or of its input alone.

    A subclass is a frozen attrs class whose attributes are its options.  Whatever is random comes
    from the generator that it is handed, so that (seed, index) gives the same sample for ever.

    Attributes
    ----------
    joint : bool
        True for a geometric change, which all images of a sample undergo together; False for a
        change of intensities, which the input undergoes alone.
    """

    joint: ClassVar[bool] = True

    @abstractmethod
    def __call__(
        self, rng: np.random.Generator, arrays: tuple[NDArray[np.float32], ...]
    ) -> tuple[NDArray[np.float32], ...]:
        """Return the changed images.

        Parameters
        ----------
        rng : numpy.random.Generator
            The only source of randomness.
        arrays : tuple of ndarray
            Images (C, [Z,] Y, X) float32 of one sample, the input first.  Spatial shapes are
            equal.  Intensities are raw, in the units of the file: the sampler normalises after
            the augmentation.  They must not be written to.

        Returns
        -------
        tuple of ndarray
            As many images, of the same shapes and dtypes.
        """

    def margin(self, axes: str) -> tuple[float, ...]:
        """Return how much larger than a patch the region must be that the change starts from.

        Parameters
        ----------
        axes : str
            Spatial axes of the images, ``"YX"`` or ``"ZYX"``.

        Returns
        -------
        tuple of float
            Factor for each axis, 1.0 where the patch alone will do.  The sampler reads a region of
            ``ceil(factor * patch)`` and cuts the middle out after all augmenters have run.
        """
        return (1.0,) * len(axes)
