"""The command ``l2l``: which commands there are, and what becomes of an error.

A command is one line in :data:`COMMANDS` and a click command called ``command`` in the module
``l2l_core.cli.<name>`` (a dash becomes an underscore), imported when it is run.  The help needs
none of these modules, and so neither NumPy nor a framework.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any, TextIO

import click

from l2l_core.errors import Interrupted, L2LError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMANDS: Mapping[str, Mapping[str, str]] = {
    "Restore": {
        "train": "Train on pairs of images, as a configuration says",
        "restore": "Restore images with a model, or with a filter",
        "evaluate": "Score an image against a reference",
        "crossvalidate": "Compare losses and filters on images held out",
        "compare": "Compare networks and filters in one table and one page",
        "model": "Show what is known of a model; import and export CARE models",
    },
    "Prepare": {
        "data": "Look at images, compare two labels, align pairs",
        "simulate": "Make pairs of images whose truth is known",
        "demo": "Simulate, train, restore and report: the whole way in four minutes",
    },
    "Set-up": {
        "doctor": "Show versions, devices, engines, memory, and what is broken",
        "plugins": "List, show, check and write components: methods, losses, ...",
        "config": "Write, check and show the file that describes a training run",
    },
}
"""Sections of the help, the commands in each, and what the help says of them."""

_INTERRUPTED = "Interrupted. What was finished before is whole, and no file is half written."


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run, and suggested when misspelt."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"l2l_core.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; for an unknown one name the nearest."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.list_commands(ctx):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see l2l --help."
            raise click.UsageError(f"no command is called {name!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections from the table, without importing anything."""
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(section.items()), col_max=16)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="label2label", prog_name="l2l")
def cli() -> None:
    """Restore cellular structures in fluorescence images.

    A network learns from images of one structure in two labels, or in two qualities, and then
    restores new images of any size.  l2l COMMAND --help explains a command.

    Exit status: 0 done, 1 failed (the line "Error: ..." says what to do), 2 wrong usage,
    130 interrupted.  L2L_DEBUG=1 shows where an error comes from.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        if not sys.warnoptions:
            warnings.simplefilter("default", UserWarning)
        try:
            status = cli.main(arguments, prog_name="l2l", standalone_mode=False)
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except BrokenPipeError:
            return _reader_gone()
        except (Interrupted, click.Abort, KeyboardInterrupt) as error:
            _debug()
            _complain(str(error) if isinstance(error, Interrupted) else _INTERRUPTED)
            return 130
        except Exception as error:
            _debug()
            _complain(f"Error: {explanation(error)}")
            return 1
        return status if isinstance(status, int) else 0


def explanation(error: Exception) -> str:
    """Return what is said about an error that ends a command."""
    if isinstance(error, L2LError):
        return str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        return "this machine has not enough memory for that; l2l doctor shows how much is free"
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return (
        f"{type(error).__name__}: {text}. This is a defect of l2l or of a plugin and not of your "
        "input; please report it with what the same command prints under L2L_DEBUG=1"
    )


def _complain(text: str) -> None:
    click.echo(text, err=True)


def _debug() -> None:
    if os.environ.get("L2L_DEBUG", "") not in ("", "0"):
        traceback.print_exc()


def _reader_gone() -> int:
    """Leave quietly when nobody reads our output any more, as after ``l2l ... | head``."""
    # Python flushes stdout once more when it ends, and would complain about it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> Any:
    from l2l_core.workflows.progress import beside_bars

    with beside_bars(sys.stderr):
        _complain(f"Warning: {' '.join(str(message).split())}")


if __name__ == "__main__":
    sys.exit(main())
