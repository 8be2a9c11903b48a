"""How commands speak: tables for people, JSON for programs, remarks beside the result.

Results go to stdout; whatever else there is to say goes to stderr, so that ``--json`` prints
JSON alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def columns(rows: Iterable[Sequence[str]], *, indent: int = 2, gap: int = 2) -> list[str]:
    """Return lines in which the cells of each column begin below one another.

    Parameters
    ----------
    rows : iterable of sequences of str
        Cells; all rows have as many.  A column that is empty in every row takes no room.
    indent, gap : int, optional
        Spaces before the first column, and between two.
    """
    table = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width]
        lines.append((" " * indent + (" " * gap).join(cells)).rstrip())
    return lines


def say(lines: str | Iterable[str]) -> None:
    """Print a line, or several, on stdout."""
    for line in [lines] if isinstance(lines, str) else lines:
        click.echo(line)


def say_json(value: Any) -> None:
    """Print a value as JSON on stdout; NaN and infinity, which JSON has not, become null."""
    click.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def remark(text: str) -> None:
    """Print a line on stderr, beside the result."""
    click.echo(text, err=True)
