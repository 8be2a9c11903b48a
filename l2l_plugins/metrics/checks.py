"""What every metric makes sure of before it computes, so that a wrong image gives a sentence."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define
from numpy.typing import NDArray

from l2l_core.errors import ImageError
from l2l_core.images.axes import AXES, parse_axes

if TYPE_CHECKING:
    from collections.abc import Iterator


_AXES_BY_DIMENSION = {2: "YX", 3: "ZYX"}


@define(frozen=True)
class Plane:
    """One channel of an image and its reference: (Y, X) or (Z, Y, X) in float64."""

    image: NDArray[np.float64]
    reference: NDArray[np.float64]
    mask: NDArray[np.bool_] | None


def checked_reference(reference: NDArray[Any] | None, metric: str) -> NDArray[Any]:
    """Return the reference, or raise where there is none."""
    if reference is None:
        raise ImageError(
            f"{metric} compares an image with a reference, and none was given; give it as "
            "--reference, or as reference= in Python"
        )
    return reference


def checked_range(data_range: float | None, metric: str) -> float:
    """Return the data range, or raise where none was given or it is not above 0."""
    if data_range is None:
        raise ImageError(
            f"{metric} depends on the data range, which was not given; give data_range=, the span "
            "of intensities in the image's units, such as 255 for a full 8-bit image or the "
            "reference's maximum less its minimum"
        )
    if not data_range > 0 or not np.isfinite(data_range):
        raise ImageError(
            f"{metric} got the data range {data_range:g}; expected a finite number above 0"
        )
    return float(data_range)


def checked_pixels(
    image: NDArray[Any],
    reference: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    metric: str,
    *,
    may_be_empty: bool = False,
) -> NDArray[np.bool_] | None:
    """Return the mask in the image's shape; raise where shapes or pixels do not fit.

    A pixel that is NaN or infinite is left out by the mask alone, never in silence: a metric over
    other pixels than the caller thinks of is a wrong number.
    """
    if image.shape != reference.shape:
        raise ImageError(
            f"{metric} got an image of shape {image.shape} and a reference of shape "
            f"{reference.shape}; expected equal shapes"
        )
    if image.size == 0:
        raise ImageError(f"{metric} got an image of shape {image.shape}, without a pixel")
    if np.iscomplexobj(image) or np.iscomplexobj(reference):
        raise ImageError(f"{metric} got complex pixels; expected real ones, such as magnitudes")
    counted = None
    if mask is not None:
        counted = _as_mask(mask, image.shape, metric)
        if not (may_be_empty or counted.any()):
            raise ImageError(
                f"{metric} got a mask that leaves no pixel; expected at least one True"
            )
        image, reference = image[counted], reference[counted]
    for what, pixels in (("image", image), ("reference", reference)):
        wrong = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
        if wrong:
            raise ImageError(
                f"{metric} got {wrong} of {pixels.size} pixels of the {what} that are NaN or "
                "infinite; leave them out with mask=, such as numpy.isfinite(image)"
            )
    return counted


def _as_mask(mask: NDArray[Any], shape: tuple[int, ...], metric: str) -> NDArray[np.bool_]:
    mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        raise ImageError(
            f"{metric} got a mask of {mask.dtype}; expected bool, True where a pixel counts"
        )
    try:
        counted: NDArray[np.bool_] = np.broadcast_to(mask, shape)
    except ValueError:
        raise ImageError(
            f"{metric} got a mask of shape {mask.shape} for an image of shape {shape}; expected "
            "the same shape, or that of one channel"
        ) from None
    return counted


def planes(
    image: NDArray[Any],
    reference: NDArray[Any] | None,
    *,
    mask: NDArray[np.bool_] | None,
    axes: str | None,
    metric: str,
) -> Iterator[Plane]:
    """Yield each channel (and frame) of an image with its reference, spatial axes in order.

    Parameters
    ----------
    image, reference : ndarray
        In the axes `axes`.
    mask : ndarray of bool, optional
        Broadcastable to `image`.
    axes : str, optional
        ``"YX"`` or ``"ZYX"`` by dimension where it is left out.
    metric : str
        Name for messages.

    Raises
    ------
    ImageError
        If anything does not fit, or a channel has no pixel that counts.
    """
    image = np.asarray(image)
    other = np.asarray(checked_reference(reference, metric))
    counted = checked_pixels(image, other, mask, metric)
    if axes is None:
        if image.ndim not in _AXES_BY_DIMENSION:
            raise ImageError(
                f"{metric} got an image of shape {image.shape}; give axes=, such as 'CYX', where "
                "they are not (Y, X) or (Z, Y, X)"
            )
        axes = _AXES_BY_DIMENSION[image.ndim]
    axes = parse_axes(axes, image.ndim, where=metric)
    order = sorted(range(len(axes)), key=lambda axis: AXES.index(axes[axis]))
    spatial = sum(axis in "ZYX" for axis in axes)

    def flattened(array: NDArray[Any]) -> NDArray[Any]:
        moved = np.transpose(array, order)
        return moved.reshape(-1, *moved.shape[moved.ndim - spatial :])

    masks = repeat(None) if counted is None else iter(flattened(counted))
    for one, two, kept in zip(flattened(image), flattened(other), masks, strict=False):
        if kept is not None and not kept.any():
            raise ImageError(f"{metric} got a mask that leaves no pixel of one of the channels")
        yield Plane(one.astype(np.float64), two.astype(np.float64), kept)
