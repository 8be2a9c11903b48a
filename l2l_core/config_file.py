"""Read a configuration: TOML to frozen values, strictly, with all problems at once.

Nothing is converted silently and nothing is evaluated.  Paths in a configuration stay as they
are written; whoever opens them resolves them against the configuration's folder.
"""

from __future__ import annotations

import copy
import datetime
import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from l2l_core.components.options import converter, problems_of, unstructure
from l2l_core.config import AugmenterConfig, ComponentConfig, DataConfig, RunConfig
from l2l_core.config_check import check_components, problems_of_tables, with_all_options
from l2l_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attrs import Attribute

__all__ = [
    "apply_overrides",
    "check_components",
    "load_config",
    "parse_config",
    "parse_toml",
    "read_text",
    "resolved",
    "to_toml",
]

_LINE_AND_COLUMN = re.compile(r"\s*\(at (line \d+, column \d+|end of document)\)$")


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a configuration from a TOML file and check it, components and their options included.

    Parameters
    ----------
    path : str or Path
        The file.
    overrides : sequence of str, optional
        Changes as for :func:`apply_overrides`.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not TOML, or has problems: lists all of them.
    """
    mapping = apply_overrides(parse_toml(read_text(path), str(path)), overrides)
    return parse_config(mapping, str(path))


def read_text(path: str | Path) -> str:
    """Return the text of a configuration file.

    Raises
    ------
    ConfigError
        If there is no such file, or it is no text.
    """
    path = Path(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration {path}; l2l config init -o {path} writes one"
        ) from None
    except IsADirectoryError:
        inside = path / "config.toml"
        remedy = f"did you mean {inside}?" if inside.is_file() else "expected a TOML file"
        raise ConfigError(f"the configuration {path} is a folder; {remedy}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the configuration {path} is not text in UTF-8 (byte {error.start}); save it as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be read: {error.strerror}") from error


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Parameters
    ----------
    text : str
        The text.
    where : str
        What the message calls it, usually a path.

    Raises
    ------
    ConfigError
        If it is not TOML; names line and column.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE_AND_COLUMN.search(str(error))
        place = f", {found[1]}" if found else ""
        what = _LINE_AND_COLUMN.sub("", str(error))
        raise ConfigError(f"{where}{place} is not valid TOML: {what}") from None


def parse_config(source: str | Mapping[str, Any], where: str) -> RunConfig:
    """Return the configuration in a TOML text, or in tables that were read already.

    Parameters
    ----------
    source : str or mapping
        The text, or the tables.
    where : str
        What messages call it, usually a path.

    Raises
    ------
    ConfigError
        Lists all problems, each with its path (``@ train.epochs``): unknown keys and components,
        wrong types, values out of range, parts that do not fit each other.
    """
    values = parse_toml(source, where) if isinstance(source, str) else source
    tables, problems = _read_tables(values)
    # Sound tables are checked against the components even where others are not, so that
    # whoever mends a configuration sees everything at once.
    problems += problems_of_tables(tables)
    if problems:
        raise ConfigError(_listed(where, problems))
    return RunConfig(**tables)


def _listed(where: str, problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return f"{where}: {problems[0]}"
    return "\n  ".join([f"{where} has {len(problems)} problems:", *problems])


def _read_tables(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Structure every top-level table by itself; return the sound ones, and all problems."""
    fields = attrs.fields_dict(attrs.resolve_types(RunConfig))
    tables: dict[str, Any] = {}
    problems = [_unknown(key, fields) for key in values if key not in fields]
    defaults = RunConfig(data=DataConfig())
    for name, field in fields.items():
        read: Any
        if name == "loss" and name in values:
            read, found = _read_losses(values[name])
        elif name == "augment" and name in values:
            read, found = _read_augmenters(values[name])
        elif name in values:
            read, found = _read(values[name], field.type, name, field)
            if read is None:
                read = _checked_part(values[name], field.type, _CHECKED.get(name, ()))
        elif field.default is attrs.NOTHING:
            read, found = None, [f"the table [{name}] is missing"]
        else:
            read, found = getattr(defaults, name), []
        problems += found
        if read is not None:
            tables[name] = read
    return tables, problems


