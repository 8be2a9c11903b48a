from __future__ import annotations

import pytest

from l2l_core.images.units import LENGTHS, TIMES, convert, unit_name, unit_symbol


@pytest.mark.parametrize(
    "text", ["µm", "μm", "um", "micron", "Microns", "\\u00B5m", "micrometer", "micrometre", " um "]
)
def test_a_micrometre_is_known_by_all_its_names(text: str) -> None:
    assert unit_name(text) == "micrometer"


@pytest.mark.parametrize("text", ["pixel", "", "inch", "Mm", "furlong"])
def test_what_is_no_unit_of_a_micrograph_has_no_name(text: str) -> None:
    assert unit_name(text) == ""


@pytest.mark.parametrize("name", [*LENGTHS, *TIMES])
def test_names_and_symbols_lead_to_each_other(name: str) -> None:
    assert unit_name(unit_symbol(name)) == name
    assert unit_name(name) == name


def test_lengths_and_durations_are_converted_among_their_kind() -> None:
    assert convert(250, "nanometer", "micrometer") == 0.25
    assert convert(0.5, "micrometer", "nanometer") == 500
    assert convert(2, "minute", "second") == 120
    assert convert(3, "furlong", "furlong") == 3
    assert convert(1, "second", "micrometer") is None
