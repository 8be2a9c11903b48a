"""What trains and what validates: whole images, blocks of planes or of pixels, or patches.

Patches of one image look alike, and the paper's random division of patches lets a network be judged
by what it has seen; so the default divides images, and nothing of a group is on both sides.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve
from numpy.typing import NDArray

from l2l_core.data.pairs import FRAME, Pair
from l2l_core.data.selection import select
from l2l_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from l2l_core.config import DataConfig, PatchesConfig
    from l2l_core.images.image import Image

_STREAM = 1
"""Keeps the generator of the split apart from those of the patches."""


@define(frozen=True, eq=False)
class Cells:
    """A lattice over the places where a patch can start, each cell on one side of the split.

    Parameters
    ----------
    sides : dict of str to int
        Sides of a cell along T, Z, Y and X.
    validating : ndarray, axes TZYX, bool
        Which cells validate.
    side : bool
        True for the region that validates, False for the one that trains.
    """

    sides: dict[str, int]
    validating: NDArray[np.bool_]
    side: bool

    def allows(self, t: int, z: int, rows: range, columns: int) -> NDArray[np.bool_]:
        """Return (len(rows), columns): whether a patch of this side may start there."""
        plane = self.validating[t // self.sides["T"], z // self.sides["Z"]]
        y = np.arange(rows.start, rows.stop) // self.sides["Y"]
        x = np.arange(columns) // self.sides["X"]
        allowed: NDArray[np.bool_] = plane[y][:, x] == self.side
        return allowed


@define(frozen=True, eq=False)
class Region:
    """What of a pair is on one side of the split.

    Parameters
    ----------
    pair : Pair
    box : dict of str to range
        Positions along T, Z, Y and X.
    cells : Cells, optional
        Where in the box a patch may start, for a split by patch.
    """

    pair: Pair
    box: dict[str, range]
    cells: Cells | None = None

    @classmethod
    def whole(cls, pair: Pair) -> Region:
        """Return all of a pair."""
        return cls(pair, {axis: range(size) for axis, size in pair.sizes.items()})


@define(frozen=True, eq=False)
class Split:
    """The two sides.

    Parameters
    ----------
    train, validation : tuple of Region
        `validation` may be empty.
    sentence : str
        How it was done, for people.
    """

    train: tuple[Region, ...]
    validation: tuple[Region, ...]
    sentence: str


def split(
    pairs: Sequence[Pair],
    data: DataConfig,
    patches: PatchesConfig,
    seed: int,
    announce: Callable[[str], None],
) -> Split:
    """Divide pairs into what trains and what validates.

    By image: whole groups go to one side, at least one each; with blocks (``group = "Z:4"``) the
    blocks of all images are divided, and `gap` planes beside a validating block train nobody; one
    image alone is divided into two blocks, along its frames or planes if it has enough, else along
    its longer side.  Frames of one still field divided like this are no independent validation:
    they show the same structures.

    By patch: a lattice of cells as large as a patch is laid over the places where patches can
    start, and cells are drawn.  As in the paper, validation patches then overlap training patches
    and come from the same images, so the validation loss is optimistic, and falls further than that
    of new images.

    Parameters
    ----------
    pairs : sequence of Pair
    data, patches : DataConfig, PatchesConfig
    seed : int
        Of the drawing.
    announce : callable
        Takes one sentence that says what was done.

    Raises
    ------
    DataError
        If an image is smaller than a patch, or there is too little for two sides.
    """
    sides = patch_sides(patches.shape)
    for pair in pairs:
        check_fits(pair, sides)
    rng = np.random.default_rng(np.random.SeedSequence((seed, _STREAM)))
    if data.validation == 0:
        done = Split(
            tuple(Region.whole(pair) for pair in pairs),
            (),
            "No validation (data.validation = 0): all images train, and nothing says when the "
            "network starts to learn them by heart.",
        )
    elif data.split == "patch":
        done = _by_patch(pairs, sides, data.validation, rng)
    elif re.match(r"[A-Za-z]:", data.group):
        done = _by_block(pairs, sides, data, rng)
    elif len({pair.group for pair in pairs}) > 1:
        done = _by_group(pairs, data.validation, rng)
    elif data.group.startswith("column:"):
        raise DataError(
            f"all rows have {pairs[0].group!r} in the {data.group.replace(':', ' ')}, so none can "
            "be kept out of training; give pairs of another group, or data.validation = 0"
        )
    elif data.group == "file":
        done = _one_image(pairs, sides, data)
    else:
        raise DataError(
            f"data.group = {data.group!r} is not understood; expected 'file', blocks of an axis "
            "such as 'Z:4', or a column of the table such as 'column:animal'"
        )
    announce(done.sentence)
    return done


def patch_sides(shape: Sequence[int]) -> dict[str, int]:
    """Return how far a patch reaches along T, Z, Y and X; 1 for an axis that it lies across.

    Raises
    ------
    DataError
        If the shape has not two or three sides of at least 1.
    """
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise DataError(
            f"patches.shape = {list(shape)}; expected [Y, X] or [Z, Y, X] with sides of 1 or more"
        )
    named = dict(zip("ZYX"[-len(shape) :], shape, strict=True))
    return {axis: named.get(axis, 1) for axis in FRAME}


def check_fits(pair: Pair, sides: dict[str, int]) -> None:
    """Raise a DataError if a pair is smaller than a patch, or flat where the patch is deep."""
    if sides["Z"] > 1 and "Z" not in pair.input.axes:
        raise DataError(
            f"{pair.input.info.path} has the axes {pair.input.axes}, expected a Z axis for patches "
            f"of {_times(sides, 'ZYX')}; give patches.shape two numbers, or the file's data.axes"
        )
    axes = "".join(axis for axis in "ZYX" if sides[axis] > 1) or "YX"
    if any(pair.sizes[axis] < sides[axis] for axis in axes):
        raise DataError(
            f"{pair.input.info.path} is {_times(pair.sizes, axes)} pixels ({axes}), smaller than a "
            f"patch of {_times(sides, axes)}; make patches.shape smaller, or leave the image out"
        )


def _times(sizes: dict[str, int], axes: str) -> str:
    return " x ".join(str(sizes[axis]) for axis in axes)


def _by_group(pairs: Sequence[Pair], share: float, rng: np.random.Generator) -> Split:
    groups = list(dict.fromkeys(pair.group for pair in pairs))
    held = _draw(len(groups), share, rng)
    validating = {group for group, out in zip(groups, held, strict=True) if out}
    regions = [Region.whole(pair) for pair in pairs]
    names = [pair.name for pair in pairs if pair.group in validating]
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return Split(
        tuple(region for region in regions if region.pair.group not in validating),
        tuple(region for region in regions if region.pair.group in validating),
        f"{len(names)} of {len(pairs)} images validate and never train: {listed}.",
    )


def _draw(count: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which of `count` things validate: the share of them, at least one on each side."""
    held = np.zeros(count, dtype=bool)
    number = min(max(1, round(share * count)), count - 1)
    held[rng.permutation(count)[:number]] = True
    return held


