from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from l2l_core.errors import OutputError
from l2l_core.streaming.manifest import check_manifest, read_manifest, write_manifest

SECTIONS: dict[str, Any] = {
    "input": {"images": [{"path": "a.zarr", "sha256": "1"}, {"path": "b.zarr", "sha256": "2"}]},
    "model": {"sha256": "abc"},
    "options": {"tile": [512, 512], "device": "cpu", "low": 3.0, "batch": None},
    "grid": {"version": 1, "axes": "YX", "shape": [100, 200]},
}


def changed(section: str, **values: Any) -> dict[str, Any]:
    return {**SECTIONS, section: {**SECTIONS[section], **values}}


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    assert read_manifest(tmp_path / "none") is None
    assert write_manifest(tmp_path, SECTIONS) == SECTIONS
    assert read_manifest(tmp_path) == SECTIONS
    check_manifest(tmp_path, SECTIONS, SECTIONS)


def test_what_is_equal_in_json_is_equal(tmp_path: Path) -> None:
    began = write_manifest(tmp_path, changed("options", tile=(512, 512), file=Path("a")))
    check_manifest(tmp_path, began, changed("options", file="a", tile=[512, 512]))


def test_a_path_that_is_no_text_is_kept(tmp_path: Path) -> None:
    sections = changed("input", path="Gewebe\udcff µ.zarr")
    write_manifest(tmp_path, sections)
    assert "Gewebe\\udcff µ.zarr" in (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert read_manifest(tmp_path) == sections
    with pytest.raises(OutputError, match=r"Gewebe\\udcff µ.zarr"):
        check_manifest(tmp_path, sections, SECTIONS)


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (
            changed("model", sha256="xyz"),
            'the model is another: sha256 is "xyz" now and was "abc" when it began',
        ),
        (
            changed("options", tile=[256, 512], device="cuda"),
            'the options are others: device is "cuda" now and was "cpu" when it began',
        ),
        (
            changed("options", tile=[256, 512]),
            "the options are others: tile is [256, 512] now and was [512, 512] when it began",
        ),
        (changed("options", batch=4), "batch is 4 now and was null when it began"),
        (changed("options", low=3), "low is 3 now and was 3.0 when it began"),
        (changed("options", flip=True), "flip is true now and was not set when it began"),
        (
            changed("input", images=[SECTIONS["input"]["images"][0], {"path": "b.zarr"}]),
            'the input is another: images[1].sha256 is not set now and was "2" when it began',
        ),
        (
            changed("input", images=SECTIONS["input"]["images"][:1]),
            'images[1] is not set now and was {"path": "b.zarr", "sha256": "2"} when it began',
        ),
        (
            changed("grid", shape=[100, 300]),
            "layout of the output is another: shape is [100, 300] now and was [100, 200] when",
        ),
        (
            changed("grid", version=2, axes="ZYX"),
            "the version of the grid is another: version is 2 now and was 1 when it began",
        ),
        (
            changed("grid", more={"grid": {"version": 2, "axes": "YX"}}),
            "the grid or layout of the output is another: more is {",
        ),
        (
            {key: SECTIONS[key] for key in ("input", "model", "options")},
            "the grid or layout of the output is another: it is not set now and was {",
        ),
        ({**SECTIONS, "more": {}}, "more is another: it is {} now and was not set when it began"),
    ],
)
def test_a_difference_is_named(tmp_path: Path, now: dict[str, Any], message: str) -> None:
    with pytest.raises(OutputError, match=re.escape(message)) as raised:
        check_manifest(tmp_path, SECTIONS, now)
    text = str(raised.value)
    assert text.startswith(f"the restoration noted in {tmp_path} cannot go on: ")
    assert text.endswith(". Put that back, or begin anew with --restart")
    assert text.count(" when it began") == 1


@pytest.mark.parametrize(
    ("version", "layout", "message"),
    [
        (2, "0.4", "the version of the grid is another: 0.grid.version is 2 now and was 1 "),
        (1, "0.4", 'the output is another: 0.layout.version is "0.4" now and was "0.5" '),
    ],
)
def test_the_version_of_the_grid_is_not_that_of_the_store(
    tmp_path: Path, version: int, layout: str, message: str
) -> None:
    def grid(version: int, layout: str) -> dict[str, Any]:
        job = {"grid": {"axes": f"{version}", "version": version}, "layout": {"version": layout}}
        return {"grid": {"0": job}}

    with pytest.raises(OutputError, match=re.escape(message)):
        check_manifest(tmp_path, grid(1, "0.5"), grid(version, layout))


def test_every_section_that_differs_is_named(tmp_path: Path) -> None:
    now = {**changed("model", sha256="xyz"), "options": {}}
    with pytest.raises(OutputError, match=r"the model is another: .*; the options are others: "):
        check_manifest(tmp_path, SECTIONS, now)


def test_a_long_value_is_cut_short(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r'axes is "ZZZ+\.\.\. now and was "YX" when') as raised:
        check_manifest(tmp_path, SECTIONS, changed("grid", axes="Z" * 1000))
    assert len(str(raised.value)) < 400


def test_any_damage_is_said(tmp_path: Path) -> None:
    write_manifest(tmp_path, SECTIONS)
    path = tmp_path / "manifest.json"
    content = path.read_bytes()
    for length in range(len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(OutputError, match=r"manifest.json is damaged \(.+\).*--restart"):
            read_manifest(tmp_path)
    path.write_bytes(content.replace(b'"abc"', b'"abd"'))
    with pytest.raises(OutputError, match=r"altered after it was written: model\); put the file"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"what": "x"}', "{}"])
def test_json_of_another_kind_is_damage(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(OutputError, match=r"manifest.json is damaged"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"format_version": 2, "sections": 3},
            "is of format version 2, and this label2label reads versions up to 1; upgrade it",
        ),
        ({"what": "an app"}, "is not of a ledger; choose another folder with --ledger"),
        ({"sections": 3}, "is damaged"),
        ({"sections": {}}, "altered after it was written: input, model, options, grid"),
        ({"fingerprints": {}}, "altered after it was written: input, model, options, grid"),
        ({"fingerprints": None}, "is damaged"),
    ],
)
def test_a_manifest_of_another_kind(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write_manifest(tmp_path, SECTIONS)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(OutputError, match=re.escape(message)):
        read_manifest(tmp_path)
