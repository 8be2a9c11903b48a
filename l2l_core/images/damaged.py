"""Which chunks of a zarr store cannot be decoded."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.images.places import Place, as_place, child, is_url, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


Chunk = tuple[tuple[int, ...], tuple[slice, ...]]


def damaged_chunks(
    place: str | Path,
    level: int,
    box: Mapping[str, tuple[int, int]] | Sequence[tuple[int, int]],
    *,
    axes: str | None = None,
) -> list[str]:
    """Try each chunk in a box, and name those that cannot be decoded.

    A chunk that is not there stands for fill values and is no damage. Damage that decodes to
    pixels cannot be told, as in a chunk without compression or checksum whose bytes were altered.

    Parameters
    ----------
    place : str or Path
        Of an image. A file that is no zarr store has no chunks of this kind, so none is damaged.
    level : int
        Of its pyramid.
    box : dict of str to (int, int), or sequence of (int, int)
        First pixel and end, by axis of the image as
        :func:`~l2l_core.images.reading.open_image` shows it, whole along those not named; or one
        for each of its axes. Cut to the image.
    axes : str, optional
        As given to :func:`~l2l_core.images.reading.open_image`.

    Returns
    -------
    list of str
        Keys of the files that hold the chunks, from the image on: ``"0/c/3/7"``. Where other
        chunks of a shard in the box can be read, the chunk's place in it follows, counted in
        chunks: ``"0/c/0/1 (chunk 2, 5)"``.

    Raises
    ------
    ImageError
        As :func:`~l2l_core.images.reading.open_image`, or if a host does not answer.
    """
    from l2l_core.images.zarr_levels import find_level

    place = as_place(place)
    if isinstance(place, Path) and not place.is_dir():
        return []
    found = find_level(place, level)
    layout = found.layout(axes)
    asked = box if isinstance(box, Mapping) else dict(zip(layout.axes, box, strict=True))
    inside = (
        (max(0, low), min(high, size))
        for size, (low, high) in (
            (size, asked.get(axis, (0, size)))
            for axis, size in zip(layout.axes, layout.shape, strict=True)
        )
    )
    whole = [next(inside) if keep else (0, 1) for keep in layout.kept]
    names = []
    for key, chunks in _files(found.array, whole):
        broken = [number for number, part in chunks if not _decodes(found.array, part, place, key)]
        if broken and len(broken) == len(chunks):
            names.append(key)
        else:
            names += [f"{key} (chunk {', '.join(map(str, number))})" for number in broken]
    return names


def _files(array: Any, box: Sequence[tuple[int, int]]) -> Iterator[tuple[str, list[Chunk]]]:
    """Yield the key of each file that has pixels of a box, and its chunks that do.

    A chunk is its number within the file along each axis, and its part of the array.
    """
    sides = array.shards or array.chunks
    prefix = f"{array.path}/" if array.path else ""
    counts = [side // inner for side, inner in zip(sides, array.chunks, strict=True)]
    spans = [
        range(low // side, -(-high // side)) for (low, high), side in zip(box, sides, strict=True)
    ]
    for position in product(*spans):
        steps = [
            range(max(low, n * side) // inner, -(-min(high, (n + 1) * side) // inner))
            for (low, high), n, side, inner in zip(box, position, sides, array.chunks, strict=True)
        ]
        chunks = []
        for number in product(*steps):
            part = tuple(
                slice(i * side, min((i + 1) * side, size))
                for i, side, size in zip(number, array.chunks, array.shape, strict=True)
            )
            within = tuple(i % count for i, count in zip(number, counts, strict=True))
            chunks.append((within, part))
        yield prefix + array.metadata.encode_chunk_key(position), chunks


def _decodes(array: Any, part: tuple[slice, ...], place: Place, key: str) -> bool:
    for _ in range(2 if is_url(place) else 1):
        try:
            array[part]
        except MemoryError:
            raise
        # Decoders of dozens of compressions raise what they like.
        except Exception:
            if is_url(place):
                # A host that is away says nothing of the chunk, and this raises; one that answers
                # is asked once more.
                read_document(child(place, key), length=1)
        else:
            return True
    return False
