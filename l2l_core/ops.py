"""Array operations that losses are written on, so that each is written once for every framework.

:class:`Ops` is the list; :class:`NumpyOps` is the reference that the others are compared with.
Whatever can be composed of these few stays out: a framework is added in about a hundred lines.
Constants are Python floats everywhere, since a NumPy scalar widens float32 to float64 in NumPy
and not in torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PadMode = Literal["constant", "reflect", "edge"]

_Array = NDArray[Any]


class Ops(Protocol):
    """The operations of one framework; made without arguments, keeps no state.

    Tensors keep their dtype and device.  Axes may be negative.  All operations but
    :meth:`stop_gradient` and the comparisons let gradients through.
    """

    def abs(self, x: Any) -> Any:
        """Return the absolute value; its gradient at 0 is 0."""

    def sqrt(self, x: Any) -> Any:
        """Return the square root of x >= 0."""

    def exp(self, x: Any) -> Any:
        """Return e to the power of x."""

    def log(self, x: Any) -> Any:
        """Return the natural logarithm of x > 0."""

    def square(self, x: Any) -> Any:
        """Return x * x."""

    def clip(self, x: Any, low: float, high: float) -> Any:
        """Return x limited to low..high; outside it the gradient is 0."""

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        """Return x where `condition` (boolean) holds and y elsewhere; broadcasts."""

    def minimum(self, x: Any, y: Any) -> Any:
        """Return the smaller of each pair; y is a tensor or a float."""

    def maximum(self, x: Any, y: Any) -> Any:
        """Return the larger of each pair; y is a tensor or a float."""

    def sum(self, x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
        """Return the sum over `axis`, over all axes where it is None."""

    def mean(self, x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
        """Return the mean over `axis`, over all axes where it is None."""

    def reshape(self, x: Any, shape: Sequence[int]) -> Any:
        """Return x in another shape; one side may be -1."""

    def transpose(self, x: Any, axes: Sequence[int]) -> Any:
        """Return x with its axes in the order `axes`."""

    def concat(self, xs: Sequence[Any], axis: int) -> Any:
        """Return tensors joined along an axis."""

    def split(self, x: Any, sections: int, axis: int) -> Sequence[Any]:
        """Return `sections` equal parts along an axis."""

    def pad(self, x: Any, widths: Sequence[tuple[int, int]], mode: PadMode = "constant") -> Any:
        """Return x padded by (before, after) for each axis; ``constant`` pads zeros.

        ``reflect`` does not repeat the edge and takes widths below the axis's size.
        """

    def cast(self, x: Any, dtype: str) -> Any:
        """Return x as ``"float32"``, ``"float64"``, ``"float16"``, ``"int32"`` or ``"bool"``."""

    def shape(self, x: Any) -> tuple[int, ...]:
        """Return the sides of x as integers."""

    def dtype(self, x: Any) -> str:
        """Return the name of the dtype of x, as :meth:`cast` takes it."""

    def zeros_like(self, x: Any) -> Any:
        """Return zeros of the shape, dtype and device of x."""

    def stop_gradient(self, x: Any) -> Any:
        """Return x as a constant."""

    def separable_filter(
        self, x: Any, kernel: Sequence[float] | Sequence[Sequence[float]], *, channel_axis: int
    ) -> Any:
        """Correlate every spatial axis with a 1D kernel, each channel for itself, unpadded.

        Parameters
        ----------
        x : tensor
            Batch with a channel axis, (N, C, [Z,] Y, X) or (N, [Z,] Y, X, C).
        kernel : sequence of float, or one such sequence for each spatial axis
            K numbers, K not larger than the side; a kernel of 1.0 alone leaves its axis as it is.
        channel_axis : {1, -1}
            Where the channels are.

        Returns
        -------
        tensor
            Each spatial side is K - 1 smaller.

        Raises
        ------
        ValueError
            If a kernel is empty or longer than its side, or there are more or fewer kernels than
            spatial axes.
        """

    def average_pool(self, x: Any, size: Sequence[int], *, channel_axis: int) -> Any:
        """Return means over blocks of `size` (one number for each spatial axis).

        A rest at the end of an axis that fills no block is dropped.
        """

    def real_fft(self, x: Any, *, channel_axis: int) -> tuple[Any, Any]:
        """Return real and imaginary part of the real FFT over the last two spatial axes, Y and X.

        Unnormalised; along X only the ``X // 2 + 1`` non-negative frequencies.
        """


@runtime_checkable
class Differentiable(Protocol):
    """What the :class:`Ops` of a framework with gradients offers besides, for tests of losses.

    The suites of :mod:`l2l_core.testing` reach a framework through it, so that they import none.
    """

    def from_numpy(self, array: _Array) -> Any:
        """Return a tensor with the values and dtype of an array."""

    def to_numpy(self, tensor: Any) -> _Array:
        """Return the values of a tensor as an array."""

    def value_and_gradient(
        self, function: Callable[[Any], Any], array: _Array
    ) -> tuple[_Array, _Array]:
        """Return a function's value at an array, and its gradient there.

        Parameters
        ----------
        function : callable
            From a tensor to a scalar tensor, on the operations of this framework.
        array : ndarray
            Where; of a floating dtype, which the computation keeps.

        Returns
        -------
        value : ndarray
            Without axes.
        gradient : ndarray
            Of the shape and dtype of `array`.
        """


def spatial_axes(ndim: int, channel_axis: int) -> tuple[int, ...]:
    """Return which axes of a batch are spatial: all but the first and the channels."""
    return tuple(axis for axis in range(1, ndim) if axis != channel_axis % ndim)


def kernels_per_axis(
    kernel: Sequence[float] | Sequence[Sequence[float]], sides: Sequence[int]
) -> tuple[tuple[float, ...], ...]:
    """Return a kernel for each spatial axis, written out where one serves all.

    Parameters
    ----------
    kernel : sequence of float, or one such sequence for each axis
        As :meth:`Ops.separable_filter` takes it.
    sides : sequence of int
        Length of each spatial axis.

    Raises
    ------
    ValueError
        If the kernels do not fit the axes.
    """
    if any(isinstance(entry, int | float) for entry in kernel):
        kernels = (tuple(cast("Sequence[float]", kernel)),) * len(sides)
    else:
        kernels = tuple(tuple(entry) for entry in cast("Sequence[Sequence[float]]", kernel))
    if len(kernels) != len(sides):
        raise ValueError(
            f"got {len(kernels)} filter kernels for {len(sides)} spatial axes; expected one for "
            "each, or one for all"
        )
    for taps, side in zip(kernels, sides, strict=True):
        if not 1 <= len(taps) <= side:
            raise ValueError(
                f"a filter kernel of {len(taps)} numbers does not fit an axis of {side} pixels; "
                f"expected 1 to {side} numbers"
            )
    return kernels


class NumpyOps:
    """:class:`Ops` on NumPy arrays: the reference, and what runs a loss as a metric."""

    def abs(self, x: _Array) -> _Array:
        """Return the absolute value."""
        return np.abs(x)

    def sqrt(self, x: _Array) -> _Array:
        """Return the square root."""
        return np.sqrt(x)

    def exp(self, x: _Array) -> _Array:
        """Return e to the power of x."""
        return np.exp(x)

    def log(self, x: _Array) -> _Array:
        """Return the natural logarithm."""
        return np.log(x)

    def square(self, x: _Array) -> _Array:
        """Return x * x."""
        return np.square(x)

    def clip(self, x: _Array, low: float, high: float) -> _Array:
        """Return x limited to low..high."""
        return np.clip(x, low, high)

    def where(self, condition: _Array, x: Any, y: Any) -> _Array:
        """Return x where `condition` holds and y elsewhere."""
        return np.asarray(np.where(condition, x, y))

    def minimum(self, x: _Array, y: Any) -> _Array:
        """Return the smaller of each pair."""
        return np.asarray(np.minimum(x, y))

    def maximum(self, x: _Array, y: Any) -> _Array:
        """Return the larger of each pair."""
        return np.asarray(np.maximum(x, y))

    def sum(
        self, x: _Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
    ) -> _Array:
        """Return the sum over `axis`."""
        return np.asarray(np.sum(x, axis=_axis(axis), keepdims=keepdims))

    def mean(
        self, x: _Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
    ) -> _Array:
        """Return the mean over `axis`."""
        return np.asarray(np.mean(x, axis=_axis(axis), keepdims=keepdims))

    def reshape(self, x: _Array, shape: Sequence[int]) -> _Array:
        """Return x in another shape."""
        return np.reshape(x, tuple(shape))

    def transpose(self, x: _Array, axes: Sequence[int]) -> _Array:
        """Return x with its axes in the order `axes`."""
        return np.transpose(x, tuple(axes))

    def concat(self, xs: Sequence[_Array], axis: int) -> _Array:
        """Return arrays joined along an axis."""
        return np.concatenate(list(xs), axis=axis)

    def split(self, x: _Array, sections: int, axis: int) -> Sequence[_Array]:
        """Return equal parts along an axis."""
        return np.split(x, sections, axis=axis)

    def pad(
        self, x: _Array, widths: Sequence[tuple[int, int]], mode: PadMode = "constant"
    ) -> _Array:
        """Return x padded by (before, after) for each axis."""
        return np.pad(x, list(widths), mode=mode)

    def cast(self, x: _Array, dtype: str) -> _Array:
        """Return x as another dtype."""
        return np.asarray(x).astype(dtype)

    def shape(self, x: _Array) -> tuple[int, ...]:
        """Return the sides of x."""
        return tuple(x.shape)

    def dtype(self, x: _Array) -> str:
        """Return the name of the dtype of x."""
        return str(x.dtype)

    def zeros_like(self, x: _Array) -> _Array:
        """Return zeros of the shape and dtype of x."""
        return np.zeros_like(x)

    def stop_gradient(self, x: _Array) -> _Array:
        """Return x; NumPy has no gradients."""
        return x

    def separable_filter(
        self, x: _Array, kernel: Sequence[float] | Sequence[Sequence[float]], *, channel_axis: int
    ) -> _Array:
        """Correlate every spatial axis with a 1D kernel, unpadded."""
        # ndimage knows no float16.
        filtered: _Array = x.astype(np.float32) if x.dtype == np.float16 else x
        axes = spatial_axes(x.ndim, channel_axis)
        kernels = kernels_per_axis(kernel, [x.shape[axis] for axis in axes])
        for axis, weights in zip(axes, kernels, strict=True):
            full = ndimage.correlate1d(
                filtered, weights, axis=axis, mode="nearest", output=filtered.dtype
            )
            first = len(weights) // 2
            kept = slice(first, first + x.shape[axis] - len(weights) + 1)
            filtered = full[(slice(None),) * axis + (kept,)]
        return filtered.astype(x.dtype, copy=False)

    def average_pool(self, x: _Array, size: Sequence[int], *, channel_axis: int) -> _Array:
        """Return means over blocks."""
        shape: list[int] = []
        crop = [slice(None)] * x.ndim
        blocks = dict(zip(spatial_axes(x.ndim, channel_axis), size, strict=True))
        means = []
        for axis, side in enumerate(x.shape):
            if axis in blocks:
                count = side // blocks[axis]
                crop[axis] = slice(count * blocks[axis])
                shape += [count, blocks[axis]]
                means.append(len(shape) - 1)
            else:
                shape.append(side)
        return np.asarray(x[tuple(crop)].reshape(shape).mean(axis=tuple(means)))

    def real_fft(self, x: _Array, *, channel_axis: int) -> tuple[_Array, _Array]:
        """Return real and imaginary part of the real FFT over Y and X."""
        spectrum = np.fft.rfft2(x, axes=spatial_axes(x.ndim, channel_axis)[-2:])
        real = np.finfo(x.dtype).dtype
        return spectrum.real.astype(real), spectrum.imag.astype(real)


def _axis(axis: int | Sequence[int] | None) -> int | tuple[int, ...] | None:
    return axis if axis is None or isinstance(axis, int) else tuple(axis)
