"""Options from plain values (TOML, JSON, keyword arguments) into a component's own attrs class.

Strict, on cattrs: unknown keys are refused with the nearest known one, nothing is converted
silently (no ``"3"`` to 3, no ``true`` to 1), and all problems come at once, each with its path.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence, Set
from enum import Enum
from functools import cache
from pathlib import Path, PurePath
from typing import Any, TypeVar, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn

from l2l_core.errors import OptionsError

T = TypeVar("T")

_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "nothing",
    dict: "a table",
}


def describe(kind: Any) -> str:
    """Return a type in words that a person who writes TOML knows."""
    if kind in _WORDS:
        return _WORDS[kind]
    origin = get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(arg) for arg in get_args(kind) if arg is not type(None))
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(arg) for arg in get_args(kind))
    if _is_choice(kind):
        return "one of " + ", ".join(repr(choice.value) for choice in kind)
    if _is_sequence(kind) and not get_args(kind):
        return "a list"
    if _is_sequence(kind):
        parts = describe(get_args(kind)[0]).split(" or ")
        return f"a list of {' or '.join(part.removeprefix('a ') + 's' for part in parts)}"
    if _is_mapping(kind):
        return "a table"
    if attrs.has(kind):
        return "a table"
    return str(getattr(kind, "__name__", kind))


class _WrongType(TypeError):
    def __init__(self, value: Any, kind: Any) -> None:
        got = "a table" if isinstance(value, Mapping) else repr(value)
        super().__init__(f"got {got}, expected {describe(kind)}")


def _strict(kind: type, accepted: tuple[type, ...]) -> Any:
    def structure(value: Any, _: Any) -> Any:
        # bool is an int to Python, and to nobody who writes a configuration.
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise _WrongType(value, kind)
        made = kind(value)
        # A whole number too long for a float; NaN is as it was, though it equals nothing.
        if made != value and isinstance(value, int):
            raise ValueError(f"got {value}, which has more digits than a number can keep")
        return made

    return structure


def _literal(value: Any, kind: Any) -> Any:
    if not any(value == arg and type(value) is type(arg) for arg in get_args(kind)):
        near = difflib.get_close_matches(str(value), [str(arg) for arg in get_args(kind)], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"got {value!r}, expected {describe(kind)}{hint}")
    return value


def _choice(value: Any, kind: Any) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise _WrongType(value, kind) from None


def _path(value: Any, kind: Any) -> Any:
    if not isinstance(value, str | PurePath):
        raise _WrongType(value, str)
    return kind(value)


def _with_validators(
    error: ClassValidationError, values: Mapping[str, Any], kind: Any, made: Converter
) -> ClassValidationError:
    """Add what the validators find to an error that kept the instance from being made.

    Without this a value out of range is reported only after every other problem was mended.
    """
    reported = {_step(child) for child in error.exceptions}
    found: dict[str, Exception] = {}
    for attribute in attrs.fields(kind):
        if attribute.validator is None or attribute.name not in values:
            continue
        if f".{attribute.name}" in reported:
            continue
        try:
            value = made.structure(values[attribute.name], attribute.type)
            attribute.validator(None, attribute, value)
        except Exception as problem:
            # A validator that compares with another attribute needs the instance that there is
            # not, and fails in another way; it has its say once the rest is mended.
            if isinstance(problem, ValueError | TypeError):
                problem.add_note(AttributeValidationNote("", attribute.name, attribute.type))
                found[_sentence(problem)] = problem
    # The first of them may have come up already, without its path, when the instance was made.
    first = [child for child in error.exceptions if _step(child) or _sentence(child) not in found]
    return ClassValidationError(error.message, [*first, *found.values()], kind)


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is typing.Literal


def _is_union(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin in (typing.Union, types.UnionType)


_SEQUENCES = (tuple, list, set, frozenset, Sequence)


def _is_sequence(kind: Any) -> bool:
    origin: Any = get_origin(kind) or kind
    return origin in _SEQUENCES


def _is_mapping(kind: Any) -> bool:
    origin: Any = get_origin(kind) or kind
    return origin in (dict, Mapping)


def _is_choice(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


@cache
def converter() -> Converter:
    """Return the strict converter that all options go through.

    A list of TOML becomes what the attribute is annotated with; a tuple keeps options frozen.
    """
    made = Converter(forbid_extra_keys=True, detailed_validation=True)
    made.register_structure_hook(int, _strict(int, (int,)))
    made.register_structure_hook(float, _strict(float, (int, float)))
    made.register_structure_hook(str, _strict(str, (str,)))
    made.register_structure_hook(bool, _strict(bool, (bool,)))
    made.register_structure_hook_func(_is_literal, _literal)
    made.register_structure_hook_func(_is_choice, _choice)
    made.register_structure_hook(Path, _path)

    def attrs_hook(kind: Any) -> Any:
        inner = make_dict_structure_fn(kind, made, _cattrs_forbid_extra_keys=True)

        def structure(value: Any, wanted: Any) -> Any:
            if isinstance(value, kind):
                return value
            if not isinstance(value, Mapping):
                raise _WrongType(value, dict)
            try:
                return inner(value, wanted)
            except ClassValidationError as error:
                raise _with_validators(error, value, kind, made) from None

        return structure

    made.register_structure_hook_factory(attrs.has, attrs_hook)

    def sequence_hook(kind: Any) -> Any:
        origin = get_origin(kind) or kind
        made_as = origin if origin in (list, set, frozenset) else tuple
        args = get_args(kind) or (Any, ...)
        fixed = origin is tuple and args[-1] is not Ellipsis

        def structure(value: Any, _: Any) -> Any:
            if isinstance(value, str) or not isinstance(value, Sequence | Set):
                raise _WrongType(value, kind)
            if fixed and len(value) != len(args):
                raise ValueError(f"got {list(value)}, expected {len(args)} items")
            items, problems = [], []
            for index, item in enumerate(value):
                element = args[index] if fixed else args[0]
                try:
                    items.append(made.structure(item, element))
                except Exception as error:
                    error.add_note(IterableValidationNote(f"item {index}", index, element))
                    problems.append(error)
            if problems:
                raise IterableValidationError("items", problems, kind)
            return made_as(items)

        return structure

    made.register_structure_hook_factory(_is_sequence, sequence_hook)

    def mapping_hook(kind: Any) -> Any:
        _, element = get_args(kind) or (str, Any)

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, Mapping):
                raise _WrongType(value, dict)
            items, problems = {}, []
            for key, item in value.items():
                try:
                    items[key] = made.structure(item, element)
                except Exception as error:
                    error.add_note(AttributeValidationNote("", key, element))
                    problems.append(error)
            if problems:
                raise IterableValidationError("items", problems, kind)
            return items

        return structure

    made.register_structure_hook_factory(_is_mapping, mapping_hook)

    def union_hook(kind: Any) -> Any:
        members = [member for member in get_args(kind) if member is not type(None)]

        def structure(value: Any, _: Any) -> Any:
            if value is None and type(None) in get_args(kind):
                return None
            problems = []
            for member in members:
                try:
                    return made.structure(value, member)
                except Exception as error:
                    problems.append(error)
            # The member of the value's own shape has the telling problem; a bare type mismatch
            # of the others has not.
            for problem in problems:
                if not isinstance(problem, _WrongType):
                    raise problem
            raise _WrongType(value, kind)

        return structure

    made.register_structure_hook_factory(_is_union, union_hook)
    made.register_unstructure_hook(PurePath, str)
    return made


def problems_of(error: BaseException, path: str = "") -> Iterator[str]:
    """Yield one line for each problem in an error of :func:`converter`, with its path."""
    if isinstance(error, IterableValidationError | ClassValidationError):
        for child in error.exceptions:
            yield from problems_of(child, path + _step(child))
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [a.name for a in attrs.fields(error.cl) if a.init]
        for key in sorted(error.extra_fields):
            near = difflib.get_close_matches(key, known, n=1)
            hint = f", did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
            if not known:
                hint = "; nothing can be set here"
            yield f"unknown key {key!r}{hint}{_at(path)}"
    elif isinstance(error, OptionsError):
        # From a component that is made of others, such as a sum of losses; it has looked into
        # them, and its problems come with the rest of their path.
        for line in str(error).splitlines():
            text, _, rest = line.rpartition(" @ ")
            yield f"{text}{_at(f'{path}.{rest}')}" if text else f"{line}{_at(path)}"
    elif isinstance(error, KeyError) and len(error.args) == 1:
        yield f"required key {error.args[0]!r} is missing{_at(path.rpartition('.')[0])}"
    else:
        yield f"{_sentence(error)}{_at(path)}"


def _sentence(error: BaseException) -> str:
    # Some validators of attrs put the attribute and the value behind the sentence.
    said = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    return " ".join(said.split()) or type(error).__name__


def _step(error: BaseException) -> str:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return f".{note.name}"
        if isinstance(note, IterableValidationNote):
            return f"[{note.index}]"
    return ""


def _at(path: str) -> str:
    return f" @ {path.removeprefix('.')}" if path else ""


def structure(values: Any, kind: type[T], *, where: str = "") -> T:
    """Return an instance of an attrs class made of plain values.

    Parameters
    ----------
    values : mapping
        Plain values, nested as the class is.
    kind : type
        An attrs class.
    where : str, optional
        Path that goes before every problem's own.

    Raises
    ------
    OptionsError
        Lists all problems, one a line, each with its path (``@ train.epochs``).

    Examples
    --------
    >>> from l2l_core.components import Schedule
    >>> structure({"epochs": 3}, Schedule).epochs
    3
    """
    try:
        return converter().structure(values, kind)
    except Exception as error:
        found = list(problems_of(error, where))
        raise OptionsError("\n".join(found)) from error


def unstructure(value: Any) -> Any:
    """Return plain values (dicts, lists, numbers, text) that :func:`structure` takes back."""
    return _plain(converter().unstructure(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value
