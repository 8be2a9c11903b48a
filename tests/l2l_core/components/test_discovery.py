"""Plugins are real packages with real metadata in a folder on the path."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from l2l_core.components.discovery import Broken, import_plugin, installed, records, selected
from l2l_core.components.registry import PluginWarning, Registry, registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[..., None]

GOOD = """
    from l2l_core.components import LossInfo, hookimpl

    @hookimpl
    def l2l_losses():
        yield LossInfo(name="good_loss", target="l2l_good:Good", summary="A good loss")
"""


def known() -> Registry:
    """Return the registry as it is, with its warnings left aside."""
    with pytest.warns(PluginWarning):
        return registry()


def names(found: Registry, kind: str = "loss") -> set[str]:
    return {registration.info.name for registration in found.of_kind(kind)}


def error_of(found: Registry, distribution: str) -> str:
    """Return the one line about a distribution."""
    (broken,) = [broken for broken in found.broken if broken.distribution == distribution]
    return broken.error


def test_a_good_plugin_is_registered_with_its_distribution_and_version(install: Install) -> None:
    install("l2l-good", GOOD, version="2.3")
    found = registry().find("loss", "good_loss")
    assert (found.distribution, found.version, found.plugin) == ("l2l-good", "2.3", "l2l_good")
    assert not found.own
    assert registry().broken == ()


def test_a_hook_may_import_modules_of_its_own_package(install: Install) -> None:
    late = GOOD.replace("        yield", "        globals()['imported_late'] = 1\n        yield")
    metrics = "\n    @hookimpl\n    def l2l_metrics():\n        return []\n"
    install("l2l-good", late + metrics)
    assert registry().find("loss", "good_loss").distribution == "l2l-good"
    assert registry().broken == ()


def test_a_module_may_hold_what_refuses_every_question(install: Install) -> None:
    proxy = """
    class Proxy:
        def __getattr__(self, name):
            raise RuntimeError("working outside of a context")

    proxy = Proxy()
