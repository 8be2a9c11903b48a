"""Several images in one zarr store: plates, wells, and the collections of bioformats2raw.

Follows the OME-NGFF specifications at https://ngff.openmicroscopy.org. What the metadata name and
the disk does not have is named, and stops nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import field, frozen

from l2l_core.errors import ImageError, ImageFormatError
from l2l_core.images.places import (
    DOCUMENTS,
    Place,
    as_place,
    child,
    is_inside,
    is_url,
    read_document,
)
from l2l_core.images.zarr_levels import NOT_AS_SPECIFIED, check_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

T = TypeVar("T")

_AT_ONCE = 8
"""Wells of a plate elsewhere that are read at the same time."""

_OUTSIDE = "the path leads out of the store"


@frozen
class Field:
    """One image of a plate.

    Parameters
    ----------
    path : str
        From the plate on: ``"A/1/0"``.
    well : str
        ``"A/1"``.
    acquisition : int, optional
        Which run of the microscope it is from.
    """

    path: str
    well: str
    acquisition: int | None = None


@frozen
class Well:
    """A well of a plate.

    Parameters
    ----------
    path : str
        ``"A/1"``; the names of rows and columns are the plate's own.
    attributes : dict
        Its ``"well"`` metadata, as stored.
    fields : tuple of Field
        Those that are there.
    """

    path: str
    attributes: Mapping[str, Any]
    fields: tuple[Field, ...]


@frozen
class Plate:
    """A plate: wells in rows and columns, with one or many fields each.

    Parameters
    ----------
    place : Path or str
    version : str
        Of OME-Zarr.
    attributes : dict
        Its ``"plate"`` metadata, as stored.
    wells : tuple of Well
        Those that are there, in the order of the metadata.
    missing : dict of str to str
        What is wrong, by the path of each well or field that is named and cannot be had.
    """

    place: Place
    version: str
    attributes: Mapping[str, Any]
    wells: tuple[Well, ...]
    missing: Mapping[str, str] = field(factory=dict)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of all wells."""
        return tuple(image for well in self.wells for image in well.fields)


