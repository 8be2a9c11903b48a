"""Names of units: what files call them, and what OME-Zarr calls them."""

from __future__ import annotations

LENGTHS = {
    "angstrom": "Å",
    "picometer": "pm",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
}

TIMES = {
    "nanosecond": "ns",
    "microsecond": "µs",
    "millisecond": "ms",
    "second": "s",
    "minute": "min",
    "hour": "h",
    "day": "d",
}

# An inch is left out on purpose: it is what an uncalibrated image says.
_OTHERS = {
    "micron": "micrometer",
    "microns": "micrometer",
    "um": "micrometer",
    "μm": "micrometer",
    "\\u00b5m": "micrometer",
    "\\u03bcm": "micrometer",
    "us": "microsecond",
    "μs": "microsecond",
    "sec": "second",
    "seconds": "second",
    "å": "angstrom",
}


def unit_name(text: str) -> str:
    """Return OME-Zarr's name of a unit, or nothing where the text names none.

    >>> unit_name("micron"), unit_name("µm"), unit_name("pixel")
    ('micrometer', 'micrometer', '')
    """
    plain = text.strip()
    for name, symbol in (LENGTHS | TIMES).items():
        # British spelling, and capitals except where they tell a symbol (Mm is no mm).
        if plain == symbol or plain.lower().replace("metre", "meter") == name:
            return name
    return _OTHERS.get(plain.lower(), "")


def unit_symbol(name: str) -> str:
    """Return the symbol of a unit that OME-XML knows, or nothing.

    >>> unit_symbol("micrometer")
    'µm'
    """
    return (LENGTHS | TIMES).get(name, "")


_METERS = {
    "angstrom": 1e-10,
    "picometer": 1e-12,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "meter": 1.0,
}

_SECONDS = {
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}


def convert(value: float, source: str, target: str) -> float | None:
    """Return a length or a duration in another unit, None where there is no way between them.

    >>> convert(250.0, "nanometer", "micrometer")
    0.25
    """
    if source == target:
        return value
    for factors in (_METERS, _SECONDS):
        if source in factors and target in factors:
            # Divided by the inverse where that is a whole number, so that 250 nm is 0.25 exactly.
            ratio = factors[target] / factors[source]
            return value / round(ratio) if ratio >= 1 else value * round(1 / ratio)
    return None
