"""Making an OME-Zarr image: its metadata, and levels that have no pixels yet."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import L2LError, OutputError
from l2l_core.images.ome_zarr_metadata import (
    PROVENANCE,
    StoreLayout,
    group_attributes,
    with_windows,
)
from l2l_core.images.place_files import write_document
from l2l_core.images.places import Place, as_place, child, holds_store, read_document
from l2l_core.images.replacing import flush, replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def create_store(
    place: Place, layout: StoreLayout, provenance: Mapping[str, Any] | None = None
) -> None:
    """Make a store with all its metadata and levels, and no pixels yet.

    A local store appears as a whole. In a remote one the group comes last, so that what a kill
    leaves is no store, and is made again.

    Parameters
    ----------
    place : Path or str
        There is nothing there yet.
    layout : StoreLayout
    provenance : dict, optional
        What JSON can hold about how the image is made.

    Raises
    ------
    OutputError
        If there is something already, or it cannot be written.
    """
    make_store(place, _documents(layout, provenance))


def make_store(place: Place, documents: Mapping[str, bytes]) -> None:
    """Make a store of its metadata documents, as :func:`create_store` does."""
    place = as_place(place)
    if holds_store(place) or (isinstance(place, Path) and place.is_symlink()):
        raise OutputError(
            f"{place}: there is something already, and it is not overwritten; choose another "
            "name, or delete it"
        )
    if isinstance(place, Path):
        with replacing(place, "store") as temporary:
            _write_documents(temporary, documents)
    else:
        with told(place, "the store"):
            _write_documents(place, documents)


def set_attributes(
    place: Place,
    *,
    provenance: Mapping[str, Any] | None = None,
    windows: Sequence[tuple[float, float]] | None = None,
) -> None:
    """Change what a store says of itself; a kill leaves the former or the new metadata whole.

    Parameters
    ----------
    place : Path or str
        A store that :func:`create_store` made.
    provenance : dict, optional
        In place of the former one.
    windows : sequence of (float, float), optional
        What viewers show from and to, one for each channel.

    Raises
    ------
    OutputError
        If there is no such store, or it cannot be written to.
    """
    place = as_place(place)
    name, document = _attributes_document(place)
    inside = name == "zarr.json"
    attributes = document["attributes"] if inside else document
    if windows is not None:
        attributes = with_windows(attributes, windows)
    if provenance is not None:
        attributes = {**attributes, PROVENANCE: dict(provenance)}
    document = {**document, "attributes": attributes} if inside else attributes
    written = json.dumps(document, indent=2, allow_nan=False).encode()
    with told(place, "its metadata"):
        write_document(child(place, name), written)


def _attributes_document(place: Place) -> tuple[str, dict[str, Any]]:
    """Return the document that holds the attributes of a group, and its name."""
    for name in ("zarr.json", ".zattrs"):
        text = read_document(child(place, name))
        if text is not None:
            return name, json.loads(text)
    raise OutputError(f"{place}: there is no OME-Zarr image whose metadata could be changed")


@contextmanager
def told(place: Place, what: str) -> Iterator[None]:
    """Turn what a file system or a protocol raises into a sentence."""
    try:
        yield
    except (L2LError, MemoryError):
        raise
    except Exception as error:
        if not isinstance(error, OSError) and isinstance(place, Path):
            raise
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OutputError(
            f"{place}: {what} cannot be written ({why}); what was finished before stays. Make room "
            "or allow writing there, then run the same command again: it goes on where it stopped"
        ) from error


def write_metadata(place: Place, layout: StoreLayout, provenance: Mapping[str, Any] | None) -> None:
    """Write what :func:`create_store` makes, and raise what the file system raises."""
    _write_documents(place, _documents(layout, provenance))


def _write_documents(place: Place, documents: Mapping[str, bytes]) -> None:
    # The group is what makes a store of it, so it comes last.
    for key in sorted(documents, key=lambda key: (-key.count("/"), key)):
        if isinstance(place, Path):
            file = place / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(documents[key])
            flush(file)
            flush(file.parent)
        else:
            write_document(child(place, key), documents[key])


def _documents(layout: StoreLayout, provenance: Mapping[str, Any] | None) -> dict[str, bytes]:
    """Return the metadata of the group and its arrays, by their names in the store."""
    import zarr

    kept: dict[str, Any] = {}
    old = layout.zarr_format == 2
    group = zarr.create_group(
        zarr.storage.MemoryStore(kept),
        zarr_format=2 if old else 3,
        attributes=group_attributes(layout, provenance),
    )
    for level, (shape, chunks, unit) in enumerate(layout.levels):
        group.create_array(
            str(level),
            shape=shape,
            dtype=np.dtype(layout.dtype),
            chunks=chunks,
            shards=None if old or chunks == unit else unit,
            compressors=_compressors(layout, old),
            fill_value=0,
            dimension_names=None if old else list(layout.axes.lower()),
            chunk_key_encoding={"name": "v2" if old else "default", "separator": "/"},
        )
    return {key: value.to_bytes() for key, value in kept.items()}


def _compressors(layout: StoreLayout, old: bool) -> Any:
    """Return what compresses a chunk.

    On restored pixels, where noise fills the low bits, bits sorted by weight make lz4 nearly as
    small as zstd at several times its speed. zstd gains more from sorted bytes, but for floats.
    """
    if layout.compression == "none":
        return None
    bits = layout.compression == "lz4" or np.dtype(layout.dtype).kind == "f"
    level = 5 if layout.compression == "lz4" else 3
    if old:
        shuffle = 2 if bits else 1
        return {"id": "blosc", "cname": layout.compression, "clevel": level, "shuffle": shuffle}
    from zarr.codecs import BloscCodec

    return BloscCodec(
        cname="lz4" if layout.compression == "lz4" else "zstd",
        clevel=level,
        shuffle="bitshuffle" if bits else "shuffle",
    )
