"""Write the small complete plugin of ``l2l plugins new``."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

from l2l_core.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

_FILES = {
    "{module}.py": "plugin.py.jinja",
    "pyproject.toml": "pyproject.toml.jinja",
    "README.md": "README.md.jinja",
    "tests/test_{module}.py": "test_plugin.py.jinja",
}
"""Each file of a plugin, and its template."""


def write_plugin(folder: Path) -> list[Path]:
    """Write a plugin into a new folder, named after it.

    Parameters
    ----------
    folder : Path
        Must not exist, or be empty.

    Returns
    -------
    list of Path
        The files; the plugin's module is the first.

    Raises
    ------
    OutputError
        If the folder has anything in it, cannot be written, or no name can be made of its own.
    """
    # Not at the top: every command of l2l plugins would wait for it.
    from jinja2 import Environment, StrictUndefined

    module = module_name(folder)
    names = {
        "module": module,
        "distribution": module.replace("_", "-"),
        "class_name": "".join(word.capitalize() for word in module.split("_")),
        "version": version("label2label"),
    }
    # What is written is Python and TOML, which HTML's escapes would spoil.
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    written = []
    try:
        if folder.exists() and any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty and is left as it is; choose a new folder")
        for name, template in _FILES.items():
            text = (files("l2l_core.cli") / "templates" / template).read_text(encoding="utf-8")
            path = folder / name.format(module=module)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(environment.from_string(text).render(names), encoding="utf-8")
            written.append(path)
    except NotADirectoryError:
        raise OutputError(f"{folder} is a file; choose a new folder") from None
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from error
    return written


def module_name(folder: Path) -> str:
    """Return the name of a Python module after a folder: ``My-Loss`` becomes ``my_loss``."""
    name = re.sub(r"[^a-z0-9]+", "_", folder.absolute().name.lower()).strip("_")
    if not re.match(r"[a-z]", name):
        raise OutputError(
            f"no package can be named after the folder {folder}; expected a name that begins with "
            "a letter, such as my-loss"
        )
    return name
