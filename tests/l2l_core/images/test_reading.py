from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from l2l_core.errors import DataError, ImageError, ImageFormatError, ImageNotFoundError
from l2l_core.images.reading import list_images, open_image
from l2l_core.images.writing import write_image

if TYPE_CHECKING:
    from pathlib import Path

PLANE = np.arange(20, dtype=np.uint8).reshape(4, 5)


def test_opening_the_room_imports_no_reader() -> None:
    code = (
        "import sys, l2l_core.images;"
        "heavy = {'zarr', 'dask', 'tifffile', 'PIL', 'scipy', 'bioio'} & set(sys.modules);"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_at_a_path_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match=r"cell.tif: there is no such file"):
        open_image(tmp_path / "cell.tif")


@pytest.mark.parametrize("name", ["cell.tif", "cell.npy", "cell.png", "cell.czi"])
def test_an_empty_file_is_said_to_be_empty(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ImageFormatError, match="the file is empty"):
        open_image(tmp_path / name)


def test_a_folder_and_an_unknown_suffix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageFormatError, match="this is a folder, and no zarr store"):
        open_image(tmp_path)
    (tmp_path / "cell.jpg").write_bytes(b"x")
    with pytest.raises(ImageFormatError, match=r"files that end in .jpg cannot be read"):
        open_image(tmp_path / "cell.jpg")


def test_an_npy_file_is_mapped(tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=">u2").reshape(3, 4, 5)
    np.save(tmp_path / "cell.npy", np.asfortranarray(pixels))
    image = open_image(tmp_path / "cell.npy", axes="ZYX")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image.read(Z=1, X=slice(1, 3)), pixels[1:2, :, 1:3])
    with pytest.raises(ImageError, match=r"no level 1; a .npy file has one"):
        open_image(tmp_path / "cell.npy", axes="ZYX", level=1)
    with pytest.raises(ImageError, match="no series 1"):
        open_image(tmp_path / "cell.npy", axes="ZYX", series=1)


def test_an_npy_file_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "cell.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(ImageFormatError, match=r"no whole .npy file of numbers"):
        open_image(tmp_path / "cell.npy")


def test_a_damaged_npy_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cell.npy"
    np.save(path, PLANE)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ImageFormatError, match=r"no whole .npy file"):
        open_image(path)
    np.save(path, np.array(["a"]))
    with pytest.raises(ImageFormatError, match="expected an array of real numbers"):
        open_image(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tif", "a.TIF", "c.ome.tiff", "d.npy"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".hidden.tif").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "deeper.tif").mkdir()
    write_image(tmp_path / "e.zarr", PLANE, "YX")
    (tmp_path / "f.zarr").write_bytes(b"x")
    return tmp_path


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_folder_lists_its_images(folder: Path) -> None:
    assert names(list_images(folder)) == ["a.TIF", "b.tif", "c.ome.tiff", "d.npy", "e.zarr"]


def test_a_zarr_folder_is_an_image_itself(folder: Path) -> None:
    assert list_images(str(folder / "e.zarr")) == [folder / "e.zarr"]


def test_globs_and_lists_are_expanded_and_nothing_comes_twice(folder: Path) -> None:
    assert names(list_images(f"{folder}/*.tif*")) == ["b.tif", "c.ome.tiff"]
    both = list_images([folder / "d.npy", f"{folder}/[bd].*"])
    assert names(both) == ["d.npy", "b.tif"]


def test_a_glob_from_here_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names(list_images("*.npy")) == ["d.npy"]


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ("missing", "there is no such file or folder"),
        ("deeper.tif", "the folder holds no image; expected files that end in .tif"),
        ("*.txt", "no image matches"),
    ],
)
def test_where_no_image_is_found_is_said(where: str, complaint: str, folder: Path) -> None:
    with pytest.raises(DataError, match=complaint):
        list_images(folder / where)


@pytest.mark.parametrize("where", [[], "", " "])
def test_no_place_is_no_image(where: str | list[str]) -> None:
    with pytest.raises(DataError, match="no image is named"):
        list_images(where)


def test_a_glob_in_a_folder_whose_name_has_brackets_is_expanded(tmp_path: Path) -> None:
    folder = tmp_path / "run [1]"
    folder.mkdir()
    (folder / "a.tif").write_bytes(b"x")
    (tmp_path / "run 1").mkdir()
    assert list_images(folder / "*.tif") == [folder / "a.tif"]


def test_an_npy_file_wider_than_64_bits_is_refused(tmp_path: Path) -> None:
    if np.dtype(np.longdouble).itemsize <= 8:
        pytest.skip("long double is double here")
    np.save(tmp_path / "cell.npy", np.ones((4, 4), np.longdouble))
    with pytest.raises(ImageFormatError, match="at most 64 bits"):
        open_image(tmp_path / "cell.npy")
