"""What an image looks like, in numbers: contrasts, noise, percentiles, spectrum, pixel size.

A model keeps this description of its training images, so that whoever restores an image can see
whether it is of the kind that the model knows.  The two contrasts also tell which of two labels is
the input and which the benchmark.

Contrasts are those of Peli (J. Opt. Soc. Am. A 7, 2032, 1990), taken as for label2label: the image
is filtered with a Gaussian of 2 pixels, its 1st and 99th percentile become 0 and 1, what lies
beyond is cut off, and the brightest tenth of the pixels is the sample, the rest the background.
With S and B the means of sample and background and I all pixels,

    Michelson = (S - B) / (S + B)        RMS = standard deviation of I

Noise is the median absolute deviation of the image filtered with Immerkaer's kernel, the product
of (1, -2, 1) along Y and X, which removes whatever is locally a plane (Comput. Vis. Image
Underst. 64, 300, 1996); 1.4826 makes a standard deviation of it, 6 is the kernel's norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
import scipy.ndimage
from attrs import asdict, define

from l2l_core.errors import AxesError, StatisticsError
from l2l_core.images.axes import guess_axes, parse_axes
from l2l_core.images.image import Image, from_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PERCENTILES = (0.1, 1.0, 5.0, 50.0, 95.0, 99.0, 99.9)
"""Percentiles of a description, in percent."""

SPECTRUM_EDGES = tuple(float(edge) for edge in np.linspace(0.0, 0.5, 9))
"""Borders of the rings of a spectrum, in cycles for each pixel; 0.5 is the finest detail."""

_FILTER_SIGMA = 2.0
_DETAIL_SIGMAS = (1.0, 8.0)


@define(frozen=True)
class Contrast:
    """The contrasts of one image, both between 0 and 1.

    Parameters
    ----------
    michelson : float
        How far the sample stands above the background.
    rms : float
        Standard deviation of the scaled intensities.
    """

    michelson: float
    rms: float


def contrast(plane: NDArray[Any], *, sample: float = 0.1) -> Contrast:
    """Return Michelson and RMS contrast as label2label takes them; the module tells the formulas.

    Parameters
    ----------
    plane : ndarray, (Y, X)
        Any real dtype and unit.  NaN pixels are left out; the filter sees the median instead.
    sample : float
        Share of the pixels that counts as the structure, the brightest ones; 0.1, or 0.01 for
        sparse puncta.

    Returns
    -------
    Contrast

    Raises
    ------
    AxesError
        If the array does not have two axes.
    StatisticsError
        If `sample` is not between 0 and 1, or if nothing is left after filtering that differs
        between the 1st and the 99th percentile.
    """
    if not 0 < sample < 1:
        raise StatisticsError(f"the sample is {sample:g} of the pixels; expected between 0 and 1")
    filled, valid = _filled(plane)
    filtered = scipy.ndimage.gaussian_filter(filled, _FILTER_SIGMA)[valid]
    low, high = np.percentile(filtered, [1.0, 99.0])
    if not high > low:
        raise StatisticsError(
            "an image whose 1st and 99th percentile are equal has no contrast; got "
            f"{low:g} for both"
        )
    scaled = np.clip((filtered - low) / (high - low), 0.0, 1.0)
    count = min(max(1, round(sample * scaled.size)), scaled.size - 1)
    scaled.partition(scaled.size - count)
    bright = float(scaled[-count:].mean(dtype=np.float64))
    rest = float(scaled[:-count].mean(dtype=np.float64))
    return Contrast(
        michelson=(bright - rest) / (bright + rest), rms=float(scaled.std(dtype=np.float64))
    )


def details(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return an image without what is finer than its structure or wider than it.

    The difference of two Gaussian filters of 1 and 8 pixels.  Noise goes, and so does diffuse
    background, which two labels of one structure do not share: by their details such images can be
    compared.

    Parameters
    ----------
    plane : ndarray, (Y, X)
        Any real dtype and unit; NaN pixels count as the median.

    Returns
    -------
    ndarray of float64, (Y, X)
        In the unit of the image, about 0 where nothing stands out.

    Raises
    ------
    AxesError
        If the array does not have two axes.
    StatisticsError
        If no pixel is finite.
    """
    filled, _ = _filled(plane)
    fine, wide = (scipy.ndimage.gaussian_filter(filled, sigma) for sigma in _DETAIL_SIGMAS)
    return np.asarray(fine - wide, np.float64)


