from __future__ import annotations

import hashlib
import itertools
import json
import resource
import signal
import uuid
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from l2l_core.errors import ImageFormatError, OutputError, TilingError
from l2l_core.images.ome_zarr_pyramid import (
    COMPRESSIONS,
    StoreLayout,
    create_store,
    open_levels,
    set_attributes,
)
from l2l_core.images.places import child, open_store, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from l2l_core.images.places import Place

RNG = np.random.default_rng(7)
# Neither side is a multiple of the unit, so that shards and chunks stick out.
SHAPE = (2, 150, 84)
LEVELS = (
    (SHAPE, (1, 16, 16), (1, 64, 64)),
    ((2, 75, 42), (1, 16, 16), (1, 32, 32)),
    ((2, 38, 21), (1, 16, 16), (1, 16, 16)),
)
PIXELS = RNG.integers(0, 1000, SHAPE).astype(np.uint16)
WHOLE = tuple((0, size) for size in SHAPE)


def layout(version: str = "0.5", **facts: Any) -> StoreLayout:
    return StoreLayout("CYX", facts.pop("dtype", "uint16"), LEVELS, version=version, **facts)


@pytest.fixture(params=["0.4", "0.5"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return tmp_path / "a.zarr"
    return f"memory://{uuid.uuid4().hex}/a.zarr"


def units(level: int = 0) -> Iterator[tuple[tuple[int, int], ...]]:
    shape, _, unit = LEVELS[level]
    yield from itertools.product(
        *(
            [(low, min(low + side, size)) for low in range(0, size, side)]
            for size, side in zip(shape, unit, strict=True)
        )
    )


def part(area: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    return tuple(slice(*ends) for ends in area)


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_units_make_the_whole(version: str, place: Place) -> None:
    create_store(place, layout(version))
    writer = open_levels(place, layout(version))
    for area in reversed(list(units())):
        writer.write(0, area, PIXELS[part(area)])
    np.testing.assert_array_equal(writer.read(0, WHOLE), PIXELS, strict=True)
    array = zarr.open_array(open_store(place), path="0", mode="r")
    np.testing.assert_array_equal(array[...], PIXELS)


@pytest.mark.parametrize("area", list(units()))
def test_a_unit_written_again_leaves_its_neighbours(
    area: tuple[tuple[int, int], ...], version: str, place: Place
) -> None:
    create_store(place, layout(version))
    writer = open_levels(place, layout(version))
    writer.write(0, WHOLE, PIXELS)
    writer.write(1, tuple((0, size) for size in LEVELS[1][0]), PIXELS[:, :75, :42])
    writer.tidy(0, area)
    writer.write(0, area, np.zeros_like(PIXELS[part(area)]))
    expected = PIXELS.copy()
    expected[part(area)] = 0
    np.testing.assert_array_equal(writer.read(0, WHOLE), expected)
    below = writer.read(1, ((0, 2), (0, 75), (0, 42)))
    np.testing.assert_array_equal(below, PIXELS[:, :75, :42])
    writer.write(0, area, PIXELS[part(area)])
    np.testing.assert_array_equal(writer.read(0, WHOLE), PIXELS)


def test_threads_and_processes_fill_one_store(version: str, tmp_path: Path) -> None:
    for kind, name in ((ThreadPoolExecutor(4), "a"), (processes(), "b")):
        create_store(tmp_path / name, layout(version))
        writer = open_levels(tmp_path / name, layout(version))
        with kind as pool:
            done = [pool.submit(writer.write, 0, area, PIXELS[part(area)]) for area in units()]
        for one in done:
            one.result()
        np.testing.assert_array_equal(writer.read(0, WHOLE), PIXELS)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool"])
def test_the_same_pixels_make_the_same_files(
    dtype: str, compression: str, version: str, tmp_path: Path
) -> None:
    same = layout(version, dtype=dtype, compression=compression)
    area = ((0, 1), (64, 128), (64, 84))
    pixels = (PIXELS % 200).astype(dtype)[part(area)]
    for name in "ab":
        create_store(tmp_path / name, same, {"by": "test"})
        writer = open_levels(tmp_path / name, same)
        writer.write(0, area, pixels)
        np.testing.assert_array_equal(writer.read(0, area), pixels, strict=True)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_shards_have_their_index_at_the_end_with_a_checksum(tmp_path: Path) -> None:
    create_store(tmp_path / "a.zarr", layout())
    stated = json.loads((tmp_path / "a.zarr" / "0" / "zarr.json").read_text())
    (codec,) = stated["codecs"]
    assert codec["name"] == "sharding_indexed"
    assert codec["configuration"]["index_location"] == "end"
    assert codec["configuration"]["index_codecs"][-1]["name"] == "crc32c"
    assert codec["configuration"]["chunk_shape"] == [1, 16, 16]
    assert stated["chunk_grid"]["configuration"]["chunk_shape"] == [1, 64, 64]
    assert stated["dimension_names"] == ["c", "y", "x"]
    # One chunk a unit needs no shard around it.
    last = json.loads((tmp_path / "a.zarr" / "2" / "zarr.json").read_text())
    assert [codec["name"] for codec in last["codecs"]] == ["bytes", "blosc"]


def test_a_unit_is_one_file_a_level_and_zeros_are_none(tmp_path: Path) -> None:
    create_store(tmp_path / "a.zarr", layout())
    before = set(files_of(tmp_path / "a.zarr"))
    writer = open_levels(tmp_path / "a.zarr", layout())
    writer.write(0, ((1, 2), (64, 128), (64, 84)), PIXELS[1:, 64:128, 64:])
    assert set(files_of(tmp_path / "a.zarr")) - before == {"0/c/1/1/1"}
    writer.write(0, ((1, 2), (64, 128), (64, 84)), np.zeros((1, 64, 20), np.uint16))
    assert set(files_of(tmp_path / "a.zarr")) == before
    assert not writer.read(0, WHOLE).any()


def test_leftovers_of_killed_writes_go_with_their_unit_alone(version: str, tmp_path: Path) -> None:
    place = tmp_path / "a.zarr"
    levels = (((1, 16, 400), (1, 16, 16), (1, 16, 16)),)
    wide = StoreLayout("CYX", "uint8", levels, version=version)
    create_store(place, wide)
    writer = open_levels(place, wide)
    above = ("0", "0", "0") if version == "0.4" else ("0", "c", "0", "0")
    names = ["1.0abc.partial", "11.0abc.partial", "1", "11", "notes.txt"]
    with open_files(child(place, *above)) as files:
        for name in names:
            files[name] = b"torn"
        writer.tidy(0, ((0, 1), (0, 16), (16, 32)))
        assert sorted(files) == ["1", "11", "11.0abc.partial", "notes.txt"]


@contextmanager
def open_files(folder: Place) -> Iterator[Any]:
    """Give a folder's files as a dictionary, as fsspec has it."""
    fsspec = pytest.importorskip("fsspec")
    yield fsspec.get_mapper(str(folder), create=True)


def test_a_torn_object_is_written_over_without_being_read(version: str, place: Place) -> None:
    create_store(place, layout(version))
    writer = open_levels(place, layout(version))
    writer.write(0, WHOLE, PIXELS)
    # The last shard sticks out of the array.
    above = ("0", "1", "9") if version == "0.4" else ("0", "c", "1", "2")
    last = "5" if version == "0.4" else "1"
    with open_files(child(place, *above)) as files:
        files[last] = files[last][:-7]
    with pytest.raises(ImageFormatError, match=r"a\.zarr: level 0 cannot be read"):
        writer.read(0, WHOLE)
    writer.write(0, ((1, 2), (128, 150), (64, 84)), PIXELS[1:, 128:, 64:])
    np.testing.assert_array_equal(writer.read(0, WHOLE), PIXELS)


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """Let no file grow beyond `limit` bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_a_sentence_and_what_was_there_stays(version: str, tmp_path: Path) -> None:
    place = tmp_path / "a.zarr"
    create_store(place, layout(version), {"by": "former"})
    writer = open_levels(place, layout(version))
    first, second = list(units())[:2]
    writer.write(0, first, PIXELS[part(first)])
    with full_disk(64):
        with pytest.raises(OutputError, match=r"a\.zarr: level 0 cannot be .* where it stopped"):
            writer.write(0, second, PIXELS[part(second)])
        with pytest.raises(OutputError, match="cannot be written"):
            set_attributes(place, provenance={"by": "new"})
        with pytest.raises(OutputError, match="nothing was written"):
            create_store(tmp_path / "b.zarr", layout(version))
    np.testing.assert_array_equal(writer.read(0, first), PIXELS[part(first)])
    assert attributes_of(place)["label2label"] == {"by": "former"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    writer.tidy(0, second)
    writer.write(0, second, PIXELS[part(second)])
    np.testing.assert_array_equal(writer.read(0, second), PIXELS[part(second)])


def attributes_of(place: Place) -> dict[str, Any]:
    return dict(zarr.open_group(open_store(place), mode="r").attrs)


def test_a_store_that_is_gone_is_said(version: str, place: Place) -> None:
    writer = open_levels(place, layout(version))
    with pytest.raises(OutputError, match="level 0 cannot be written"):
        writer.write(0, WHOLE, PIXELS)
    with pytest.raises(ImageFormatError, match="level 0 cannot be read"):
        writer.read(0, WHOLE)
    with pytest.raises(OutputError, match="no OME-Zarr image"):
        set_attributes(place, provenance={})
    writer.tidy(0, WHOLE)


def test_nothing_is_overwritten(version: str, place: Place) -> None:
    create_store(place, layout(version), {"by": "former"})
    with pytest.raises(OutputError, match="something already"):
        create_store(place, layout("0.4"), {"by": "new"})
    with pytest.raises(OutputError, match="something already"):
        create_store(place, layout("0.5"), {"by": "new"})
    assert attributes_of(place)["label2label"] == {"by": "former"}


def test_a_file_or_an_empty_folder_is_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "b.zarr").write_text("x")
    for name in ("a.zarr", "b.zarr"):
        with pytest.raises(OutputError, match="something already"):
            create_store(tmp_path / name, layout())


def test_what_a_killed_creation_left_elsewhere_is_made_again(version: str) -> None:
    place = f"memory://{uuid.uuid4().hex}/a.zarr"
    name = ".zarray" if version == "0.4" else "zarr.json"
    with open_files(child(place, "0")) as files:
        files[name] = b"{"
    create_store(place, layout(version))
    assert json.loads(read_document(child(place, "0", name)) or b"")["shape"] == list(SHAPE)


def test_the_group_comes_last_where_a_store_cannot_appear_as_a_whole(version: str) -> None:
    fsspec = pytest.importorskip("fsspec")
    place = f"memory://{uuid.uuid4().hex}/a.zarr"
    create_store(place, layout(version), {"by": "test"})
    # The file system in memory keeps its files in the order in which they were made.
    within = f"/{place.removeprefix('memory://')}/"
    files = fsspec.filesystem("memory").store
    made = [path.removeprefix(within) for path in files if path.startswith(within)]
    root = [name for name in made if "/" not in name]
    assert made[-len(root) :] == root
    assert root[-1] == (".zgroup" if version == "0.4" else "zarr.json")


@pytest.mark.parametrize(
    "area",
    [
        ((0, 2), (0, 150), (0, 40)),
        ((0, 2), (8, 150), (0, 84)),
        ((0, 2), (0, 160), (0, 84)),
        ((0, 2), (64, 64), (0, 84)),
    ],
)
def test_an_area_that_cuts_an_object_is_refused(area: Any, version: str, tmp_path: Path) -> None:
    create_store(tmp_path / "a.zarr", layout(version))
    writer = open_levels(tmp_path / "a.zarr", layout(version))
    with pytest.raises(TilingError, match="whole objects of"):
        writer.tidy(0, area)
    with pytest.raises(TilingError, match="whole objects of"):
        writer.write(0, area, np.zeros([stop - start for start, stop in area], np.uint16))
    with pytest.raises(TilingError, match="was given"):
        writer.write(0, WHOLE, PIXELS[:1])


def test_attributes_change_and_the_rest_stays(version: str, place: Place) -> None:
    create_store(place, layout(version, channel_names=("a", "b")), {"by": "former"})
    before = attributes_of(place)
    set_attributes(place, provenance={"by": "new"})
    assert attributes_of(place) == {**before, "label2label": {"by": "new"}}
    set_attributes(place, windows=[(-3.5, 70000.0), (10.0, 20.0)])
    after = attributes_of(place)
    channels = after.get("ome", after)["omero"]["channels"]
    assert [channel["label"] for channel in channels] == ["a", "b"]
    assert [channel["window"] for channel in channels] == [
        {"min": -3.5, "max": 70000.0, "start": -3.5, "end": 70000.0},
        {"min": 0.0, "max": 65535.0, "start": 10.0, "end": 20.0},
    ]
    assert after["label2label"] == {"by": "new"}
    writer = open_levels(place, layout(version))
    writer.write(0, WHOLE, PIXELS)
    np.testing.assert_array_equal(writer.read(0, WHOLE), PIXELS)
