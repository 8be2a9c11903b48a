"""A displacement of one image against another, and both images without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import define
from scipy import ndimage

from l2l_core.errors import PairingError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@define(frozen=True)
class Shift:
    """How far an image has to be moved to lie on another.

    Parameters
    ----------
    y, x : float
        In pixels, down and to the right.
    y_error, x_error : float
        Standard errors, in pixels.
    correlation : float
        Pearson's coefficient of the details of both, where they overlap after the move.
    method : {"ssim", "phase"}
        How it was found.
    score : float, optional
        Mean SSIM of the patches at this shift, where it was found by similarity.
    rival : float
        How high the best other peak of the search is, more than 4 pixels away, as a share of this
        one: near 1, the shift may be a wrong one altogether.
    """

    y: float
    x: float
    y_error: float = 0.0
    x_error: float = 0.0
    correlation: float = 1.0
    method: str = "ssim"
    score: float | None = None
    rival: float = 0.0

    @property
    def whole(self) -> tuple[int, int]:
        """The nearest whole pixels along Y and X."""
        return round(self.y), round(self.x)

    @property
    def rest(self) -> tuple[float, float]:
        """What is left of the shift beside the whole pixels, -0.5 to 0.5."""
        return self.y - self.whole[0], self.x - self.whole[1]


def overlapping(
    reference: NDArray[Any], moving: NDArray[Any], axes: str, shift: Shift
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what both images show, pixel on pixel.

    Parameters
    ----------
    reference, moving : ndarray, axes `axes`
        Of equal sides along Y and X, any real dtype.
    axes : str
        With Y and X; whatever else there is moves along.
    shift : Shift
        How far `moving` is moved.

    Returns
    -------
    tuple of ndarray
        Both cropped, each in its own dtype.  A whole-pixel shift copies pixels; otherwise `moving`
        is interpolated with a cubic spline (linearly where it holds NaN), integers are rounded and
        stay in their range, and one more pixel is cropped where the spline would look beyond.

    Raises
    ------
    PairingError
        If nothing is left in common.
    """
    kept = [slice(None)] * reference.ndim
    taken = [slice(None)] * moving.ndim
    rests = np.zeros(moving.ndim)
    for axis, whole, rest in zip("YX", shift.whole, shift.rest, strict=True):
        place = axes.index(axis)
        size = moving.shape[place]
        edge = 0 if rest == 0 else 1
        low, high = max(whole, 0) + edge, size + min(whole, 0) - edge
        if high <= low:
            raise PairingError(
                f"a shift of {whole} px along {axis} leaves nothing in common of images of {size} "
                "px; expected images of one field"
            )
        kept[place] = slice(low, high)
        taken[place] = slice(low - whole, high - whole)
        rests[place] = rest
    moved = _interpolated(moving, axes, rests) if rests.any() else moving
    return reference[tuple(kept)].copy(), moved[tuple(taken)].copy()


def _interpolated(array: NDArray[Any], axes: str, rests: NDArray[np.float64]) -> NDArray[Any]:
    order: Literal[1, 3] = 3 if np.isfinite(array).all() else 1
    wide = array.astype(np.promote_types(array.dtype, np.float32), copy=False)
    places = [axes.index(axis) for axis in "YX"]
    moved = np.empty_like(wide)
    planes, sources = (np.moveaxis(one, places, (-2, -1)) for one in (moved, wide))
    by = [float(rests[place]) for place in places]
    for index in np.ndindex(*sources.shape[:-2]):
        source: NDArray[np.float64] = sources[index]
        ndimage.shift(source, by, output=planes[index], order=order, mode="mirror")
    if array.dtype.kind not in "iu":
        return moved.astype(array.dtype, copy=False)
    limits = np.iinfo(array.dtype)
    rounded: NDArray[Any] = np.clip(np.rint(moved), limits.min, limits.max)
    return rounded.astype(array.dtype)
