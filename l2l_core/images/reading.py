"""Opening an image by its path, and finding the images of a folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, overload

from l2l_core.errors import DataError, ImageError, ImageFormatError, ImageNotFoundError
from l2l_core.images.places import Place, as_place, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from l2l_core.images.image import Image

TIFF = (".tif", ".tiff", ".btf", ".tf8", ".lsm")
FOREIGN = (".czi", ".lif", ".nd2")
SUFFIXES = (*TIFF, ".npy", ".png", ".zarr", *FOREIGN)

_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(path: Path) -> bool:
    """Whether a path is a zarr array or group: by its name, or by the file that makes it one."""
    return path.suffix.lower() == ".zarr" or any((path / name).is_file() for name in _ZARR_FILES)


def open_image(
    path: str | Path, *, axes: str | None = None, level: int = 0, series: int = 0
) -> Image:
    """Open an image without reading its pixels.

    Parameters
    ----------
    path : str or Path
        TIFF, ImageJ TIFF, OME-TIFF, OME-Zarr, zarr, ``.npy``, ``.png``; ``.czi``, ``.lif`` and
        ``.nd2`` where the extra ``bioformats`` is installed. A part of a zarr store is a path
        too: ``plate.zarr/A/1/0``. So is the URL of a zarr store, where fsspec reaches it:
        ``https://...``, ``s3://...``.
    axes : str, optional
        Axes in the order of the file, such as ``"ZYX"``, instead of what the file says.
    level : int
        Level of a pyramid; 0 is full resolution.
    series : int
        Which image of a file that holds several.

    Returns
    -------
    Image

    Raises
    ------
    ImageNotFoundError
        If there is nothing at `path`.
    ImageFormatError
        If the file is damaged, empty, or of a format that cannot be read here.
    ImageError
        If the host of a URL does not answer.
    AxesError
        If the axes are not known or do not fit.
    MissingDependencyError
        If the package of a URL's protocol is not installed.
    """
    path = as_place(path)
    if isinstance(path, str):
        return _open_url(path, axes, level, series)
    if not path.exists():
        raise ImageNotFoundError(f"{path}: there is no such file or folder; check the path")
    if path.is_dir():
        if not is_zarr(path):
            raise ImageFormatError(
                f"{path}: this is a folder, and no zarr store; name a file in it"
            )
        from l2l_core.images.zarr_stores import open_zarr

        _only_series_zero(path, series)
        return open_zarr(path, axes=axes, level=level)
    if path.stat().st_size == 0:
        raise ImageFormatError(f"{path}: the file is empty; copy or export it again")
    suffix = path.suffix.lower()
    if suffix in TIFF:
        from l2l_core.images.tiff_files import open_tiff

        return open_tiff(path, axes=axes, level=level, series=series)
    if suffix in FOREIGN:
        from l2l_core.images.other_formats import open_other

        return open_other(path, axes=axes, level=level, series=series)
    _only_series_zero(path, series)
    if level != 0:
        raise ImageError(f"{path}: there is no level {level}; a {suffix} file has one, level 0")
    return _single(path, suffix)(path, axes=axes)


def _open_url(url: str, axes: str | None, level: int, series: int) -> Image:
    suffix = PurePosixPath(name_of(url)).suffix.lower()
    if suffix in SUFFIXES and suffix != ".zarr":
        raise ImageFormatError(
            f"{url}: of a URL only zarr stores are read, and this one ends in {suffix}; download "
            "the file and name it here"
        )
    from l2l_core.images.zarr_stores import open_zarr

    _only_series_zero(url, series)
    return open_zarr(url, axes=axes, level=level)


def _single(path: Path, suffix: str) -> Callable[..., Image]:
    """Return the opener of a format with one image and one level."""
    if suffix == ".npy":
        from l2l_core.images.numpy_files import open_npy

        return open_npy
    if suffix == ".png":
        from l2l_core.images.png_files import open_png

        return open_png
    raise ImageFormatError(
        f"{path}: files that end in {suffix or 'nothing'} cannot be read; expected one of "
        f"{', '.join(SUFFIXES)}, so export the image as TIFF"
    )


def _only_series_zero(path: Place, series: int) -> None:
    if series != 0:
        raise ImageError(f"{path}: there is no series {series}; this format has one, series 0")


@overload
def list_images(where: Path | Sequence[Path]) -> list[Path]: ...
@overload
def list_images(where: str | Path | Sequence[str | Path]) -> list[Place]: ...
def list_images(where: str | Path | Sequence[str | Path]) -> list[Place] | list[Path]:
    """Return the images of a folder, a glob or a file, or of several of them.

    Parameters
    ----------
    where : str, Path, or a sequence of them
        A folder (not what lies in its folders), a glob such as ``"data/*/actin*.tif"``, or an
        image itself. A folder that is a zarr store is an image, a plate or another collection of
        several too. Names that begin with a dot, and files of other kinds in a folder, are passed
        over; capitals in a suffix do not matter. A URL is one image, and its host is not asked.

    Returns
    -------
    list of Path or str
        Each once; sorted by name within each entry of `where`. Text is a URL.

    Raises
    ------
    DataError
        If an entry does not exist or holds no image.
    """
    entries = [where] if isinstance(where, (str, Path)) else list(where)
    if not entries:
        raise DataError("no image is named; give a folder, a glob or a file")
    found = [path for entry in entries for path in _expand(entry)]
    return list(dict.fromkeys(found))


def _expand(entry: str | Path) -> Sequence[Place]:
    path = as_place(entry)
    if isinstance(path, str):
        return [path]
    if not str(entry).strip():
        raise DataError("no image is named; give a folder, a glob or a file")
    if path.exists():
        if not path.is_dir() or is_zarr(path):
            return [path]
        return _images(path.iterdir(), f"{path}: the folder holds no image")
    if any(sign in str(entry) for sign in "*?["):
        parts = path.parts
        # A folder whose own name has brackets in it is that folder, and no pattern.
        first = next(
            i
            for i, part in enumerate(parts)
            if any(sign in part for sign in "*?[") and not Path(*parts[: i + 1]).exists()
        )
        matches = Path(*parts[:first]).glob(str(Path(*parts[first:])))
        return _images(matches, f"{entry}: no image matches")
    raise DataError(f"{path}: there is no such file or folder; check the path")


def _images(candidates: Iterable[Path], complaint: str) -> list[Path]:
    images = sorted(
        path
        for path in candidates
        if not path.name.startswith(".")
        and path.suffix.lower() in SUFFIXES
        and (path.suffix.lower() == ".zarr") == path.is_dir()
    )
    if not images:
        raise DataError(f"{complaint}; expected files that end in {', '.join(SUFFIXES)}")
    return images
