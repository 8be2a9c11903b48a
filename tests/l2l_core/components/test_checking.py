from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from l2l_core.components.checking import problems_with
from l2l_core.components.discovery import Registration
from l2l_core.components.records import KINDS
from l2l_core.components.registry import registry
from l2l_core.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Callable

    Install = Callable[..., None]

MODULE = """
    from attrs import define, field
    from typing import TYPE_CHECKING
    from l2l_core.components import Augmenter, Loss, Metric, NoOptions, Restorer
    if TYPE_CHECKING:
        from decimal import Decimal

    class Call(Loss):
        def __call__(self, ops, target, prediction, *, channel_axis, mask=None): ...

    @define(frozen=True)
    class Sound(Call):
        scale: float = 1.0

    @define(frozen=True)
    class Required(Call):
        scale: float

    class Plain(Call):
        pass

    @define
    class Thawed(Call):
        scale: float = 1.0

    @define(frozen=True)
    class Abstract(Loss):
        scale: float = 1.0

    @define(frozen=True)
    class Stranger:
        scale: float = 1.0

    @define(frozen=True)
    class Untold(Call):
        scale: "Decimal" = 1

    @define(frozen=True)
    class WrongDefault(Call):
        scale: float = "one"

    @define(frozen=True)
    class Failing(Call):
        scale: float = field()

        @scale.default
        def _scale(self):
            raise ZeroDivisionError("no scale")

    class PlainOptions(Restorer):
        Options = dict
        def restore(self, batch): ...

    class SoundRestorer(Restorer):
        def restore(self, batch): ...

    class FewOps:
        def abs(self, x): ...
"""


def problems(install: Install, kind: str, name: str, **particulars: object) -> list[str]:
    install("l2l-checked", MODULE)
    info = KINDS[kind](name="x", target=f"l2l_checked:{name}", summary="X", **particulars)  # type: ignore[arg-type]
    return problems_with(Registration(info, "l2l-checked", "1.0", "l2l_checked"))


@pytest.mark.parametrize(
    ("kind", "name"), [("loss", "Sound"), ("loss", "Required"), ("restorer", "SoundRestorer")]
)
def test_a_component_that_keeps_to_its_interface_has_no_problems(
    install: Install, kind: str, name: str
) -> None:
    assert problems(install, kind, name) == []


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("loss", "Missing", "has no attribute 'Missing'"),
        ("loss", "define", "is a function; expected a class"),
        ("loss", "Plain", "Plain is no attrs class; decorate it with @attrs.define(frozen=True)"),
        ("loss", "Thawed", "Thawed is not frozen"),
        ("loss", "Abstract", "lacks the methods __call__"),
        ("loss", "Stranger", "is no subclass of l2l_core.components.Loss"),
        ("metric", "Sound", "is no subclass of l2l_core.components.Metric"),
        ("loss", "Untold", "name 'Decimal' is not defined; import them outside of TYPE_CHECKING"),
        ("loss", "WrongDefault", "does not take its own defaults: got 'one', expected a number"),
        ("loss", "Failing", "Failing cannot be made: ZeroDivisionError: no scale"),
        ("restorer", "PlainOptions", "dict is no attrs class"),
        ("ops", "FewOps", "lacks the operations sqrt, exp"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    install: Install, kind: str, name: str, expected: str
) -> None:
    (problem,) = problems(install, kind, name)
    assert expected in problem


def test_of_what_is_not_installed_nothing_can_be_told(install: Install) -> None:
    with pytest.raises(MissingDependencyError):
        problems(install, "loss", "Sound", requires=("l2l_absent",))


@pytest.mark.parametrize(
    "registration",
    [r for r in registry().components if r.own and not r.info.requires],
    ids=lambda r: f"{r.kind}-{'-'.join(r.info.key)}",
)
def test_our_own_components_keep_to_their_interfaces(registration: Registration) -> None:
    assert problems_with(registration) == []