def _unknown(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    hint = f", did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return f"unknown key {key!r}{hint}"


def _read(
    value: Any, kind: Any, path: str, field: Attribute[Any] | None = None
) -> tuple[Any | None, list[str]]:
    """Return a structured value, None where it is not sound, and the problems."""
    try:
        read = converter().structure(value, kind)
        if field is not None and field.validator is not None:
            field.validator(None, field, read)
    except Exception as error:
        return None, list(problems_of(error, path))
    return read, []


_CHECKED: Mapping[str, tuple[str, ...]] = {
    "data": ("input", "target", "table"),
    "patches": ("shape",),
    "augment": ("name", "options"),
    "restorer": ("name", "backend", "options"),
    "train": ("metrics",),
}
"""The keys that the checks across tables look at."""


def _checked_part(value: Any, kind: Any, keys: Sequence[str]) -> Any | None:
    """Return what the checks look at in a table that has problems elsewhere, None if it is hit."""
    if not isinstance(value, Mapping) or not set(keys) & set(value):
        return None
    return _read({key: value[key] for key in keys if key in value}, kind, "")[0]


def _read_augmenters(
    value: Any,
) -> tuple[tuple[AugmenterConfig | None, ...] | None, list[str]]:
    """Return the augmenters, None for those that are not sound, and the problems."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return _read(value, tuple[AugmenterConfig, ...], "augment")
    augmenters: list[AugmenterConfig | None] = []
    problems: list[str] = []
    for index, item in enumerate(value):
        read, found = _read(_table(item), AugmenterConfig, f"augment[{index}]")
        augmenters.append(read or _checked_part(item, AugmenterConfig, _CHECKED["augment"]))
        problems += found
    return tuple(augmenters), problems


def _read_losses(value: Any) -> tuple[dict[str, ComponentConfig | None] | None, list[str]]:
    """Return the loss of each role, None for those that are not sound, and the problems."""
    if isinstance(value, str) or (isinstance(value, Mapping) and {"name", "options"} & set(value)):
        read, found = _read(_table(value), ComponentConfig, "loss")
        return {"target": read}, found
    if not isinstance(value, Mapping) or not value:
        got = "an empty table" if value == {} else repr(value)
        expected = (
            "the name of a loss, a table with name and options, or such a table for each role"
        )
        return None, [f"got {got}, expected {expected} @ loss"]
    losses: dict[str, ComponentConfig | None] = {}
    problems: list[str] = []
    for role, item in value.items():
        losses[role], found = _read(_table(item), ComponentConfig, f"loss.{role}")
        problems += found
    return losses, problems


def _table(component: Any) -> Any:
    """Return the table that a bare name stands for."""
    return {"name": component} if isinstance(component, str) else component


def apply_overrides(mapping: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return tables with some of their values replaced.

    Parameters
    ----------
    mapping : mapping
        Tables as TOML gives them; left as they are.
    overrides : sequence of str
        ``"train.epochs=20"`` each: a path, and a value as in TOML; quotes may be left out around
        text.  A number in a path is a position in a list, ``"augment.0.probability=0.5"``.

    Raises
    ------
    ConfigError
        If an override has no ``=``, its value is a broken list, table or quotation, or its path
        leads through something that is no table or behind the end of a list.  Whether there is
        such a key is found by :func:`parse_config`.

    Examples
    --------
    >>> apply_overrides({"train": {"epochs": 100}}, ["train.epochs=20", "loss=mse"])
    {'train': {'epochs': 20}, 'loss': 'mse'}
    """
    tables = copy.deepcopy(dict(mapping))
    for override in overrides:
        path, equals, text = override.partition("=")
        # The path in a message, augment[0].probability, may be used as it stands.
        steps = [step.strip() for step in re.sub(r"\[(\d+)\]", r".\1", path).split(".")]
        if not equals or not all(steps):
            raise ConfigError(
                f"the override {override!r} is not of the form key=value, as in train.epochs=20"
            )
        _replace(tables, steps, _override_value(text.strip(), override), override)
    return tables


def _override_value(text: str, override: str) -> Any:
    try:
        values = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if text[:1] in ("[", "{", '"', "'"):
            what = _LINE_AND_COLUMN.sub("", str(error))
            raise ConfigError(f"the value of the override {override!r}: {what}") from None
        return text
    # A line break could carry further keys, and a folder may be called like a date.
    moment = datetime.date | datetime.datetime | datetime.time
    if set(values) != {"value"} or isinstance(values["value"], moment):
        return text
    return values["value"]


def _replace(tables: dict[str, Any], steps: Sequence[str], value: Any, override: str) -> None:
    here: Any = tables
    for depth, step in enumerate(steps):
        last = depth == len(steps) - 1
        key: str | int = step
        if isinstance(here, list):
            if not here:
                raise ConfigError(
                    f"the override {override!r}: {'.'.join(steps[:depth])} is empty, so there is "
                    f"nothing at {step!r}"
                )
            if not step.isdecimal() or int(step) >= len(here):
                raise ConfigError(
                    f"the override {override!r}: {'.'.join(steps[:depth])} is a list of "
                    f"{len(here)}; expected a position from 0 to {len(here) - 1}, got {step!r}"
                )
            key = int(step)
        elif not isinstance(here, dict):
            raise ConfigError(
                f"the override {override!r}: {'.'.join(steps[:depth])} is {here!r}, no table"
            )
        if last:
            here[key] = value
            return
        if isinstance(here, dict):
            here.setdefault(key, {})
        if isinstance(here[key], str) and _names_component(steps[: depth + 1]):
            here[key] = _table(here[key])
        here = here[key]


def _names_component(steps: Sequence[str]) -> bool:
    """Whether a text at this path is the bare name of a component."""
    return steps[0] in ("loss", "augment") or list(steps[:2]) == ["train", "metrics"]


def resolved(config: RunConfig) -> dict[str, Any]:
    """Return a configuration as plain values, every default written out.

    The options of components are filled with the defaults of their own classes, so that the
    result says what ran even after a plugin changes a default.  :func:`parse_config` takes it
    back.

    Raises
    ------
    ComponentError
        If a component that the configuration names cannot be loaded.
    """
    tables: dict[str, Any] = unstructure(with_all_options(config))
    return tables


def to_toml(tables: Mapping[str, Any]) -> str:
    """Return plain tables as TOML; None, which TOML has not, is left out."""
    import tomlkit

    return tomlkit.dumps(_without_none(tables))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
