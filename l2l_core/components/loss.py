"""The interface of a loss: one frozen attrs class, written once for every framework."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from l2l_core.ops import Ops


class Loss(ABC):
    """How far a prediction is from its target, as one number to make small.

    A subclass is a frozen attrs class; its attributes are its options, and so a part of the
    configuration.  It is written on the `ops` that the trainer hands it and never asks which
    framework that is, so that it runs on all of them, and on NumPy as a metric::

        @define(frozen=True)
        class LogCosh(Loss):
            scale: float = 1.0

            def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
                error = ops.abs(prediction - target) / self.scale
                return masked_mean(ops, error + ops.log(1.0 + ops.exp(-2.0 * error)), mask)

    Constants are Python floats: a NumPy scalar would widen float32 to float64 in NumPy only.

    Attributes
    ----------
    outputs : tuple of str
        What of a restorer's outputs the loss reads, concatenated along the channel axis:
        ``("mean",)``, or ``("mean", "scale")`` for a likelihood.
    """

    outputs: ClassVar[tuple[str, ...]] = ("mean",)

    @abstractmethod
    def __call__(
        self, ops: Ops, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the loss of a batch.

        Parameters
        ----------
        ops : Ops
            Array operations of the framework that the tensors belong to.
        target : tensor
            Batch of targets, float32: (N, C, [Z,] Y, X) with ``channel_axis=1``, or
            (N, [Z,] Y, X, C) with ``channel_axis=-1``; normalised, no units.
        prediction : tensor
            Batch of the same shape, with a multiple of C channels where the loss reads several
            `outputs`.
        channel_axis : {1, -1}
            Where the channels are.
        mask : tensor, optional
            Weights >= 0 of the pixels, broadcastable to `target`.

        Returns
        -------
        tensor
            Scalar, finite for finite input.
        """


def masked_mean(ops: Ops, values: Any, mask: Any = None) -> Any:
    """Return the mean of `values`, weighted by `mask` where there is one.

    Parameters
    ----------
    ops : Ops
        Array operations.
    values : tensor
        Any shape.
    mask : tensor, optional
        Weights >= 0, broadcastable to `values`.  A mask of zeros alone gives 0.

    Returns
    -------
    tensor
        Scalar.
    """
    if mask is None:
        return ops.mean(values)
    weights = mask + ops.zeros_like(values)
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1e-12)
