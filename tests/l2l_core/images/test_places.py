from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from l2l_core.errors import ImageError, MissingDependencyError
from l2l_core.images import places
from l2l_core.images.places import (
    as_place,
    child,
    exists,
    is_url,
    name_of,
    open_store,
    read_document,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cell.zarr", False),
        ("C:/cell.zarr", False),
        ("c://cell.zarr", False),
        (Path("s3://bucket/cell.zarr"), False),
        ("s3://bucket/cell.zarr", True),
        ("HTTPS://host/cell.zarr", True),
        ("memory://cell.zarr", True),
    ],
)
def test_a_url_is_told_from_a_path(text: str | Path, expected: bool) -> None:
    assert is_url(text) is expected


def test_a_place_is_a_path_here_and_a_text_elsewhere() -> None:
    assert as_place("~/cell.zarr") == Path.home() / "cell.zarr"
    assert as_place(Path("cell.zarr")) == Path("cell.zarr")
    assert as_place("file:///data/my%20cell.zarr") == Path("/data/my cell.zarr")
    assert as_place("file://localhost/data/cell.zarr") == Path("/data/cell.zarr")
    assert as_place("s3://bucket/cell.zarr/") == "s3://bucket/cell.zarr"
    assert as_place("memory://") == "memory://"


@pytest.mark.parametrize(
    ("place", "below", "name"),
    [
        (Path("plate.zarr"), Path("plate.zarr/A/1/0"), "plate.zarr"),
        ("s3://bucket", "s3://bucket/A/1/0", "bucket"),
        ("https://host/my%20plate.zarr", "https://host/my%20plate.zarr/A/1/0", "my plate.zarr"),
        ("memory://", "memory://A/1/0", ""),
    ],
)
def test_places_have_children_and_names(place: Path | str, below: Path | str, name: str) -> None:
    assert child(place, "A/1", 0) == below
    assert child(place) == place
    assert name_of(place) == name
    assert name_of(below) == "0"


def test_the_folder_one_is_in_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert name_of(Path()) == tmp_path.name


@pytest.mark.parametrize("where", ["memory://places/cell.zarr", "cell.zarr", "file"])
def test_a_store_is_written_and_read_at_its_place(where: str, tmp_path: Path) -> None:
    text = {"cell.zarr": str(tmp_path / where), "file": f"file://{tmp_path}/cell.zarr"}
    place = as_place(text.get(where, where))
    assert not exists(place)
    zarr.create_array(open_store(place, "w"), data=np.eye(8))
    assert exists(place)
    assert not exists(child(place, "missing"))
    np.testing.assert_array_equal(zarr.open(open_store(place), mode="r")[...], np.eye(8))


@pytest.mark.parametrize("where", ["memory://places/text", ""])
def test_a_part_of_a_document_is_read(where: str, tmp_path: Path) -> None:
    place = as_place(where or tmp_path / "text")
    if isinstance(place, Path):
        place.write_bytes(b"abcdef")
    else:
        from fsspec import filesystem

        filesystem("memory").pipe_file("/places/text", b"abcdef")
    assert read_document(place) == b"abcdef"
    assert read_document(place, length=2) == b"ab"
    assert read_document(place, length=-1) == b"f"
    assert read_document(child(place, "below")) is None


def test_a_store_for_reading_is_never_written_to() -> None:
    assert open_store("memory://places/other.zarr").read_only
    assert not open_store("memory://places/other.zarr", "w").read_only


def test_a_missing_package_of_a_protocol_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.registry import known_implementations

    missing = {"class": "no_such_package.files.Files", "err": "install it"}
    monkeypatch.setitem(known_implementations, "elsewhere", missing)
    with pytest.raises(MissingDependencyError, match="pip install no_such_package"):
        open_store("elsewhere://bucket/cell.zarr")
    with pytest.raises(MissingDependencyError, match="pip install no_such_package"):
        exists("elsewhere://bucket/cell.zarr")


def test_an_unknown_protocol_and_a_query_are_refused() -> None:
    with pytest.raises(ImageError, match="nowhere:// cannot be reached from here"):
        open_store("nowhere://bucket/cell.zarr")
    with pytest.raises(ImageError, match="a URL with a query"):
        open_store("https://host/cell.zarr?key=1")


@pytest.fixture
def silent() -> Iterator[str]:
    """A host that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/cell.zarr"


def test_a_host_that_does_not_answer_is_said_in_time(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "READ_SECONDS", 0.2)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    start = time.monotonic()
    with pytest.raises(ImageError, match="the host does not give what is asked for"):
        exists(silent)
    assert time.monotonic() - start < 20


def test_a_host_that_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ImageError, match="check the address, the network and your rights"):
        exists(f"http://127.0.0.1:{port}/cell.zarr")
