"""Look whether a component keeps to its interface: what can be told without running it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import attrs

from l2l_core.components.augmenter import Augmenter
from l2l_core.components.loss import Loss
from l2l_core.components.metric import Metric
from l2l_core.components.model_format import ModelFormat
from l2l_core.components.options import structure, unstructure
from l2l_core.components.registry import load
from l2l_core.components.restorer import Restorer
from l2l_core.errors import ComponentError, MissingDependencyError, OptionsError

if TYPE_CHECKING:
    from l2l_core.components.discovery import Registration

INTERFACES: dict[str, type] = {
    "restorer": Restorer,
    "loss": Loss,
    "augmenter": Augmenter,
    "metric": Metric,
    "model_format": ModelFormat,
}
"""The class that each kind of component subclasses."""

SUITES: dict[str, str] = {
    "restorer": "RestorerSuite",
    "loss": "LossSuite",
    "augmenter": "AugmenterSuite",
    "metric": "MetricSuite",
}
"""The suite of :mod:`l2l_core.testing` that tells the rest."""


def problems_with(registration: Registration) -> list[str]:
    """Import a component and return what is wrong with it, one sentence each.

    Raises
    ------
    MissingDependencyError
        If a module that it stands on is not installed, so that nothing can be told.
    """
    try:
        cls = load(registration)
    except MissingDependencyError:
        raise
    except ComponentError as error:
        return [str(error)]
    if registration.kind == "ops":
        return _problems_with_ops(cls)
    interface = INTERFACES[registration.kind]
    target = registration.info.target
    if not issubclass(cls, interface):
        return [f"{target} is no subclass of l2l_core.components.{interface.__name__}"]
    problems = []
    if inspect.isabstract(cls):
        absent = ", ".join(sorted(cls.__abstractmethods__))
        problems.append(f"{target} lacks the methods {absent}")
    if registration.kind == "model_format":
        return problems
    options = cls.Options if registration.kind == "restorer" else cls
    return problems + _problems_with_options(options, problems)


def _problems_with_options(options: Any, before: list[str]) -> list[str]:
    """Return what keeps a class from being the options in a configuration."""
    name = getattr(options, "__qualname__", repr(options))
    if not (isinstance(options, type) and attrs.has(options)):
        return [f"{name} is no attrs class; decorate it with @attrs.define(frozen=True)"]
    problems = []
    if not is_frozen(options):
        problems.append(f"{name} is not frozen; decorate it with @attrs.define(frozen=True)")
    try:
        attrs.resolve_types(options)
    except NameError as error:
        problems.append(
            f"the types of {name} cannot be told: {error}; import them outside of TYPE_CHECKING"
        )
        return problems
    required = [field.name for field in attrs.fields(options) if field.default is attrs.NOTHING]
    if before or required:
        return problems
    try:
        made = options()
        if structure(unstructure(made), options) != made:
            problems.append(f"{name} does not come back from its own plain values")
    except OptionsError as error:
        problems.append(f"{name} does not take its own defaults: {error}")
    except Exception as error:
        problems.append(f"{name} cannot be made: {type(error).__name__}: {error}")
    return problems


def is_frozen(cls: type) -> bool:
    """Whether the instances of an attrs class refuse to be changed."""
    # attrs gives a frozen class a __setattr__ that refuses; there is no public question for it.
    setter: Any = cls.__setattr__
    return getattr(setter, "__name__", "") == "_frozen_setattrs"


def _problems_with_ops(cls: type) -> list[str]:
    from l2l_core.ops import Ops

    wanted = [name for name in vars(Ops) if not name.startswith("_")]
    if absent := [name for name in wanted if not callable(getattr(cls, name, None))]:
        return [f"{cls.__qualname__} lacks the operations {', '.join(absent)}"]
    try:
        cls()
    except Exception as error:
        return [f"{cls.__qualname__} cannot be made: {type(error).__name__}: {error}"]
    return []
