"""What a restoration was begun with, in sections, so that it goes on with nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from l2l_core.errors import OutputError
from l2l_core.images.replacing import replacing
from l2l_core.models.facts import fingerprint, plain, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MANIFEST = "manifest.json"
FORMAT_VERSION = 1

_WHAT = "ledger of a label2label restoration"
_REMEDY = "put the file back from a copy, or begin anew with --restart"
_CHANGES = {
    "input": "the input is another",
    "model": "the model is another",
    "options": "the options are others",
    "grid": "the grid or layout of the output is another",
}
_LONG = 80
_MISSING = object()

Sections = dict[str, Any]


def write_manifest(folder: Path, sections: Mapping[str, Any]) -> Sections:
    """Write the manifest into a folder that has none, and return it as it is read again.

    Parameters
    ----------
    folder : Path
        The folder of a ledger.
    sections : mapping
        By the name of each section, values that :func:`~l2l_core.models.facts.plain` takes.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    kept: Sections = plain(sections)
    facts = {
        "what": _WHAT,
        "format_version": FORMAT_VERSION,
        "fingerprints": {name: fingerprint(section) for name, section in kept.items()},
        "sections": kept,
    }
    with replacing(folder / MANIFEST, "manifest of the restoration") as new:
        # A path may hold bytes that are no text; these come out as JSON's own escapes.
        new.write_bytes(to_json(facts).encode(errors="backslashreplace"))
    return kept


def read_manifest(folder: Path) -> Sections | None:
    """Return the sections of the manifest in a folder, None where there is none.

    Raises
    ------
    OutputError
        If it is damaged, newer, or not of a ledger.
    """
    path = folder / MANIFEST
    try:
        facts = json.loads(path.read_bytes())
        ours = facts["what"] == _WHAT
        newer = facts["format_version"] > FORMAT_VERSION
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror}); {_REMEDY}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is damaged ({_said(error)}); {_REMEDY}") from error
    if not ours:
        raise OutputError(f"{path} is not of a ledger; choose another folder with --ledger")
    if newer:
        raise OutputError(
            f"{path} is of format version {facts['format_version']}, and this label2label reads "
            f"versions up to {FORMAT_VERSION}; upgrade it (pip install --upgrade label2label)"
        )
    return _checked(facts, path)


def _checked(facts: dict[str, Any], path: Path) -> Sections:
    try:
        sections: Sections = facts["sections"]
        expected = facts["fingerprints"]
        altered = [name for name in sections if fingerprint(sections[name]) != expected.get(name)]
        altered += [name for name in expected if name not in sections]
    except (KeyError, TypeError, AttributeError) as error:
        raise OutputError(f"{path} is damaged ({_said(error)}); {_REMEDY}") from error
    if altered:
        names = ", ".join(altered)
        raise OutputError(f"{path} is damaged (altered after it was written: {names}); {_REMEDY}")
    return sections


def is_manifest(folder: Path) -> bool:
    """Whether a folder holds a manifest of a ledger, of whatever version."""
    try:
        facts = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get("what") == _WHAT


def check_manifest(folder: Path, began: Sections, now: Mapping[str, Any]) -> None:
    """Compare what a restoration was begun with and what is given now.

    Parameters
    ----------
    folder : Path
        The folder of the ledger.
    began : dict
        What :func:`read_manifest` returned.
    now : mapping
        The same sections of now.

    Raises
    ------
    OutputError
        If anything differs; names every section that does, and in each the first value.
    """
    problems = [*_changes(began, plain(now))]
    if problems:
        raise OutputError(
            f"the restoration noted in {folder} cannot go on: {'; '.join(problems)}. Put that "
            "back, or begin anew with --restart"
        )


def _changes(began: Sections, now: Sections) -> Iterator[str]:
    for name in [*began, *(name for name in now if name not in began)]:
        difference = _first_difference(began.get(name, _MISSING), now.get(name, _MISSING))
        if difference is None:
            continue
        key, was, is_now = difference
        change = _CHANGES.get(name, f"{name} is another")
        # A store's layout has a version too.
        if name == "grid" and key.split(".")[-2:] in (["version"], ["grid", "version"]):
            change = "the version of the grid is another"
        where = f"{key} is" if key else "it is"
        yield f"{change}: {where} {_shown(is_now)} now and was {_shown(was)} when it began"


def _first_difference(was: Any, now: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Return where two values begin to differ, and both; None if they are equal."""
    if isinstance(was, dict) and isinstance(now, dict):
        # A version says more than what follows from it.
        keys = sorted(was.keys() | now.keys(), key=lambda key: (not key.endswith("version"), key))
        pairs = [(f"{path}.{k}", was.get(k, _MISSING), now.get(k, _MISSING)) for k in keys]
    elif _holds_more(was) and _holds_more(now):
        length = max(len(was), len(now))
        pad_was, pad_now = ([*x, *[_MISSING] * (length - len(x))] for x in (was, now))
        pairs = [(f"{path}[{i}]", pad_was[i], pad_now[i]) for i in range(length)]
    else:
        same = type(was) is type(now) and was == now
        return None if same else (path.removeprefix("."), was, now)
    for key, one, other in pairs:
        difference = _first_difference(one, other, key)
        if difference is not None:
            return difference
    return None


def _holds_more(value: Any) -> bool:
    """Whether a value is a list of more than numbers and text, which are said best as one."""
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "not set"
    text = json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


def _said(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
