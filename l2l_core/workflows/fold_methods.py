"""The methods of a cross-validation: trainings that differ in their configuration, and filters."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from l2l_core.config_file import apply_overrides, parse_config
from l2l_core.errors import ConfigError, OptionsError
from l2l_core.models.facts import fingerprint
from l2l_core.workflows.filters import make_filter, parse_options, sound_options
from l2l_core.workflows.tuning import candidates, checked_grid

if TYPE_CHECKING:
    from l2l_core.config import DataConfig, RunConfig

_FREE = ("target", "target_select", "validation", "split")
"""Keys of ``[data]`` that a variant may change: the images that are restored stay the same."""


@define(frozen=True)
class Method:
    """One method.

    Parameters
    ----------
    label : str
        How it is called in tables: as it was asked for.
    overrides : tuple of str
        Of a training: changes to the configuration.
    filter : str
        Name of a filter; empty for a training.
    options : dict
        Of the filter.
    grid : dict
        For each option of the filter that is tuned the values that are tried.
    """

    label: str
    overrides: tuple[str, ...] = ()
    filter: str = ""
    options: Mapping[str, Any] = field(factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(factory=dict)

    @property
    def slug(self) -> str:
        """Name of its folder."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", self.label).strip("-")[:40]
        # Two labels may come to one plain name.
        return plain if plain == self.label else f"{plain}-{fingerprint(self.label)[:6]}"

    def spec(self, **chosen: Any) -> str:
        """Return the filter as a model is named, with the options that tuning chose."""
        options = {**self.options, **chosen}
        inside = ", ".join(f"{key}={_inline(value)}" for key, value in options.items())
        return f"{self.filter}:{inside}" if inside else self.filter


def find_methods(
    tables: Mapping[str, Any],
    where: str,
    *,
    losses: Sequence[str],
    variants: Sequence[str],
    filters: Sequence[str],
    train: bool,
) -> tuple[Method, ...]:
    """Return the methods that are asked for; the configuration itself where no training is.

    Parameters
    ----------
    tables : mapping
        The configuration.
    where : str
        What messages call it.
    losses : sequence of str
        ``"ms_ssim"`` or ``"ms_ssim:scales=5"``: the configuration with this loss.
    variants : sequence of str
        ``"deep restorer.options.depth=3 loss=mse"``: a label, and changes to the configuration.
    filters : sequence of str
        ``"gaussian"``, ``"gaussian:sigma=2"`` or ``"gaussian:tune=true"``.
    train : bool
        False for filters alone.

    Raises
    ------
    ConfigError
        If a variant is not of this form, changes what is restored, or is no sound configuration.
    OptionsError, ModelNotFoundError
        If a loss or a filter cannot be read, or two methods have one label.
    """
    found = [_loss(text) for text in losses] + [_variant(text) for text in variants]
    base = parse_config(tables, where)
    if train and not found:
        found = [Method(", ".join(one.name for one in base.loss.values()))]
    elif not train and (found or not filters):
        raise OptionsError(
            "without training there are no losses and no variants, but at least one filter; "
            "leave --no-training out, or give --filter alone"
        )
    for method in found:
        _check_data(settings_of(method, tables, where), base, method.label)
    found += [filter_method(text) for text in filters]
    refuse_same([method.label for method in found])
    return tuple(found)


def refuse_same(labels: Sequence[str]) -> None:
    """Refuse labels that do not tell methods apart.

    Raises
    ------
    OptionsError
        If two are equal, or one is that of the input.
    """
    for label in labels:
        if label == "input":
            raise OptionsError(
                "no method can be called 'input', which is what the unrestored image is called; "
                "give it another label"
            )
        if labels.count(label) > 1:
            raise OptionsError(
                f"the method {label!r} is given twice; leave one out, or give each variant a label "
                "of its own"
            )


def settings_of(
    method: Method, tables: Mapping[str, Any], where: str, further: Sequence[str] = ()
) -> RunConfig:
    """Return the configuration of a training method.

    Raises
    ------
    ConfigError
        If it is not sound.
    """
    changed = apply_overrides(tables, [*method.overrides, *further])
    return parse_config(changed, f"{where}, {method.label}")


def split_spec(text: str, kind: str) -> tuple[str, str]:
    """Return name and options of ``"name:option=value,..."``.

    Raises
    ------
    OptionsError
        If it is not of this form.
    """
    name, _, options = text.partition(":")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name.strip()):
        raise OptionsError(
            f"the {kind} {text!r} is not understood; expected its name, and options behind a "
            "colon, such as 'ms_ssim:scales=5'"
        )
    return name.strip(), options


def _loss(text: str) -> Method:
    name, options = split_spec(text, "loss")
    options = sound_options(options, where=text)
    return Method(text, (f'loss={{name = "{name}", options = {{{options}}}}}',))


def _variant(text: str) -> Method:
    try:
        label, *overrides = shlex.split(text)
    except ValueError:
        label, overrides = "", []
    if not overrides or "=" in label or not all("=" in one for one in overrides):
        raise ConfigError(
            f"the variant {text!r} is not understood; expected a label and changes to the "
            "configuration, such as 'deep restorer.options.depth=3'"
        )
    return Method(label, tuple(overrides))


def filter_method(text: str) -> Method:
    """Return the method that ``"gaussian:sigma=2"`` or ``"gaussian:tune=true"`` means.

    Raises
    ------
    OptionsError, ModelNotFoundError
        If there is no such filter, or it does not take these options.
    """
    name, inside = split_spec(text, "filter")
    options = parse_options(inside, where=text)
    grid = checked_grid(name, options.pop("tune", False), options)
    method = Method(text, filter=name, options=options, grid=grid)
    # Filter and options are tried before anything is trained.
    for chosen in candidates(grid):
        make_filter(method.spec(**chosen))[0].close()
    return method


def _check_data(settings: RunConfig, base: RunConfig, label: str) -> None:
    def kept(data: DataConfig) -> DataConfig:
        return evolve(data, **{key: getattr(base.data, key) for key in _FREE})

    if kept(settings.data) != base.data:
        raise ConfigError(
            f"the variant {label!r} changes which images are restored; all methods restore the "
            f"same ones, so that of [data] only {', '.join(_FREE)} may differ"
        )


def _inline(value: Any) -> str:
    """Return a value as TOML writes it within a line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    # Numbers, text and true or false are written alike in JSON.
    return json.dumps(value)
