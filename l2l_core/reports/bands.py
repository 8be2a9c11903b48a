"""How many images stand side by side, and how much of their names there is room for."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONGEST = 34
"""Letters in a line of a name at the most."""

ACROSS = 5
"""Images side by side at the most; further ones stand below."""


def bands(names: Sequence[str]) -> list[Sequence[str]]:
    """Return names in as few rows as there may be, of about equal length."""
    count = -(-len(names) // ACROSS)
    length = -(-len(names) // count)
    return [names[start : start + length] for start in range(0, len(names), length)]


def legend_room(shown: Mapping[str, Any]) -> float:
    """Return the room of the legend in inches; it stands in the plot where there is little."""
    if len(shown) <= 2:
        return 0.0
    longest = max(len(name) for name in shown)
    return max(1.15, 0.075 * min(longest, _LONGEST) + 0.45)


def wrapped(name: str) -> str:
    """Return a name in as many lines as it needs."""
    return textwrap.fill(name, _LONGEST, break_on_hyphens=False) or name
