from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from l2l_core.cli.main import main
from l2l_core.components.registry import registry
from l2l_core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[..., None]

GOOD = """
    from attrs import define
    from l2l_core.components import Loss, LossInfo, RestorerInfo, hookimpl

    @define(frozen=True)
    class Good(Loss):
        '''A good loss.

        Parameters
        ----------
        scale : float
            How much of it.
        '''
        scale: float = 2.0
        def __call__(self, ops, target, prediction, *, channel_axis, mask=None): ...

    @hookimpl
    def l2l_losses():
        yield LossInfo(name="good", target="l2l_good:Good", summary="A good loss",
                       frameworks={"torch"})

    @hookimpl
    def l2l_restorers():
        yield RestorerInfo(name="absent", engine="onnx", target="l2l_good:Absent",
                           summary="Not here", requires="l2l_absent", install="l2l-good[absent]")
"""


def test_the_listing_has_every_component_and_the_broken_ones_below(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-good", GOOD)
    install("l2l-broken", "import l2l_no_such_module")
    assert main(["plugins", "list"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    listed, _, broken = said.out.partition("\nbroken:\n")
    lines = listed.splitlines()
    for found in registry().components:
        assert any(line.split()[:1] == [found.info.name] for line in lines)
    (good,) = [line for line in lines if line.split()[0] == "good"]
    assert good.endswith("A good loss [l2l-good 1.0]")
    (absent,) = [line for line in lines if line.split()[0] == "absent"]
    assert absent.split()[1] == "onnx"
    assert absent.endswith("(not available: l2l_absent is not installed)")
    (line,) = broken.splitlines()
    assert line.startswith("  l2l_broken of l2l-broken: cannot be imported from 'l2l_broken'")


def test_the_listing_in_json_has_the_shape_that_scripts_rely_on(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-good", "print('noise on import')\n" + "import sys\n")
    install("l2l-fine", GOOD.replace("l2l_good:", "l2l_fine:"))
    assert main(["plugins", "list", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert set(found) == {"components", "broken"}
    components = {(c["kind"], c["name"], c["engine"]): c for c in found["components"]}
    assert components["loss", "good", ""] == {
        "kind": "loss",
        "name": "good",
        "engine": "",
        "summary": "A good loss",
        "frameworks": ["torch"],
        "available": True,
        "distribution": "l2l-fine",
        "version": "1.0",
    }
    assert components["restorer", "absent", "onnx"]["available"] is False
    assert len(components) == len(found["components"]) == len(registry().components)
    (broken,) = found["broken"]
    assert set(broken) == {"name", "distribution", "error"}
    assert broken["distribution"] == "l2l-good"
    assert "implements no hook" in broken["error"]


def test_one_kind_may_be_listed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "list", "--kind", "metric", "--json"]) == 0
    kinds = {c["kind"] for c in json.loads(capsys.readouterr().out)["components"]}
    assert kinds == {"metric"}


def test_a_component_is_shown_with_its_options(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-good", GOOD)
    assert main(["plugins", "show", "loss", "good"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("loss good: A good loss\n")
    assert "l2l-good 1.0" in shown
    assert "runs on  torch" in shown
    assert "  scale = 2.0  (a number)\n      How much of it.\n" in shown


def test_what_is_not_installed_is_shown_without_its_options(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-good", GOOD)
    assert main(["plugins", "show", "restorer", "absent"]) == 0
    said = capsys.readouterr()
    assert "l2l_absent is not installed; pip install 'l2l-good[absent]'" in said.out
    assert "The options are not shown" in said.err


@pytest.mark.parametrize("kind", ["metric", "augmenter", "ops", "restorer", "loss"])
def test_every_component_of_ours_can_be_shown(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for found in registry().of_kind(kind):
        assert main(["plugins", "show", kind, found.info.name]) == 0
        assert found.info.summary in capsys.readouterr().out


def test_checking_passes_what_is_sound_and_skips_what_is_not_installed(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-good", GOOD)
    for name in ("good", "l2l-good", "l2l_good"):
        assert main(["plugins", "check", name]) == 0
        said = capsys.readouterr().out
        assert "ok       loss good" in said
        assert "inherit" in said
        assert "LossSuite" in said
    assert main(["plugins", "check", "absent"]) == 0
    assert "skipped  restorer absent onnx" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import l2l_no_such_module", "cannot be imported"),
        (GOOD.replace("(frozen=True)", ""), "Good is not frozen"),
    ],
)
def test_checking_exits_with_1_if_anything_is_broken(
    install: Install, code: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-good", code)
    assert main(["plugins", "check", "l2l-good"]) == 1
    said = capsys.readouterr()
    assert expected in said.out
    assert said.out.count("BROKEN") == 1
    assert said.err == ""


def test_checking_an_unknown_name_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "check", "nobody"]) == 1
    assert "no component, plugin or distribution is called 'nobody'" in capsys.readouterr().err


def test_everything_of_ours_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("L2L_PLUGINS", "")
    registry.cache_clear()
    try:
        assert main(["plugins", "check"]) == 0
        assert "BROKEN" not in capsys.readouterr().out
    finally:
        registry.cache_clear()


@pytest.mark.slow
def test_a_new_plugin_works_as_it_is_written(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("setuptools")
    folder = tmp_path / "My-Loss"
    assert main(["plugins", "new", str(folder)]) == 0
    assert "my_loss.py" in capsys.readouterr().out
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    offline = ["--no-index", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([*pip, *offline, str(folder)], check=True, capture_output=True)
    registry.cache_clear()
    assert registry().find("loss", "my_loss").distribution == "my-loss"
    assert main(["plugins", "check", "my-loss"]) == 0
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_new_plugin_passes_the_house_rules(tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    folder = tmp_path / "my_loss"
    assert main(["plugins", "new", str(folder)]) == 0
    select = ["--select", "E,F,W,I,UP,B", "--line-length", "100"]
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", *select, "."],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_a_folder_with_something_in_it_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    assert main(["plugins", "new", str(tmp_path)]) == 1
    assert "is not empty and is left as it is" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert main(["plugins", "new", str(tmp_path / "mine.txt")]) == 1
    assert "is a file" in capsys.readouterr().err
    assert main(["plugins", "new", str(tmp_path / "123")]) == 1
    assert "begins with a letter" in capsys.readouterr().err


def test_a_module_is_named_after_the_folder(tmp_path: Path) -> None:
    from l2l_core.cli.plugin_template import module_name

    assert module_name(tmp_path / "My-Loss.2") == "my_loss_2"
    with pytest.raises(OutputError):
        module_name(tmp_path / "---")
