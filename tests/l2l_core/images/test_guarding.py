from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from l2l_core.errors import ImageError, ImageNotFoundError
from l2l_core.images.guarding import Guard
from l2l_core.images.places import open_store

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)


def write(place: Path | str, form: int = 3, levels: int = 2) -> Path | str:
    axes = [{"name": name, "type": "space"} for name in "yx"]
    datasets = [
        {"path": str(n), "coordinateTransformations": [{"type": "scale", "scale": [2.0**n] * 2}]}
        for n in range(levels)
    ]
    image: dict[str, Any] = {"axes": axes, "datasets": datasets}
    if form == 2:
        attributes: dict[str, Any] = {"multiscales": [{"version": "0.4", **image}]}
    else:
        attributes = {"ome": {"version": "0.5", "multiscales": [image]}}
    group = zarr.create_group(open_store(place, "w"), zarr_format=form, attributes=attributes)
    for n in range(levels):
        group.create_array(str(n), data=PIXELS[:: 2**n, :: 2**n], chunks=(8, 8))
    return place


def rewrite(path: Path, **entries: Any) -> None:
    time = path.stat().st_mtime_ns
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}, indent=1))
    os.utime(path, ns=(time, time))


@pytest.mark.parametrize("form", [2, 3])
def test_a_store_that_stays_the_same_passes(form: int, tmp_path: Path) -> None:
    place = write(tmp_path / "a.zarr", form)
    guard = Guard.of(place, 1)
    guard.check(place)
    assert Guard.of(place, 1) == guard
    assert Guard(**json.loads(json.dumps(guard.to_dict()))) == guard
    assert guard != Guard.of(place, 0)


@pytest.mark.parametrize(
    ("form", "name", "level"),
    [(3, "1/zarr.json", 1), (2, "1/.zarray", 1), (2, ".zattrs", 0), (3, "zarr.json", 0)],
)
def test_metadata_that_changed_are_named(form: int, name: str, level: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, form)
    guard = Guard.of(path, level)
    other = Guard.of(path, 1 - level)
    rewrite(path / name)  # other spaces, the same content
    guard.check(path)
    rewrite(path / name, shape=[16, 17])
    with pytest.raises(ImageError, match=rf"a.zarr: the input is no longer .* shape in {name} cha"):
        guard.check(path)
    if name.startswith("1"):
        other.check(path)


@pytest.mark.parametrize("form", [2, 3])
def test_an_array_that_was_written_anew_is_another(form: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, form)
    guard, other = Guard.of(path), Guard.of(path, 1)
    name = "0/zarr.json" if form == 3 else "0/.zarray"
    assert list(guard.written) == [name]
    content = (path / name).read_bytes()
    shutil.rmtree(path / "0")
    (path / "0").mkdir()
    (path / name).write_bytes(content)
    os.utime(path / name, ns=(0, guard.written[name] + 1))
    with pytest.raises(ImageError, match=rf"a.zarr: .* array was written anew, .* of {name};"):
        guard.check(path)
    # Neither another level nor the metadata around it count.
    other.check(path)
    for document in path.glob("*z*"):
        os.utime(document, ns=(0, 0))
    other.check(path)


def test_pixels_and_copies_of_metadata_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path)
    guard = Guard.of(path)
    (path / "0/c/0/0").write_bytes(b"repaired")
    (path / "0/c/1/1").unlink()
    rewrite(path / "zarr.json", consolidated_metadata={"metadata": {}})
    guard.check(path)


def test_a_document_that_is_no_json_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path)
    guard = Guard.of(path)
    (path / "0/zarr.json").write_text("{")
    with pytest.raises(ImageError, match=r"in 0/zarr.json changed"):
        guard.check(path)


@pytest.mark.parametrize("gone", ["", "0"])
def test_a_store_that_vanished_is_said(gone: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path)
    guard = Guard.of(path)
    shutil.rmtree(path / gone)
    with pytest.raises(ImageNotFoundError, match=r"a.zarr: the store, or (0/)?zarr.json .*vanish"):
        guard.check(path)


def test_a_root_array_and_a_group_with_one_array_are_guarded(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=PIXELS)
    root = Guard.of(tmp_path / "a.zarr")
    assert list(root.documents) == list(root.written) == ["zarr.json"]
    zarr.create_group(str(tmp_path / "b.zarr")).create_array("only", data=PIXELS)
    assert list(Guard.of(tmp_path / "b.zarr").documents) == ["zarr.json", "only/zarr.json"]


def test_a_store_behind_a_url_is_guarded() -> None:
    place = "memory://guarding/a.zarr"
    write(place)
    guard = Guard.of(place)
    guard.check(place)
    assert not guard.written
    from fsspec import filesystem

    files = filesystem("memory")
    content = files.cat_file("/guarding/a.zarr/0/zarr.json")
    files.pipe_file("/guarding/a.zarr/0/zarr.json", content.replace(b'"default"', b'"v2"'))
    with pytest.raises(ImageError, match=r"chunk_key_encoding in 0/zarr.json changed"):
        guard.check(place)
    files.rm("/guarding/a.zarr", recursive=True)
    with pytest.raises(ImageNotFoundError, match="vanished"):
        guard.check(place)


def test_a_file_is_guarded_by_its_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"pixels")
    guard = Guard.of(path)
    guard.check(path)
    assert Guard(**guard.to_dict()) == guard
    os.utime(path, ns=(0, 1))
    with pytest.raises(ImageError, match=r"a.tif: .* the time of its last change changed"):
        guard.check(path)
    path.write_bytes(b"others")
    os.utime(path, ns=(0, guard.file["mtime_ns"]))
    guard.check(path)
    path.write_bytes(b"more pixels")
    with pytest.raises(ImageError, match="the size, from 6 to 11 bytes changed"):
        guard.check(path)
    path.unlink()
    with pytest.raises(ImageNotFoundError, match="the file vanished"):
        guard.check(path)
    with pytest.raises(ImageNotFoundError, match="there is no such file"):
        Guard.of(path)


def test_a_level_that_does_not_exist_cannot_be_guarded(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no level 2; the image has 2"):
        Guard.of(write(tmp_path / "a.zarr"), 2)
