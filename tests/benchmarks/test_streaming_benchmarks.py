"""The measurements of streamed restorations run, on images so small that they say little."""

import pytest

from tests.benchmarks import (
    streaming_exactness,
    streaming_kills,
    streaming_memory,
    streaming_mosaic,
    streaming_throughput,
)
from tests.benchmarks.killing import Setting
from tests.benchmarks.result import write

pytestmark = pytest.mark.slow


def test_every_filter_is_as_exact_in_parts_as_it_should_be(tmp_path):
    chosen = [case for case in streaming_exactness.cases() if case.name in ("gaussian", "clahe")]
    found = streaming_exactness.measure(
        1,
        chosen=chosen,
        shapes={"YX": ((61, 83),), "ZYX": ((9, 35, 41),)},
        units={"YX": (32,), "ZYX": (16,)},
        more=(0, 3),
    )
    assert [row[0] for row in found.rows] == ["gaussian", "gaussian"]
    assert {row[-1] for row in found.rows} == {"met"}
    assert all("clahe" in note for note in found.notes[1:])
    assert "gaussian" in write(found, tmp_path, "exactness").read_text()


def test_a_method_that_is_not_exact_is_told_of():
    pytest.importorskip("onnxruntime")
    case = streaming_exactness.Case("care", "onnx", {"kernel": 3, "first_filters": 4}, "YX")
    sizes = {"shapes": {"YX": ((131, 90),)}, "units": {"YX": (64,)}, "more": (0,)}
    assert streaming_exactness.measure(1, chosen=[case], **sizes).rows[0][-1] == "met"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming_exactness, "GOAL", -1.0)
        row = streaming_exactness.measure(1, chosen=[case], **sizes).rows[0]
    assert row[-1].startswith("missed: Found(shape=(131, 90), unit=64")


def test_kills_are_counted(tmp_path):
    settings = (Setting("threads", (8192, 64), 512, seconds=0.03),)
    found = streaming_kills.measure(1, settings=settings, kills=(2,), seed=5)
    assert found.rows[0][3] == 2
    assert found.rows[0][-6:] == [0] * 6
    assert "2 kills by SIGKILL" in write(found, tmp_path, "kills").read_text()


def test_memory_is_measured(tmp_path):
    found = streaming_memory.measure(
        1, side=128, unit=64, network_side=128, network_unit=64, csbdeep=False, all_times=(1,)
    )
    assert all(one["bytes"] > 2**24 for sizes in found.raw.values() for one in sizes)
    write(found, tmp_path, "memory")


def test_throughput_is_measured(tmp_path):
    pytest.importorskip("onnxruntime")
    found = streaming_throughput.measure(
        1, side=128, unit=64, copy_side=256, copy_unit=64, kernel=3
    )
    assert all(turn["streamed"] > 0 for turns in found.raw.values() for turn in turns)
    write(found, tmp_path, "throughput")


def test_a_mosaic_is_restored_and_a_larger_one_planned(tmp_path):
    found = streaming_mosaic.measure(1, side=256, planned=20_000, unit=64)
    assert found.raw["plan"]["units"][0] == 25
    write(found, tmp_path, "mosaic")
