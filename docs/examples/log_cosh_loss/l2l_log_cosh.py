"""The log-cosh loss as a plugin: quadratic near zero, linear far from it.

Written on ``ops``, it runs on every engine, and on NumPy as a metric.
"""

from __future__ import annotations

from math import log

from attrs import define, field, validators

from l2l_core.components import Loss, LossInfo, hookimpl, masked_mean


@define(frozen=True)
class LogCosh(Loss):
    """Mean of ``scale * log(cosh(error / scale))``.

    Parameters
    ----------
    scale : float
        Error, in units of the normalised target, at which the loss turns from quadratic to linear.
    """

    scale: float = field(default=1.0, validator=validators.gt(0))

    def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
        error = ops.abs(prediction - target) / self.scale
        # log(cosh(x)) written so that exp() never overflows, however large the error is.
        values = error + ops.log(1.0 + ops.exp(-2.0 * error)) - log(2.0)
        return self.scale * masked_mean(ops, values, mask)


@hookimpl
def l2l_losses():
    yield LossInfo(
        name="log_cosh",
        target="l2l_log_cosh:LogCosh",
        summary="Logarithm of the hyperbolic cosine of the error (example plugin)",
    )