def noise(plane: NDArray[Any]) -> float:
    """Return the standard deviation of the noise of an image, estimated robustly.

    Parameters
    ----------
    plane : ndarray, (Y, X)
        At least 3 x 3 pixels, any real dtype; what touches a NaN is left out.

    Returns
    -------
    float
        In the unit of the image.  Where noise grows with brightness, as shot noise does, it is
        that of the greater part of the pixels, the background as a rule.
        0 if no place is left to estimate it from.
    """
    _check_plane(plane)
    image = np.asarray(plane, np.float64)
    second = image[:-2] - 2 * image[1:-1] + image[2:]
    detail = np.abs(second[:, :-2] - 2 * second[:, 1:-1] + second[:, 2:])
    detail = detail[np.isfinite(detail)]
    if not detail.size:
        return 0.0
    deviation = 1.4826 * float(np.median(detail))
    # Of an image with few grey levels more than half of the details can be 0; then Immerkaer's
    # own estimate by the mean, which bright structure raises, is better than none.
    return (deviation or float(np.sqrt(np.pi / 2) * detail.mean())) / 6.0


def spectrum(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return the radially averaged power spectrum of an image, relative to its mean power.

    Parameters
    ----------
    plane : ndarray, (Y, X)
        Any real dtype; NaN pixels count as the median.

    Returns
    -------
    ndarray of float64, (8,)
        Mean power in the rings between ``SPECTRUM_EDGES``, divided by the mean over all of them
        together: 1 everywhere for white noise, falling for a blurred image.  0 for a constant
        one.  The mean intensity is removed and a Hann window applied.
    """
    filled, _ = _filled(plane)
    window = np.hanning(filled.shape[0])[:, None] * np.hanning(filled.shape[1])[None, :]
    power = np.abs(scipy.fft.rfft2((filled - filled.mean()) * window)) ** 2
    fy = scipy.fft.fftfreq(filled.shape[0])[:, None]
    fx = scipy.fft.rfftfreq(filled.shape[1])[None, :]
    ring = np.digitize(np.hypot(fy, fx), SPECTRUM_EDGES[1:-1], right=True)
    # The corners beyond half a cycle are no ring; the mean itself was removed.
    ring[np.hypot(fy, fx) > SPECTRUM_EDGES[-1]] = len(SPECTRUM_EDGES) - 1
    ring[0, 0] = len(SPECTRUM_EDGES) - 1
    bins = len(SPECTRUM_EDGES) - 1
    sums = np.bincount(ring.ravel(), power.ravel(), minlength=bins + 1)[:bins]
    counts = np.bincount(ring.ravel(), minlength=bins + 1)[:bins]
    total = sums.sum() / max(counts.sum(), 1)
    if not total > 0:
        return np.zeros(bins)
    return np.asarray(sums / np.maximum(counts, 1) / total, np.float64)


def describe(
    image: Image | NDArray[Any], axes: str | None = None, *, planes: int = 5, side: int = 2048
) -> dict[str, Any]:
    """Describe what an image looks like, from a limited number of its pixels.

    Parameters
    ----------
    image : Image or ndarray
        With any axes; only what is looked at is read.
    axes : str, optional
        Axes of an array, such as ``"ZYX"``; not needed for two.
    planes : int
        Planes (positions along T and Z) that are looked at, evenly spaced.
    side : int
        Largest side of the window in the middle of a plane that is looked at, in pixels.

    Returns
    -------
    dict
        JSON values alone: ``axes``, ``shape``, ``dtype``, ``pixel_size`` (by axis, each with
        ``value`` and ``unit``), ``planes`` (how many were looked at), ``spectrum_edges`` and a
        list ``channels``, for each of them ``name``, ``mean``, ``std``, ``percentiles`` (by
        percent), ``contrast`` (``michelson`` and ``rms``; None for a constant image), ``noise``
        and ``spectrum``.  Contrasts, noise and spectrum are means over the planes that are not
        constant.

    Raises
    ------
    AxesError
        If the axes do not fit the array.
    StatisticsError
        If a channel has no finite pixel.
    """
    if not isinstance(image, Image):
        image = from_array(
            image, guess_axes(image.shape) if axes is None else parse_axes(axes, image.ndim)
        )
    info = image.info
    places = _places(info.sizes, planes, side)
    return {
        "axes": info.axes,
        "shape": [int(n) for n in info.shape],
        "dtype": str(info.dtype),
        "pixel_size": {axis: asdict(length) for axis, length in info.pixel_size.items()},
        "planes": len(places),
        "spectrum_edges": list(SPECTRUM_EDGES),
        "channels": [
            {
                "name": info.channel_names[channel] if info.channel_names else None,
                **_describe_planes(list(_planes(image, places, channel)), info.path),
            }
            for channel in range(info.sizes.get("C", 1))
        ],
    }


def _places(sizes: dict[str, int], planes: int, side: int) -> list[dict[str, slice | int]]:
    window: dict[str, slice | int] = {}
    for axis in "YX":
        start = max(0, (sizes[axis] - side) // 2)
        window[axis] = slice(start, min(sizes[axis], start + side))
    depth = sizes.get("Z", 1)
    total = sizes.get("T", 1) * depth
    count = min(planes, total)
    places = []
    for number in range(count):
        t, z = divmod((2 * number + 1) * total // (2 * count), depth)
        at = {"T": t, "Z": z}
        places.append({**window, **{axis: at[axis] for axis in "TZ" if axis in sizes}})
    return places


def _planes(
    image: Image, places: list[dict[str, slice | int]], channel: int
) -> Iterator[NDArray[Any]]:
    for place in places:
        where = {**place, "C": channel} if "C" in image.axes else place
        pixels = image.read(**where)
        order = [image.axes.index(axis) for axis in "YX"]
        kept = np.squeeze(pixels, tuple(i for i in range(pixels.ndim) if i not in order))
        yield kept if order[0] < order[1] else kept.T


def _describe_planes(planes: list[NDArray[Any]], where: str) -> dict[str, Any]:
    pooled = np.concatenate([plane[np.isfinite(plane)] for plane in planes]).astype(np.float64)
    if not pooled.size:
        raise StatisticsError(f"{where}: no pixel is finite; expected an image")
    varied = [plane for plane in planes if np.isfinite(plane).any() and _has_contrast(plane)]
    contrasts = [contrast(plane) for plane in varied]
    percentiles = np.percentile(pooled, PERCENTILES)
    return {
        "mean": float(pooled.mean()),
        "std": float(pooled.std()),
        "percentiles": {
            f"{p:g}": float(value) for p, value in zip(PERCENTILES, percentiles, strict=True)
        },
        "contrast": {
            name: _mean([getattr(one, name) for one in contrasts]) for name in ("michelson", "rms")
        },
        "noise": _mean([noise(plane) for plane in varied]),
        "spectrum": [float(v) for v in np.mean([spectrum(plane) for plane in varied], axis=0)]
        if varied
        else None,
    }


def _has_contrast(plane: NDArray[Any]) -> bool:
    try:
        contrast(plane)
    except StatisticsError:
        return False
    return bool(min(plane.shape) >= 3)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _check_plane(plane: NDArray[Any]) -> None:
    if plane.ndim != 2:
        raise AxesError(
            f"an array of shape {plane.shape} is no plane; expected two axes (Y, X): take a "
            "stack plane by plane"
        )


def _filled(plane: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    _check_plane(plane)
    image = np.array(plane, np.float64)
    valid = np.isfinite(image)
    if not valid.any():
        raise StatisticsError("an image in which no pixel is finite has no contrast")
    image[~valid] = np.median(image[valid])
    return image, valid
