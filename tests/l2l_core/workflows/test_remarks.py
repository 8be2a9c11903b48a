"""Each thing is told once."""

import pickle

import pytest

from l2l_core.errors import DamagedChunksError, ImageError
from l2l_core.streaming.errands import portable
from l2l_core.workflows.remarks import Remarks


def damaged(*chunks):
    error = DamagedChunksError("as the unit says it")
    error.place, error.chunks = "a.zarr", chunks
    # As it comes from another process.
    return pickle.loads(pickle.dumps(portable(error)))  # noqa: S301


def test_a_chunk_is_told_of_once_and_another_still_is():
    remarks = Remarks(str)
    assert remarks.of_failure(0, damaged("c/1"), "").startswith("a.zarr: c/1 cannot be decoded")
    assert remarks.of_failure(0, damaged("c/1"), "") == ""
    assert remarks.of_failure(0, damaged("c/1", "c/2"), "").startswith("a.zarr: c/2 cannot")
    assert remarks.of_failure(1, damaged("c/1"), "").startswith("a.zarr: c/1 cannot")


def test_another_failure_is_told_of_once_for_each_image():
    remarks = Remarks(str)
    why = "no memory"
    told = [remarks.of_failure(image, ImageError(why), why) for image in (0, 0, 1)]
    assert told == [why, "", why]


def test_what_a_method_found_odd_is_a_warning_once():
    shown = []
    remarks = Remarks(shown.append)
    results = [{"remarks": ["filled"], "odd": odd} for odd in (["no map"], ["no map", "flat"], [])]
    with pytest.warns(UserWarning, match=r"no map|flat") as told:
        list(map(remarks.tell_of, results))
    assert [str(one.message) for one in told] == ["no map", "flat"]
    assert shown == ["filled"]
