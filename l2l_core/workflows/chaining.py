"""Put filters behind a model: those that its file names, and those that are asked for besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l2l_core.components.filters import refuse_trained, refuse_unfit
from l2l_core.components.options import structure
from l2l_core.config import ComponentConfig
from l2l_core.errors import ComponentError, OptionsError, UnknownComponentError
from l2l_core.workflows.array_restoration import Model
from l2l_core.workflows.chained_model import ChainedModel
from l2l_core.workflows.filters import filter_of, parse_spec

if TYPE_CHECKING:
    from collections.abc import Sequence


def chained(model: Model, then: Sequence[str | Mapping[str, Any] | ComponentConfig] = ()) -> Model:
    """Return a model with the filters of its own chain, and then others, behind it.

    Parameters
    ----------
    model : Model
        Without filters.
    then : sequence of str, mapping or ComponentConfig, optional
        ``"binary_map:threshold=300"``, or ``{"name": ..., "options": {...}}``.

    Returns
    -------
    Model
        The same, where nothing follows it.

    Raises
    ------
    ComponentError
        If a step is unknown, has to be trained, or cannot follow a model.
    OptionsError
        If it does not take its options.
    """
    if isinstance(then, str):
        raise OptionsError(f"then is {then!r}; expected a list of filters, such as [{then!r}]")
    asked = [_read(one) for one in then]
    configs = [*model.info.chain, *asked]
    if not configs:
        return model
    device = model.restorer.device
    return ChainedModel(model, [_filter(config, device) for config in configs], asked)


def _read(step: str | Mapping[str, Any] | ComponentConfig) -> ComponentConfig:
    if isinstance(step, ComponentConfig):
        return step
    if isinstance(step, Mapping):
        return structure(step, ComponentConfig, where="then")
    name = step.partition(":")[0]
    refuse_trained(name)
    name, options = parse_spec(step)
    return ComponentConfig(name=name, options=options)


def _filter(config: ComponentConfig, device: str) -> Model:
    try:
        refuse_trained(config.name)
    except UnknownComponentError as error:
        raise ComponentError(f"a filter that follows the model is not here: {error}") from error
    restorer, record = filter_of(config.name, config.options, device=device)
    refuse_unfit(restorer, config.name)
    options = ", ".join(f"{key}={value}" for key, value in config.options.items())
    where = f"{config.name}({options})" if options else config.name
    return Model(restorer, record, where=where)
