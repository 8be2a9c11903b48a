from __future__ import annotations

from attrs import define, field

from l2l_core.components.documentation import Option, options_of, parameter_texts


@define(frozen=True)
class Base:
    """A base.

    Parameters
    ----------
    low, high : float
        Both ends,
        in percent.
    """

    low: float = 1.0
    high: float = 99.8


@define(frozen=True, kw_only=True)
class Documented(Base):
    """A class with ``options``.

    Parameters
    ----------
    name : str
        What it is called, ``"x"``, as in :mod:`json`.
    shape
        Without a type.

    Attributes
    ----------
    cached : int
        No option at all.
    """

    name: str
    shape: tuple[int, ...] = (1, 2)
    flag: bool = True
    text: str = "a"
    table: dict[str, int] = field(factory=dict)
    maybe: int | None = None
    dependent: float = field()
    cached: int = field(init=False, default=3)

    @dependent.default
    def _dependent(self) -> float:
        return self.low


def test_options_carry_type_default_and_what_the_docstring_says() -> None:
    found = {option.name: option for option in options_of(Documented)}
    assert found["name"] == Option("name", "text", "", True, 'What it is called, "x", as in json.')
    assert found["shape"] == Option(
        "shape", "a list of whole numbers", "[1, 2]", False, "Without a type."
    )
    assert found["high"].text == found["low"].text == "Both ends, in percent."
    assert found["flag"].default == "true"
    assert found["text"].default == '"a"'
    assert found["table"].default == "{}"
    assert (found["maybe"].default, found["maybe"].required) == ("", False)
    assert found["dependent"].default == "depends on other options"


def test_what_is_no_option_is_left_out() -> None:
    assert "cached" not in {option.name for option in options_of(Documented)}
    assert "cached" not in parameter_texts(Documented)


def test_a_class_without_a_docstring_has_options_without_texts() -> None:
    @define
    class Bare:
        side: int = 3

    Bare.__doc__ = None
    assert options_of(Bare) == (Option("side", "a whole number", "3", False, ""),)
