"""Facts as JSON: the same text for the same facts, so that a hash of it tells a change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from math import isfinite
from pathlib import PurePath
from typing import Any

import numpy as np


def plain(value: Any, *, finite: bool = True) -> Any:
    """Return a value in JSON's own types.

    Parameters
    ----------
    value : object
        Mappings, sequences, sets, paths, numbers and arrays of NumPy, text.
    finite : bool, optional
        Whether NaN and infinity, which JSON has no word for, become null.

    Raises
    ------
    TypeError
        If there is anything else in it.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item, finite=finite) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return [plain(item, finite=finite) for item in sorted(value)]
    if isinstance(value, list | tuple):
        return [plain(item, finite=finite) for item in value]
    if isinstance(value, float):
        return value if isfinite(value) or not finite else None
    if isinstance(value, PurePath):
        return str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON: {value!r}")


def to_json(value: Any) -> str:
    """Return a readable text of plain values; keys keep their order."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of plain values, whatever the order of keys or the spaces in a file."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
