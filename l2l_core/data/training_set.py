"""From a configuration to what a restorer trains on: pairs, split, frozen numbers and patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define

from l2l_core.components.factory import get
from l2l_core.data.fingerprints import fingerprints
from l2l_core.data.pairs import PairSet, channel_count, find_pairs
from l2l_core.data.patches import (
    FixedPatches,
    PairedPatches,
    PatchReader,
    find_places,
    validation_patches,
)
from l2l_core.data.pooled import PooledImage
from l2l_core.data.splits import Region, Split, narrowed, split
from l2l_core.images.appearance import describe
from l2l_core.images.normalization import Normalization, average, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from l2l_core.components import Augmenter
    from l2l_core.config import AugmenterConfig, NormalizerConfig, RunConfig
    from l2l_core.data.pairs import Pair

    MakeAugmenters = Callable[[Sequence[AugmenterConfig]], Sequence[tuple[Augmenter, float]]]

_DESCRIBED = 24
"""Training images that are described at the most; a description reads up to 20 megapixels."""


@define(frozen=True, eq=False)
class TrainingSet:
    """All that training needs to know of the images.

    Parameters
    ----------
    samples : PairedPatches
        Training samples without end.
    validation : FixedPatches
        Validation samples; empty where there is no validation.
    channels_in, channels_out : int
        Channels of input and target.
    axes : str
        Spatial axes of a sample, ``"YX"`` or ``"ZYX"``.
    input_normalization : Normalization or None
        Frozen numbers of the input; None where each image has its own (``scope = "image"``).
    target_normalization : Normalization
        Frozen numbers of the target, in whose units a restoration comes out: those of the whole
        training set, or with ``scope = "image"`` the mean over the training images.
    appearance : dict
        What input and target look like: for ``"input"`` and ``"target"`` the ``"mean"``, the
        ``"lowest"`` and the ``"highest"`` over the training images, each built like
        :func:`l2l_core.images.appearance.describe`; and ``"images"``, how many were described.
    fingerprints : dict
        By path, what the files were.
    pairs : PairSet
    split : Split
    """

    samples: PairedPatches
    validation: FixedPatches
    channels_in: int
    channels_out: int
    axes: str
    input_normalization: Normalization | None
    target_normalization: Normalization
    appearance: dict[str, Any]
    fingerprints: dict[str, dict[str, Any]]
    pairs: PairSet
    split: Split


def make_augmenters(configs: Sequence[AugmenterConfig]) -> tuple[tuple[Augmenter, float], ...]:
    """Return the augmenters of a configuration, each with how often it is used."""
    return tuple((get("augmenter", one.name, **one.options), one.probability) for one in configs)


def _silent(sentence: str) -> None:
    """Take a sentence that nobody wants to hear."""


def prepare(
    config: RunConfig,
    base: Path,
    *,
    pairs: PairSet | None = None,
    make_augmenters: MakeAugmenters = make_augmenters,
    announce: Callable[[str], None] = _silent,
) -> TrainingSet:
    """Open, pair and divide the images of a configuration, and measure what is frozen.

    Each image is read a few times, in blocks; none is held.

    Parameters
    ----------
    config : RunConfig
    base : Path
        Folder that relative paths start from.
    pairs : PairSet, optional
        What trains and validates, instead of all pairs of the configuration.
    make_augmenters : callable, optional
        Makes the augmenters of the tables ``[[augment]]``.
    announce : callable, optional
        Takes sentences about what was decided, such as how the images were divided.

    Raises
    ------
    DataError, ImageError
        If there is something wrong with the images; names the file and what to do.
    """
    augmenters = make_augmenters(config.augment)
    pairs = find_pairs(config.data, base) if pairs is None else pairs
    channels_in = channel_count((pair.input for pair in pairs.pairs), "input")
    channels_out = channel_count((pair.target for pair in pairs.pairs), "target")
    divided = split(pairs.pairs, config.data, config.patches, config.seed, announce)
    numbers, frozen = _measure(divided, config)
    reader = PatchReader(tuple(config.patches.shape), numbers)
    samples = PairedPatches(
        find_places(divided.train, config.patches),
        reader,
        augmenters=augmenters,
        augmented=config.patches.augmented,
        seed=config.seed,
    )
    validation = validation_patches(
        divided.validation, reader, config.patches, config.seed, announce
    )
    return TrainingSet(
        samples=samples,
        validation=validation,
        channels_in=channels_in,
        channels_out=channels_out,
        axes=reader.axes,
        input_normalization=frozen[0] if config.normalize.input.scope == "dataset" else None,
        target_normalization=frozen[1],
        appearance=_appearance(divided.train),
        fingerprints=fingerprints(pairs.paths, base),
        pairs=pairs,
        split=divided,
    )


def _by_pair(regions: Iterable[Region]) -> dict[Pair, list[Region]]:
    found: dict[Pair, list[Region]] = {}
    for region in regions:
        found.setdefault(region.pair, []).append(region)
    return found


def _measure(
    divided: Split, config: RunConfig
) -> tuple[dict[Pair, tuple[Normalization, Normalization]], tuple[Normalization, Normalization]]:
    """Return the numbers of each pair, and those of the training set.

    With the scope "image" a pair is measured over what of it trains, so that a validating block
    adds nothing to them; over what validates if nothing of it trains.  With the scope "dataset" all
    that trains is measured as one image, each pixel counting once.
    """
    train = _by_pair(divided.train)
    both = {**_by_pair(divided.validation), **train}
    of_pairs, of_set = [], []
    for side in ("input", "target"):
        spec: NormalizerConfig = getattr(config.normalize, side)
        if spec.scope == "dataset":
            parts = [narrowed(getattr(pair, side), some) for pair, some in train.items()]
            name = f"the training {side}s"
            one = _numbers(PooledImage(parts, name) if len(parts) > 1 else parts[0], spec)
            of_pairs.append(dict.fromkeys(both, one))
            of_set.append(one)
            continue
        own = {
            pair: _numbers(narrowed(getattr(pair, side), some), spec) for pair, some in both.items()
        }
        of_pairs.append(own)
        of_set.append(average([own[pair] for pair in train]))
    numbers = {pair: (of_pairs[0][pair], of_pairs[1][pair]) for pair in both}
    return numbers, (of_set[0], of_set[1])


def _numbers(image: Any, spec: NormalizerConfig) -> Normalization:
    return measure(image, method=spec.method, low=spec.low, high=spec.high)


def _appearance(regions: Sequence[Region]) -> dict[str, Any]:
    by_pair = list(_by_pair(regions).items())
    chosen = np.unique(np.linspace(0, len(by_pair) - 1, min(_DESCRIBED, len(by_pair))).astype(int))
    described: dict[str, Any] = {"images": len(chosen)}
    for side in ("input", "target"):
        each = [
            describe(narrowed(getattr(by_pair[i][0], side), by_pair[i][1])) for i in chosen.tolist()
        ]
        described[side] = {
            name: _combined(each, how)
            for name, how in (("mean", np.mean), ("lowest", np.min), ("highest", np.max))
        }
    return described


def _combined(values: Sequence[Any], how: Callable[[Any], Any]) -> Any:
    """Combine descriptions number by number; what is no number and differs becomes a list."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    first = known[0]
    if all(value == first for value in known):
        return first
    if all(isinstance(value, Mapping) for value in known):
        keys = dict.fromkeys(key for value in known for key in value)
        return {key: _combined([value.get(key) for value in known], how) for key in keys}
    if all(isinstance(value, int | float) for value in known):
        return float(how(known))
    if all(isinstance(value, list) and len(value) == len(first) for value in known):
        return [_combined(items, how) for items in zip(*known, strict=True)]
    return sorted({str(value) for value in known})
