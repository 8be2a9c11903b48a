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
