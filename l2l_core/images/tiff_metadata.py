"""What a TIFF says of its pixels: size, unit, channel names and provenance.

Read from OME-XML (schema 2016-06), from ImageJ's description, or from the resolution tags of
TIFF 6.0.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from attrs import field, frozen

from l2l_core.images.image import Length
from l2l_core.images.units import unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.images.layout import Layout

KEY = "label2label"


@frozen
class Facts:
    """What a file says beside its pixels: fields of an ``ImageInfo``."""

    format: str
    pixel_size: dict[str, Length] = field(factory=dict)
    channel_names: tuple[str, ...] | None = None
    metadata: dict[str, Any] = field(factory=dict)

    def scaled(self, factors: Mapping[str, float]) -> dict[str, Length]:
        """Return the pixel size at a level whose pixels are `factors` times as large."""
        return {
            axis: Length(size.value * (factors.get(axis, 1) if axis in "ZYX" else 1), size.unit)
            for axis, size in self.pixel_size.items()
        }


def describe(file: Any, series: int, layout: Layout) -> Facts:
    """Return what a tifffile.TiffFile says of one of its series."""
    channels = dict(zip(layout.axes, layout.shape, strict=True)).get("C", 1)
    big = "BigTIFF" if file.is_bigtiff else "TIFF"
    if file.is_ome:
        return parse_ome(file.ome_metadata, series, channels, f"OME-{big}")
    page = file.pages[0]
    if file.is_imagej:
        return _imagej(file.imagej_metadata or {}, page, layout, channels)
    return Facts(big, _resolution(page))


def parse_ome(text: str, number: int, channels: int, name: str) -> Facts:
    """Return what an OME-XML text says of its image of this number.

    Text that is no XML says nothing: the pixels are still good.
    """
    try:
        # expat refuses the expansion bombs that S314 is about since 2.4.1.
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError:
        return Facts(name)
    space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
    images = root.findall(f"{space}Image")
    pixels = images[number].find(f"{space}Pixels") if number < len(images) else None
    if pixels is None:
        return Facts(name)
    sizes = {}
    for axis, key, unit in (
        ("T", "TimeIncrement", "s"),
        ("Z", "PhysicalSizeZ", "µm"),
        ("Y", "PhysicalSizeY", "µm"),
        ("X", "PhysicalSizeX", "µm"),
    ):
        length = _length(pixels.get(key), pixels.get(f"{key}Unit", unit))
        if length is not None:
            sizes[axis] = length
    names = [channel.get("Name") for channel in pixels.findall(f"{space}Channel")]
    given = tuple(n for n in names if n)
    metadata = {}
    for comment in root.iter(f"{space}CommentAnnotation"):
        value = comment.findtext(f"{space}Value")
        if comment.get("Namespace") == KEY and value:
            metadata = _provenance(value)
    return Facts(name, sizes, given if len(given) == channels else None, metadata)


def _provenance(text: str) -> dict[str, Any]:
    try:
        return {"provenance": json.loads(text)}
    except ValueError:
        return {}


def _length(value: Any, unit: Any) -> Length | None:
    """Return a size, or None where there is none that means something."""
    name = unit_name(str(unit))
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return Length(number, name) if name and 0 < number < float("inf") else None


def _imagej(metadata: Mapping[str, Any], page: Any, layout: Layout, channels: int) -> Facts:
    unit = str(metadata.get("unit", ""))
    sizes: dict[str, Length] = {}
    if unit:
        for axis, per_unit in _densities(page).items():
            length = _length(1 / per_unit, unit)
            if length is not None:
                sizes[axis] = length
        depth = _length(metadata.get("spacing"), unit)
        # ImageJ writes a spacing for a single plane too, where it means nothing.
        if depth is not None and "Z" in layout.axes:
            sizes = {"Z": depth, **sizes}
    else:
        sizes = _resolution(page)
    interval = _length(metadata.get("finterval"), "s")
    if interval is not None and "T" in layout.axes:
        sizes = {"T": interval, **sizes}
    extra = _provenance(str(metadata[KEY])) if KEY in metadata else {}
    return Facts("ImageJ TIFF", sizes, _labels(metadata, layout, channels), extra)


def _labels(metadata: Mapping[str, Any], layout: Layout, channels: int) -> tuple[str, ...] | None:
    """Return the planes' labels as names of the channels, if every plane of one has the same."""
    labels = metadata.get("Labels")
    if not isinstance(labels, list) or len(labels) % channels or "C" not in layout.axes:
        return None
    # ImageJ's planes go through the channels first.
    names = tuple(labels[:channels])
    repeated = all(
        tuple(labels[i : i + channels]) == names for i in range(0, len(labels), channels)
    )
    return names if repeated and all(names) and len(set(names)) == channels else None


def _densities(page: Any) -> dict[str, float]:
    """Return pixels per unit along Y and X, where the resolution tags say them."""
    found = {}
    for axis, name in (("Y", "YResolution"), ("X", "XResolution")):
        tag = page.tags.get(name)
        value = tag.value if tag is not None else (0, 1)
        if isinstance(value, tuple) and len(value) == 2 and value[0] > 0 and value[1] > 0:
            found[axis] = value[0] / value[1]
    return found


def _resolution(page: Any) -> dict[str, Length]:
    """Return a pixel size from the resolution tags, if they are in centimetres.

    Inches are the dots of a printer, and no unit is only an aspect ratio: neither tells the size
    of a cell.
    """
    tag = page.tags.get("ResolutionUnit")
    if tag is None or int(tag.value) != 3:
        return {}
    return {axis: Length(1e4 / d, "micrometer") for axis, d in _densities(page).items()}
