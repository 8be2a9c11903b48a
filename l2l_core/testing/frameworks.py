"""The frameworks that are installed, found through the registry; none is imported by name."""

from __future__ import annotations

from functools import cache
from typing import Any

from l2l_core.components.registry import is_available, load, registry
from l2l_core.ops import Differentiable

REFERENCE = "numpy"
"""The framework that the others are compared with."""


@cache
def installed_ops() -> dict[str, Any]:
    """Return the array operations of each framework whose packages are installed, by name."""
    return {
        found.info.name: load(found)() for found in registry().of_kind("ops") if is_available(found)
    }


def differentiable_ops() -> dict[str, Any]:
    """Return those of :func:`installed_ops` that tests can reach: all but the reference.

    Raises
    ------
    AssertionError
        If the operations of a framework do not offer :class:`l2l_core.ops.Differentiable`.
    """
    found = {name: ops for name, ops in installed_ops().items() if name != REFERENCE}
    for name, ops in found.items():
        assert isinstance(ops, Differentiable), (
            f"the operations of {name} lack from_numpy, to_numpy or value_and_gradient, so that "
            "no test can reach them; see l2l_core.ops.Differentiable"
        )
    return found
