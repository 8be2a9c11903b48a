import hashlib
import os

import numpy as np
import zarr

from l2l_core.data.fingerprints import fingerprint, fingerprints


def test_a_small_file_is_hashed_as_a_whole(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"pixels")
    os.utime(path, (0, 1234.5))
    assert fingerprint(path) == {
        "size": 6,
        "modified": 1234.5,
        "sha256": hashlib.sha256(b"pixels").hexdigest(),
        "hashed": "content",
    }


def test_a_large_file_is_hashed_by_its_ends(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(bytes(300_000))
    before = fingerprint(path, whole_below=1000)
    assert before["hashed"] == "ends"
    for position, changes in ((10, True), (150_000, False), (299_999, True)):
        content = bytearray(300_000)
        content[position] = 1
        path.write_bytes(content)
        assert (fingerprint(path, whole_below=1000)["sha256"] != before["sha256"]) == changes


def test_a_folder_is_hashed_by_its_listing(tmp_path):
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, shape=(8, 8), chunks=(4, 4), dtype="uint8")
    empty = fingerprint(path)
    array[:4, :4] = np.arange(16).reshape(4, 4)
    full = fingerprint(path)
    assert empty["hashed"] == full["hashed"] == "listing"
    assert empty["sha256"] != full["sha256"]
    assert full["size"] > empty["size"] > 0
    newest = max(part for part in path.rglob("*") if part.is_file())
    os.utime(newest, (4e9, 4e9))
    assert fingerprint(path)["modified"] == 4e9


def test_paths_start_from_the_base_where_they_can(tmp_path):
    base = tmp_path / "run"
    for path in (base / "in" / "a.tif", tmp_path / "b.tif"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = fingerprints([str(base / "in" / "a.tif"), str(tmp_path / "b.tif")], base)
    assert list(found) == ["in/a.tif", (tmp_path / "b.tif").as_posix()]
