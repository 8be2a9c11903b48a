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


def test_what_differs_is_said_with_its_consequence_and_remedy(tmp_path: Path) -> None:
    now = {**changed("model", sha256="xyz"), "options": {**SECTIONS["options"], "low": 4.0}}
    with pytest.raises(OutputError) as raised:
        check_manifest(tmp_path, SECTIONS, now)
    assert str(raised.value) == (
        f"the restoration noted in {tmp_path} cannot go on: --low was 3.0 when it began and is 4.0 "
        "now; MODEL is not the one that it began with, by its weights or its normalisation. What "
        "is there would not fit what is to come: give again what it began with, or --restart, "
        "which makes all of it anew"
    )


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
