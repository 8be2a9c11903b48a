"""What differs is said as one gives it on the command line, never as a key or a hash."""

from __future__ import annotations

from typing import Any

import pytest

from l2l_core.streaming.manifest_changes import changes

FILE = {"file": {"size": 1000, "mtime_ns": 17}}
STORE = {"documents": {"zarr.json": {"shape": "1a2b", "codecs": "3c"}}, "written": {"": 5}}
MODEL = {
    "restorer": "gaussian",
    "engine": "torch",
    "options": {"sigma": 1.0},
    "supplier": "label2label 1.0",
    "model_sha256": "9f86",
    "units": {"before": 1},
}
OPTIONS = {
    "unit": 64,
    "compression": "lz4",
    "version": None,
    "all_outputs": False,
    "channel": None,
    "level": 0,
}
GRID = {"grid": {"version": 1, "axes": "YX"}, "layout": {"version": "0.5", "compression": "lz4"}}
BEGAN: dict[str, Any] = {"input": FILE, "model": MODEL, "options": OPTIONS, "grid": GRID}


def now(section: str, **values: Any) -> dict[str, Any]:
    return {**BEGAN, section: {**BEGAN[section], **values}}


def test_what_is_the_same_is_no_change() -> None:
    assert changes(BEGAN, {**BEGAN}) == []


def test_what_follows_the_model_is_told_as_it_is_given() -> None:
    step = {"restorer": "binary_map", "supplier": "label2label 1.0", "options": {"threshold": 3.0}}
    (clause,) = changes(BEGAN, now("model", chain=[step], units="as 1"))
    assert clause == (
        "what follows MODEL (--then) was not given when it began and is binary_map:threshold=3.0 "
        "now"
    )


def test_other_software_of_what_follows_is_not_said_to_be_another_filter() -> None:
    step = {"restorer": "binary_map", "supplier": "maps 1.0", "options": {"threshold": 3.0}}
    began = now("model", chain=[step])
    (clause,) = changes(began, now("model", chain=[{**step, "supplier": "maps 2.0"}]))
    assert clause == (
        'the software of what follows MODEL was ["maps 1.0"] when it began and is ["maps 2.0"] now'
    )


@pytest.mark.parametrize(
    ("values", "clauses"),
    [
        ({"unit": 72}, ["--unit was 64 when it began and is 72 now"]),
        ({"unit": None}, ["--unit was 64 when it began and is not given now"]),
        ({"version": "0.4"}, ["--ome-zarr was not given when it began and is 0.4 now"]),
        ({"all_outputs": True}, ["--all-outputs was not given when it began and is given now"]),
        ({"channel": "DAPI"}, ["--channel was not given when it began and is DAPI now"]),
        ({"level": 0.0}, ["--level was 0 when it began and is 0.0 now"]),
        (
            {"unit": 72, "compression": "zstd"},
            [
                "--compression was lz4 when it began and is zstd now",
                "--unit was 64 when it began and is 72 now",
            ],
        ),
    ],
)
def test_options_are_flags(values: dict[str, Any], clauses: list[str]) -> None:
    assert changes(BEGAN, now("options", **values)) == clauses


def test_what_follows_from_an_option_is_not_said_beside_it() -> None:
    given = {**now("options", unit=72), "grid": {**GRID, "layout": {"version": "0.4"}}}
    assert changes(BEGAN, given) == ["--unit was 64 when it began and is 72 now"]


@pytest.mark.parametrize(
    ("values", "clause"),
    [
        ({"restorer": "median", "options": {}}, "MODEL was gaussian when it began and is median"),
        ({"options": {"sigma": 2.0}}, "sigma of MODEL was 1.0 when it began and is 2.0 now"),
        ({"engine": "keras"}, "--backend was torch when it began and is keras now"),
        ({"supplier": "label2label 1.1"}, "the software of MODEL was label2label 1.0 when it"),
        ({"model_sha256": "00"}, "MODEL is not the one that it began with, by its weights or"),
    ],
)
def test_a_model_is_told_by_what_one_calls_it(values: dict[str, Any], clause: str) -> None:
    (found,) = changes(BEGAN, now("model", **values))
    assert found.startswith(clause)


@pytest.mark.parametrize(
    ("was", "is_now", "clause"),
    [
        (
            FILE,
            {"file": {"size": 2000, "mtime_ns": 18}},
            "the image had 1,000 bytes when it began and has 2,000 now",
        ),
        (
            FILE,
            {"file": {"size": 1000, "mtime_ns": 18}},
            "the image is another or was written anew since, by the time of its last change",
        ),
        (
            STORE,
            {**STORE, "documents": {"zarr.json": {"shape": "5f", "codecs": "3c"}}},
            "the image is not the one that it began with, by shape in zarr.json",
        ),
        (
            STORE,
            {**STORE, "written": {"": 6}},
            "the image is another or was written anew since, by the time of its last change",
        ),
        (
            {**STORE, "image": "s3://a"},
            {**STORE, "image": "s3://b"},
            "INPUT was s3://a when it began and is s3://b now",
        ),
    ],
)
def test_an_image_is_told_without_a_hash(was: Any, is_now: Any, clause: str) -> None:
    assert changes({**BEGAN, "input": was}, {**BEGAN, "input": is_now}) == [clause]


@pytest.mark.parametrize(
    ("grid", "clause"),
    [
        (
            {**GRID, "grid": {"version": 2, "axes": "YX"}},
            "the version in which images are cut into units was 1 when it began and is 2 now",
        ),
        (
            {**GRID, "layout": {"version": "0.4", "compression": "lz4"}},
            "the layout of the output, its layout.version, was 0.5 when it began and is 0.4 now",
        ),
    ],
)
def test_a_grid_of_another_version_is_no_other_layout(grid: Any, clause: str) -> None:
    assert changes(BEGAN, {**BEGAN, "grid": grid}) == [clause]


def test_another_version_is_said_beside_what_else_differs() -> None:
    given = {**now("options", unit=72), "grid": {**GRID, "grid": {"version": 2, "axes": "YX"}}}
    assert len(changes(BEGAN, given)) == 2


def test_a_long_value_and_a_path_that_is_no_text_can_be_shown() -> None:
    (long,) = changes(BEGAN, now("options", channel="x" * 1000))
    assert "xxx... now" in long
    assert len(long) < 200
    assert "a\\udcff" in changes(BEGAN, now("options", channel="a\udcff"))[0]


def test_a_section_that_nobody_knows_is_told_all_the_same() -> None:
    assert changes(BEGAN, {**BEGAN, "more": {}}) == [
        "more was not given when it began and is {} now"
    ]
