"""The arithmetic of structural similarity (SSIM) at one scale and at several, on any framework.

With local Gaussian-weighted means and variances of two images x and y, SSIM is the mean of
``luminance * contrast`` (contrast and structure in one term), and MS-SSIM the product over scales
of the means of ``contrast``, at the last scale of ``luminance * contrast``, each to the power of
its weight.

References
----------
Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
Transactions on Image Processing 13, 2004.
Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image quality
assessment", Asilomar Conference on Signals, Systems and Computers, 2003.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.ops import spatial_axes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from l2l_core.ops import Ops

SMALLEST_TERM = 1e-6
"""Mean contrast below which MS-SSIM departs from its textbook form; float32 resolves no less."""

_NO_WEIGHT = 1e-12


@define(frozen=True)
class Window:
    """The Gaussian window, and the constants that keep dark and flat regions stable.

    Parameters
    ----------
    size : int
        Taps along each axis, odd.
    sigma : float
        Standard deviation in pixels.
    luminance_constant, contrast_constant : float
        ``(k1 * data_range) ** 2`` and ``(k2 * data_range) ** 2``, in squared intensity.
    """

    size: int
    sigma: float
    luminance_constant: float
    contrast_constant: float

    def sizes(self, sides: Sequence[int]) -> tuple[int, ...]:
        """Return the taps along each axis: `size`, or the largest odd number that fits it.

        Stacks are thin, and images of 16 pixels do occur; a narrower window along a short axis
        beats refusing them.
        """
        return tuple(min(self.size, side - 1 + side % 2) for side in sides)

    def kernels(self, sides: Sequence[int]) -> tuple[tuple[float, ...], ...]:
        """Return the Gaussian weights along each axis; they sum to 1."""
        return tuple(gaussian(size, self.sigma) for size in self.sizes(sides))


def gaussian(size: int, sigma: float) -> tuple[float, ...]:
    """Return `size` samples of a Gaussian about the middle one, divided by their sum."""
    weights = [exp(-((tap - size // 2) ** 2) / (2.0 * sigma**2)) for tap in range(size)]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def usable_scales(sides: Sequence[int], scales: int, size: int) -> int:
    """Return at how many of the scales a window of `size` still fits into Y and X; at least 1.

    Z does not count: stacks are thin, and the window narrows along it.
    """
    smallest = min(sides[-2:])
    fitting = 1
    while fitting < scales and smallest >> fitting >= size:
        fitting += 1
    return fitting


def similarity_terms(
    ops: Ops,
    target: Any,
    prediction: Any,
    *,
    window: Window,
    scales: int,
    channel_axis: int,
    mask: Any = None,
    whole_windows: bool = False,
) -> tuple[list[Any], list[Any]]:
    """Return the mean of each scale's term for every image and channel.

    From one scale to the next, images shrink by averaging blocks of 2 pixels along each axis.
    The last pixel of an odd side is dropped there, so that every pixel of the smaller image is
    the mean of real pixels; padding with zeros instead draws a dark rim that both images share.
    What is dropped still counts at the finer scales.  An axis of 1 pixel stays as it is.

    Parameters
    ----------
    ops : Ops
        Array operations.
    target, prediction : tensor
        Batches of one shape, (N, C, [Z,] Y, X) or (N, [Z,] Y, X, C).
    window : Window
        Gaussian window and constants.
    scales : int
        At least 1; see :func:`usable_scales`.
    channel_axis : {1, -1}
        Where the channels are.
    mask : tensor, optional
        Weights >= 0, broadcastable to `target`.  A window counts as much as its weighted mean of
        the mask, or with `whole_windows` only where the mask is 1 all over it.

    Returns
    -------
    terms : list of tensor
        (N, C) for each scale, float32 or wider: means of the contrast term, at the last scale of
        luminance times contrast.  A term in which no window counts is 1.
    weights : list of tensor
        (N, C) for each scale, how many windows count in the term; empty without a mask.
    """
    target, prediction = _at_least_float32(ops, target), _at_least_float32(ops, prediction)
    axes = spatial_axes(len(ops.shape(target)), channel_axis)
    if mask is not None:
        mask = ops.cast(mask, ops.dtype(target)) + ops.zeros_like(target)
    # A variance is a difference of two means of squares, and float32 loses it where an offset is
    # large.  It does not depend on an offset, so each image's own mean is taken off first.  The
    # gradient through that mean is zero, hence the constant.
    offset = ops.stop_gradient(ops.mean(target, axes, keepdims=True))
    other = ops.stop_gradient(ops.mean(prediction, axes, keepdims=True))
    offsets = offset + other, offset - other
    target, prediction = target - offset, prediction - other
    # Sum and difference carry all that SSIM needs in two images' filters instead of three.
    pair = ops.concat([target + prediction, target - prediction], 0)
    terms: list[Any] = []
    counted: list[Any] = []
    for scale in range(scales):
        if scale:
            size = [min(2, side) for side in _sides(ops, pair, axes)]
            pair = ops.average_pool(pair, size, channel_axis=channel_axis)
            mask = _shrunk(ops, mask, size, channel_axis, whole_windows)
        luminance, contrast = _maps(ops, pair, offsets, window, channel_axis)
        similarity = luminance * contrast if scale == scales - 1 else contrast
        if mask is None:
            terms.append(ops.mean(similarity, axes))
            continue
        weights = _window_weights(ops, mask, window, channel_axis, whole_windows)
        total = ops.sum(weights, axes)
        counted.append(total)
        terms.append((ops.sum(weights * similarity, axes) + _NO_WEIGHT) / (total + _NO_WEIGHT))
    return terms, counted


def _at_least_float32(ops: Ops, x: Any) -> Any:
    return x if ops.dtype(x) in ("float32", "float64") else ops.cast(x, "float32")


def _sides(ops: Ops, x: Any, axes: Sequence[int]) -> Iterator[int]:
    shape = ops.shape(x)
    return (shape[axis] for axis in axes)


def _maps(
    ops: Ops, pair: Any, offsets: tuple[Any, Any], window: Window, channel_axis: int
) -> tuple[Any, Any]:
    """Return the luminance and the contrast map, from the sum and the difference of two images.

    With S and D the local means of sum and difference, 2 xy = (S² - D²) / 2 and x² + y² =
    (S² + D²) / 2, and so for the covariance and the variances.  Both terms therefore have the form
    (a - b) / (a + b), here written 2 / (1 + b / a) - 1 with a > 0: exactly 1 where the images are
    equal, never divided by zero, and with a gradient, -2 / (1 + b / a)², that does not come out as
    a difference of two nearly equal numbers where the images are opposite.
    """
    axes = spatial_axes(len(ops.shape(pair)), channel_axis)
    kernels = window.kernels(tuple(_sides(ops, pair, axes)))
    stacked = ops.concat([pair, ops.square(pair)], 0)
    filtered = ops.separable_filter(stacked, kernels, channel_axis=channel_axis)
    means, squares = ops.split(filtered, 2, 0)
    # Rounding can leave less than nothing of a variance, and then a pole in the quotient.
    variances = ops.maximum(squares - ops.square(means), 0.0)
    mean_sum, mean_difference = ops.split(means, 2, 0)
    variance_sum, variance_difference = ops.split(variances, 2, 0)
    luminance = _quotient(
        ops.square(mean_sum + offsets[0]) + 2.0 * window.luminance_constant,
        ops.square(mean_difference + offsets[1]),
    )
    contrast = _quotient(variance_sum + 2.0 * window.contrast_constant, variance_difference)
    return luminance, contrast


def _quotient(alike: Any, unlike: Any) -> Any:
    return 2.0 / (1.0 + unlike / alike) - 1.0


def _shrunk(ops: Ops, mask: Any, size: Sequence[int], channel_axis: int, whole: bool) -> Any:
    if mask is None:
        return None
    mean = ops.average_pool(mask, size, channel_axis=channel_axis)
    return ops.cast(mean > 1.0 - 1e-4, ops.dtype(mask)) if whole else mean


def _window_weights(ops: Ops, mask: Any, window: Window, channel_axis: int, whole: bool) -> Any:
    sides = tuple(_sides(ops, mask, spatial_axes(len(ops.shape(mask)), channel_axis)))
    if not whole:
        return ops.separable_filter(mask, window.kernels(sides), channel_axis=channel_axis)
    boxes = [[1.0 / size] * size for size in window.sizes(sides)]
    share = ops.separable_filter(mask, boxes, channel_axis=channel_axis)
    return ops.cast(share > 1.0 - 1e-4, ops.dtype(mask))


def combined(ops: Ops, terms: Sequence[Any], weights: Sequence[float]) -> Any:
    """Return the product of the terms to the power of their weights, continued below zero.

    A term is negative where the images are opposite at that scale.  A negative number has no
    broken power (NaN), and setting it to 0, as is usual, leaves no gradient to get away from there
    by, or an infinite one at 0.  Here the value is

        product of g(c) ** w  +  sum of w * min(c, 0)

    with g(c) = c from e = 1e-6 upwards, and e² / (2 e - c) below, which meets it smoothly and stays
    positive.  So it is the textbook value wherever no term is below e; it rises with every term
    everywhere, and its gradient is bounded.  Where all terms are negative the product is as good
    as zero and the value is their weighted mean, down to -1 for exactly opposite images; with a
    single scale it is SSIM itself, negative values included.

    Parameters
    ----------
    terms : sequence of tensor
        Means of each scale, -1 to 1, all of one shape.
    weights : sequence of float
        As many numbers > 0.

    Returns
    -------
    tensor
        Of the terms' shape, -1 to 1.
    """
    logarithm: Any = 0.0
    below: Any = 0.0
    for term, weight in zip(terms, weights, strict=True):
        tail = SMALLEST_TERM**2 / (2.0 * SMALLEST_TERM - ops.minimum(term, SMALLEST_TERM))
        positive = ops.where(term > SMALLEST_TERM, term, tail)
        logarithm = logarithm + weight * ops.log(positive)
        below = below + weight * ops.minimum(term, 0.0)
    return ops.exp(logarithm) + below
