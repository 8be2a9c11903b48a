"""Pairs of images: what is the input, what the target, and what belongs together in a split."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define

from l2l_core.data.names import match_names, report_lonely, stem
from l2l_core.data.selection import select_configured
from l2l_core.errors import DataError, PairingError
from l2l_core.images.image import Image
from l2l_core.images.reading import list_images, open_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from l2l_core.config import DataConfig, SelectConfig

FRAME = "TZYX"
"""Axes along which partners have to agree; a missing one counts as 1."""


@define(frozen=True, eq=False)
class Pair:
    """An input and its target, position by position the same place.

    Parameters
    ----------
    name : str
        For people: what the two file names share, or the file's name.
    input, target : Image
        Narrowed to the planes, frames and channels that are used.
    group : str
        What is never on both sides of a split.
    """

    name: str
    input: Image
    target: Image
    group: str

    @property
    def sizes(self) -> dict[str, int]:
        """Length along T, Z, Y and X; 1 where the images lack the axis."""
        return frame_sizes(self.input)


@define(frozen=True, eq=False)
class PairSet:
    """All pairs of a configuration.

    Parameters
    ----------
    pairs : tuple of Pair
    """

    pairs: tuple[Pair, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that takes part, once, in order."""
        return tuple(
            dict.fromkeys(image.info.path for pair in self.pairs for image in (pair.input,
                                                                               pair.target))
        )  # fmt: skip

    def describe(self) -> str:
        """Return one line for each pair: name, files, axes and shape."""
        lines = []
        for pair in self.pairs:
            shape = " x ".join(str(n) for n in pair.input.shape)
            lines.append(
                f"{pair.name}: {pair.input.info.path} -> {pair.target.info.path} "
                f"({pair.input.axes} {shape})"
            )
        return "\n".join(lines)


@define(frozen=True)
class _Row:
    name: str
    input: Path
    target: Path
    group: str = ""


def find_pairs(data: DataConfig, base: Path, *, along: str = FRAME) -> PairSet:
    """Return the pairs that a configuration speaks of, opened but not read.

    Parameters
    ----------
    data : DataConfig
        Table ``[data]``.  With `table` the pairs are its rows; with `target` the files of both
        sides are matched by name; with `input` alone both images come from each file, told apart by
        ``input_select`` and ``target_select``, and their planes or frames are partners in the order
        in which they are selected (repeats of one field, half of them as inputs and half as
        targets, make a noise2noise set).
    base : Path
        Folder that relative paths start from.
    along : str, optional
        Axes along which partners have to agree.

    Raises
    ------
    PairingError
        If a partner is missing, cannot be told, or has another shape.
    DataError
        If the configuration does not say where the images are, or selects what is not there.
    ImageError
        If an image cannot be opened.
    """
    if data.table:
        rows = _from_table(data, base)
    elif not data.input:
        raise DataError(
            "data.input is empty: there are no images to train on; give a folder, a glob or a "
            "file, or a CSV file with the columns input and target as data.table"
        )
    elif data.target:
        rows = _from_two_sides(data, base)
    else:
        rows = [_Row(stem(path), path, path) for path in _listed(data.input, base)]
    _refuse_column_without_table(data)
    groups = _groups(rows)
    pairs = [_open(row, group, data) for row, group in zip(rows, groups, strict=True)]
    for pair in pairs:
        check_shapes(pair, along)
    return PairSet(tuple(pairs))


def _refuse_column_without_table(data: DataConfig) -> None:
    if data.group.startswith("column:") and not data.table:
        raise DataError(
            f"data.group = {data.group!r} names a column, but there is no data.table; list the "
            "pairs in a CSV file with the columns input, target and this one"
        )


def _listed(where: str | Sequence[str], base: Path) -> list[Path]:
    texts = [where] if isinstance(where, str) else list(where)
    found = [path for text in texts for path in list_images(base / text)]
    return list(dict.fromkeys(found))


def _from_two_sides(data: DataConfig, base: Path) -> list[_Row]:
    inputs, targets = _listed(data.input, base), _listed(data.target, base)
    matched = match_names(inputs, targets, data.match)
    lonely = report_lonely(matched)
    if lonely:
        counts = f"{len(inputs)} inputs, {len(targets)} targets, {len(matched.partners)} pairs"
        raise PairingError(
            f"not every image has a partner ({counts}):\n{lonely}\n"
            "  Names are compared without what all names of one side begin and end with. Add or "
            "move files so that each has a partner, write a regular expression with one group in "
            "data.match, or list the pairs in a CSV file (data.table)"
        )
    return [_Row(*partners) for partners in matched.partners]


