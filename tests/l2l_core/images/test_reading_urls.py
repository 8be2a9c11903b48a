from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from l2l_core.errors import (
    ImageError,
    ImageFormatError,
    ImageNotFoundError,
    MissingDependencyError,
)
from l2l_core.images import places
from l2l_core.images.damaged import damaged_chunks
from l2l_core.images.guarding import Guard
from l2l_core.images.places import open_store
from l2l_core.images.reading import list_images, open_image
from l2l_core.images.zarr_collections import list_collection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIXELS = np.random.default_rng(3).integers(1, 60000, (2, 40, 40), dtype=np.uint16)


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder with ranges, as real servers of data do, and shows no folders."""

    asked: list[str]
    ranges = True
    refusals: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if any(part in self.path for part in self.refusals):
            self.refusals.pop()
            self.send_error(503)
            return
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        try:
            with open(self.translate_path(self.path), "rb") as file:  # noqa: PTH123
                content = file.read()
        except OSError:
            self.send_error(404)
            return
        if wanted and self.ranges:
            total = len(content)
            start, stop = int(wanted[1] or 0), int(wanted[2] or total - 1) + 1
            if not wanted[1]:
                start, stop = total - int(wanted[2]), total
            content = content[start:stop]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{start + len(content) - 1}/{total}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(
    folder: Path, *, ranges: bool = True, refusals: list[str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder; what was asked for stands in the list.

    As often as a part of a path stands in `refusals`, the server is too busy for it.
    """
    asked: list[str] = []
    handler = type(
        "Own", (Handler,), {"asked": asked, "ranges": ranges, "refusals": refusals or []}
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def write(place: Path | str, form: int = 3, **how: Any) -> Path | str:
    image: dict[str, Any] = {
        "axes": [{"name": name} for name in "zyx"],
        "datasets": [{"path": "0", "coordinateTransformations": []}],
    }
    attributes: dict[str, Any] = {"multiscales": [{"version": "0.4", **image}]}
    if form == 3:
        attributes = {"ome": {"version": "0.5", "multiscales": [image]}}
    group = zarr.create_group(open_store(place, "w"), zarr_format=form, attributes=attributes)
    group.create_array("0", data=PIXELS, chunks=(1, 16, 16), **how)
    return place


@pytest.mark.parametrize("form", [2, 3])
def test_an_image_is_read_over_http(form: int, tmp_path: Path) -> None:
    write(tmp_path / "my cell.zarr", form)
    with served(tmp_path) as (url, asked):
        image = open_image(f"{url}/my%20cell.zarr/")
        assert image.info.path == f"{url}/my%20cell.zarr"
        assert image.axes == "ZYX"
        before = len(asked)
        np.testing.assert_array_equal(image.read(Z=1, Y=slice(0, 9)), PIXELS[1:, :9])
        # Three chunks are a row, and nothing else is asked for.
        assert len(asked) - before == 3
        guard = Guard.of(f"{url}/my%20cell.zarr")
        before = len(asked)
        guard.check(f"{url}/my%20cell.zarr")
        assert len(asked) - before == len(guard.documents) <= 4


def test_a_chunk_of_a_shard_is_read_over_http_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", shards=(2, 32, 32))
    with served(tmp_path) as (url, _):
        np.testing.assert_array_equal(open_image(f"{url}/a.zarr").read(Y=20), PIXELS[:, 20:21])
        shard = tmp_path / "a.zarr/0/c/0/0/0"
        shard.write_bytes(shard.read_bytes()[:-9])
        assert damaged_chunks(f"{url}/a.zarr", 0, ((0, 2), (0, 40), (0, 40))) == ["0/c/0/0/0"]
    with (
        served(tmp_path, ranges=False) as (url, _),
        pytest.raises(ImageError, match="this host gives whole files where a part is asked for"),
    ):
        open_image(f"{url}/a.zarr")


def test_what_is_not_at_a_url_is_said(tmp_path: Path) -> None:
    with served(tmp_path) as (url, _):
        with pytest.raises(ImageNotFoundError, match="no zarr array or group at this URL"):
            open_image(f"{url}/a.zarr")
        zarr.create_group(str(tmp_path / "b.zarr")).create_array("only", data=PIXELS[0])
        with pytest.raises(ImageFormatError, match="its host lists nothing in it; add the name"):
            open_image(f"{url}/b.zarr")
        assert open_image(f"{url}/b.zarr/only").axes == "YX"
    with pytest.raises(ImageNotFoundError, match="no zarr array or group at this URL"):
        open_image("memory://urls/nothing.zarr")


def test_a_host_that_went_away_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr")
    with served(tmp_path) as (url, _):
        image = open_image(f"{url}/a.zarr")
        guard = Guard.of(f"{url}/a.zarr")
    for action in (
        image.read,
        lambda: guard.check(f"{url}/a.zarr"),
        lambda: open_image(f"{url}/a.zarr"),
        lambda: damaged_chunks(f"{url}/a.zarr", 0, ((0, 2), (0, 40), (0, 40))),
    ):
        with pytest.raises(ImageError, match="the host does not give what is asked for") as caught:
            action()
        assert type(caught.value) is ImageError


def test_a_host_that_is_busy_is_asked_once_more_and_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr")
    box = ((0, 1), (0, 16), (0, 16))
    with served(tmp_path, refusals=["/c/0/0/0"]) as (url, _):
        part = open_image(f"{url}/a.zarr").read(Z=0, Y=0, X=0)
        np.testing.assert_array_equal(part, PIXELS[:1, :1, :1])
    with (
        served(tmp_path, refusals=["/c/0/0/0"] * 9) as (url, _),
        pytest.raises(ImageError, match="the host does not give what is asked for") as caught,
    ):
        damaged_chunks(f"{url}/a.zarr", 0, box)
    assert type(caught.value) is ImageError


def test_a_host_that_is_silent_is_said_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.zarr"
        with pytest.raises(ImageError, match="the host does not give what is asked for"):
            open_image(url)


def test_an_image_in_memory_and_one_of_file_are_read(tmp_path: Path) -> None:
    np.testing.assert_array_equal(open_image(write("memory://urls/a.zarr")).read(), PIXELS)
    write(tmp_path / "b.zarr")
    image = open_image(f"file://{tmp_path}/b.zarr")
    assert image.info.path == str(tmp_path / "b.zarr")
    np.testing.assert_array_equal(image.read(), PIXELS)


def test_what_cannot_be_read_through_a_url_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.registry import known_implementations

    with pytest.raises(ImageFormatError, match=r"only zarr stores are read, .* ends in .tif"):
        open_image("https://host/cell.tif")
    with pytest.raises(ImageError, match="there is no series 1"):
        open_image("memory://urls/a.zarr", series=1)
    missing = {"class": "no_such_package.Files", "err": "install it"}
    monkeypatch.setitem(known_implementations, "elsewhere", missing)
    with pytest.raises(MissingDependencyError, match="pip install no_such_package"):
        open_image("elsewhere://bucket/cell.zarr")


def test_a_url_is_listed_as_one_image_and_its_host_not_asked(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr")
    urls = ["s3://bucket/cell.zarr/", "https://host/[a]*.zarr"]
    assert list_images([tmp_path, *urls]) == [
        tmp_path / "a.zarr",
        "s3://bucket/cell.zarr",
        "https://host/[a]*.zarr",
    ]
    assert list_images(f"file://{tmp_path}") == [tmp_path / "a.zarr"]


def test_a_plate_is_listed_over_http(tmp_path: Path) -> None:
    wells = [{"path": f"{row}/{column}"} for row in "AB" for column in (1, 2)]
    zarr.create_group(
        str(tmp_path / "p.zarr"), attributes={"ome": {"version": "0.5", "plate": {"wells": wells}}}
    )
    for well in wells[:3]:
        content = {"ome": {"version": "0.5", "well": {"images": [{"path": "0"}]}}}
        zarr.create_group(str(tmp_path / "p.zarr" / well["path"]), attributes=content)
        write(tmp_path / "p.zarr" / well["path"] / "0")
    with served(tmp_path) as (url, _):
        found = list_collection(f"{url}/p.zarr")
        assert found is not None
        assert found.paths == ("A/1/0", "A/2/0", "B/1/0")
        assert list(found.missing) == ["B/2"]
        np.testing.assert_array_equal(open_image(found.places[2]).read(), PIXELS)
