"""Which images are drawn, and how they fall into folds: integers alone, no image is opened.

Every draw has a generator of its own, seeded by the seed, the number of images and the repetition,
so that a plan that is extended by repetitions or other numbers of images keeps what it had.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from l2l_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_STREAM = 5
"""Keeps the generator of the folds apart from those of splits and patches."""

FEWEST_REPEATS, MOST_REPEATS = 3, 10

Folds = tuple[tuple[int, ...], ...]


def check_plan(groups: int, images: Iterable[int], folds: int) -> None:
    """Refuse folds that cannot be filled.

    Parameters
    ----------
    groups : int
        How many images (groups of them) there are.
    images : iterable of int
        Numbers of images of a cross-validation.
    folds : int
        Into how many parts each is divided.

    Raises
    ------
    DataError
        If there is one image alone, fewer than folds, or more are asked for than there are.
    """
    if groups < 2:
        raise DataError(
            "there is only one image (group), and a cross-validation holds some out; add images, "
            "or divide the image into blocks, such as data.group = 'Z:4' or 'Y:256'"
        )
    if folds < 2:
        raise DataError(f"{folds} folds leave nothing to train on; expected at least 2")
    for number in images:
        if number > groups:
            raise DataError(
                f"{number} images are to be drawn and there are {groups} (groups); ask for "
                f"{groups} at the most, or add images"
            )
        if number < folds:
            raise DataError(
                f"{number} images (groups) are fewer than the {folds} folds; expected at least one "
                f"image a fold: take --folds {max(2, number)} or fewer, or more images"
            )


def draw_folds(groups: int, images: int, folds: int, *, repeat: int, seed: int) -> Folds:
    """Return the folds of one cross-validation.

    Parameters
    ----------
    groups : int
        How many images there are.
    images : int
        How many of them are drawn, without putting back.
    folds : int
        Number of parts, whose sizes differ by one at the most.
    repeat : int
        Number of the repetition, from 0.
    seed : int
        Of all draws.

    Returns
    -------
    tuple of tuple of int
        For each fold the images that are held out, each from 0 to below `groups`, in order.

    Raises
    ------
    DataError
        As :func:`check_plan`.
    """
    check_plan(groups, [images], folds)
    rng = np.random.default_rng(np.random.SeedSequence((seed, _STREAM, images, repeat)))
    drawn = rng.permutation(groups)[:images]
    return tuple(tuple(sorted(part.tolist())) for part in np.array_split(drawn, folds))


def default_repeats(groups: int, images: int) -> int:
    """Return how often a cross-validation is repeated: more often for fewer images.

    So often that as many images are held out in all as there are, but 3 times at least, or there
    is no telling how far repetitions differ, and 10 times at the most.
    """
    return min(MOST_REPEATS, max(FEWEST_REPEATS, -(-groups // images)))


def scaled_epochs(epochs: int, groups: int, images: int) -> int:
    """Return the epochs for a part of the images: in proportion to their number, at least 1.

    Fewer images are learnt by heart in fewer steps.

    Parameters
    ----------
    epochs : int
        For all images.
    groups, images : int
        How many there are, and how many take part.
    """
    return max(1, round(epochs * images / groups))


def runs_beside(
    size: int, length: int, training: Collection[int], held: Collection[int], gap: int
) -> tuple[range, ...]:
    """Return the places along an axis that may train: in runs, away from what is held out.

    Parameters
    ----------
    size : int
        Number of places.
    length : int
        Of a block; the last one may be shorter.
    training, held : collection of int
        Blocks that train and that are held out; others are on no side.
    gap : int
        Places beside a held-out block that do not train.
    """
    keeps_off = {
        place for block in held for place in range(block * length - gap, (block + 1) * length + gap)
    }
    trains = [place // length in training and place not in keeps_off for place in range(size)]
    found = []
    for kept, places in groupby(range(size), key=trains.__getitem__):
        run: Sequence[int] = list(places)
        if kept:
            found.append(range(run[0], run[-1] + 1))
    return tuple(found)