def _from_table(data: DataConfig, base: Path) -> list[_Row]:
    """Read the rows of a CSV file; its paths start from its own folder."""
    path = base / data.table
    if not path.is_file():
        raise PairingError(f"{path}: there is no such file; data.table names a CSV file")
    column = data.group.removeprefix("column:") if data.group.startswith("column:") else ""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PairingError(
            f"{path} is no text in UTF-8: {error}; save it as CSV in UTF-8"
        ) from None
    header = text.partition("\n")[0]
    # Spreadsheets of half the world write semicolons, because their comma is a decimal point.
    separator = max(",;\t", key=header.count)
    reader = csv.DictReader(text.splitlines(), delimiter=separator, skipinitialspace=True)
    names = [name.strip() for name in reader.fieldnames or ()]
    for needed in filter(None, ("input", "target", column)):
        if needed not in names:
            raise PairingError(
                f"{path} has no column {needed!r}; its columns are {', '.join(names) or 'none'}"
            )
    reader.fieldnames = names
    rows = []
    for values in reader:
        row = {key: (value or "").strip() for key, value in values.items() if key is not None}
        if not any(row.values()):
            continue
        for needed in filter(None, ("input", "target", column)):
            if not row[needed]:
                raise PairingError(f"{path}, line {reader.line_num}: the column {needed} is empty")
        files = [path.parent / row[side] for side in ("input", "target")]
        rows.append(_Row(stem(files[0]), files[0], files[1], row[column] if column else ""))
    if not rows:
        raise PairingError(f"{path} has a header but no rows; expected one row for each pair")
    return rows


def _groups(rows: Sequence[_Row]) -> list[str]:
    """Return the group of each row: its column, else the files that it shares with other rows.

    Two rows that share an input or a target are one group, or a pixel would be on both sides.
    """
    if rows and rows[0].group:
        return [row.group for row in rows]
    leader: dict[str, str] = {}

    def lead(path: str) -> str:
        while leader.setdefault(path, path) != path:
            # Halving the way each time keeps it short, however many rows share one target.
            leader[path] = leader[leader[path]]
            path = leader[path]
        return path

    # One file may go by several names: through a link, or ``a/../b.tif`` in a table.
    files = [tuple(os.path.realpath(path) for path in (row.input, row.target)) for row in rows]
    for source, target in files:
        leader[lead(target)] = lead(source)
    return [lead(source) for source, _ in files]


def _open(row: _Row, group: str, data: DataConfig) -> Pair:
    images = []
    for path, special in ((row.input, data.input_select), (row.target, data.target_select)):
        image = open_image(path, axes=data.axes or None)
        images.append(select_configured(image, data.select, special))
    if row.input == row.target and _selects_alike(data.input_select, data.target_select):
        raise PairingError(
            f"{row.input}: input and target are the same pixels of the same file; give "
            "data.target, or tell them apart with data.input_select and data.target_select, such "
            "as {c = 0} and {c = 1}"
        )
    return Pair(row.name, images[0], images[1], group)


def _selects_alike(first: SelectConfig, second: SelectConfig) -> bool:
    return all(str(getattr(first, a)) == str(getattr(second, a)) for a in "ztc")


def frame_sizes(image: Image) -> dict[str, int]:
    """Return the length along T, Z, Y and X; 1 where the image lacks the axis."""
    return {axis: image.info.sizes.get(axis, 1) for axis in FRAME}


def check_shapes(pair: Pair, along: str = FRAME) -> None:
    """Raise a PairingError if input and target differ along T, Z, Y or X, or what `along` names."""
    input_sizes, target_sizes = frame_sizes(pair.input), frame_sizes(pair.target)
    where = [axis for axis in along if input_sizes[axis] != target_sizes[axis]]
    if not where:
        return
    raise PairingError(
        f"{_described(pair.input)} and {_described(pair.target)} are partners but differ along "
        f"{', '.join(where)}; crop them to one field, or select as many planes and frames of one "
        "as of the other"
    )


def _described(image: Image) -> str:
    shape = " x ".join(str(n) for n in image.shape)
    return f"{image.info.path} ({image.axes} {shape})"


def channel_count(images: Iterable[Image], side: str) -> int:
    """Return how many channels all images of one side have.

    Raises
    ------
    PairingError
        If they differ.
    """
    first: Image | None = None
    for image in images:
        if first is None:
            first = image
        elif image.info.sizes.get("C", 1) != first.info.sizes.get("C", 1):
            raise PairingError(
                f"{_described(first)} and {_described(image)} are both {side}s but have different "
                f"numbers of channels; select the channels with data.{side}_select = {{c = ...}}"
            )
    return 1 if first is None else first.info.sizes.get("C", 1)
