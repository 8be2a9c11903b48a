"""The images that methods are compared on: none of them has trained anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve

from l2l_core.config import DataConfig, RunConfig
from l2l_core.data.fingerprints import fingerprint
from l2l_core.data.pairs import Pair
from l2l_core.errors import DataError, OptionsError
from l2l_core.images.image import Image
from l2l_core.workflows.fold_images import (
    FoldImages,
    Group,
    open_images,
    pixel_print,
    true_images,
)
from l2l_core.workflows.given_runs import told_by_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from l2l_core.workflows.given_runs import GivenRun

_STREAM = 8
"""Keeps the generator of what is held out apart from those of folds, splits and patches."""

_VALIDATED = (
    "The images are those that the runs validated on: they chose the best epoch of each network, "
    "so the networks look a little better here than on images that they have never met."
)


@define(frozen=True, eq=False)
class ComparedImages:
    """What is restored and scored.

    Parameters
    ----------
    held : tuple of (Group, Pair)
        Input and benchmark of each image.
    truths : mapping
        For group and name of each pair its truth, where there is one.
    sentence : str
        Which images they are, for people.
    chosen, out : tuple of int
        Groups of the configuration that train, and that are held out; empty where the images are
        none of the configuration's.
    validated : bool
        Whether runs validated on them.
    remarks : tuple of str
        What a reader has to know.
    """

    held: tuple[tuple[Group, Pair], ...]
    truths: Mapping[tuple[str, str], Image]
    sentence: str
    chosen: tuple[int, ...] = ()
    out: tuple[int, ...] = ()
    validated: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Input and benchmark of each image."""
        return tuple(pair for _, pair in self.held)


def given_images(
    where: str, target: str, truth: str, settings: RunConfig | None, runs: Sequence[GivenRun]
) -> ComparedImages:
    """Return images that nothing is trained on, as a place each for inputs and benchmarks.

    Parameters
    ----------
    where, target, truth : str
        Folder, glob or file each; the last two may be empty.
    settings : RunConfig, optional
        Whose axes, channels and planes are taken; otherwise those of the runs.
    runs : sequence of GivenRun

    Raises
    ------
    OptionsError
        If there is no benchmark.
    DataError, ImageError
        If they cannot be paired or opened.
    """
    data = settings.data if settings else _shared_data(runs)
    # Without a target in the configuration, each file holds input and benchmark.
    if not target and (data.target or not data.input):
        raise OptionsError(
            "--input names the images that are restored, and there is no benchmark to hold them "
            "against; give it with --target"
        )
    used = RunConfig(data=evolve(data, input=where, target=target, table="", group="file"))
    images = open_images(used, Path())
    everything = range(len(images.groups))
    return ComparedImages(
        held=images.held(everything),
        truths=true_images(images, used, Path(), truth) if truth else {},
        sentence=(
            f"The images of {where} are compared, none of which a network here is known to have "
            "trained on."
        ),
    )


def held_out_images(
    images: FoldImages, settings: RunConfig, base: Path, truth: str, share: float, seed: int
) -> ComparedImages:
    """Return a share of a configuration's images, by group; the others train.

    Parameters
    ----------
    images : FoldImages
    settings : RunConfig
    base : Path
        Folder that the configuration's paths start from.
    truth : str
        Folder, glob or file; may be empty.
    share : float
        Of the groups; at least one is held out, and at least one trains.
    seed : int
        Of the draw.

    Raises
    ------
    DataError
        If there is one group alone, or the truths are not those of the images.
    """
    count = len(images.groups)
    if count < 2:
        raise DataError(
            "there is only one image (group), and some are held out to compare on; add images, "
            "divide it into blocks, such as data.group = 'Z:4' or 'Y:256', or give others with "
            "--input and --target"
        )
    rng = np.random.default_rng(np.random.SeedSequence((seed, _STREAM)))
    number = min(max(1, round(share * count)), count - 1)
    out = tuple(sorted(rng.permutation(count)[:number].tolist()))
    held = images.held(out)
    alike = ""
    if images.groups[0].block >= 0:
        alike = "Blocks of one image are alike: this says less of new specimens than images would."
    elif len(held) > number:
        alike = (
            f"The {len(held)} images are of {number} group{'s' * (number != 1)} (data.group): "
            "those of one group are alike, so the intervals are too narrow and p is too small."
        )
    return ComparedImages(
        held=held,
        truths=true_images(images, settings, base, truth) if truth else {},
        sentence=(
            f"{number} of {count} images (groups) of the configuration were drawn with the seed "
            f"{seed} and held out: nothing is trained or tuned on them."
        ),
        chosen=tuple(index for index in range(count) if index not in out),
        out=out,
        remarks=(alike,) if alike else (),
    )


