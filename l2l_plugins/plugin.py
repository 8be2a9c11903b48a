"""Hook implementations of the built-in methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.components import LossInfo, OpsInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def l2l_losses() -> Iterator[LossInfo]:
    """Yield the built-in losses."""
    yield LossInfo(
        name="mae",
        target="l2l_plugins.losses.pixelwise:MeanAbsoluteError",
        summary="Mean absolute error (L1)",
    )
    yield LossInfo(
        name="mse",
        target="l2l_plugins.losses.pixelwise:MeanSquaredError",
        summary="Mean squared error (L2)",
    )
    yield LossInfo(
        name="charbonnier",
        target="l2l_plugins.losses.pixelwise:Charbonnier",
        summary="Mean absolute error, smooth at zero",
    )
    yield LossInfo(
        name="laplace",
        target="l2l_plugins.losses.pixelwise:Laplace",
        summary="Likelihood of a mean and a scale in every pixel, for probabilistic networks",
    )


@hookimpl
def l2l_ops() -> Iterator[OpsInfo]:
    """Yield the array operations that need no framework."""
    yield OpsInfo(
        name="numpy",
        target="l2l_core.ops:NumpyOps",
        summary="NumPy, the reference of all frameworks",
    )
