"""Finding the array of a level in a zarr store, without reading a pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from l2l_core.errors import ImageError, ImageFormatError, ImageNotFoundError, L2LError
from l2l_core.images.axes import AXES
from l2l_core.images.layout import Layout, settle
from l2l_core.images.places import Place, child, is_inside, is_url, read_document, unreachable

NEWEST = (0, 5)

# What Python raises where metadata are not what they should be.
NOT_AS_SPECIFIED = (KeyError, TypeError, ValueError, IndexError, AttributeError)


@frozen
class LevelArray:
    """The array of one level of an image, and what its store says of it.

    Parameters
    ----------
    place : Path or str
        Of the image; of the array itself where that is all there is.
    store : Path or str
        The place that was opened, from which the ``path`` of the array counts.
    array : zarr.Array
    axes : sequence of dict
        What the store says of each axis of the array, with a name at least.
    attributes : dict
        All attributes of the group, or of the array where that is all there is.
    ome, multiscale, dataset : dict
        Metadata of OME-Zarr; empty for a plain array.
    version : str
        Of OME-Zarr.
    """

    place: Place
    store: Place
    array: Any
    axes: Sequence[Mapping[str, Any]]
    attributes: Mapping[str, Any] = field(factory=dict)
    ome: Mapping[str, Any] = field(factory=dict)
    multiscale: Mapping[str, Any] = field(factory=dict)
    dataset: Mapping[str, Any] = field(factory=dict)
    version: str = ""

    @property
    def letters(self) -> str:
        """A letter for each axis of the array; ``?`` where it has no meaning here."""
        return "".join(_letter(axis) for axis in self.axes)

    def layout(self, axes: str | None = None) -> Layout:
        """Return how the axes of the array become those of the image; `axes` if they are given.

        Raises
        ------
        AxesError
            If they are not known or do not fit.
        """
        return settle(self.letters, self.array.shape, axes, str(self.place))


def find_level(place: Place, level: int = 0) -> LevelArray:
    """Find the array of a level: of a multiscale, a root array, or a group with one array.

    Raises
    ------
    ImageNotFoundError
        If there is nothing at a URL.
    ImageFormatError
        If the store is damaged or newer than what can be read, or if the place is a plate or a
        group of several images; the message names a path that leads to one.
    ImageError
        If there is no such level, or a host does not answer.
    """
    found = _find(place, level)
    found.array.store.watch(found.array)
    if is_url(place) and found.array.shards is not None:
        _need_parts_of_files(found)
    return found


def _find(place: Place, level: int) -> LevelArray:
    import zarr

    node, attributes = _open_node(place)
    if isinstance(node, zarr.Array):
        return _plain(place, place, node, level)
    ome = attributes.get("ome", attributes)
    try:
        if "multiscales" in ome:
            return _dataset(place, node, ome, attributes, level)
        _refuse_collections(place, ome)
        members = dict(node.members())
    except (L2LError, MemoryError):
        raise
    except Exception as error:
        raise _said(place, error) from error
    arrays = sorted(name for name, member in members.items() if isinstance(member, zarr.Array))
    if len(arrays) != 1:
        raise ImageFormatError(_ambiguous(place, arrays, sorted(set(members) - set(arrays))))
    return _plain(child(place, arrays[0]), place, members[arrays[0]], level)


def check_version(place: Place, ome: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    """Return the version of OME-Zarr that the metadata state, or what they hold.

    Raises
    ------
    ImageFormatError
        If it is newer than what can be read here.
    """
    text = str(ome.get("version") or inner.get("version") or "0.4")
    parts = tuple(int(part) for part in text.split("-")[0].split(".")[:2] if part.isdigit())
    if parts > NEWEST:
        raise ImageFormatError(
            f"{place}: OME-Zarr {text} is newer than what can be read here, which is up to "
            f"{'.'.join(map(str, NEWEST))}; save it in that version, or update label2label"
        )
    return text


def _open_node(place: Place) -> tuple[Any, dict[str, Any]]:
    """Open the array or group at a place, and return its attributes too."""
    import zarr

    from l2l_core.images.checked_store import checked

    try:
        node = zarr.open(checked(place), mode="r")
        return node, dict(node.attrs)
    except (L2LError, MemoryError):
        raise
    # zarr raises a dozen kinds of error for metadata that are not what they should be.
    except Exception as error:
        if is_url(place) and isinstance(error, FileNotFoundError):
            raise ImageNotFoundError(
                f"{place}: there is no zarr array or group at this URL; check it"
            ) from error
        if is_url(place) and not isinstance(error, NOT_AS_SPECIFIED):
            raise ImageError(unreachable(place, error)) from error
        why = str(error) or type(error).__name__
        raise ImageFormatError(
            f"{place}: this is no zarr store that can be read ({why}); copy or export it again"
        ) from error


def _need_parts_of_files(found: LevelArray) -> None:
    """Refuse a host that answers with whole files, in which no chunk of a shard is found."""
    content = read_document(child(found.store, found.array.path, "zarr.json"), length=-1)
    if content is not None and len(content) > 1:
        raise ImageError(
            f"{found.place}: the image is stored in shards, and this host gives whole files where "
            "a part is asked for; serve it by one that knows ranges, or copy the store here"
        )


def _said(place: Place, error: Exception) -> ImageError:
    """Return the error of a group whose content is not as specified, or cannot be reached."""
    if is_url(place) and not isinstance(error, NOT_AS_SPECIFIED):
        return ImageError(unreachable(place, error))
    return ImageFormatError(
        f"{place}: the OME-Zarr metadata are not as specified ({error!r}); export it again"
    )


def _plain(place: Place, store: Place, array: Any, level: int) -> LevelArray:
    if level != 0:
        raise ImageError(f"{place}: there is no level {level}; a plain array has one, level 0")
    attributes = dict(array.attrs)
    names = getattr(array.metadata, "dimension_names", None)
    names = names or attributes.get("_ARRAY_DIMENSIONS") or [""] * array.ndim
    return LevelArray(place, store, array, [{"name": name} for name in names], attributes)


def _dataset(
    place: Place, group: Any, ome: Mapping[str, Any], attributes: Mapping[str, Any], level: int
) -> LevelArray:
    """Return the array of one level of a multiscale."""
    multiscale = ome["multiscales"][0]
    version = check_version(place, ome, multiscale)
    datasets = multiscale["datasets"]
    if not 0 <= level < len(datasets):
        raise ImageError(
            f"{place}: there is no level {level}; the image has {len(datasets)}, from 0"
        )
    name = datasets[level]["path"]
    # zarr takes slashes off, and looks for folders above alone.
    if not is_inside(name.strip("/")):
        raise ValueError(f"the path {name!r} of level {level} leads out of the store")
    try:
        array = group[name]
    except KeyError as error:
        raise ImageFormatError(
            f"{place}: level {level} is array {name!r} by the metadata, and is not there; copy the "
            "store again, or choose another level"
        ) from error
    # Before 0.3 the axes were fixed, and 0.3 had names alone.
    axes = [
        axis if isinstance(axis, dict) else {"name": axis}
        for axis in multiscale.get("axes", AXES.lower()[-array.ndim :])
    ]
    return LevelArray(
        place, place, array, axes, attributes, ome, multiscale, datasets[level], version
    )


def _letter(axis: Mapping[str, Any]) -> str:
    name = str(axis.get("name", "")).upper()
    if name in AXES and len(name) == 1:
        return name
    return {"time": "T", "channel": "C"}.get(str(axis.get("type", "")), "?")


def _refuse_collections(place: Place, ome: Mapping[str, Any]) -> None:
    """Say where the images are, if this is a plate, a well or a collection of images."""
    if "plate" in ome:
        wells = [well.get("path", "?") for well in ome["plate"].get("wells", ())]
        example = f", such as {child(place, wells[0], 0)}" if wells else ""
        raise ImageFormatError(
            f"{place}: this is a plate of {len(wells)} wells; name one field of a well{example}, "
            "or restore the whole plate with l2l restore"
        )
    if "well" in ome:
        fields = [image.get("path", "?") for image in ome["well"].get("images", ())]
        example = f", such as {child(place, fields[0])}" if fields else ""
        raise ImageFormatError(
            f"{place}: this is a well of {len(fields)} fields; name one of them{example}"
        )
    if "bioformats2raw.layout" in ome:
        raise ImageFormatError(
            f"{place}: this is a collection of images; name one of them, such as {child(place, 0)}"
        )


def _ambiguous(place: Place, arrays: Sequence[str], groups: Sequence[str]) -> str:
    names = [*arrays, *groups]
    if not names and is_url(place):
        return (
            f"{place}: the zarr group is no OME-Zarr image, and its host lists nothing in it; add "
            "the name of an array to the URL"
        )
    if not names:
        return f"{place}: the zarr group is empty; expected an array or an OME-Zarr image"
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return (
        f"{place}: the zarr group is no OME-Zarr image and holds {len(arrays)} arrays and "
        f"{len(groups)} groups ({listed}); name one of them, such as {child(place, names[0])}"
    )
