"""Make a component from its name and plain options: the step from configuration to object."""

from __future__ import annotations

from typing import Any

from l2l_core.components import registry as registry_module
from l2l_core.components.options import structure
from l2l_core.errors import OptionsError


def get(kind: str, name: str, /, **options: Any) -> Any:
    """Return a loss, augmenter, metric, ops or model format by name, with its options.

    Parameters
    ----------
    kind : {"loss", "augmenter", "metric", "ops", "model_format"}
        Kind of component.  A restorer has axes, channels and an engine besides: see
        :func:`make_restorer`.
    name : str
        Its name in the registry.
    **options
        Its options.

    Returns
    -------
    Loss, Augmenter, Metric, Ops or ModelFormat

    Raises
    ------
    UnknownComponentError
        If there is none of this name.
    OptionsError
        If it does not take these options; lists all problems.

    Examples
    --------
    >>> get("loss", "mae")
    MeanAbsoluteError()
    """
    if kind == "restorer":
        raise OptionsError(
            "a restorer is made with make_restorer(name, axes=..., channels_in=..., "
            "channels_out=...), or with load_model(name) where it needs no training"
        )
    registration = registry_module.registry().find(kind, name)
    cls = registry_module.load(registration)
    if kind in ("ops", "model_format"):
        return cls()
    return structure(options, cls, where=f"{kind} {name}")


def options_class(name: str, engine: str) -> type:
    """Return the attrs class of a restorer's options."""
    cls = registry_module.load(registry_module.registry().find("restorer", name, engine))
    options: type = cls.Options
    return options


def make_restorer(
    name: str,
    engine: str,
    options: Any = None,
    *,
    axes: str,
    channels_in: int = 1,
    channels_out: int = 1,
    device: str = "auto",
) -> Any:
    """Return a restorer by name and engine.

    Parameters
    ----------
    name, engine : str
        Its key; `engine` is empty for a method without a framework.
    options : mapping or Options, optional
        Plain values, or an instance of the class's ``Options``.
    axes : str
        ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int, optional
        Numbers of channels.
    device : str, optional
        ``"auto"``, ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.

    Raises
    ------
    UnknownComponentError, MissingDependencyError, OptionsError
        As the registry and the options find it.
    """
    cls = registry_module.load(registry_module.registry().find("restorer", name, engine))
    made = structure({} if options is None else options, cls.Options, where=f"restorer {name}")
    return cls(made, axes=axes, channels_in=channels_in, channels_out=channels_out, device=device)
