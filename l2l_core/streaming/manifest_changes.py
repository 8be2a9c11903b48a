"""What is not as it was when a restoration began, in the words of the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FLAGS = {"version": "--ome-zarr"}
"""Options whose flag has another name."""

_OF_THE_MODEL = {
    "restorer": "MODEL",
    "engine": "--backend",
    "supplier": "the software of MODEL",
}
_LONG = 80
_MISSING = object()


def changes(began: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs between two manifests, one clause for each, empty where nothing does.

    Parameters
    ----------
    began, now : mapping
        Sections in JSON's own types: ``input``, ``model``, ``options``, ``grid``, and others.
    """
    found: list[str] = []
    told = {"input": _of_the_input, "model": _of_the_model, "options": _of_the_options}
    for name in ("options", "model", "input"):
        was, is_now = began.get(name, {}), now.get(name, {})
        if not _same(was, is_now):
            found += told[name](was, is_now)
    for name in dict.fromkeys((*began, *now)):
        if name in told:
            continue
        was, is_now = began.get(name, _MISSING), now.get(name, _MISSING)
        # How an image is cut follows from the rest, unless the program cuts otherwise by now.
        if not _same(was, is_now) and (name != "grid" or not found or _version(was, is_now)):
            found.append(_elsewhere(name, was, is_now))
    return found


def _of_the_options(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, one, other in _differing(was, now):
        yield _changed(_FLAGS.get(key, f"--{key.replace('_', '-')}"), one, other)


def _of_the_model(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    differing = {key: (one, other) for key, one, other in _differing(was, now)}
    named = [key for key in _OF_THE_MODEL if key in differing]
    for key in named:
        yield _changed(_OF_THE_MODEL[key], *differing[key])
    if "chain" in differing:
        named.append("chain")
        followers = [_followers(chain) for chain in differing["chain"]]
        if followers[0] != followers[1]:
            yield _changed("what follows MODEL (--then)", *followers)
        else:
            suppliers = [[step.get("supplier") for step in chain] for chain in differing["chain"]]
            yield _changed("the software of what follows MODEL", *suppliers)
    options = differing.get("options")
    if options and "restorer" not in named and all(isinstance(one, dict) for one in options):
        named.append("options")
        for key, one, other in _differing(*options):
            yield _changed(f"{key} of MODEL", one, other)
    if not named:
        yield "MODEL is not the one that it began with, by its weights or its normalisation"


def _followers(chain: Any) -> Any:
    """Return the filters of a chain as they are written behind ``--then``."""
    if not isinstance(chain, list):
        return chain
    return ", ".join(
        f"{step['restorer']}:{','.join(f'{key}={_shown(x)}' for key, x in step['options'].items())}"
        for step in chain
    )


def _of_the_input(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if was.get("image") != now.get("image"):
        yield _changed("INPUT", was.get("image", _MISSING), now.get("image", _MISSING))
        return
    file, other = was.get("file", {}), now.get("file", {})
    if file.get("size") != other.get("size") and file and other:
        yield (f"the image had {file['size']:,} bytes when it began and has {other['size']:,} now")
        return
    documents, others = was.get("documents", {}), now.get("documents", {})
    names = [
        f"{key or 'the content'} in {name}"
        for name, one, other in _differing(documents, others)
        for key, _, _ in _differing(_entries(one), _entries(other))
    ]
    if names:
        yield f"the image is not the one that it began with, by {', '.join(names[:3])}"
    else:
        yield "the image is another or was written anew since, by the time of its last change"


def _entries(document: Any) -> Mapping[str, Any]:
    return document if isinstance(document, dict) else {}


def _elsewhere(name: str, was: Any, now: Any) -> str:
    version = _version(was, now) if name == "grid" else None
    if version is not None:
        return _changed("the version in which images are cut into units", *version)
    key, one, other = _first(was, now)
    what = "the layout of the output" if name == "grid" else name
    return _changed(f"{what}{f', its {key},' if key else ''}", one, other)


def _version(was: Any, now: Any) -> tuple[Any, Any] | None:
    """Return both versions of the grid where they differ; a store's layout has one too."""
    was, now = _entries(was), _entries(now)
    for grid, other in ((was, now), (_entries(was.get("grid")), _entries(now.get("grid")))):
        if {"version"} <= grid.keys() & other.keys() and grid["version"] != other["version"]:
            return grid["version"], other["version"]
    return None


def _first(was: Any, now: Any, path: str = "") -> tuple[str, Any, Any]:
    """Return where two values that are not the same begin to differ, and both."""
    if isinstance(was, dict) and isinstance(now, dict):
        key, one, other = next(_differing(was, now))
        return _first(one, other, f"{path}.{key}".lstrip("."))
    return path, was, now


def _differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(was.keys() | now.keys()):
        one, other = was.get(key, _MISSING), now.get(key, _MISSING)
        if not _same(one, other):
            yield key, one, other


def _same(was: Any, now: Any) -> bool:
    # 3 is not 3.0 to a fingerprint, nor is 1 true.
    return was is now or (
        _MISSING not in (was, now)
        and json.dumps(was, sort_keys=True) == json.dumps(now, sort_keys=True)
    )


def _changed(what: str, was: Any, now: Any) -> str:
    return f"{what} was {_shown(was)} when it began and is {_shown(now)} now"


def _shown(value: Any) -> str:
    if value is _MISSING or value is None or value is False:
        return "not given"
    if value is True:
        return "given"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."
