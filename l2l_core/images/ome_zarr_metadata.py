"""What an OME-Zarr image with a pyramid looks like: its arrays, and the metadata of its group.

Follows OME-Zarr 0.4 (zarr v2) and 0.5 (zarr v3), https://ngff.openmicroscopy.org.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from l2l_core.errors import ImageFormatError
from l2l_core.images.image import Length

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSIONS = ("0.4", "0.5")
PROVENANCE = "label2label"
"""The attribute of a group that says how the image was made."""

COMPRESSIONS = ("lz4", "zstd", "none")
"""The first is the fastest, the second makes the smallest files."""

_KINDS = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}

_COLOR = re.compile(r"[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}")
_LARGEST = sys.float_info.max

Ints = tuple[int, ...]
LevelSides = tuple[Ints, Ints, Ints]


@define(frozen=True)
class StoreLayout:
    """All that a store is before it has pixels.

    Parameters
    ----------
    axes : str
        In the order ``TCZYX``.
    dtype : str
        NumPy's name of the pixel type.
    levels : tuple of (shape, chunks, unit)
        From the whole resolution on, each half the former along Y and X. A unit is what one task
        owns: whole chunks, which make one shard where there are shards.
    version : {"0.5", "0.4"}
    compression : {"lz4", "zstd", "none"}
    pixel_size : dict of str to Length
        Of level 0, for those of T, Z, Y and X that are known.
    translation : dict of str to float
        Where the centre of the first pixel of level 0 lies, in the units of `pixel_size`.
    channel_names : tuple of str, optional
        One for each channel.
    omero : dict, optional
        How viewers show the source. Kept where it has one entry for each channel.
    name : str
        What the image is called.

    Raises
    ------
    ImageFormatError
        If there is no such version or compression.
    """

    axes: str
    dtype: str
    levels: tuple[LevelSides, ...]
    version: str = "0.5"
    compression: str = COMPRESSIONS[0]
    pixel_size: Mapping[str, Length] = field(factory=dict)
    translation: Mapping[str, float] = field(factory=dict)
    channel_names: tuple[str, ...] | None = None
    omero: Mapping[str, Any] | None = None
    name: str = ""

    def __attrs_post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ImageFormatError(
                f"OME-Zarr {self.version} cannot be written; choose one of {', '.join(VERSIONS)}"
            )
        if self.compression not in COMPRESSIONS:
            raise ImageFormatError(
                f"there is no compression {self.compression!r}; choose one of "
                f"{', '.join(COMPRESSIONS)}"
            )

    @property
    def zarr_format(self) -> int:
        """The version of zarr below that of OME-Zarr."""
        return 2 if self.version == "0.4" else 3

    def objects(self, level: int) -> Ints:
        """Return the sides of what is stored as one object: a shard, or a chunk without shards."""
        _, chunks, unit = self.levels[level]
        return chunks if self.zarr_format == 2 else unit

    def to_dict(self) -> dict[str, Any]:
        """Return the layout as JSON has it."""
        return {
            "axes": self.axes,
            "dtype": self.dtype,
            "levels": [[list(sides) for sides in level] for level in self.levels],
            "version": self.version,
            "compression": self.compression,
            "pixel_size": {axis: [size.value, size.unit] for axis, size in self.pixel_size.items()},
            "translation": dict(self.translation),
            "channel_names": None if self.channel_names is None else list(self.channel_names),
            "omero": None if self.omero is None else dict(self.omero),
            "name": self.name,
        }


def group_attributes(layout: StoreLayout, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the attributes of the group that holds the levels."""
    multiscale: dict[str, Any] = {
        "name": layout.name,
        "axes": [_axis(axis, layout.pixel_size.get(axis)) for axis in layout.axes],
        "datasets": [
            {"path": str(level), "coordinateTransformations": _placement(layout, level)}
            for level in range(len(layout.levels))
        ],
    }
    if len(layout.levels) > 1:
        multiscale["type"] = "mean"
    ome: dict[str, Any] = {"multiscales": [multiscale]}
    omero = _omero(layout)
    if omero:
        ome["omero"] = omero
    attributes: dict[str, Any]
    if layout.version == "0.4":
        multiscale["version"] = layout.version
        attributes = ome
    else:
        attributes = {"ome": {"version": layout.version, **ome}}
    if provenance is not None:
        attributes[PROVENANCE] = dict(provenance)
    return attributes


