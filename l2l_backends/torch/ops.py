"""The array operations of :class:`l2l_core.ops.Ops` in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from l2l_core.ops import kernels_per_axis, spatial_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from l2l_core.ops import PadMode

_POOLS = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}


class _Correlation(torch.autograd.Function):
    """Correlation of one axis with a short kernel, unpadded, as a sum of shifted slices.

    Kept out of the convolution library on purpose.  Over 64 planes of 128 x 128 pixels, 11 taps
    and both directions of autograd it takes 3 ms on two CPU cores, where a convolution over a
    batch of one-channel planes takes 200 ms; a grouped convolution is as fast there, but 16 times
    slower at 1024 x 1024.  Nothing is kept for the backward pass.  Sums of slices are also exact
    where convolutions are not by default (TF32 on a GPU), and autocast leaves them alone: an SSIM
    subtracts two such sums that are nearly equal.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: tuple[float, ...], axis: int) -> Tensor:
        """Return the axis shortened by ``len(kernel) - 1``."""
        ctx.kernel, ctx.axis = kernel, axis
        length = x.shape[axis] - len(kernel) + 1
        total = x.narrow(axis, 0, length) * kernel[0]
        for shift, weight in enumerate(kernel[1:], start=1):
            total.add_(x.narrow(axis, shift, length), alpha=weight)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return the full correlation with the mirrored kernel; differentiable itself."""
        margin = len(ctx.kernel) - 1
        padding = [0, 0] * (gradients[0].ndim - 1 - ctx.axis) + [margin, margin]
        padded = functional.pad(gradients[0], padding)
        return _correlate(padded, ctx.kernel[::-1], ctx.axis), None, None


def _correlate(x: Tensor, kernel: tuple[float, ...], axis: int) -> Tensor:
    correlated: Tensor = _Correlation.apply(x, kernel, axis)  # type: ignore[no-untyped-call]
    return correlated


class TorchOps:
    """:class:`l2l_core.ops.Ops` on ``torch.Tensor``, any device, any layout.

    Also :class:`l2l_core.ops.Differentiable`.
    """

    def abs(self, x: Tensor) -> Tensor:
        """Return the absolute value; its gradient at 0 is 0."""
        return torch.abs(x)

    def sqrt(self, x: Tensor) -> Tensor:
        """Return the square root."""
        return torch.sqrt(x)

    def exp(self, x: Tensor) -> Tensor:
        """Return e to the power of x."""
        return torch.exp(x)

    def log(self, x: Tensor) -> Tensor:
        """Return the natural logarithm."""
        return torch.log(x)

    def square(self, x: Tensor) -> Tensor:
        """Return x * x."""
        return torch.square(x)

    def clip(self, x: Tensor, low: float, high: float) -> Tensor:
        """Return x limited to low..high."""
        return torch.clamp(x, low, high)

    def where(self, condition: Tensor, x: Any, y: Any) -> Tensor:
        """Return x where `condition` holds and y elsewhere."""
        return torch.where(condition, x, y)

    def minimum(self, x: Tensor, y: Any) -> Tensor:
        """Return the smaller of each pair."""
        return torch.minimum(x, y) if isinstance(y, Tensor) else torch.clamp(x, max=y)

    def maximum(self, x: Tensor, y: Any) -> Tensor:
        """Return the larger of each pair."""
        return torch.maximum(x, y) if isinstance(y, Tensor) else torch.clamp(x, min=y)

    def sum(
        self, x: Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False
    ) -> Tensor:
        """Return the sum over `axis`."""
        return torch.sum(x, dim=_axes(x, axis), keepdim=keepdims)

    def mean(
        self, x: Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False
    ) -> Tensor:
        """Return the mean over `axis`."""
        return torch.mean(x, dim=_axes(x, axis), keepdim=keepdims)

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Return x in another shape."""
        return torch.reshape(x, tuple(shape))

    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Return x with its axes in the order `axes`."""
        return torch.permute(x, tuple(axes))

    def concat(self, xs: Sequence[Tensor], axis: int) -> Tensor:
        """Return tensors joined along an axis."""
        return torch.cat(list(xs), dim=axis)

    def split(self, x: Tensor, sections: int, axis: int) -> Sequence[Tensor]:
        """Return equal parts along an axis."""
        side = x.shape[axis]
        if side % sections:
            raise ValueError(
                f"an axis of {side} cannot be split into {sections} equal parts; expected a "
                f"multiple of {sections}"
            )
        return tuple(torch.split(x, side // sections, dim=axis))

    def pad(
        self, x: Tensor, widths: Sequence[tuple[int, int]], mode: PadMode = "constant"
    ) -> Tensor:
        """Return x padded by (before, after) for each axis."""
        if mode == "constant":
            return functional.pad(x, [width for pair in reversed(widths) for width in pair])
        # functional.pad takes the other modes for the last axes of some shapes alone.
        for axis, (before, after) in enumerate(widths):
            if before or after:
                source = np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)
                x = torch.index_select(x, axis, torch.from_numpy(source).to(x.device))
        return x

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        """Return x as another dtype."""
        return x.to(getattr(torch, dtype))

    def shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the sides of x."""
        return tuple(x.shape)

    def dtype(self, x: Tensor) -> str:
        """Return the name of the dtype of x."""
        return str(x.dtype).removeprefix("torch.")

    def zeros_like(self, x: Tensor) -> Tensor:
        """Return zeros of the shape, dtype and device of x."""
        return torch.zeros_like(x)

    def stop_gradient(self, x: Tensor) -> Tensor:
        """Return x as a constant."""
        return x.detach()

    def separable_filter(
        self, x: Tensor, kernel: Sequence[float] | Sequence[Sequence[float]], *, channel_axis: int
    ) -> Tensor:
        """Correlate every spatial axis with a 1D kernel, unpadded."""
        axes = spatial_axes(x.ndim, channel_axis)
        sides = [x.shape[axis] for axis in axes]
        for axis, weights in zip(axes, kernels_per_axis(kernel, sides), strict=True):
            if weights != (1.0,):
                x = _correlate(x, weights, axis)
        return x

    def average_pool(self, x: Tensor, size: Sequence[int], *, channel_axis: int) -> Tensor:
        """Return means over blocks."""
        pooled = _POOLS[len(size)](torch.movedim(x, channel_axis, 1), tuple(size))
        return torch.movedim(pooled, 1, channel_axis)

    def real_fft(self, x: Tensor, *, channel_axis: int) -> tuple[Tensor, Tensor]:
        """Return real and imaginary part of the real FFT over Y and X."""
        spectrum = torch.fft.rfft2(x, dim=spatial_axes(x.ndim, channel_axis)[-2:])
        return spectrum.real, spectrum.imag

    def from_numpy(self, array: NDArray[Any]) -> Tensor:
        """Return a tensor on the CPU with the values and dtype of an array, sharing no memory."""
        return torch.tensor(array)

    def to_numpy(self, tensor: Tensor) -> NDArray[Any]:
        """Return the values of a tensor, on whatever device, as an array."""
        array: NDArray[Any] = tensor.detach().cpu().numpy()
        return array

    def value_and_gradient(
        self, function: Callable[[Any], Any], array: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a scalar function's value at an array, and its gradient there."""
        x = self.from_numpy(array).requires_grad_()
        value = function(x)
        (gradient,) = torch.autograd.grad(value, x, materialize_grads=True)
        return self.to_numpy(value), self.to_numpy(gradient)


def _axes(x: Tensor, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return (axis,) if isinstance(axis, int) else tuple(axis)
