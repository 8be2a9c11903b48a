from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from l2l_core.errors import ImageFormatError
from l2l_core.images.damaged import damaged_chunks
from l2l_core.images.places import child, open_store
from l2l_core.images.reading import open_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PIXELS = np.random.default_rng(2).integers(1, 60000, (2, 40, 52), dtype=np.uint16)
WHOLE = ((0, 2), (0, 40), (0, 52))


def write(place: Path | str, **how: Any) -> Path | str:
    form = how.pop("zarr_format", 3)
    ome: dict[str, Any] = {
        "axes": [{"name": name} for name in "cyx"],
        "datasets": [{"path": "0", "coordinateTransformations": []}],
    }
    group = zarr.create_group(
        open_store(place, "w"),
        zarr_format=form,
        attributes={"ome": {"version": "0.5", "multiscales": [ome]}}
        if form == 3
        else {"multiscales": [{"version": "0.4", **ome}]},
    )
    group.create_array("0", data=PIXELS, chunks=(1, 16, 16), **how)
    return place


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle - 4 : middle + 4] = bytes(
        255 - byte for byte in content[middle - 4 : middle + 4]
    )
    path.write_bytes(bytes(content))


def blosc(name: str) -> dict[str, Any]:
    return {"compressors": zarr.codecs.BloscCodec(cname=name)}


CHECKED = {
    "compressors": [zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec()],
}


@pytest.mark.parametrize("hurt", [truncate, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize(
    "how", [{}, blosc("zstd"), blosc("lz4"), CHECKED, {"compressors": None}, {"zarr_format": 2}]
)
def test_a_truncated_chunk_is_named(
    how: dict[str, Any], hurt: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.zarr"
    write(path, **how)
    key = "0/1.2.3" if "zarr_format" in how else "0/c/1/2/3"
    assert damaged_chunks(path, 0, WHOLE) == []
    hurt(path / key)
    assert damaged_chunks(path, 0, WHOLE) == [key]
    assert damaged_chunks(path, 0, ((1, 2), (32, 33), (48, 49))) == [key]
    assert damaged_chunks(path, 0, ((0, 1), (0, 40), (0, 52))) == []
    assert damaged_chunks(path, 0, ((1, 2), (0, 32), (0, 52))) == []
    assert damaged_chunks(path, 0, {"C": (1, 2), "Y": (32, 99)}) == [key]
    with pytest.raises(ImageFormatError, match="the pixels cannot be read"):
        open_image(path).read(C=1)


def test_an_altered_chunk_is_named_where_it_has_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, **CHECKED)
    alter(path / "0/c/0/0/1")
    alter(path / "0/c/1/0/0")
    assert damaged_chunks(path, 0, WHOLE) == ["0/c/0/0/1", "0/c/1/0/0"]


def test_a_chunk_that_is_not_there_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path)
    (path / "0/c/0/0/0").unlink()
    assert damaged_chunks(path, 0, WHOLE) == []


@pytest.mark.parametrize(("separator", "key"), [(".", "0/1.0.2"), ("/", "0/1/0/2")])
def test_the_keys_of_zarr_2_are_named(separator: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, zarr_format=2, chunk_key_encoding={"name": "v2", "separator": separator})
    truncate(path / key)
    assert damaged_chunks(path, 0, WHOLE) == [key]


def test_a_chunk_in_a_shard_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, shards=(1, 32, 32))
    shard = path / "0/c/1/0/0"
    content = bytearray(shard.read_bytes())
    content[4:40] = bytes(36)  # within the first chunk that was stored
    shard.write_bytes(bytes(content))
    (name,) = damaged_chunks(path, 0, WHOLE)
    assert name.startswith("0/c/1/0/0 (chunk 0, ")
    assert damaged_chunks(path, 0, ((0, 1), (0, 40), (0, 52))) == []


@pytest.mark.parametrize("hurt", [truncate, lambda path: path.write_bytes(b"torn")])
def test_a_shard_with_a_torn_index_is_named_once(
    hurt: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.zarr"
    write(path, shards=(1, 32, 32))
    hurt(path / "0/c/0/0/1")
    assert damaged_chunks(path, 0, WHOLE) == ["0/c/0/0/1"]


def test_a_chunk_behind_the_end_of_a_shard_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, shards={"shape": (1, 32, 32), "index_location": "start"}, **blosc("lz4"))
    truncate(path / "0/c/0/0/0")
    (name,) = damaged_chunks(path, 0, WHOLE)
    assert name.startswith("0/c/0/0/0 (chunk 0, ")


def test_a_root_array_and_axes_that_go_are_counted_right(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    names = ["plate", "y", "x"]
    zarr.create_array(str(path), data=PIXELS[:1], chunks=(1, 16, 16), dimension_names=names)
    assert open_image(path).axes == "YX"
    truncate(path / "c/0/1/2")
    assert damaged_chunks(path, 0, ((0, 40), (0, 52))) == ["c/0/1/2"]
    given = damaged_chunks(path, 0, ((0, 1), (0, 40), (0, 52)), axes="ZYX")
    assert given == ["c/0/1/2"]


def test_a_file_without_chunks_has_no_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"x")
    assert damaged_chunks(tmp_path / "a.tif", 0, WHOLE) == []


def test_damage_behind_a_url_is_named() -> None:
    from fsspec import filesystem

    place = write("memory://damaged/a.zarr")
    filesystem("memory").pipe_file("/damaged/a.zarr/0/c/0/1/1", b"torn")
    assert damaged_chunks(place, 0, WHOLE) == ["0/c/0/1/1"]
    assert child(place, "0/c/0/1/1") == "memory://damaged/a.zarr/0/c/0/1/1"


def test_what_could_not_be_decoded_is_read_once_it_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path)
    image = open_image(path)
    chunk = path / "0/c/0/0/0"
    content = chunk.read_bytes()
    truncate(chunk)
    with pytest.raises(ImageFormatError, match="the pixels cannot be read"):
        image.read(C=0)
    chunk.write_bytes(content)
    np.testing.assert_array_equal(image.read(C=0), PIXELS[:1])


def test_a_chunk_that_was_away_for_a_moment_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path)
    image = open_image(path)
    (path / "0").rename(path / "away")
    assert not image.read(C=0).any()
    (path / "away").rename(path / "0")
    np.testing.assert_array_equal(image.read(C=0), PIXELS[:1])
