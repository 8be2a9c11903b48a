"""The images of a cross-validation: in groups that are held out as a whole, or in blocks of one."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, evolve

from l2l_core.config import SelectConfig
from l2l_core.data.fingerprints import fingerprint
from l2l_core.data.pairs import Pair, PairSet, channel_count, find_pairs
from l2l_core.data.splits import Region, block_axis, narrowed, patch_sides, split
from l2l_core.errors import ConfigError, DataError
from l2l_core.workflows.folds import runs_beside

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from l2l_core.config import RunConfig
    from l2l_core.images.image import Image

_LOOKED_AT = 256
"""Side in pixels of what is compared of two images, to see whether they are one."""


@define(frozen=True, eq=False)
class Group:
    """What is held out together.

    Parameters
    ----------
    name : str
        For people.
    pairs : tuple of Pair
        What is restored and scored where the group is held out: whole images, or one block.
    owner : str
        Whose pixels they are; blocks of one image have one owner.
    block : int
        Which block of the owner's, -1 for whole images.
    """

    name: str
    pairs: tuple[Pair, ...]
    owner: str
    block: int = -1


class FoldImages:
    """All pairs of a configuration in groups, and what of them may train beside what is held out.

    Parameters
    ----------
    pairs : PairSet
    config : RunConfig
        Its ``data.group`` says what a group is, ``data.gap`` how far blocks that train keep off.

    Raises
    ------
    DataError
        If an image lacks the axis that blocks lie along.
    """

    def __init__(self, pairs: PairSet, config: RunConfig) -> None:
        self._pairs_of, self._pairs, self._gap = pairs, pairs.pairs, config.data.gap
        self._axis, self._length, self._shortest = "", 0, 1
        if re.match(r"[A-Za-z]:", config.data.group):
            self._axis, self._length = block_axis(config.data.group)
            self._shortest = patch_sides(config.patches.shape)[self._axis]
        self.groups = tuple(self._blocks() if self._axis else self._whole())

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that takes part, once, in order."""
        return self._pairs_of.paths

    def _whole(self) -> Iterable[Group]:
        found: dict[str, list[Pair]] = {}
        for pair in self._pairs:
            found.setdefault(pair.group, []).append(pair)
        for owner, pairs in found.items():
            further = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
            yield Group(f"{pairs[0].name}{further}", tuple(pairs), owner)

    def _blocks(self) -> Iterable[Group]:
        found: dict[tuple[str, int], list[Pair]] = {}
        axis, length = self._axis, self._length
        for pair in self._pairs:
            if axis not in pair.input.axes:
                raise DataError(
                    f"data.group = '{axis}:{length}' divides along {axis}, but "
                    f"{pair.input.info.path} has the axes {pair.input.axes}"
                )
            size = pair.sizes[axis]
            for block in range(-(-size // length)):
                run = range(block * length, min(size, (block + 1) * length))
                found.setdefault((pair.group, block), []).append(self._part(pair, run))
        for (owner, block), pairs in found.items():
            yield Group(pairs[0].name, tuple(pairs), owner, block)

    def _part(self, pair: Pair, run: range) -> Pair:
        whole = Region.whole(pair)
        region = evolve(whole, box={**whole.box, self._axis: run})
        place = f"{self._axis} {run[0]} to {run[-1]}"
        return Pair(
            name=f"{pair.name}, {place}",
            input=narrowed(pair.input, [region]),
            target=narrowed(pair.target, [region]),
            # Places alone: pairs of one image that are cut alike stay together.
            group=f"{pair.group}, {place}",
        )

    def held(self, chosen: Iterable[int]) -> tuple[tuple[Group, Pair], ...]:
        """Return what is restored and scored of these groups."""
        return tuple((self.groups[i], pair) for i in chosen for pair in self.groups[i].pairs)

    def training(self, chosen: Collection[int], held: Collection[int]) -> PairSet:
        """Return what trains: the chosen groups, less what lies within the gap of held-out blocks.

        Neighbouring blocks that train are one image.

        Raises
        ------
        DataError
            If the gap leaves nothing that is as long as a patch.
        """
        if not self._axis:
            kept = {id(pair) for i in chosen for pair in self.groups[i].pairs}
            return PairSet(tuple(pair for pair in self._pairs if id(pair) in kept))
        found = []
        for pair in self._pairs:
            runs = runs_beside(
                pair.sizes[self._axis],
                self._length,
                self._blocks_of(pair.group, chosen),
                self._blocks_of(pair.group, held),
                self._gap,
            )
            found += [self._part(pair, run) for run in runs if len(run) >= self._shortest]
        if not found:
            raise DataError(
                f"data.group = '{self._axis}:{self._length}' with data.gap = {self._gap} leaves "
                f"nothing that is {self._shortest} long to train on beside a held-out block; make "
                "the blocks longer, the gap smaller, or take more images"
            )
        return PairSet(tuple(found))

    def _blocks_of(self, owner: str, chosen: Collection[int]) -> set[int]:
        return {self.groups[i].block for i in chosen if self.groups[i].owner == owner}


def open_images(settings: RunConfig, base: Path) -> FoldImages:
    """Return the images of a configuration, whose relative paths start from `base`.

    Raises
    ------
    DataError, ImageError
        If they cannot be paired, opened or divided into blocks.
    """
    return FoldImages(find_pairs(settings.data, base), settings)


def own_images(
    images: FoldImages, settings: RunConfig, of: RunConfig, base: Path, label: str
) -> FoldImages:
    """Return what a training learns from: `images`, or the same inputs with targets of its own.

    Parameters
    ----------
    images : FoldImages
        Those of the configuration `of`.
    settings : RunConfig
        The training's.
    of : RunConfig
    base : Path
        Folder that relative paths start from.
    label : str
        What messages call the training.

    Raises
    ------
    ConfigError
        If its pairs are not those of the configuration but for their targets.
    """
    mine, theirs = settings.data, of.data
    if (mine.target, mine.target_select) == (theirs.target, theirs.target_select):
        return images
    return _alike(images, settings, base, f"the variant {label!r} has")


def true_images(
    images: FoldImages, settings: RunConfig, base: Path, truth: str
) -> dict[tuple[str, str], Image]:
    """Return the truth of each pair by its group and name.

    Parameters
    ----------
    images : FoldImages
        Those of the configuration `settings`.
    settings : RunConfig
    base : Path
        Folder that relative paths start from.
    truth : str
        Folder, glob or file of true images, paired with the inputs like targets.

    Raises
    ------
    ConfigError, DataError
        If there is not one for each input, or the configuration lists its pairs in a table.
    """
    if settings.data.table:
        # A table names inputs and targets, and would name the targets for the truth too.
        raise ConfigError(
            f"the truth in {truth} is paired by name with the images of data.input, and the "
            f"configuration lists its pairs in {settings.data.table}; give data.input and "
            "data.target instead of data.table"
        )
    data = evolve(settings.data, target=truth, target_select=SelectConfig())
    try:
        true = _alike(images, evolve(settings, data=data), base, f"the truth in {truth} has")
    except DataError as error:
        raise type(error)(f"the truth in {truth}, with its images as targets: {error}") from error
    return {
        (pair.group, pair.name): other.target
        for group, others in zip(images.groups, true.groups, strict=True)
        for pair, other in zip(group.pairs, others.pairs, strict=True)
    }


def _alike(images: FoldImages, settings: RunConfig, base: Path, who: str) -> FoldImages:
    """Return the images of the same groups with other targets."""
    found = open_images(settings, base)
    mine, theirs = (
        [[pair.input.info.path for pair in group.pairs] for group in one.groups]
        for one in (found, images)
    )
    if mine != theirs:
        raise ConfigError(
            f"{who} other pairs than the configuration, or pairs that belong together "
            "otherwise; give each input one target of its own"
        )
    return found


def check_trainable(pairs: Sequence[Pair], settings: RunConfig) -> None:
    """Find by the sizes of images what would end a training before its first step.

    Raises
    ------
    DataError
        If they differ in their channels, are smaller than a patch, or too few to be divided.
    """
    channel_count((pair.input for pair in pairs), "input")
    channel_count((pair.target for pair in pairs), "target")
    split(pairs, settings.data, settings.patches, settings.seed, lambda sentence: None)


def content_prints(
    images: Iterable[FoldImages], truths: Mapping[Any, Image] | None = None
) -> dict[str, str]:
    """Return for the path of each file what tells its content."""
    paths = [path for one in images for path in one.paths]
    paths += [image.info.path for image in (truths or {}).values()]
    return {path: fingerprint(Path(path))["sha256"] for path in dict.fromkeys(paths)}


def refuse_copies(images: Sequence[FoldImages]) -> None:
    """Refuse an image that belongs to two groups, by its pixels: it would be on both sides.

    Bytes of files do not tell: an image may have been saved again, and a store is known by the
    sizes of its chunks.

    Parameters
    ----------
    images : sequence of FoldImages
        With the same groups in the same order.

    Raises
    ------
    DataError
        If the images of two owners are equal, or the same.
    """
    seen: dict[str, tuple[str, str]] = {}
    for one in images:
        for group, first in zip(one.groups, images[0].groups, strict=True):
            for pair in group.pairs:
                for image in (pair.input, pair.target):
                    path = image.info.path
                    for key in filter(None, (path, pixel_print(image))):
                        owner, other = seen.setdefault(key, (first.owner, path))
                        if owner == first.owner:
                            continue
                        said = (
                            f"{path} is in two groups" if other == path
                            else f"{other} and {path} have the same content"
                        )  # fmt: skip
                        raise DataError(
                            f"{said}, so that one image would be trained on and held out; leave "
                            "one out, or give both one group (data.group = 'column:...')"
                        )


def pixel_print(image: Image) -> str:
    """Return what tells the middle of an image from others; empty where it is constant."""
    where: dict[str, slice | int] = {}
    for axis, size in image.info.sizes.items():
        if axis in "YX":
            start = max(0, (size - _LOOKED_AT) // 2)
            where[axis] = slice(start, start + _LOOKED_AT)
        elif axis != "C":
            where[axis] = size // 2
    # The same numbers in another type are the same pixels.
    pixels = np.ascontiguousarray(image.read(**where), np.float64)
    known = pixels[np.isfinite(pixels)]
    if not known.size or np.ptp(known) == 0:
        return ""
    return hashlib.sha256(f"{image.info.sizes}".encode() + pixels.tobytes()).hexdigest()
