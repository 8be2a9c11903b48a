from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from l2l_core.errors import OutputError
from l2l_core.images.reading import open_image
from l2l_core.images.replacing import replacing
from l2l_core.images.writing import write_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD = np.full((40, 50), 7, np.uint16)
NEW = np.random.default_rng(0).integers(0, 60000, (400, 500), dtype=np.uint16)
FILES = ["a.tif", "a.ome.tif", "a.png", "a.npy", "a.zarr", "a.ome.zarr"]


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let the system refuse to write more than `size` bytes to any file."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.parametrize("name", FILES)
def test_a_former_image_is_replaced(name: str, tmp_path: Path) -> None:
    write_image(tmp_path / name, OLD, "YX")
    write_image(tmp_path / name, NEW, "YX")
    np.testing.assert_array_equal(open_image(tmp_path / name).read(), NEW)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_leaves_the_former_image_whole(name: str, tmp_path: Path) -> None:
    write_image(tmp_path / name, OLD, "YX")
    with (
        full_disk(20_000),
        pytest.raises(OutputError, match=r"cannot be written .* before is unchanged"),
    ):
        write_image(tmp_path / name, NEW, "YX")
    np.testing.assert_array_equal(open_image(tmp_path / name).read(), OLD)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_leaves_nothing_where_nothing_was(name: str, tmp_path: Path) -> None:
    with full_disk(20_000), pytest.raises(OutputError, match="nothing was written"):
        write_image(tmp_path / name, NEW, "YX")
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("former")

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    write_image(tmp_path / "deep" / "deeper" / "a.tif", OLD, "YX")
    assert open_image(tmp_path / "deep" / "deeper" / "a.tif").shape == OLD.shape


def test_a_file_where_a_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        write_image(tmp_path / "file" / "a.tif", OLD, "YX")


def test_a_store_takes_the_place_of_a_file_and_a_file_that_of_none(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").write_text("a file")
    write_image(tmp_path / "a.zarr", OLD, "YX")
    np.testing.assert_array_equal(open_image(tmp_path / "a.zarr").read(), OLD)
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_image(tmp_path / "a.tif", OLD, "YX")
    assert (tmp_path / "a.tif").is_dir()