@frozen
class Collection:
    """The images of a store that holds several.

    Parameters
    ----------
    place : Path or str
    kind : {"plate", "well", "series"}
        ``"series"`` is what bioformats2raw makes of a file with several images.
    paths : tuple of str
        From `place` on, of those that are there.
    missing : dict of str to str
        What is wrong, by the path of each that is named and cannot be had.
    version : str
        Of OME-Zarr.
    """

    place: Place
    kind: str
    paths: tuple[str, ...]
    missing: Mapping[str, str] = field(factory=dict)
    version: str = "0.5"

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the images are, for :func:`~l2l_core.images.reading.open_image`."""
        return tuple(child(self.place, path) for path in self.paths)


def open_plate(place: str | Path) -> Plate:
    """Read which wells and fields a plate has.

    Raises
    ------
    ImageFormatError
        If the place is no plate, or the plate is newer than what can be read or not as specified.
    ImageError
        If a host does not answer.
    """
    place = as_place(place)
    ome = ome_of(place)
    if "plate" not in ome:
        raise ImageFormatError(f"{place}: this is no OME-Zarr plate; check the path")
    with _as_specified(place, "plate"):
        plate = dict(ome["plate"])
        version = check_version(place, ome, plate)
        paths = [str(well["path"]) for well in plate["wells"]]
    missing: dict[str, str] = {}
    wells = []
    for well, lost in _each(partial(_well, place), paths, place):
        if well is not None:
            wells.append(well)
        missing.update(lost)
    return Plate(place, version, plate, tuple(wells), missing)


def list_collection(place: str | Path) -> Collection | None:
    """Return the images of a plate, a well or a collection; None where a place is none of them.

    Raises
    ------
    ImageFormatError
        If it is newer than what can be read or not as specified.
    ImageError
        If a host does not answer.
    """
    place = as_place(place)
    ome = ome_of(place)
    if "plate" in ome:
        plate = open_plate(place)
        fields = tuple(one.path for one in plate.fields)
        return Collection(place, "plate", fields, plate.missing, plate.version)
    if "well" in ome:
        with _as_specified(place, "well"):
            version = check_version(place, ome, ome["well"])
            paths = [str(image["path"]) for image in ome["well"]["images"]]
        return _collection(place, "well", paths, version)
    if "bioformats2raw.layout" in ome:
        version = check_version(place, ome, {})
        series = ome_of(child(place, "OME")).get("series")
        if not isinstance(series, list):
            # Without a list they are numbered from 0 on.
            numbers = takewhile(lambda n: _is_there(child(place, n)), count())
            return Collection(place, "series", tuple(map(str, numbers)), version=version)
        return _collection(place, "series", [str(path) for path in series], version)
    return None


def _well(place: Place, path: str) -> tuple[Well | None, dict[str, str]]:
    """Return a well, unless it cannot be had, and what of it is missing."""
    if not is_inside(path):
        return None, {path: _OUTSIDE}
    here = child(place, path)
    ome = ome_of(here)
    if "well" not in ome:
        lost = "its metadata name no fields" if _is_there(here) else "there is no such well"
        return None, {path: lost}
    try:
        with _as_specified(here, "well"):
            check_version(here, ome, ome["well"])
            well = dict(ome["well"])
            images = [(str(image["path"]), image.get("acquisition")) for image in well["images"]]
    except ImageFormatError as error:
        return None, {path: str(error)}
    found = _collection(here, "well", [name for name, _ in images])
    fields = tuple(
        Field(f"{path}/{name}", path, run if isinstance(run, int) else None)
        for name, run in images
        if name in found.paths
    )
    missing = {f"{path}/{name}": why for name, why in found.missing.items()}
    return Well(path, well, fields), missing


def _collection(place: Place, kind: str, paths: Sequence[str], version: str = "0.5") -> Collection:
    """Return those of some paths that are there."""
    missing = {path: _OUTSIDE for path in paths if not is_inside(path)}
    inside = [path for path in dict.fromkeys(paths) if path not in missing]
    there = [_is_there(child(place, path)) for path in inside]
    missing |= {
        path: "there is no such image" for path, is_ in zip(inside, there, strict=True) if not is_
    }
    found = tuple(path for path in inside if path not in missing)
    return Collection(place, kind, found, missing, version)


def _each(read: Callable[[str], T], paths: Sequence[str], place: Place) -> list[T]:
    """Read each path once, several at a time where each is a request to a host."""
    once = list(dict.fromkeys(paths))
    if not is_url(place):
        return [read(path) for path in once]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(read, once))


def _is_there(place: Place) -> bool:
    return any(read_document(child(place, name), length=1) is not None for name in DOCUMENTS)


def stored_attributes(place: Place) -> dict[str, Any]:
    """Return the attributes of a group of either version of zarr, as stored.

    Empty where there is no group, or none that can be read.

    Raises
    ------
    ImageError
        If a host does not answer.
    """
    for name in ("zarr.json", ".zattrs"):
        content = read_document(child(place, name))
        if content is None:
            continue
        try:
            document = json.loads(content)
        except ValueError:
            return {}
        if name == "zarr.json":
            document = document.get("attributes") if isinstance(document, dict) else None
        return document if isinstance(document, dict) else {}
    return {}


def ome_of(place: Place) -> Mapping[str, Any]:
    """Return the metadata of OME-Zarr of a group; empty where there are none that can be read."""
    attributes = stored_attributes(place)
    ome = attributes.get("ome", attributes)
    return ome if isinstance(ome, dict) else {}


@contextmanager
def _as_specified(place: Place, kind: str) -> Iterator[None]:
    """Turn what Python raises on metadata that are not as specified into one sentence."""
    try:
        yield
    except ImageError:
        raise
    except NOT_AS_SPECIFIED as error:
        raise ImageFormatError(
            f"{place}: the metadata of the {kind} are not as specified ({error!r}); export it again"
        ) from error
