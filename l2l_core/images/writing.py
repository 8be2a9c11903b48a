"""Writing an image in the format that its name asks for, and casting pixels without wrapping."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import AxesError, ImageError, ImageFormatError
from l2l_core.images.axes import AXES, parse_axes, reorder
from l2l_core.images.replacing import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import DTypeLike, NDArray

    from l2l_core.images.image import Length

FORMATS = (".ome.tif", ".ome.tiff", ".ome.zarr", ".tif", ".tiff", ".zarr", ".npy", ".png")
CASTS = ("float32", "uint16", "uint8")


def cast(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return pixels as another type, rounded and saturated; nothing ever wraps around.

    Parameters
    ----------
    array : ndarray, any axes, any real dtype
    dtype : {"float32", "uint16", "uint8"}
        For integers NaN becomes 0, and what lies outside of their range its nearest end.

    Returns
    -------
    ndarray, same shape

    Raises
    ------
    ImageError
        If `dtype` is another one.
    """
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in CASTS:
        raise ImageError(f"pixels cannot be written as {name!r}; choose one of {', '.join(CASTS)}")
    if array.dtype.name == name:
        return array
    if name == "float32":
        # A float64 beyond the range of float32 becomes infinite, which is what it is there.
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if array.dtype.kind == "b":
        return array.astype(name)
    highest = np.iinfo(name).max
    if array.dtype.kind in "iu":
        clipped: NDArray[Any] = np.clip(array, 0, min(highest, np.iinfo(array.dtype).max))
        return clipped.astype(name)
    # The highest of 16 bits is beyond what half precision can hold.
    rounded: NDArray[Any] = np.rint(array, dtype=np.promote_types(array.dtype, np.float32))
    # Of a number and a NaN, fmax takes the number: one pass for what nan_to_num needs three for.
    np.fmax(rounded, 0, out=rounded)
    np.fmin(rounded, highest, out=rounded)
    return rounded.astype(name)


def write_image(
    path: str | Path,
    array: NDArray[Any],
    axes: str,
    *,
    pixel_size: Mapping[str, Length] | None = None,
    channel_names: Sequence[str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    version: str = "0.5",
) -> None:
    """Write an image; its suffix chooses the format.

    The image is written under another name in the same folder and then renamed, so that an
    interruption or a full disk leaves what was there before.

    Parameters
    ----------
    path : str or Path
        ``.tif`` (a hyperstack for Fiji), ``.ome.tif``, ``.ome.zarr`` or ``.zarr`` (OME-Zarr with
        a pyramid), ``.npy`` (pixels alone), or ``.png`` (one plane of uint8 or uint16).
    array : ndarray, axes `axes`
    axes : str
        Letters of ``TCZYX`` in any order. Formats with a fixed order of axes get that.
    pixel_size : dict of str to Length, optional
        For those of T, Z, Y and X that are known.
    channel_names : sequence of str, optional
        One for each channel.
    provenance : dict, optional
        What JSON can hold about how the image was made; :func:`~l2l_core.images.open_image` gives
        it back as ``info.metadata["provenance"]``.
    version : {"0.5", "0.4"}
        Of OME-Zarr.

    Raises
    ------
    AxesError
        If `axes` does not fit the array, or the format has no place for an axis.
    ImageFormatError
        If the suffix is unknown, or the format has no place for the pixel type.
    OutputError
        If the disk is full, or the folder cannot be written to.
    """
    path = Path(path).expanduser()
    axes = parse_axes(axes, array.ndim, where=str(path))
    kind = next((suffix for suffix in FORMATS if path.name.lower().endswith(suffix)), None)
    if kind is None:
        raise ImageFormatError(
            f"{path}: no format of this name can be written; end it in one of {', '.join(FORMATS)}"
        )
    if array.size == 0:
        raise ImageError(f"{path}: an image of shape {array.shape} has no pixels to write")
    if channel_names is not None:
        _check_names(path, array, axes, channel_names)
    order = "".join(axis for axis in AXES if axis in axes)
    sizes = {axis: size for axis, size in (pixel_size or {}).items() if axis in order}
    if kind == ".png":
        order = "YX"
        _check_png(path, array, axes)
    elif kind == ".npy":
        order = axes
    pixels = reorder(array, axes, order, where=str(path))
    with replacing(path) as temporary:
        _write(kind, temporary, path, pixels, order, (sizes, channel_names, provenance), version)


def _write(
    kind: str,
    temporary: Path,
    path: Path,
    pixels: NDArray[Any],
    axes: str,
    facts: tuple[Mapping[str, Length], Sequence[str] | None, Mapping[str, Any] | None],
    version: str,
) -> None:
    """Write pixels in the order of axes that the format wants, and what is known of them."""
    if kind == ".npy":
        with temporary.open("wb") as file:
            np.save(file, pixels, allow_pickle=False)
    elif kind == ".png":
        from l2l_core.images.png_files import write_png

        write_png(temporary, pixels, facts[0], facts[2])
    elif kind.endswith(".zarr"):
        from l2l_core.images.zarr_writing import write_ome_zarr

        name = path.name[: -len(kind)]
        write_ome_zarr(temporary, pixels, axes, *facts, version=version, name=name)
    else:
        from l2l_core.images.tiff_writing import write_ome_tiff, write_tiff

        write = write_ome_tiff if kind.startswith(".ome") else write_tiff
        write(temporary, pixels, axes, *facts)


def _check_names(path: Path, array: NDArray[Any], axes: str, names: Sequence[str]) -> None:
    channels = array.shape[axes.index("C")] if "C" in axes else 1
    if len(names) != channels:
        raise ImageError(
            f"{path}: {len(names)} channel names for {channels} channels; give one for each"
        )


def _check_png(path: Path, array: NDArray[Any], axes: str) -> None:
    lost = [axis for axis, n in zip(axes, array.shape, strict=True) if axis not in "YX" and n > 1]
    if lost:
        raise AxesError(
            f"{path}: a PNG holds one plane, but the image has {lost[0]} of size "
            f"{array.shape[axes.index(lost[0])]}; write a .tif instead, or one plane at a time"
        )
    if array.dtype.name not in ("uint8", "uint16"):
        raise ImageFormatError(
            f"{path}: a PNG holds uint8 or uint16, but the image is {array.dtype.name}; write a "
            ".tif instead, or cast it"
        )
