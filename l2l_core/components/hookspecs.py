"""The hooks of the entry-point group ``l2l.plugins``.

A complete plugin is one module and one line of ``pyproject.toml``::

    # my_plugin.py
    from l2l_core.components import LossInfo, hookimpl

    @hookimpl
    def l2l_losses():
        yield LossInfo(
            name="log_cosh",
            target="my_plugin_losses:LogCosh",
            summary="Smooth L1, quadratic near zero",
        )

    # pyproject.toml
    [project.entry-points."l2l.plugins"]
    my_plugin = "my_plugin"

After ``pip install .`` the loss stands in ``l2l plugins list`` and in every configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from l2l_core.components.records import (
        AugmenterInfo,
        LossInfo,
        MetricInfo,
        ModelFormatInfo,
        OpsInfo,
        RestorerInfo,
    )

PROJECT = "l2l"
GROUP = "l2l.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def l2l_restorers() -> Iterable[RestorerInfo]:  # type: ignore[empty-body]
    """Yield one record for each restorer and engine."""


@hookspec
def l2l_losses() -> Iterable[LossInfo]:  # type: ignore[empty-body]
    """Yield one record for each loss."""


@hookspec
def l2l_augmenters() -> Iterable[AugmenterInfo]:  # type: ignore[empty-body]
    """Yield one record for each augmenter."""


@hookspec
def l2l_metrics() -> Iterable[MetricInfo]:  # type: ignore[empty-body]
    """Yield one record for each metric."""


@hookspec
def l2l_ops() -> Iterable[OpsInfo]:  # type: ignore[empty-body]
    """Yield one record for each framework's array operations."""


@hookspec
def l2l_model_formats() -> Iterable[ModelFormatInfo]:  # type: ignore[empty-body]
    """Yield one record for each kind of foreign model folder that can be read."""


HOOKS: dict[str, str] = {
    "l2l_restorers": "restorer",
    "l2l_losses": "loss",
    "l2l_augmenters": "augmenter",
    "l2l_metrics": "metric",
    "l2l_ops": "ops",
    "l2l_model_formats": "model_format",
}
"""Each hook, and the kind of record that it yields."""
