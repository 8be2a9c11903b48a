"""OME-Zarr 0.4 and 0.5 (and their forerunners), and plain zarr arrays and groups.

Follows the OME-NGFF specifications at https://ngff.openmicroscopy.org.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from l2l_core.errors import ImageError, ImageFormatError, L2LError
from l2l_core.images.axes import AXES
from l2l_core.images.decoded import ChunkedSource
from l2l_core.images.image import Image, ImageInfo, Length, lengths
from l2l_core.images.layout import settle
from l2l_core.images.units import unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

NEWEST = (0, 5)
PROVENANCE = "label2label"


@frozen
class ZarrSource:
    """Pixels of a zarr array, decoded chunk by chunk.

    Parameters
    ----------
    array : zarr.Array
    """

    array: Any

    @property
    def chunks(self) -> tuple[int, ...]:
        """The chunks of the array, which within a shard can be read on their own."""
        return tuple(self.array.chunks)

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the pixels at `index`."""
        return np.asarray(self.array[index])


def open_zarr(path: Path, *, axes: str | None = None, level: int = 0) -> Image:
    """Open an image of a zarr store: a multiscale, a root array, or a group with one array.

    Raises
    ------
    ImageFormatError
        If the store is damaged or newer than what can be read, or if the path leads to a plate or
        to a group of several images; the message names a path that leads to one.
    ImageError
        If there is no such level.
    AxesError
        If the store does not say its axes and none are given, or they do not fit.
    """
    import zarr

    try:
        node = zarr.open(str(path), mode="r")
        attributes: dict[str, Any] = dict(node.attrs)
    except MemoryError:
        raise
    # zarr raises a dozen kinds of error for metadata that are not what they should be.
    except Exception as error:
        why = str(error) or type(error).__name__
        raise ImageFormatError(
            f"{path}: this is no zarr store that can be read ({why}); copy or export it again"
        ) from error
    if isinstance(node, zarr.Array):
        _only_level_zero(path, level)
        return _plain(path, node, axes)
    ome = attributes.get("ome", attributes)
    try:
        if "multiscales" in ome:
            return _multiscale(path, node, ome, attributes, axes, level)
        _refuse_collections(path, ome)
    except (L2LError, MemoryError):
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ImageFormatError(
            f"{path}: the OME-Zarr metadata are not as specified ({error!r}); export it again"
        ) from error
    arrays = sorted(name for name, _ in node.arrays())
    if len(arrays) != 1:
        raise ImageFormatError(_ambiguous(path, arrays, sorted(name for name, _ in node.groups())))
    _only_level_zero(path, level)
    return _plain(path / arrays[0], node[arrays[0]], axes)


def _only_level_zero(path: Path, level: int) -> None:
    if level != 0:
        raise ImageError(f"{path}: there is no level {level}; a plain array has one, level 0")


def _refuse_collections(path: Path, ome: Mapping[str, Any]) -> None:
    """Say where the images are, if this is a plate, a well or a collection of images."""
    if "plate" in ome:
        wells = [well.get("path", "?") for well in ome["plate"].get("wells", ())]
        example = f", such as {path / wells[0] / '0'}" if wells else ""
        raise ImageFormatError(
            f"{path}: this is a plate of {len(wells)} wells; name one field of a well{example}"
        )
    if "well" in ome:
        fields = [image.get("path", "?") for image in ome["well"].get("images", ())]
        example = f", such as {path / fields[0]}" if fields else ""
        raise ImageFormatError(
            f"{path}: this is a well of {len(fields)} fields; name one of them{example}"
        )
    if "bioformats2raw.layout" in ome:
        raise ImageFormatError(
            f"{path}: this is a collection of images; name one of them, such as {path / '0'}"
        )


def _ambiguous(path: Path, arrays: Sequence[str], groups: Sequence[str]) -> str:
    names = [*arrays, *groups]
    if not names:
        return f"{path}: the zarr group is empty; expected an array or an OME-Zarr image"
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return (
        f"{path}: the zarr group is no OME-Zarr image and holds {len(arrays)} arrays and "
        f"{len(groups)} groups ({listed}); name one of them, such as {path / names[0]}"
    )


def _version(path: Path, ome: Mapping[str, Any], multiscale: Mapping[str, Any]) -> str:
    text = str(ome.get("version") or multiscale.get("version") or "0.4")
    parts = tuple(int(part) for part in text.split("-")[0].split(".")[:2] if part.isdigit())
    if parts > NEWEST:
        raise ImageFormatError(
            f"{path}: OME-Zarr {text} is newer than what can be read here, which is up to "
            f"{'.'.join(map(str, NEWEST))}; save it in that version, or update label2label"
        )
    return text


