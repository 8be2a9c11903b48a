"""Validators of the filters' options; the path to the option is added by who reads them."""

from __future__ import annotations

from math import isfinite
from typing import Any


def is_not_negative(instance: Any, attribute: Any, value: float | tuple[float, ...] | None) -> None:
    """Refuse what is not finite or below 0; None is left to the default."""
    if value is not None and not _all(value, lambda number: number >= 0):
        raise ValueError(f"got {value!r}, expected a finite number, 0 or more")


def is_positive(instance: Any, attribute: Any, value: float | tuple[float, ...] | None) -> None:
    """Refuse what is not finite or not above 0; None is left to the default."""
    if value is not None and not _all(value, lambda number: number > 0):
        raise ValueError(f"got {value!r}, expected a finite number above 0")


def is_finite(instance: Any, attribute: Any, value: float | None) -> None:
    """Refuse NaN and infinity; None is left to the default."""
    if value is not None and not isfinite(value):
        raise ValueError(f"got {value!r}, expected a finite number")


def is_odd(instance: Any, attribute: Any, value: int | tuple[int, ...]) -> None:
    """Refuse a window that has no pixel in its middle."""
    if not _all(value, lambda number: number >= 1 and number % 2 == 1):
        raise ValueError(f"got {value!r}, expected an odd number of pixels, 1 or more")


def _all(value: float | tuple[float, ...], holds: Any) -> bool:
    numbers = value if isinstance(value, tuple) else (value,)
    return bool(numbers) and all(isfinite(number) and holds(number) for number in numbers)
