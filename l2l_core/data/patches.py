"""Training patches without end and a fixed set for validation, both read from the files as needed.

Sample `index` follows from (seed, index) alone, whatever was asked for before and by which thread.
Each pair of images gives the same share of the patches, whatever its size, as in CSBDeep; within a
pair every place where a patch may start is equally likely, over all its frames and planes.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from attrs import define

from l2l_core.components.training import Paired
from l2l_core.data.foreground import Starts, bright_levels, find_starts, read_box
from l2l_core.data.pairs import FRAME, Pair
from l2l_core.data.splits import Region, patch_sides
from l2l_core.errors import ComponentError, DataError
from l2l_core.images.normalization import Normalization

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from l2l_core.components import Augmenter
    from l2l_core.config import PatchesConfig

    Images = tuple[NDArray[np.float32], NDArray[np.float32]]

_TRAINING, _VALIDATION = 2, 3
"""Streams of the generator, apart from that of the split."""


@define(frozen=True, eq=False)
class PatchPlaces:
    """Where patches may start in one pair on one side of the split.

    Parameters
    ----------
    pair : Pair
    regions : tuple of Region
    starts : tuple of Starts
        Of each region.
    """

    pair: Pair
    regions: tuple[Region, ...]
    starts: tuple[Starts, ...]

    def __len__(self) -> int:
        return sum(map(len, self.starts))

    def draw(self, rng: np.random.Generator) -> tuple[Region, tuple[int, ...]]:
        """Return a region, and a place in it along T, Z, Y and X, all equally likely."""
        number = int(rng.integers(len(self)))
        for region, starts in zip(self.regions, self.starts, strict=True):
            if number < len(starts):
                return region, starts.place(number)
            number -= len(starts)
        raise AssertionError(number)


def find_places(
    regions: Sequence[Region], patches: PatchesConfig, *, foreground: bool = True
) -> tuple[PatchPlaces, ...]:
    """Return where patches may start, pair by pair; reads each target once.

    Parameters
    ----------
    regions : sequence of Region
        Of one side of the split.
    patches : PatchesConfig
    foreground : bool, optional
        Whether the rule about bright pixels holds; without it nothing is read.
    """
    sides = patch_sides(patches.shape)
    by_pair: dict[Pair, list[Region]] = {}
    for region in regions:
        by_pair.setdefault(region.pair, []).append(region)
    places = []
    for pair, parts in by_pair.items():
        levels = None
        if foreground and patches.foreground > 0:
            levels = bright_levels(pair.target, parts, patches.foreground, patches.percentile)
        starts = tuple(find_starts(region, sides, levels) for region in parts)
        places.append(PatchPlaces(pair, tuple(parts), starts))
    return tuple(places)


@define(frozen=True, eq=False)
class PatchReader:
    """Cuts, fills and normalises patches of pairs.

    Parameters
    ----------
    shape : tuple of int
        Sides of a patch, (Y, X) or (Z, Y, X).
    normalizations : mapping of Pair to (Normalization, Normalization)
        Frozen numbers of each pair's input and target.
    """

    shape: tuple[int, ...]
    normalizations: Mapping[Pair, tuple[Normalization, Normalization]]

    @property
    def axes(self) -> str:
        """Spatial axes of a patch."""
        return "ZYX"[-len(self.shape) :]

    def raw(self, region: Region, place: Sequence[int], shape: Sequence[int]) -> Images:
        """Return input and target around a patch, in grey values.

        Parameters
        ----------
        region : Region
        place : sequence of int
            Where the patch starts along T, Z, Y and X, from the region's corner.
        shape : sequence of int
            Sides of what is read, those of a patch or larger; the patch lies in the middle.  What
            lies outside the region is its mirror image: not a pixel of the other side is read.

        Returns
        -------
        tuple of ndarray
            (C, [Z,] Y, X) float32 each.  Where one of the images is not finite, both have what
            normalises to 0.
        """
        window, mirrored = {}, [(0, 0)]
        for axis, start in zip(FRAME, place, strict=True):
            wanted = range(start, start + 1)
            if axis in self.axes:
                number = self.axes.index(axis)
                start -= (shape[number] - self.shape[number]) // 2
                wanted = range(start, start + shape[number])
                inside = range(max(0, start), min(wanted.stop, len(region.box[axis])))
                mirrored.append((inside.start - wanted.start, wanted.stop - inside.stop))
                wanted = inside
            window[axis] = wanted
        images, unknown = [], np.zeros(1, dtype=bool)
        for image in (region.pair.input, region.pair.target):
            pixels = read_box(image, region, window, self.axes)
            images.append(pixels.astype(np.float32))
            if pixels.dtype.kind == "f":
                unknown = unknown | ~np.isfinite(images[-1]).all(axis=0)
        if unknown.any():
            for array, numbers in zip(images, self.normalizations[region.pair], strict=True):
                for channel, offset in zip(array, numbers.offset, strict=True):
                    channel[unknown] = offset
        if any(map(any, mirrored)):
            images = [np.pad(array, mirrored, mode="reflect") for array in images]
        return images[0], images[1]

    def normalized(self, pair: Pair, images: Images) -> Paired:
        """Return the middle of raw images, as large as a patch, normalised."""
        input_numbers, target_numbers = self.normalizations[pair]
        sides = zip(images[0].shape[1:], self.shape, strict=True)
        starts = [((have - want) // 2, want) for have, want in sides]
        cut = (slice(None), *(slice(start, start + want) for start, want in starts))
        return Paired(
            np.ascontiguousarray(input_numbers.apply(images[0][cut])),
            np.ascontiguousarray(target_numbers.apply(images[1][cut])),
        )


class PairedPatches:
    """Training samples: random patches away from background, augmented, then normalised.

    Safe to call from several threads.  Nothing but the places is kept in memory.

    Parameters
    ----------
    places : sequence of PatchPlaces
        Where patches may start, see :func:`find_places`.
    reader : PatchReader
    augmenters : sequence of (Augmenter, float)
        What changes a sample, in this order, and how often; together with what it needs beyond the
        patch, which is read from the image as far as that goes and mirrored beyond.
    augmented : float
        Share of the samples that go through the augmenters at all.
    seed : int

    Raises
    ------
    DataError
        If an image has no place for a patch.
    """

    def __init__(
        self,
        places: Sequence[PatchPlaces],
        reader: PatchReader,
        *,
        augmenters: Sequence[tuple[Augmenter, float]] = (),
        augmented: float = 1.0,
        seed: int = 0,
    ) -> None:
        for found in places:
            if not len(found):
                raise DataError(
                    f"{found.pair.target.info.path} is background throughout: in no patch of "
                    f"{' x '.join(map(str, reader.shape))} does a pixel of the middle reach the "
                    "share patches.foreground of the image's bright pixels; leave the image out, "
                    "or lower patches.foreground (0 takes patches from anywhere)"
                )
        if not places:
            raise DataError("there is no image to take training patches from")
        self._places = tuple(places)
        self._reader = reader
        self._augmenters = tuple(augmenters)
        self._augmented = augmented
        self._seed = seed

    def __getitem__(self, index: int) -> Paired:
        """Return sample `index` >= 0: input and target (C, [Z,] Y, X) float32, normalised."""
        if index < 0:
            raise IndexError(f"training sample {index}; expected 0 or more")
        rng = np.random.default_rng(np.random.SeedSequence((self._seed, _TRAINING, index)))
        places = self._places[int(rng.integers(len(self._places)))]
        region, place = places.draw(rng)
        chosen: list[Augmenter] = []
        if self._augmenters and rng.random() < self._augmented:
            chosen = [one for one, probability in self._augmenters if rng.random() < probability]
        images = self._reader.raw(region, place, self._room(chosen))
        for augmenter in chosen:
            images = _augment(augmenter, rng, images)
        return self._reader.normalized(places.pair, images)

    def _room(self, augmenters: Sequence[Augmenter]) -> tuple[int, ...]:
        """Return the sides of the region that the augmenters start from."""
        factors = np.ones(len(self._reader.shape))
        for augmenter in augmenters:
            factors *= augmenter.margin(self._reader.axes)
        sides = []
        for factor, side in zip(factors, self._reader.shape, strict=True):
            least = ceil(round(float(factor) * side, 6))
            # An even rest, so that the centre of the region is that of the patch.
            sides.append(least + (least - side) % 2)
        return tuple(sides)


def _augment(augmenter: Augmenter, rng: np.random.Generator, images: Images) -> Images:
    changed = augmenter(rng, images)
    shapes = [array.shape for array in changed]
    if shapes != [array.shape for array in images]:
        raise ComponentError(
            f"augmenter {augmenter} made {shapes} of images of {images[0].shape} and "
            f"{images[1].shape}; expected the same shapes (l2l plugins check finds such faults)"
        )
    return changed[0], changed[1]


class FixedPatches:
    """Validation samples: patches side by side that cover what validates, and no augmentation.

    Parameters
    ----------
    places : sequence of PatchPlaces
    reader : PatchReader
    limit : int
        How many patches at the most; more than that are drawn from, evenly over the pairs.
    seed : int
    """

    def __init__(
        self, places: Sequence[PatchPlaces], reader: PatchReader, *, limit: int, seed: int = 0
    ) -> None:
        self._reader = reader
        sides = patch_sides(reader.shape)
        queues: list[list[tuple[Region, tuple[int, ...]]]] = []
        for number, found in enumerate(places):
            rng = np.random.default_rng(np.random.SeedSequence((seed, _VALIDATION, number)))
            side_by_side = _side_by_side(found, sides)
            if side_by_side:
                order = rng.permutation(len(side_by_side)).tolist()
                queues.append([side_by_side[i] for i in order])
            elif len(found):
                queues.append([found.draw(rng)])
        rounds = max(map(len, queues), default=0)
        in_turn = (queue[i] for i in range(rounds) for queue in queues if i < len(queue))
        self._chosen = [chosen for chosen, _ in zip(in_turn, range(limit), strict=False)]

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> Paired:
        """Return sample `index`: input and target (C, [Z,] Y, X) float32, normalised."""
        if not 0 <= index < len(self):
            raise IndexError(f"validation sample {index}; there are {len(self)}")
        region, place = self._chosen[index]
        images = self._reader.raw(region, place, self._reader.shape)
        return self._reader.normalized(region.pair, images)


def _side_by_side(
    places: PatchPlaces, sides: dict[str, int]
) -> list[tuple[Region, tuple[int, ...]]]:
    """Return places on a grid that covers the regions, those where patches may start."""
    found: list[tuple[Region, tuple[int, ...]]] = []
    for region, starts in zip(places.regions, places.starts, strict=True):
        lines = []
        for axis, count in zip(FRAME, starts.shape, strict=True):
            if region.cells is not None:
                lines.append(np.arange(0, count, sides[axis]))
            else:
                number = -(-(count - 1) // sides[axis]) + 1
                lines.append(np.round(np.linspace(0, count - 1, number)).astype(np.int64))
        flat = np.ravel_multi_index(np.meshgrid(*lines, indexing="ij"), starts.shape).ravel()
        valid = flat[starts.among(flat)]
        where = zip(*(line.tolist() for line in np.unravel_index(valid, starts.shape)), strict=True)
        found.extend((region, tuple(place)) for place in where)
    return found


def validation_patches(
    regions: Sequence[Region],
    reader: PatchReader,
    patches: PatchesConfig,
    seed: int,
    announce: Callable[[str], None],
) -> FixedPatches:
    """Return the validation samples; without the rule about bright pixels if none would be left."""
    places = find_places(regions, patches)
    if places and not any(map(len, places)):
        announce(
            "What validates is background throughout, so its patches are taken from anywhere; the "
            "validation loss says little."
        )
        places = find_places(regions, patches, foreground=False)
    return FixedPatches(places, reader, limit=patches.validation, seed=seed)