def validation_images(runs: Sequence[GivenRun], truth: str) -> ComparedImages:
    """Return the images that all runs validated on.

    Raises
    ------
    OptionsError
        If there is no run, or a truth is asked for.
    DataError
        If the runs validated on different images, or channels or planes of them, or that cannot be
        told.
    """
    if not runs:
        raise OptionsError(
            "there are no images to compare on; give them with --input and --target, or give a "
            "configuration"
        )
    if truth:
        raise OptionsError(
            "--truth is paired with the images of --input or of a configuration; give one of these"
        )
    _shared_data(runs)
    pairs = runs[0].validating()
    for run in runs[1:]:
        if [_told(pair) for pair in run.validating()] != [_told(pair) for pair in pairs]:
            raise DataError(
                f"{runs[0].where} and {run.where} validated on different images, or against other "
                "targets; give images that nothing has trained on with --input and --target"
            )
    return ComparedImages(
        held=tuple((Group(pair.name, (pair,), pair.group), pair) for pair in pairs),
        truths={},
        sentence="The images that the runs validated on are compared.",
        validated=True,
        remarks=(_VALIDATED,),
    )


def refuse_trained(
    pairs: Iterable[Pair], seen: Mapping[str, str], who: str, *, others: str = ""
) -> None:
    """Refuse an image of whose content something was trained.

    Parameters
    ----------
    pairs : iterable of Pair
        What is compared on.
    seen : mapping
        For what tells the content of each image that was trained on its path; see
        :func:`prints_of`.
    who : str
        What was trained on it.
    others : str, optional
        Another remedy than leaving it out.

    Raises
    ------
    DataError
        Names the image.
    """
    for image in (image for pair in pairs for image in (pair.input, pair.target)):
        path = image.info.path
        twin = next((seen[key] for key in _prints(image) if key in seen), None)
        if twin is not None:
            said = "" if Path(twin).name == Path(path).name else f" (as {twin})"
            raise DataError(
                f"{path} is among the images that {who} was trained on{said}, and would be "
                f"restored from memory; leave it out{others}"
            )


def prints_of(pairs: Iterable[Pair]) -> dict[str, str]:
    """Return for what tells the content of each image, of its file or its pixels, its path."""
    images = (image for pair in pairs for image in (pair.input, pair.target))
    return {key: image.info.path for image in images for key in _prints(image)}


def _prints(image: Image) -> tuple[str, ...]:
    # An image may have been saved again, or its pixels be selected otherwise.
    facts = fingerprint(Path(image.info.path))
    return tuple(filter(None, (told_by_file(facts), pixel_print(image))))


def _told(pair: Pair) -> tuple[str, ...]:
    return pair.name, pair.input.info.path, pair.target.info.path


def _shared_data(runs: Sequence[GivenRun]) -> DataConfig:
    """Return how runs take planes and channels of their images.

    Raises
    ------
    DataError
        If they differ.
    """
    known = [(run, run.settings.data) for run in runs if run.settings]
    for run, data in known[1:]:
        for key in ("axes", "select", "input_select", "target_select"):
            if getattr(data, key) != getattr(known[0][1], key):
                raise DataError(
                    f"{known[0][0].where} and {run.where} differ in data.{key}, so nobody can tell "
                    "what to take of the images; give a configuration that says so, with "
                    "--no-training"
                )
    return known[0][1] if known else DataConfig()