"""
    install("l2l-good", GOOD + proxy)
    assert registry().find("loss", "good_loss").distribution == "l2l-good"
    assert registry().broken == ()


def test_listing_does_not_import_the_target(install: Install) -> None:
    install("l2l-good", GOOD.replace("l2l_good:Good", "l2l_no_such_module:Good"))
    assert registry().find("loss", "good_loss").info.target == "l2l_no_such_module:Good"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("import l2l_no_such_module", "No module named 'l2l_no_such", id="broken"),
        pytest.param("raise SystemExit(3)", "SystemExit: 3", id="exits"),
        pytest.param("1 +", "SyntaxError", id="syntax"),
        pytest.param("x = 1", "implements no hook; expected functions marked @hookimpl", id="none"),
        pytest.param(
            "from l2l_core.components import hookimpl\n@hookimpl\ndef l2l_loses():\n    yield 1",
            "there is no hook 'l2l_loses'; did you mean 'l2l_losses'?",
            id="misspelt_hook",
        ),
        pytest.param(
            "from l2l_core.components import hookimpl\n@hookimpl\ndef l2l_losses(config):\n  yield",
            "l2l_losses() is not as it should be, without arguments",
            id="argument",
        ),
        pytest.param(
            "from l2l_core.components import hookimpl\n@hookimpl\ndef l2l_losses():\n"
            "    yield {'name': 'dictionary'}",
            "l2l_losses() yielded a dict; expected LossInfo",
            id="wrong_type",
        ),
        pytest.param(
            "from l2l_core.components import hookimpl\n@hookimpl\ndef l2l_losses():\n"
            "    return {'name': 'dictionary'}",
            "l2l_losses() returned a dict; expected it to yield records of the type LossInfo",
            id="returns_a_dict",
        ),
        pytest.param(
            "from l2l_core.components import hookimpl, LossInfo\n@hookimpl\ndef l2l_losses():\n"
            "    return LossInfo(name='one', target='a:B', summary='One')",
            "l2l_losses() returned a LossInfo; expected it to yield",
            id="returns_a_record",
        ),
        pytest.param(
            "from l2l_core.components import hookimpl, LossInfo\n@hookimpl\ndef l2l_metrics():\n"
            "    yield LossInfo(name='one', target='a:B', summary='One')",
            "l2l_metrics() yielded a LossInfo; expected MetricInfo",
            id="record_of_another_kind",
        ),
        pytest.param(
            "from l2l_core.components import hookimpl, LossInfo\n@hookimpl\ndef l2l_losses():\n"
            "    yield LossInfo(name='Big Loss', target='a:B', summary='One')",
            "LossInfo has the name 'Big Loss'; expected lower-case letters",
            id="bad_name",
        ),
        pytest.param(
            "from l2l_core.components import hookimpl, LossInfo\n@hookimpl\ndef l2l_losses():\n"
            "    yield LossInfo(name='one', target='a:B', summary='One', api=99)",
            "written for version 99 of the interfaces, and this is version 1; update label2label",
            id="unknown_api",
        ),
    ],
)
def test_a_broken_plugin_is_one_line_and_one_warning_and_takes_nobody_down(
    install: Install, code: str, expected: str
) -> None:
    install("l2l-good", GOOD)
    install("l2l-bad", code)
    with pytest.warns(PluginWarning) as warned:
        found = registry()
    assert expected in error_of(found, "l2l-bad")
    (warning,) = warned
    assert "l2l-bad" in str(warning.message)
    assert expected in str(warning.message)
    assert {"good_loss", "mae"} <= names(found)


@pytest.mark.parametrize("code", ["import l2l_no_such_module", "x = 1", "raise SystemExit", "1 +"])
def test_every_message_says_what_to_do(install: Install, code: str) -> None:
    install("l2l-bad", code)
    error = error_of(known(), "l2l-bad")
    assert "update or uninstall l2l-bad" in error
    assert "L2L_BLOCK_PLUGINS=l2l-bad" in error


def test_an_entry_point_that_is_no_module_is_broken(install: Install, site: Path) -> None:
    install("l2l-bad", "number = 3")
    (site / "l2l_bad-1.0.dist-info" / "entry_points.txt").write_text(
        "[l2l.plugins]\nl2l_bad = l2l_bad:number\n", encoding="utf-8"
    )
    assert "names a int" in error_of(known(), "l2l-bad")


def test_a_hook_that_raises_loses_only_what_came_after_it_in_that_hook(install: Install) -> None:
    install(
        "l2l-raises",
        """
        from l2l_core.components import LossInfo, MetricInfo, hookimpl

        @hookimpl
        def l2l_losses():
            yield LossInfo(name="before", target="l2l_raises:A", summary="Before")
            raise RuntimeError("no licence today")
            yield LossInfo(name="after", target="l2l_raises:B", summary="After")

        @hookimpl
        def l2l_metrics():
            yield MetricInfo(name="other_hook", target="l2l_raises:C", summary="Other")
        """,
    )
    found = known()
    assert "before" in names(found)
    assert "after" not in names(found)
    assert "other_hook" in names(found, "metric")
    assert "l2l_losses() failed: RuntimeError: no licence today" in error_of(found, "l2l-raises")


def test_a_wrong_record_loses_itself_alone(install: Install) -> None:
    install(
        "l2l-mixed",
        """
        from l2l_core.components import LossInfo, hookimpl

        @hookimpl
        def l2l_losses():
            yield None
            yield LossInfo(name="after_none", target="l2l_mixed:A", summary="A")
        """,
    )
    found = known()
    assert "after_none" in names(found)
    assert "yielded a NoneType" in error_of(found, "l2l-mixed")


@pytest.mark.parametrize("first", ["a", "z"])
def test_a_misspelt_hook_costs_no_other_hook_of_its_module(install: Install, first: str) -> None:
    # pluggy goes over a module by name and stops at the first mistake.
    install(
        "l2l-half",
        f"""
        from l2l_core.components import LossInfo, hookimpl

        @hookimpl
        def {first}_l2l_lossses():
            yield

        @hookimpl
        def l2l_losses():
            yield LossInfo(name="half", target="l2l_half:A", summary="A")
        """,
    )
    found = known()
    assert "half" in names(found)
    assert "there is no hook" in error_of(found, "l2l-half")


def test_a_hook_may_have_a_name_of_its_own(install: Install) -> None:
    install(
        "l2l-good",
        GOOD.replace("@hookimpl", "@hookimpl(specname='l2l_losses')").replace(
            "def l2l_losses", "def my_losses"
        ),
    )
    assert "good_loss" in names(registry())


def test_a_hook_that_yields_nothing_is_no_mistake(install: Install) -> None:
    code = "from l2l_core.components import hookimpl\n@hookimpl\ndef l2l_losses(): return None"
    install("l2l-empty", code)
    assert registry().broken == ()


def test_what_a_plugin_prints_does_not_reach_stdout(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(
        "l2l-chatty",
        """
        from l2l_core.components import LossInfo, hookimpl
        print("imported")

        @hookimpl
        def l2l_losses():
            print("yielding")
            yield LossInfo(name="chatty", target="l2l_chatty:A", summary="A")
        """,
    )
    assert "chatty" in names(registry())
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.split() == ["imported", "yielding"]


@pytest.mark.parametrize("ruin", ["METADATA", "entry_points.txt"])
def test_a_damaged_installation_does_not_hide_the_others(
    install: Install, site: Path, ruin: str
) -> None:
    install("l2l-good", GOOD)
    install("a-damaged-package", "x = 1")
    damaged = site / "a_damaged_package-1.0.dist-info" / ruin
    if ruin == "METADATA":
        damaged.unlink()
    else:
        damaged.write_text("[l2l.plugins]\nno equals sign\n", encoding="utf-8")
    assert {"good_loss", "mae"} <= names(registry())


def test_our_own_plugins_come_first_and_the_others_by_name(install: Install) -> None:
    for name in ("zz-last", "aa-first"):
        install(name, GOOD)
    order = [entry.dist.name for entry in selected(installed()) if entry.dist is not None]
    own = order.count("label2label")
    assert own > 0
    assert order[:own] == ["label2label"] * own
    assert order[own:] == sorted(order[own:])


@pytest.mark.parametrize(
    ("variable", "value", "left"),
    [
        ("L2L_PLUGINS", "", set()),
        ("L2L_PLUGINS", "l2l-one", {"one"}),
        ("L2L_PLUGINS", "l2l_two", {"two"}),
        ("L2L_PLUGINS", "L2L.One, l2l_two", {"one", "two"}),
        ("L2L_BLOCK_PLUGINS", "", {"one", "two"}),
        ("L2L_BLOCK_PLUGINS", "l2l-one", {"two"}),
        ("L2L_BLOCK_PLUGINS", "l2l_one,l2l-two", set()),
        ("L2L_BLOCK_PLUGINS", "label2label", {"one", "two"}),
    ],
)
def test_the_environment_pins_and_blocks_plugins_but_never_our_own(
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    left: set[str],
) -> None:
    for name in ("one", "two"):
        install(f"l2l-{name}", GOOD.replace("good_loss", name))
    monkeypatch.setenv(variable, value)
    found = names(registry())
    assert found & {"one", "two"} == left
    assert "mae" in found


def test_a_plugin_that_is_both_pinned_and_blocked_is_left_out(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("l2l-good", GOOD)
    monkeypatch.setenv("L2L_PLUGINS", "l2l-good")
    monkeypatch.setenv("L2L_BLOCK_PLUGINS", "l2l-good")
    assert "good_loss" not in names(registry())


def test_pinning_what_is_not_installed_is_said(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2L_PLUGINS", "l2l-absent")
    with pytest.warns(PluginWarning, match="L2L_PLUGINS names l2l-absent, but no such plugin"):
        registry()


def test_an_entry_point_without_a_distribution_can_be_broken_too() -> None:
    entry = EntryPoint("lost", "l2l_no_such_module", "l2l.plugins")
    broken = import_plugin(entry)
    assert isinstance(broken, Broken)
    assert broken.distribution == "an unknown distribution"


def test_our_own_plugins_import_no_framework_and_yield_sound_records() -> None:
    for entry in installed():
        if entry.dist is not None and entry.dist.name == "label2label":
            plugin = import_plugin(entry)
            assert not isinstance(plugin, Broken), plugin
            assert not any(isinstance(record, Broken) for record in records(plugin))
