from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click
import pytest

from l2l_core.cli.main import COMMANDS, cli, explanation, main
from l2l_core.errors import AxesError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[..., None]

HEAVY = ("numpy", "torch", "tensorflow", "keras", "zarr", "dask", "scipy", "cattrs", "matplotlib")
L2L = [sys.executable, "-m", "l2l_core.cli.main"]

RAISES = """
    from attrs import define, field
    from l2l_core.components import Loss, LossInfo, hookimpl

    def raises():
        from l2l_core.errors import Interrupted
        raise {error}

    @define(frozen=True)
    class Raises(Loss):
        scale: float = field(factory=raises)
        def __call__(self, ops, target, prediction, *, channel_axis, mask=None): ...

    @hookimpl
    def l2l_losses():
        yield LossInfo(name="raises", target="l2l_raises:Raises", summary="Raises")
"""


def test_help_shows_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for title, section in COMMANDS.items():
        assert f"{title}:" in shown
        for name, summary in section.items():
            assert f"{name} {summary}" in shown


@pytest.mark.parametrize("name", [name for section in COMMANDS.values() for name in section])
def test_every_command_of_the_table_exists_and_has_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(cli.get_command(click.Context(cli), name), click.Command)
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: l2l {name}")


@pytest.mark.parametrize("arguments", [["--help"], ["plugins", "list"], ["--version"]])
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from l2l_core.cli.main import main; status = main(sys.argv[1:]);"
        f"heavy = [name for name in {HEAVY} if name in sys.modules];"
        "sys.exit(f'imported {heavy}' if heavy else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["--help"], ["plugins", "list"]])
def test_light_commands_are_quick(arguments: list[str]) -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([*L2L, *arguments], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    # A time is for people to look at: it says as much about the machine.
    print(f"l2l {' '.join(arguments)}: {min(seconds):.2f} s")


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert version("label2label") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plugin"], "no command is called 'plugin'; did you mean 'plugins'?"),
        (["xyzzy"], "no command is called 'xyzzy'; see l2l --help"),
        (["--no-such-option"], "No such option"),
        (["plugins", "list", "--kind", "los"], "Invalid value for '--kind'"),
        (["config", "check"], "Missing argument 'FILE'"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert expected in said.err
    assert said.out == ""


def test_a_foreseeable_failure_is_one_line_on_stderr_and_exits_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("L2L_DEBUG", raising=False)
    assert main(["plugins", "show", "loss", "maee"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: no loss is called 'maee', did you mean 'mae'?")
    assert said.err.count("\n") == 1


def test_debugging_shows_where_an_error_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L2L_DEBUG", "1")
    assert main(["plugins", "show", "loss", "maee"]) == 1
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert said.splitlines()[-1].startswith("Error: no loss is called 'maee'")


def test_an_unforeseen_failure_says_how_to_report_it(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-raises", RAISES.format(error="ZeroDivisionError('by nothing')"))
    assert main(["plugins", "show", "loss", "raises"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ZeroDivisionError: by nothing. This is a defect of l2l")
    assert "L2L_DEBUG=1" in line


def test_interrupted_work_says_what_is_safe_and_exits_with_130(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-raises", RAISES.format(error="Interrupted('stopped; epoch 3 is safe in runs/a')"))
    assert main(["plugins", "show", "loss", "raises"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "stopped; epoch 3 is safe in runs/a"


@pytest.mark.usefixtures("interruptible")
def test_a_real_interrupt_exits_with_130_and_without_a_traceback(
    install: Install, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    install(
        "l2l-slow",
        f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)",
    )
    with subprocess.Popen(
        [*L2L, "plugins", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not started.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err.strip().startswith("Interrupted.")
    assert "Traceback" not in err


def test_a_reader_that_went_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [*L2L, "plugins", "list", "--json"], stdout=writing, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writing)
        _, err = process.communicate(timeout=30)
    assert err == ""


def test_a_broken_plugin_is_one_warning_for_commands_that_do_not_list_it(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("l2l-broken", "import l2l_no_such_module")
    file = tmp_path / "run.toml"
    # An image that is not there would be a warning too.
    (tmp_path / "a.png").touch()
    file.write_text('[data]\ninput="a.png"\n[restorer]\nname="linear_filter"\n', "utf-8")
    assert main(["config", "check", str(file)]) == 0
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("Warning: plugin l2l_broken of l2l-broken: cannot be imported")
    assert said.out == f"{file} is sound\n"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AxesError("axes YX do not fit"), "axes YX do not fit"),
        (OutputError("disk is full"), "disk is full"),
        (OSError(errno.ENOSPC, "No space left on device", "a.tif"), "No space left on device: a.t"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (MemoryError(), "this machine has not enough memory for that"),
        (ValueError("two\nlines"), "ValueError: two lines. This is a defect"),
    ],
)
def test_what_is_said_about_an_error(error: Exception, expected: str) -> None:
    assert explanation(error).startswith(expected)
