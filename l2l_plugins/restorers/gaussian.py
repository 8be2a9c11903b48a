"""Gaussian filter: the baseline that every network has to beat."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from attrs import define, field
from scipy import ndimage

from l2l_core.components import Geometry, Restorer
from l2l_core.errors import OptionsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _is_sigma(instance: Any, attribute: Any, value: float | tuple[float, ...]) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    if not numbers or not all(isfinite(number) and number >= 0 for number in numbers):
        raise ValueError(f"got {value!r}, expected a finite number of pixels, 0 or more")


def _is_truncate(instance: Any, attribute: Any, value: float) -> None:
    if not (isfinite(value) and value > 0):
        raise ValueError(f"got {value!r}, expected a finite number above 0")


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

    sigma: float | tuple[float, ...] = field(default=2.0, validator=_is_sigma)
    truncate: float = field(default=4.0, validator=_is_truncate)


class Gaussian(Restorer):
    """Gaussian filter of raw intensities, :func:`scipy.ndimage.gaussian_filter`.

    At the image's own border it mirrors, edge pixel included.

    Raises
    ------
    OptionsError
        If there are not as many sigmas as axes, or other channels out than in.
    """

    Options = GaussianOptions
    normalizes = False

    def __init__(
        self,
        options: GaussianOptions,
        *,
        axes: str,
        channels_in: int,
        channels_out: int,
        device: str = "auto",
    ) -> None:
        super().__init__(
            options, axes=axes, channels_in=channels_in, channels_out=channels_out, device=device
        )
        given = options.sigma if isinstance(options.sigma, tuple) else (options.sigma,)
        sigma = given * len(axes) if len(given) == 1 else given
        if len(sigma) != len(axes):
            raise OptionsError(
                f"got {len(sigma)} numbers, expected one, or one for each of the axes {axes} "
                "@ restorer gaussian.sigma"
            )
        if channels_in != channels_out:
            raise OptionsError(
                f"restorer gaussian filters each channel for itself; got {channels_in} in and "
                f"{channels_out} out, expected the same number"
            )
        self.sigma = tuple(float(number) for number in sigma)
        self.geometry = Geometry(
            axes=axes,
            channels_in=channels_in,
            channels_out=channels_out,
            # SciPy's own radius: nothing beyond it has any weight.
            halo=tuple(int(options.truncate * number + 0.5) for number in self.sigma),
        )

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32 in any units, filtered over space."""
        filtered = ndimage.gaussian_filter(
            batch, (0.0, 0.0, *self.sigma), mode="reflect", truncate=self.options.truncate
        )
        return {"mean": filtered}
