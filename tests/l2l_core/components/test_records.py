from __future__ import annotations

from typing import Any

import pytest

from l2l_core.components import (
    AugmenterInfo,
    LossInfo,
    MetricInfo,
    ModelFormatInfo,
    OpsInfo,
    RestorerInfo,
)
from l2l_core.components.records import API, KINDS

SOUND = {"name": "mine", "target": "my_package.losses:Mine", "summary": "My own"}


@pytest.mark.parametrize("record", KINDS.values())
def test_a_record_needs_a_name_a_target_and_a_summary_alone(record: type[Any]) -> None:
    info = record(**SOUND)
    assert (info.api, info.frameworks, info.requires) == (API, frozenset(), ())
    assert hash(info) == hash(record(**SOUND))


@pytest.mark.parametrize("record", KINDS.values())
@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"name": "Mine"}, "expected lower-case letters"),
        ({"name": "my-own"}, "expected lower-case letters"),
        ({"name": "3d"}, "beginning with a letter"),
        ({"name": "mine\n"}, "expected lower-case letters"),
        ({"name": None}, "expected lower-case letters"),
        ({"target": "my_package.losses"}, "'package.module:Class'"),
        ({"target": "my package:Mine"}, "'package.module:Class'"),
        ({"target": int}, "'package.module:Class'"),
        ({"summary": ""}, "one line"),
        ({"summary": "two\nlines"}, "one line"),
    ],
)
def test_what_is_wrong_with_a_record_is_said_with_an_example(
    record: type[Any], wrong: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        record(**SOUND | wrong)


def test_kinds_name_their_records() -> None:
    assert {
        "restorer": RestorerInfo,
        "loss": LossInfo,
        "augmenter": AugmenterInfo,
        "metric": MetricInfo,
        "ops": OpsInfo,
        "model_format": ModelFormatInfo,
    } == KINDS


def test_a_restorer_is_keyed_by_name_and_engine_and_the_others_by_name() -> None:
    assert RestorerInfo(**SOUND, engine="torch").key == ("mine", "torch")
    assert RestorerInfo(**SOUND).key == ("mine", "")
    assert LossInfo(**SOUND).key == ("mine",)


def test_one_name_stands_for_a_set_of_one() -> None:
    info = RestorerInfo(**SOUND, frameworks="torch", requires="torch", dimensions=2)
    assert info.frameworks == {"torch"}
    assert info.requires == ("torch",)
    assert info.dimensions == {2}


def test_a_restorer_trains_unless_it_learns_from_nothing_or_says_so() -> None:
    assert RestorerInfo(**SOUND).trains
    assert not RestorerInfo(**SOUND, supervision="none").trains
    assert not RestorerInfo(**SOUND, trains=False).trains


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"engine": None}, "engine None"),
        ({"engine": "PyTorch"}, "engine 'PyTorch'"),
        ({"supervision": "self"}, "expected one of paired, unpaired, single, none"),
        ({"dimensions": (2, 4)}, r"dimensions \[2, 4\]; expected 2, 3 or both"),
        ({"dimensions": ()}, "expected 2, 3 or both"),
    ],
)
def test_what_only_a_restorer_says_is_checked(wrong: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        RestorerInfo(**SOUND | wrong)


def test_the_devices_of_a_framework_are_a_target() -> None:
    assert OpsInfo(**SOUND, devices="mine.device:devices").devices == "mine.device:devices"
    with pytest.raises(ValueError, match="has devices 'cpu'; expected a string"):
        OpsInfo(**SOUND, devices="cpu")


def test_a_metric_says_what_it_makes_of_the_data_range() -> None:
    assert MetricInfo(**SOUND).data_range == "unused"
    assert MetricInfo(**SOUND, data_range="needed").data_range == "needed"
    with pytest.raises(ValueError, match="expected one of needed, reference, unused"):
        MetricInfo(**SOUND, data_range="maybe")


def test_a_metric_has_a_unit_and_pixels_give_way_to_their_size() -> None:
    assert MetricInfo(**SOUND).unit_with(()) == ""
    assert MetricInfo(**SOUND, unit="dB").unit_with(("pixel_size",)) == "dB"
    assert MetricInfo(**SOUND, unit="px").unit_with(("reach",)) == "px"
    assert MetricInfo(**SOUND, unit="px").unit_with(("pixel_size",)) == "as pixel_size"
    with pytest.raises(ValueError, match="has the unit None; expected a word such as 'px'"):
        MetricInfo(**SOUND, unit=None)  # type: ignore[arg-type]
