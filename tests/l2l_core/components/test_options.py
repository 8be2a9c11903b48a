from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import define, field, validators
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.components.options import describe, structure, unstructure
from l2l_core.errors import OptionsError


class Mode(Enum):
    FAST = "fast"
    EXACT = "exact"


@define(frozen=True)
class Inner:
    side: int = 1


@define(frozen=True)
class Everything:
    whole: int = 1
    number: float = field(default=1.0, validator=validators.gt(0))
    text: str = ""
    flag: bool = False
    choice: Literal["a", "b"] = "a"
    mode: Mode = Mode.FAST
    path: Path = Path()
    maybe: float | None = None
    either: int | str = 1
    numbers: tuple[float, ...] = ()
    pair: tuple[int, int] = (0, 0)
    names: list[str] = field(factory=list)
    one_of: int = field(default=1, validator=validators.in_([1, 2]))
    table: dict[str, int] = field(factory=dict)
    anything: dict[str, Any] = field(factory=dict)
    inner: Inner = field(factory=Inner)
    inners: tuple[Inner, ...] = ()
    inner_or_name: Inner | str = "x"
    bare: tuple = ()  # type: ignore[type-arg]


@define(frozen=True)
class Ordered:
    low: float
    high: float = field()
    gain: float = field(default=1.0, validator=validators.gt(0))

    @high.validator
    def _above_low(self, attribute: Any, value: float) -> None:
        if value <= self.low:
            raise ValueError(f"high is {value:g}, expected more than low, {self.low:g}")


def problems(values: Any, kind: type = Everything, where: str = "") -> list[str]:
    with pytest.raises(OptionsError) as raised:
        structure(values, kind, where=where)
    return str(raised.value).splitlines()


def test_plain_values_become_the_class_they_are_meant_for() -> None:
    made = structure(
        {
            "number": 3,
            "mode": "exact",
            "path": "a/b",
            "numbers": [1, 2.5],
            "pair": [3, 4],
            "names": ["x"],
            "table": {"k": 2},
            "anything": {"k": [1, "2"]},
            "inner": {"side": 5},
            "inners": [{"side": 6}, {}],
            "inner_or_name": {"side": 7},
            "bare": [1, "two"],
        },
        Everything,
    )
    assert made == Everything(
        number=3.0,
        mode=Mode.EXACT,
        path=Path("a/b"),
        numbers=(1.0, 2.5),
        pair=(3, 4),
        names=["x"],
        table={"k": 2},
        anything={"k": [1, "2"]},
        inner=Inner(5),
        inners=(Inner(6), Inner(1)),
        inner_or_name=Inner(7),
        bare=(1, "two"),
    )
    assert isinstance(made.number, float)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("whole", "3", "got '3', expected a whole number"),
        ("whole", 3.0, "got 3.0, expected a whole number"),
        ("whole", True, "got True, expected a whole number"),
        ("number", "3", "got '3', expected a number"),
        ("number", True, "got True, expected a number"),
        ("text", 3, "got 3, expected text"),
        ("flag", 1, "got 1, expected true or false"),
        ("flag", "true", "got 'true', expected true or false"),
        ("choice", "c", "got 'c', expected one of 'a', 'b'"),
        ("mode", "fats", "got 'fats', expected one of 'fast', 'exact'"),
        ("path", 3, "got 3, expected text"),
        ("maybe", "3", "got '3', expected a number"),
        ("either", 1.5, "got 1.5, expected a whole number or text"),
        ("either", True, "got True, expected a whole number or text"),
        ("numbers", 3, "got 3, expected a list of numbers"),
        ("numbers", "12", "got '12', expected a list of numbers"),
        ("pair", [1], "got [1], expected 2 items"),
        ("pair", "12", "got '12', expected a list of whole numbers"),
        ("names", "ab", "got 'ab', expected a list of texts"),
        ("table", 3, "got 3, expected a table"),
        ("table", [["k", 2]], "got [['k', 2]], expected a table"),
        ("anything", "x", "got 'x', expected a table"),
        ("inner", 3, "got 3, expected a table"),
        ("bare", "ab", "got 'ab', expected a list"),
        ("number", 0, "'number' must be > 0: 0.0"),
        ("one_of", 3, "'one_of' must be in [1, 2] (got 3)"),
    ],
)
def test_nothing_is_converted_silently(key: str, value: Any, expected: str) -> None:
    assert problems({key: value}) == [f"{expected} @ {key}"]


