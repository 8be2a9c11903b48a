"""Deleting a store at a URL, file by file, so that what a kill leaves says what it is."""

from __future__ import annotations

import uuid

import fsspec
import numpy as np
import pytest
import zarr

from l2l_core.images.place_files import delete_store
from l2l_core.images.places import holds_store, open_store, read_document


@pytest.mark.parametrize("form", [2, 3])
def test_a_store_elsewhere_loses_what_says_what_it_is_last(form: int) -> None:
    files = fsspec.filesystem("memory")
    top = f"{uuid.uuid4().hex}/a.zarr"
    place, beside = f"memory://{top}", f"/{top.replace('a.zarr', 'b.zarr')}/zarr.json"
    group = zarr.create_group(open_store(place, "w"), zarr_format=form, attributes={"by": "test"})
    for name in ("0", "labels/cells"):
        group.create_array(name, data=np.ones((4, 4)), chunks=(2, 2))
    files.pipe_file(beside, b"{}")
    left = []

    class Watched(dict):  # type: ignore[type-arg]
        def __delitem__(self, key: str) -> None:
            left.append(key)
            super().__delitem__(key)

        def pop(self, key: str, *default: object) -> object:
            left.append(key)
            return super().pop(key, *default)

    before = files.store
    type(files).store = Watched(before)
    try:
        delete_store(place)
        after = dict(files.store)
    finally:
        type(files).store = before
    assert [key for key in after if top in key] == []
    assert beside in after
    names = [key.partition(f"{top}/")[2] for key in left]
    roots = [".zgroup", ".zattrs"] if form == 2 else ["zarr.json"]
    assert names[-len(roots) :] == roots
    metadata = [".z" in name or name.endswith("zarr.json") for name in names]
    # Pixels first.
    assert metadata == sorted(metadata)


def test_a_store_elsewhere_is_there_when_its_own_document_is() -> None:
    place = f"memory://{uuid.uuid4().hex}/a.zarr"
    assert not holds_store(place)
    zarr.create_array(open_store(f"{place}/0", "w"), shape=(2,), dtype="u1")
    assert not holds_store(place)
    zarr.create_group(open_store(place, "a"))
    assert holds_store(place)
    delete_store(place)
    assert not holds_store(place)
    assert read_document(f"{place}/0/zarr.json") is None
