"""What a component's options are: name, type, default, and what its docstring says about each."""

from __future__ import annotations

import inspect
import re
from typing import Any

import attrs
from attrs import define

from l2l_core.components.options import describe, unstructure
from l2l_core.errors import ComponentError

_HEADING = re.compile(r"\S.*\n-{3,}\s*$", re.MULTILINE)
_ROLE = re.compile(r":[a-z]+:`")
_ENTRY = re.compile(r"^(\w+(?:, \w+)*)\s*(?::.*)?$")


@define(frozen=True)
class Option:
    """One option of a component.

    Parameters
    ----------
    name : str
        Its key in a configuration.
    kind : str
        Its type in words.
    default : str
        As it would be written; empty where there is none, or where it is None.
    required : bool
        Whether it must be given.
    text : str
        What the docstring says, in one line; empty where it says nothing.
    """

    name: str
    kind: str
    default: str
    required: bool
    text: str


def options_of(cls: type) -> tuple[Option, ...]:
    """Return the options of an attrs class in their order.

    Parameters
    ----------
    cls : type
        A loss, augmenter or metric, or a restorer's ``Options``.

    Raises
    ------
    ComponentError
        If it is no attrs class, or its types cannot be told.
    """
    if not attrs.has(cls):
        raise ComponentError(f"{cls.__module__}.{cls.__qualname__} is no attrs class")
    try:
        attrs.resolve_types(cls)
    except NameError as error:
        raise ComponentError(
            f"the types of {cls.__module__}.{cls.__qualname__} cannot be told: {error}"
        ) from error
    texts = parameter_texts(cls)
    return tuple(
        Option(
            field.name,
            describe(field.type),
            _default(field),
            field.default is attrs.NOTHING,
            texts.get(field.name, ""),
        )
        for field in attrs.fields(cls)
        if field.init
    )


def parameter_texts(cls: type) -> dict[str, str]:
    """Return what numpydoc sections ``Parameters`` of a class and its bases say, by name."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        texts |= _parameters(inspect.cleandoc(base.__dict__.get("__doc__") or ""))
    return texts


def _parameters(docstring: str) -> dict[str, str]:
    _, found, section = docstring.partition("Parameters\n----------\n")
    if not found:
        return {}
    if following := _HEADING.search(section):
        section = section[: following.start()]
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if not line.startswith(" "):
            entry = _ENTRY.match(line)
            names = entry[1].split(", ") if entry else []
        else:
            for name in names:
                plain = _ROLE.sub("`", line.strip()).replace("`", "").replace("  ", " ")
                texts[name] = f"{texts.get(name, '')} {plain}".strip()
    return texts


def _default(field: attrs.Attribute[Any]) -> str:
    default: Any = field.default
    if default is attrs.NOTHING or default is None:
        return ""
    factory = getattr(default, "factory", None)
    if factory is not None:
        if default.takes_self:
            return "depends on other options"
        default = factory()
    return _written(unstructure(default))


def _written(value: Any) -> str:
    """Return a plain value as TOML would have it, near enough to be copied."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value)
