"""The array operations of :class:`l2l_core.ops.Ops` in TensorFlow, eagerly and in graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_backends.tensorflow.loading import tf
from l2l_core.ops import kernels_per_axis, spatial_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from l2l_core.ops import PadMode

# TensorFlow has no types to check with.
Tensor = Any


def _correlate(x: Tensor, kernel: tuple[float, ...], axis: int) -> Tensor:
    """Correlate one axis with a short kernel, unpadded, as a sum of shifted slices.

    Slices are exact where convolutions are not by default (TF32 on a GPU): an SSIM subtracts two
    such sums that are nearly equal.  The gradient is written out, since TensorFlow would pad every
    slice's to the full size before it adds them.
    """
    length = x.shape[axis] - len(kernel) + 1
    begin, size = [0] * x.ndim, [-1] * x.ndim
    size[axis] = length

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def correlated(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        total = None
        for shift, weight in enumerate(kernel):
            begin[axis] = shift
            term = tf.slice(x, begin, size) * weight
            total = term if total is None else total + term

        def gradient(upstream: Tensor) -> Tensor:
            widths = [(0, 0)] * x.ndim
            widths[axis] = (len(kernel) - 1,) * 2
            return _correlate(tf.pad(upstream, widths), kernel[::-1], axis)

        return total, gradient

    return correlated(x)


class TensorFlowOps:
    """:class:`l2l_core.ops.Ops` on ``tf.Tensor``, any device; inside ``tf.function`` too.

    Also :class:`l2l_core.ops.Differentiable`.  In a graph the sides of a tensor must be known when
    it is traced.
    """

    def abs(self, x: Tensor) -> Tensor:
        """Return the absolute value; its gradient at 0 is 0."""
        return tf.abs(x)

    def sqrt(self, x: Tensor) -> Tensor:
        """Return the square root."""
        return tf.sqrt(x)

    def exp(self, x: Tensor) -> Tensor:
        """Return e to the power of x."""
        return tf.exp(x)

    def log(self, x: Tensor) -> Tensor:
        """Return the natural logarithm."""
        return tf.math.log(x)

    def square(self, x: Tensor) -> Tensor:
        """Return x * x."""
        return tf.square(x)

    def clip(self, x: Tensor, low: float, high: float) -> Tensor:
        """Return x limited to low..high."""
        return tf.clip_by_value(x, low, high)

    def where(self, condition: Tensor, x: Any, y: Any) -> Tensor:
        """Return x where `condition` holds and y elsewhere."""
        # A Python number has no dtype of its own here; it takes that of the other branch.
        if tf.is_tensor(x):
            y = tf.convert_to_tensor(y, x.dtype)
        elif tf.is_tensor(y):
            x = tf.convert_to_tensor(x, y.dtype)
        return tf.where(condition, x, y)

    def minimum(self, x: Tensor, y: Any) -> Tensor:
        """Return the smaller of each pair."""
        return tf.minimum(x, y)

    def maximum(self, x: Tensor, y: Any) -> Tensor:
        """Return the larger of each pair."""
        return tf.maximum(x, y)

    def sum(
        self, x: Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False
    ) -> Tensor:
        """Return the sum over `axis`."""
        return tf.reduce_sum(x, axis=axis, keepdims=keepdims)

    def mean(
        self, x: Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False
    ) -> Tensor:
        """Return the mean over `axis`."""
        return tf.reduce_mean(x, axis=axis, keepdims=keepdims)

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Return x in another shape."""
        return tf.reshape(x, tuple(shape))

    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Return x with its axes in the order `axes`."""
        return tf.transpose(x, tuple(axes))

    def concat(self, xs: Sequence[Tensor], axis: int) -> Tensor:
        """Return tensors joined along an axis."""
        return tf.concat(list(xs), axis)

    def split(self, x: Tensor, sections: int, axis: int) -> Sequence[Tensor]:
        """Return equal parts along an axis."""
        side = x.shape[axis]
        if side % sections:
            raise ValueError(
                f"an axis of {side} cannot be split into {sections} equal parts; expected a "
                f"multiple of {sections}"
            )
        return tuple(tf.split(x, sections, axis))

    def pad(
        self, x: Tensor, widths: Sequence[tuple[int, int]], mode: PadMode = "constant"
    ) -> Tensor:
        """Return x padded by (before, after) for each axis."""
        if mode != "edge":
            return tf.pad(x, [tuple(pair) for pair in widths], mode)
        for axis, (before, after) in enumerate(widths):
            sides = list(self.shape(x))
            sides[axis], begin = 1, [0] * x.ndim
            first = tf.slice(x, begin, sides)
            begin[axis] = x.shape[axis] - 1
            last = tf.slice(x, begin, sides)
            x = tf.concat([*[first] * before, x, *[last] * after], axis)
        return x

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        """Return x as another dtype."""
        return tf.cast(x, dtype)

    def shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the sides of x.

        Raises
        ------
        ValueError
            If one is unknown, as in a graph that was traced for any shape.
        """
        sides: tuple[int, ...] = tuple(x.shape)
        if None in sides:
            raise ValueError(
                f"a tensor has the shape {sides} in a graph; expected known sides: trace the graph "
                "for one shape"
            )
        return sides

    def dtype(self, x: Tensor) -> str:
        """Return the name of the dtype of x."""
        name: str = x.dtype.name
        return name

    def zeros_like(self, x: Tensor) -> Tensor:
        """Return zeros of the shape, dtype and device of x."""
        return tf.zeros_like(x)

    def stop_gradient(self, x: Tensor) -> Tensor:
        """Return x as a constant."""
        return tf.stop_gradient(x)

    def separable_filter(
        self, x: Tensor, kernel: Sequence[float] | Sequence[Sequence[float]], *, channel_axis: int
    ) -> Tensor:
        """Correlate every spatial axis with a 1D kernel, unpadded."""
        axes = spatial_axes(x.ndim, channel_axis)
        sides = self.shape(x)
        kernels = kernels_per_axis(kernel, [sides[axis] for axis in axes])
        for axis, weights in zip(axes, kernels, strict=True):
            if weights != (1.0,):
                x = _correlate(x, weights, axis)
        return x

    def average_pool(self, x: Tensor, size: Sequence[int], *, channel_axis: int) -> Tensor:
        """Return means over blocks."""
        # TensorFlow's own pooling wants the channels last on a CPU, and two or three axes.
        for axis, block in zip(spatial_axes(x.ndim, channel_axis), size, strict=True):
            if block == 1:
                continue
            sides = list(self.shape(x))
            count = sides[axis] // block
            sides[axis] = count * block
            kept = tf.slice(x, [0] * x.ndim, sides)
            blocks = tf.reshape(kept, [*sides[:axis], count, block, *sides[axis + 1 :]])
            x = tf.reduce_mean(blocks, axis=axis + 1)
        return x

    def real_fft(self, x: Tensor, *, channel_axis: int) -> tuple[Tensor, Tensor]:
        """Return real and imaginary part of the real FFT over Y and X."""
        axes = spatial_axes(x.ndim, channel_axis)[-2:]
        order = [*(axis for axis in range(x.ndim) if axis not in axes), *axes]
        spectrum = tf.signal.rfft2d(tf.transpose(x, order))
        back = np.argsort(order).tolist()
        return (
            tf.transpose(tf.math.real(spectrum), back),
            tf.transpose(tf.math.imag(spectrum), back),
        )

    def from_numpy(self, array: NDArray[Any]) -> Tensor:
        """Return a tensor with the values and dtype of an array, sharing no memory."""
        # TensorFlow may keep an aligned array instead of copying it.
        return tf.constant(np.array(array, order="C"))

    def to_numpy(self, tensor: Tensor) -> NDArray[Any]:
        """Return the values of a tensor, on whatever device, as an array."""
        return np.array(tensor.numpy())

    def value_and_gradient(
        self, function: Callable[[Any], Any], array: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a scalar function's value at an array, and its gradient there."""
        x = self.from_numpy(array)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        gradient = tape.gradient(value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return self.to_numpy(value), self.to_numpy(tf.convert_to_tensor(gradient))
