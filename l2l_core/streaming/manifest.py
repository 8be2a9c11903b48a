"""What a restoration was begun with, in sections, so that it goes on with nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from l2l_core.errors import OutputError
from l2l_core.images.replacing import replacing
from l2l_core.models.facts import fingerprint, plain, to_json
from l2l_core.streaming.manifest_changes import changes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = "manifest.json"
FORMAT_VERSION = 1

_WHAT = "ledger of a label2label restoration"
_REMEDY = "put the file back from a copy, or begin anew with --restart"

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
        If anything differs; names every option that does, as it is on the command line.
    """
    problems = changes(began, plain(now))
    if problems:
        raise OutputError(
            f"the restoration noted in {folder} cannot go on: {'; '.join(problems)}. What is "
            "there would not fit what is to come: give again what it began with, or --restart, "
            "which makes all of it anew"
        )


def _said(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
