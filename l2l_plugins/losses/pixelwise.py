"""Losses that compare a prediction with its target pixel by pixel."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define, field, validators

from l2l_core.components import Loss, masked_mean
from l2l_plugins.losses.shapes import check_shapes

if TYPE_CHECKING:
    from l2l_core.ops import Ops


@define(frozen=True)
class MeanAbsoluteError(Loss):
    """Mean of ``|prediction - target|``, also called L1: the default of CSBDeep.

    Its minimiser is the median, so outliers weigh less than with the mean squared error.
    """

    def __call__(
        self, ops: Ops, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the loss of a batch; see :class:`l2l_core.components.Loss`."""
        check_shapes(ops, target, prediction, channel_axis=channel_axis)
        return masked_mean(ops, ops.abs(prediction - target), mask)


@define(frozen=True)
class MeanSquaredError(Loss):
    """Mean of ``(prediction - target) ** 2``, also called L2; its minimiser is the mean."""

    def __call__(
        self, ops: Ops, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the loss of a batch; see :class:`l2l_core.components.Loss`."""
        check_shapes(ops, target, prediction, channel_axis=channel_axis)
        return masked_mean(ops, ops.square(prediction - target), mask)


@define(frozen=True)
class Charbonnier(Loss):
    """Mean of ``sqrt((prediction - target) ** 2 + epsilon ** 2)``: L1, smooth at zero.

    Parameters
    ----------
    epsilon : float, optional
        Error, in normalised intensity, below which the loss is quadratic.  At equality the loss
        is `epsilon`, not 0.

    References
    ----------
    P. Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for
    computed imaging", ICIP 1994.
    """

    epsilon: float = field(default=1e-3, validator=validators.gt(0))

    def __call__(
        self, ops: Ops, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the loss of a batch; see :class:`l2l_core.components.Loss`."""
        check_shapes(ops, target, prediction, channel_axis=channel_axis)
        error = ops.square(prediction - target) + self.epsilon**2
        return masked_mean(ops, ops.sqrt(error), mask)


_SMALLEST_SCALE = 1e-6


@define(frozen=True)
class Laplace(Loss):
    """Negative log-likelihood under a Laplace distribution of mean and scale in every pixel.

    The mean of ``|target - mean| / scale + log(scale) + log(2)``, the constant included, as
    CSBDeep's probabilistic networks are trained and their histories read.  The network has to
    give a positive scale; one below 1e-6 counts as 1e-6, so that the loss stays finite.

    References
    ----------
    M. Weigert et al., "Content-aware image restoration: pushing the limits of fluorescence
    microscopy", Nature Methods 15, 2018, supplementary note 3.
    """

    outputs: ClassVar[tuple[str, ...]] = ("mean", "scale")

    def __call__(
        self, ops: Ops, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the loss of a batch; see :class:`l2l_core.components.Loss`.

        `prediction` holds the means of all channels and then their scales, in the target's units.
        """
        check_shapes(ops, target, prediction, channel_axis=channel_axis, outputs=2)
        mean, scale = ops.split(prediction, 2, channel_axis)
        scale = ops.maximum(scale, _SMALLEST_SCALE)
        surprise = ops.abs(target - mean) / scale + ops.log(scale) + log(2.0)
        return masked_mean(ops, surprise, mask)