def with_windows(
    attributes: Mapping[str, Any], windows: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    """Return the attributes of a group with what viewers show each channel from and to.

    Parameters
    ----------
    attributes : dict
        Of a group that :func:`group_attributes` describes.
    windows : sequence of (float, float)
        Start and end, one for each channel. A window that is not finite is left as it was.
    """
    new = dict(attributes)
    inside = "ome" in new
    ome = dict(new["ome"]) if inside else new
    omero = _as_dict(_finite(ome.get("omero")))
    stated = omero.get("channels")
    channels = [_as_dict(channel) for channel in stated] if isinstance(stated, list) else []
    # Without names there may be no channels yet, and viewers find their windows nowhere else.
    channels += [_channel(None, "float32") for _ in range(len(windows) - len(channels))]
    for channel, (start, end) in zip(channels, windows, strict=False):
        if isfinite(start) and isfinite(end):
            # Whoever edits the metadata of a store meanwhile may leave anything there.
            former = _window(channel.get("window"), _channel(None, "float32")["window"])
            channel["window"] = {
                **former,
                "min": min(float(former["min"]), start),
                "max": max(float(former["max"]), end),
                "start": float(start),
                "end": float(end),
            }
    ome["omero"] = {**omero, "channels": channels}
    if inside:
        new["ome"] = ome
    return new


def _as_dict(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _axis(axis: str, length: Length | None) -> dict[str, str]:
    entry = {"name": axis.lower(), "type": _KINDS[axis]}
    if length is not None and axis != "C":
        entry["unit"] = length.unit
    return entry


def _placement(layout: StoreLayout, level: int) -> list[dict[str, Any]]:
    """Return scale and translation; a mean of 2 x 2 pixels lies half a pixel further on."""
    scale, shift = [], []
    for axis in layout.axes:
        size = layout.pixel_size[axis].value if axis in layout.pixel_size and axis != "C" else 1.0
        factor = 2**level if axis in "YX" else 1
        scale.append(size * factor)
        shift.append(layout.translation.get(axis, 0.0) + size * (factor - 1) / 2)
    placement: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if any(shift):
        placement.append({"type": "translation", "translation": shift})
    return placement


def _omero(layout: StoreLayout) -> dict[str, Any]:
    """Return how viewers show the channels: as those of the source where there are as many."""
    count = layout.levels[0][0][layout.axes.index("C")] if "C" in layout.axes else 1
    kept = _as_dict(_finite(layout.omero))
    # It stands once, beside the multiscales.
    kept.pop("version", None)
    channels = kept.pop("channels", None)
    names: Sequence[str | None] = layout.channel_names or ()
    if not isinstance(channels, list) or len(channels) != count:
        # Some of the source's channels are not here, and nobody says which.
        return {"channels": [_channel(name, layout.dtype) for name in names]} if names else {}
    names = names or [None] * count
    return {
        **kept,
        "channels": [
            _completed(channel, _channel(name, layout.dtype))
            for channel, name in zip(channels, names, strict=True)
        ],
    }


def _completed(channel: object, plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return a channel of the source under its name here, with what the specification demands.

    Whatever the source has in the place of a number, a colour or a name is left out.
    """
    stated = _as_dict(channel)
    if not isinstance(stated.get("label"), str):
        stated.pop("label", None)
    if not isinstance(stated.get("color"), str) or not _COLOR.fullmatch(stated["color"]):
        stated.pop("color", None)
    if not isinstance(stated.get("active"), bool):
        stated.pop("active", None)
    window = _window(stated.get("window"), plain["window"])
    merged = {**plain, **stated, "window": window}
    if "label" in plain:
        merged["label"] = plain["label"]
    return merged


def _window(stated: object, plain: Mapping[str, float]) -> dict[str, Any]:
    """Return a window with what is a number in the one of a source, and the rest of a plain one."""
    given = _as_dict(stated)
    return {key: given[key] if _is_real(given.get(key)) else plain[key] for key in plain}


def _is_real(value: object) -> bool:
    # JSON may hold integers that no float does.
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and -_LARGEST <= value <= _LARGEST  # type: ignore[operator]


def _finite(value: Any) -> Any:
    """Return what JSON holds with null for numbers that JSON itself does not know."""
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _channel(label: str | None, dtype: str) -> dict[str, Any]:
    # Viewers insist on a window and a colour; the whole range in white promises nothing.
    kind = np.dtype(dtype)
    highest = float(np.iinfo(kind).max) if kind.kind in "iu" else 1.0
    window = {"min": 0.0, "max": highest, "start": 0.0, "end": highest}
    named = {} if label is None else {"label": label}
    return {**named, "color": "FFFFFF", "window": window, "active": True}