@given(
    st.sampled_from(["whole", "number", "text", "flag"]),
    st.one_of(st.integers(), st.floats(allow_nan=False, min_value=0.1), st.text(), st.booleans()),
)
def test_a_value_is_taken_as_it_is_or_refused(key: str, value: Any) -> None:
    try:
        made = getattr(structure({key: value}, Everything), key)
    except OptionsError:
        return
    assert made == value
    assert type(made) is type(value) or (key == "number" and type(value) is int)


def test_all_problems_come_at_once_each_with_its_path() -> None:
    found = problems(
        {
            "whole": "1",
            "number": -1,
            "one_of": 9,
            "inners": [{}, {"side": "x"}, 3],
            "table": {"good": 1, "bad": "x"},
            "inner": {"sde": 3},
            "inner_or_name": {"side": None},
            "txt": "",
            "zzz": 1,
        }
    )
    assert sorted(found) == sorted(
        [
            "got '1', expected a whole number @ whole",
            "'number' must be > 0: -1.0 @ number",
            "'one_of' must be in [1, 2] (got 9) @ one_of",
            "got 'x', expected a whole number @ inners[1].side",
            "got 3, expected a table @ inners[2]",
            "got 'x', expected a whole number @ table.bad",
            "unknown key 'sde', did you mean 'side'? @ inner",
            "got None, expected a whole number @ inner_or_name.side",
            "unknown key 'txt', did you mean 'text'?",
            f"unknown key 'zzz'; known: {', '.join(Everything.__slots__[:-1])}",
        ]
    )


def test_two_values_out_of_range_are_two_problems_and_none_comes_twice() -> None:
    assert problems({"number": -1, "one_of": 9}, where="loss.options") == [
        "'number' must be > 0: -1.0 @ loss.options.number",
        "'one_of' must be in [1, 2] (got 9) @ loss.options.one_of",
    ]


def test_what_is_required_and_missing_is_named() -> None:
    assert problems({}, Ordered, where="restorer.options") == [
        "required key 'low' is missing @ restorer.options",
        "required key 'high' is missing @ restorer.options",
    ]


def test_a_validator_that_looks_at_two_attributes_has_its_say_when_it_can() -> None:
    assert problems({"low": 2, "high": 1}, Ordered) == ["high is 1, expected more than low, 2"]
    # The other problem keeps the instance from being made that this validator needs.
    assert problems({"low": 2, "high": 1, "gain": "x"}, Ordered) == [
        "got 'x', expected a number @ gain"
    ]


def test_a_class_without_options_says_so() -> None:
    @define(frozen=True)
    class Nothing:
        pass

    assert problems({"scales": 3}, Nothing, where="loss.options") == [
        "unknown key 'scales'; nothing can be set here @ loss.options"
    ]


def test_options_that_structure_others_pass_their_paths_on() -> None:
    @define(frozen=True)
    class Sum:
        terms: int = 0

        def __attrs_post_init__(self) -> None:
            raise OptionsError("no loss is called 'x' @ terms[0].name\nthere is no sum")

    assert problems({}, Sum, where="loss.options") == [
        "no loss is called 'x' @ loss.options.terms[0].name",
        "there is no sum @ loss.options",
    ]


def test_values_that_are_no_table_are_refused() -> None:
    assert problems(3, where="augment[0]") == ["got 3, expected a table @ augment[0]"]


def test_an_instance_is_taken_as_it_is() -> None:
    inner = Inner(3)
    assert structure(inner, Inner) is inner
    assert structure({"inner": inner}, Everything).inner is inner


def test_plain_values_of_an_instance_give_it_back() -> None:
    made = Everything(mode=Mode.EXACT, path=Path("a/b"), numbers=(1.0,), inners=(Inner(3),))
    plain = unstructure(made)
    assert plain["mode"] == "exact"
    assert plain["path"] == "a/b"
    assert plain["numbers"] == [1.0]
    assert plain["inners"] == [{"side": 3}]
    assert structure(plain, Everything) == made


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "a whole number"),
        (tuple[float, ...], "a list of numbers"),
        (tuple[int, ...] | None, "a list of whole numbers"),
        (tuple[int | str, ...], "a list of whole numbers or texts"),
        (dict[str, int], "a table"),
        (Literal["a", 1], "one of 'a', 1"),
        (Mode, "one of 'fast', 'exact'"),
        (Inner, "a table"),
        (str | list[str], "text or a list of texts"),
    ],
)
def test_a_type_is_told_in_words_that_a_writer_of_toml_knows(kind: Any, words: str) -> None:
    assert describe(kind) == words