def _by_block(
    pairs: Sequence[Pair], sides: dict[str, int], data: DataConfig, rng: np.random.Generator
) -> Split:
    axis, length = block_axis(data.group)
    blocks: dict[tuple[str, int], bool] = {}
    for pair in pairs:
        if axis not in pair.input.axes:
            raise DataError(
                f"data.group = {data.group!r} divides along {axis}, but {pair.input.info.path} has "
                f"the axes {pair.input.axes}"
            )
        for block in range(-(-pair.sizes[axis] // length)):
            blocks[pair.group, block] = False
    if len(blocks) < 2:
        raise DataError(
            f"data.group = {data.group!r} makes a single block of {pairs[0].input.info.path}, "
            "expected at least two; make the blocks shorter, or set data.validation = 0"
        )
    blocks = dict(zip(blocks, _draw(len(blocks), data.validation, rng).tolist(), strict=True))
    train: list[Region] = []
    validation: list[Region] = []
    for pair in pairs:
        held = [blocks[pair.group, place // length] for place in range(pair.sizes[axis])]
        for out, run in _with_gaps(held, data.gap):
            if len(run) >= sides[axis]:
                whole = Region.whole(pair)
                part = evolve(whole, box={**whole.box, axis: run})
                (validation if out else train).append(part)
    if not train or not validation:
        raise DataError(
            f"data.group = {data.group!r} with data.gap = {data.gap} leaves nothing that is "
            f"{sides[axis]} long for {'validation' if train else 'training'}; make the blocks "
            "longer, the gap smaller, or the patches smaller"
        )
    number = sum(blocks.values())
    return Split(
        tuple(train),
        tuple(validation),
        f"{number} of {len(blocks)} blocks of {length} along {axis} validate; {data.gap} beside "
        "each are left out of training.",
    )


def block_axis(group: str) -> tuple[str, int]:
    """Return axis and length of the blocks that a group such as ``"Z:4"`` means.

    Raises
    ------
    DataError
        If it means none.
    """
    found = re.fullmatch(r"([TZYX]):([1-9]\d*)", group.upper())
    if found is None:
        raise DataError(
            f"data.group = {group!r} is not understood; expected one of the axes T, Z, Y, X and "
            "the length of a block, such as 'Z:4'"
        )
    return found.group(1), int(found.group(2))


def _with_gaps(held: Sequence[bool], gap: int) -> list[tuple[bool, range]]:
    """Return the runs of each side; what is within `gap` of a validating place trains nobody."""
    near = np.asarray(held, dtype=bool)
    reach = np.convolve(near, np.ones(2 * gap + 1, dtype=int))[gap : gap + len(near)] > 0
    role = np.where(near, 1, np.where(reach, -1, 0)).tolist()
    runs = []
    for value, places in groupby(range(len(role)), key=role.__getitem__):
        found = list(places)
        if value >= 0:
            runs.append((bool(value), range(found[0], found[-1] + 1)))
    return runs


def _one_image(pairs: Sequence[Pair], sides: dict[str, int], data: DataConfig) -> Split:
    """Divide the only image: its end validates, what is before the gap trains."""
    sizes, name = pairs[0].sizes, pairs[0].input.info.path
    frames = sorted(
        (axis for axis in "TZ" if sizes[axis] >= 2 * sides[axis] + data.gap),
        # Frames or planes that a patch lies in one of; deep patches need whole slabs of Z.
        key=lambda axis: (sides[axis], -sizes[axis]),
    )
    pixels = sorted(
        (axis for axis in "YX" if sizes[axis] >= 2 * sides[axis] + data.gap),
        key=lambda axis: -sizes[axis],
    )
    if not frames and not pixels:
        raise DataError(
            f"{name} is the only image, and at {_times(sizes, FRAME)} (TZYX) too small to be "
            f"divided into training and validation with patches of {_times(sides, FRAME)} and a "
            f"gap of {data.gap}; make patches.shape smaller, add images, or set "
            "data.validation = 0"
        )
    axis = (frames or pixels)[0]
    size = sizes[axis]
    length = min(max(sides[axis], round(data.validation * size)), size - data.gap - sides[axis])
    first = size - length
    last = first - data.gap - 1
    train, validation = [], []
    for pair in pairs:
        whole = Region.whole(pair)
        train.append(evolve(whole, box={**whole.box, axis: range(last + 1)}))
        validation.append(evolve(whole, box={**whole.box, axis: range(first, size)}))
    what = {"T": "frames", "Z": "planes", "Y": "rows", "X": "columns"}[axis]
    return Split(
        tuple(train),
        tuple(validation),
        f"{name} is the only image, so it is divided: {what} {_from_to(0, last)} (of {size} used) "
        f"train, {_from_to(first, size - 1)} validate, {data.gap} between them left out. It says "
        "less about new images than an image kept apart.",
    )


def _from_to(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _by_patch(
    pairs: Sequence[Pair], sides: dict[str, int], share: float, rng: np.random.Generator
) -> Split:
    shapes = [
        tuple(-(-(pair.sizes[axis] - sides[axis] + 1) // sides[axis]) for axis in FRAME)
        for pair in pairs
    ]
    counts = [int(np.prod(shape)) for shape in shapes]
    if sum(counts) < 2:
        raise DataError(
            f"{pairs[0].input.info.path} holds one patch of {_times(sides, 'ZYX')}, too few for "
            "data.split = 'patch'; make patches.shape smaller, or set data.validation = 0"
        )
    held = np.split(_draw(sum(counts), share, rng), np.cumsum(counts)[:-1])
    train: list[Region] = []
    validation: list[Region] = []
    for pair, shape, cells in zip(pairs, shapes, held, strict=True):
        for regions, side in ((train, False), (validation, True)):
            if (cells == side).any():
                lattice = Cells(sides, cells.reshape(shape), side)
                regions.append(evolve(Region.whole(pair), cells=lattice))
    return Split(
        tuple(train),
        tuple(validation),
        f"{sum(map(int, map(np.sum, held)))} of {sum(counts)} places validate (data.split = "
        "'patch'): their patches overlap training patches of the same images, so the validation "
        "loss is optimistic.",
    )


def narrowed(image: Image, regions: Sequence[Region]) -> Image:
    """Return what of an image lies in regions of one pair, which differ along one axis at most."""
    positions = {
        axis: sorted({place for region in regions for place in region.box[axis]})
        for axis in FRAME
        if axis in image.axes
    }
    return select(image, positions)