def _multiscale(
    path: Path,
    group: Any,
    ome: Mapping[str, Any],
    attributes: Mapping[str, Any],
    axes: str | None,
    level: int,
) -> Image:
    multiscale = ome["multiscales"][0]
    version = _version(path, ome, multiscale)
    datasets = multiscale["datasets"]
    if not 0 <= level < len(datasets):
        raise ImageError(
            f"{path}: there is no level {level}; the image has {len(datasets)}, from 0"
        )
    array = group[datasets[level]["path"]]
    # Before 0.3 the axes were fixed, and 0.3 had names alone.
    declared = [
        axis if isinstance(axis, dict) else {"name": axis}
        for axis in multiscale.get("axes", AXES.lower()[-array.ndim :])
    ]
    own = "".join(_letter(axis) for axis in declared)
    layout = settle(own, array.shape, axes, str(path))
    scale, shift = _placement(multiscale, datasets[level], array.ndim)
    sizes, shifts = {}, {}
    for letter, axis, factor, offset in zip(own, declared, scale, shift, strict=True):
        unit = unit_name(str(axis.get("unit", "")))
        if letter in "TZYX" and unit and factor > 0:
            sizes[letter] = Length(factor, unit)
            shifts[letter] = offset
    channels = dict(zip(layout.axes, layout.shape, strict=True)).get("C", 1)
    metadata: dict[str, Any] = {"levels": len(datasets), "series": 1}
    if any(shifts.values()):
        metadata["translation"] = shifts
    more = {
        "name": multiscale.get("name"),
        "omero": ome.get("omero"),
        "provenance": attributes.get(PROVENANCE),
    }
    metadata.update({key: value for key, value in more.items() if value})
    return _image(
        path,
        array,
        layout,
        pixel_size=sizes,
        channel_names=_labels(ome, channels),
        format=f"OME-Zarr {version}",
        metadata=metadata,
    )


def _letter(axis: Mapping[str, Any]) -> str:
    name = str(axis.get("name", "")).upper()
    if name in AXES and len(name) == 1:
        return name
    return {"time": "T", "channel": "C"}.get(str(axis.get("type", "")), "?")


def _placement(
    multiscale: Mapping[str, Any], dataset: Mapping[str, Any], ndim: int
) -> tuple[list[float], list[float]]:
    """Return the scale and the translation of a level, that of the whole multiscale included."""
    scale, shift = [1.0] * ndim, [0.0] * ndim
    for holder in (dataset, multiscale):
        for transformation in holder.get("coordinateTransformations", ()):
            if transformation.get("type") == "scale" and "scale" in transformation:
                factors = transformation["scale"]
                scale = [a * b for a, b in zip(scale, factors, strict=True)]
                shift = [a * b for a, b in zip(shift, factors, strict=True)]
            elif transformation.get("type") == "translation" and "translation" in transformation:
                offsets = transformation["translation"]
                shift = [a + b for a, b in zip(shift, offsets, strict=True)]
    return scale, shift


def _labels(ome: Mapping[str, Any], channels: int) -> tuple[str, ...] | None:
    names = [channel.get("label") for channel in ome.get("omero", {}).get("channels", ())]
    given = tuple(str(name) for name in names if name)
    return given if given and len(given) == channels else None


def _plain(path: Path, array: Any, axes: str | None) -> Image:
    attributes = dict(array.attrs)
    names = getattr(array.metadata, "dimension_names", None)
    names = names or attributes.get("_ARRAY_DIMENSIONS") or [""] * array.ndim
    own = "".join(_letter({"name": name}) for name in names)
    layout = settle(own, array.shape, axes, str(path))
    channels = dict(zip(layout.axes, layout.shape, strict=True)).get("C", 1)
    labels = attributes.get("channel_names")
    names = tuple(map(str, labels)) if isinstance(labels, list) else ()
    provenance = attributes.get(PROVENANCE)
    return _image(
        path,
        array,
        layout,
        pixel_size=lengths(attributes.get("pixel_size")),
        channel_names=names if len(names) == channels else None,
        format=f"zarr {array.metadata.zarr_format}",
        metadata={"provenance": provenance} if provenance else {},
    )


def _image(path: Path, array: Any, layout: Any, **facts: Any) -> Image:
    dtype = np.dtype(array.dtype)
    if dtype.kind not in "biuf" or prod(array.shape) == 0:
        raise ImageFormatError(
            f"{path}: an array of {dtype} and shape {tuple(array.shape)} is no image; expected "
            "real numbers, and no empty axis"
        )
    info = ImageInfo(
        path=str(path),
        axes=layout.axes,
        shape=layout.shape,
        dtype=dtype.newbyteorder("=").name,
        **facts,
    )
    source = ChunkedSource(ZarrSource(array), tuple(array.shape), dtype)
    return Image(info, layout.wrap(source))
