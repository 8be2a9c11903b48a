"""Which file is the partner of which, told by their names alone."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from attrs import define

from l2l_core.errors import PairingError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN = 20
"""How many names a message lists before it only counts them."""


@define(frozen=True)
class Matched:
    """Files matched by name.

    Parameters
    ----------
    partners : tuple of (str, Path, Path)
        What two names share, and the input and the target of that name.
    lonely_inputs, lonely_targets : tuple of Path
        What has no partner.
    """

    partners: tuple[tuple[str, Path, Path], ...]
    lonely_inputs: tuple[Path, ...] = ()
    lonely_targets: tuple[Path, ...] = ()


def stem(path: PurePath) -> str:
    """Return the name of an image without what tells its format.

    >>> stem(PurePath("cells/a.01.ome.tif"))
    'a.01'
    """
    return re.sub(r"\.ome\Z", "", PurePath(path.name).stem, flags=re.IGNORECASE)


def match_names(inputs: Sequence[Path], targets: Sequence[Path], pattern: str = "") -> Matched:
    """Match inputs with targets by their names.

    One file on either side is a pair whatever the names.  Otherwise equal names are partners; where
    that leaves some alone, names are compared without the prefix and the suffix that all names of
    one side share (``cell01_ac15`` and ``cell01_phalloidin``), or, with a `pattern`, by its first
    group.

    Parameters
    ----------
    inputs, targets : sequence of Path
    pattern : str, optional
        Regular expression that is searched in the name without its suffix.

    Raises
    ------
    PairingError
        If two files of one side have the same key, or a name does not fit the pattern.
    """
    if pattern:
        return _best([tuple(_keys_by_pattern(side, pattern) for side in (inputs, targets))],
                     inputs, targets)  # fmt: skip
    if len(inputs) == len(targets) == 1:
        return Matched(((stem(inputs[0]), inputs[0], targets[0]),))
    sides = ([stem(path) for path in inputs], [stem(path) for path in targets])
    candidates = []
    # From the least to the most that is taken away; the first that leaves nobody alone wins.
    for words, (prefix, suffix) in product((True, False), product((False, True), repeat=2)):
        candidates.append(
            tuple(_without_affixes(side, prefix=prefix, suffix=suffix, words=words)
                  for side in sides)
        )  # fmt: skip
    return _best(candidates, inputs, targets)


def _best(
    candidates: Sequence[tuple[list[str], ...]], inputs: Sequence[Path], targets: Sequence[Path]
) -> Matched:
    """Return the matching that leaves the fewest alone."""
    found: Matched | None = None
    ambiguous = ""
    for input_keys, target_keys in candidates:
        repeated = _repeated(input_keys, inputs) or _repeated(target_keys, targets)
        if repeated:
            ambiguous = ambiguous or repeated
            continue
        by_key = dict(zip(target_keys, targets, strict=True))
        partners = tuple(
            (key, path, by_key[key])
            for key, path in zip(input_keys, inputs, strict=True)
            if key in by_key
        )
        if found is None or len(partners) > len(found.partners):
            taken = {path for _, *pair in partners for path in pair}
            found = Matched(
                partners,
                tuple(path for path in inputs if path not in taken),
                tuple(path for path in targets if path not in taken),
            )
    if found is None:
        raise PairingError(ambiguous)
    return found


def _repeated(keys: Sequence[str], paths: Sequence[Path]) -> str:
    """Return a sentence about two files of one side with one key, or nothing."""
    first: dict[str, Path] = {}
    for key, path in zip(keys, paths, strict=True):
        if key in first:
            return (
                f"{first[key]} and {path} both go by the name {key!r}, so their partners cannot be "
                "told apart; write a regular expression with one group in data.match, or list the "
                "pairs in a CSV file (data.table)"
            )
        first[key] = path
    return ""


def _keys_by_pattern(paths: Sequence[Path], pattern: str) -> list[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise PairingError(
            f"data.match = {pattern!r} is no regular expression: {error}; expected one such as "
            r"'(cell\d+)_'"
        ) from error
    if compiled.groups < 1:
        raise PairingError(
            f"data.match = {pattern!r} has no group; put brackets around what the names of two "
            r"partners share, as in '(cell\d+)_'"
        )
    keys = []
    for path in paths:
        found = compiled.search(stem(path))
        if found is None or found.group(1) is None:
            raise PairingError(
                f"{path} does not fit data.match = {pattern!r}, which is searched in "
                f"{stem(path)!r}; mend the expression, or leave the file out"
            )
        keys.append(found.group(1))
    return keys


def _without_affixes(names: Sequence[str], *, prefix: bool, suffix: bool, words: bool) -> list[str]:
    """Take away what all names begin with, and what they end with.

    With `words`, no word and no number is cut in two: of ``cell01`` and ``cell02`` the prefix is
    ``cell`` and not ``cell0``.  Without it, letters are compared one by one, and numbers still as
    a whole: ``frame11`` is no partner of ``frame1``.
    """
    token = re.compile(r"\d+|[^\W\d_]+|." if words else r"\d+|.", re.DOTALL)
    tokens = [token.findall(name) for name in names]
    front = _shared(tokens) if prefix else 0
    rest = [parts[front:] for parts in tokens]
    back = _shared([parts[::-1] for parts in rest]) if suffix else 0
    return ["".join(parts[: len(parts) - back]) for parts in rest]


def _shared(lists: Sequence[Sequence[str]]) -> int:
    """Return with how many items all lists begin alike."""
    count = 0
    for items in zip(*lists, strict=False):
        if len(set(items)) > 1:
            break
        count += 1
    return count


def report_lonely(matched: Matched) -> str:
    """Return lines that name every file without a partner, of both sides."""
    lines = []
    for side, other, paths in (
        ("inputs", "target", matched.lonely_inputs),
        ("targets", "input", matched.lonely_targets),
    ):
        if not paths:
            continue
        lines.append(f"  {len(paths)} {side if len(paths) > 1 else side[:-1]} without {other}:")
        lines += [f"    {path}" for path in paths[:_SHOWN]]
        if len(paths) > _SHOWN:
            lines.append(f"    and {len(paths) - _SHOWN} more")
    return "\n".join(lines)
