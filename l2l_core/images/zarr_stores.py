"""OME-Zarr 0.4 and 0.5 (and their forerunners), and plain zarr arrays and groups.

Follows the OME-NGFF specifications at https://ngff.openmicroscopy.org.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from l2l_core.errors import ImageFormatError, L2LError
from l2l_core.images.decoded import ChunkedSource
from l2l_core.images.image import Image, ImageInfo, Length, lengths
from l2l_core.images.ome_zarr_metadata import PROVENANCE
from l2l_core.images.places import Place, child, is_url, read_document
from l2l_core.images.units import unit_name
from l2l_core.images.zarr_levels import NOT_AS_SPECIFIED, LevelArray, find_level

if TYPE_CHECKING:
    from numpy.typing import NDArray


@frozen
class ZarrSource:
    """Pixels of a zarr array, decoded chunk by chunk.

    Parameters
    ----------
    array : zarr.Array
    place : Path or str, optional
        Where its path counts from.
    """

    array: Any
    place: Place = ""

    @property
    def chunks(self) -> tuple[int, ...]:
        """The chunks of the array, which within a shard can be read on their own."""
        return tuple(self.array.chunks)

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the pixels at `index`; a chunk that is not there is fill values.

        Raises
        ------
        ImageError
            If the host of a URL does not answer.
        """
        try:
            return np.asarray(self.array[index])
        except MemoryError:
            raise
        except Exception:
            if not is_url(self.place):
                raise
            # A host that is away says nothing of the pixels, and this raises; one that answers is
            # asked once more, for connections break.
            name = "zarr.json" if self.array.metadata.zarr_format == 3 else ".zarray"
            read_document(child(self.place, self.array.path, name), length=1)
            return np.asarray(self.array[index])


def open_zarr(place: Place, *, axes: str | None = None, level: int = 0) -> Image:
    """Open an image of a zarr store: a multiscale, a root array, or a group with one array.

    Parameters
    ----------
    place : Path or str
        A folder, or a URL that fsspec reaches.
    axes : str, optional
        Instead of what the store says.
    level : int

    Raises
    ------
    ImageNotFoundError
        If there is nothing at a URL.
    ImageFormatError
        If the store is damaged or newer than what can be read, or if the place is a plate or a
        group of several images; the message names a path that leads to one.
    ImageError
        If there is no such level, or a host does not answer.
    AxesError
        If the store does not say its axes and none are given, or they do not fit.
    """
    found = find_level(place, level)
    try:
        return _multiscale(found, axes) if found.multiscale else _plain(found, axes)
    except (L2LError, MemoryError):
        raise
    except NOT_AS_SPECIFIED as error:
        raise ImageFormatError(
            f"{place}: the OME-Zarr metadata are not as specified ({error!r}); export it again"
        ) from error


def _multiscale(found: LevelArray, axes: str | None) -> Image:
    layout = found.layout(axes)
    scale, shift = _placement(found.multiscale, found.dataset, found.array.ndim)
    sizes, shifts = {}, {}
    for letter, axis, factor, offset in zip(found.letters, found.axes, scale, shift, strict=True):
        unit = unit_name(str(axis.get("unit", "")))
        if letter in "TZYX" and unit and factor > 0:
            sizes[letter] = Length(factor, unit)
            shifts[letter] = offset
    channels = dict(zip(layout.axes, layout.shape, strict=True)).get("C", 1)
    metadata: dict[str, Any] = {"levels": len(found.multiscale["datasets"]), "series": 1}
    if any(shifts.values()):
        metadata["translation"] = shifts
    more = {
        "name": found.multiscale.get("name"),
        "omero": found.ome.get("omero"),
        "provenance": found.attributes.get(PROVENANCE),
    }
    metadata.update({key: value for key, value in more.items() if value})
    return _image(
        found,
        layout,
        pixel_size=sizes,
        channel_names=_labels(found.ome, channels),
        format=f"OME-Zarr {found.version}",
        metadata=metadata,
    )


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
    omero = ome.get("omero")
    stated = omero.get("channels") if isinstance(omero, Mapping) else None
    # How viewers show an image is often written carelessly, and decides about no pixel.
    entries = stated if isinstance(stated, list) else ()
    names = [channel.get("label") for channel in entries if isinstance(channel, Mapping)]
    given = tuple(str(name) for name in names if name)
    return given if given and len(given) == channels else None


def _plain(found: LevelArray, axes: str | None) -> Image:
    layout = found.layout(axes)
    channels = dict(zip(layout.axes, layout.shape, strict=True)).get("C", 1)
    labels = found.attributes.get("channel_names")
    names = tuple(map(str, labels)) if isinstance(labels, list) else ()
    provenance = found.attributes.get(PROVENANCE)
    return _image(
        found,
        layout,
        pixel_size=lengths(found.attributes.get("pixel_size")),
        channel_names=names if len(names) == channels else None,
        format=f"zarr {found.array.metadata.zarr_format}",
        metadata={"provenance": provenance} if provenance else {},
    )


def _image(found: LevelArray, layout: Any, **facts: Any) -> Image:
    array = found.array
    dtype = np.dtype(array.dtype)
    if dtype.kind not in "biuf" or prod(array.shape) == 0:
        raise ImageFormatError(
            f"{found.place}: an array of {dtype} and shape {tuple(array.shape)} is no image; "
            "expected real numbers, and no empty axis"
        )
    info = ImageInfo(
        path=str(found.place),
        axes=layout.axes,
        shape=layout.shape,
        dtype=dtype.newbyteorder("=").name,
        **facts,
    )
    fill = array.fill_value if array.fill_value is not None else 0
    source = ChunkedSource(ZarrSource(array, found.store), tuple(array.shape), dtype, fill=fill)
    return Image(info, layout.wrap(source))
