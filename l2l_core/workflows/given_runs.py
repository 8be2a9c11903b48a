"""Finished runs and models that are compared: what they are, and what they have seen."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from l2l_core.config_file import parse_config
from l2l_core.data.fingerprints import fingerprint
from l2l_core.data.pairs import Pair, find_pairs
from l2l_core.data.splits import Region, Split, narrowed, split
from l2l_core.errors import AxesError, DataError, ImageError, ModelNotFoundError, OptionsError
from l2l_core.models.model_file import ModelRecord
from l2l_core.models.run_folder import RunFolder
from l2l_core.streaming.frame import Frame, counted
from l2l_core.workflows.filters import filter_names
from l2l_core.workflows.model import find_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from l2l_core.config import RunConfig


@define(frozen=True, eq=False, slots=False)
class GivenRun:
    """A model that is there already.

    Parameters
    ----------
    label : str
        How it is called in tables.
    where : Path
        Run or model folder.
    record : ModelRecord
        What is known of the model.
    folder : RunFolder, optional
        The run that made it, where it is known.
    """

    label: str
    where: Path
    record: ModelRecord
    folder: RunFolder | None

    @cached_property
    def settings(self) -> RunConfig | None:
        """The configuration that it was trained with; None for a model of other software."""
        config = self.record.training.get("config")
        return parse_config(config, str(self.where)) if config else None

    @property
    def prints(self) -> dict[str, str]:
        """For what tells the file of each image that it was trained or validated on, its path."""
        data = self.folder.record.data if self.folder else {}
        return {key: path for path, facts in data.items() if (key := told_by_file(facts))}

    @cached_property
    def split(self) -> Split | None:
        """How its images were divided; None where they are not found, or were divided otherwise.

        The record names images from the folder of the configuration, which it does not name: the
        images are looked for from the current folder, and from those that the run lies in.
        """
        pairs, settings = self.pairs, self.settings
        if pairs is None or settings is None:
            return None
        try:
            found = split(pairs, settings.data, settings.patches, settings.seed, lambda _: None)
        except DataError:
            return None
        # A part of the images, as a fold has, is divided otherwise than all that are found.
        return found if found.sentence == self.record.training.get("split") else None

    @cached_property
    def pairs(self) -> tuple[Pair, ...] | None:
        """The pairs that it was trained and validated on; None where they are not found."""
        settings, folder = self.settings, self.folder
        if settings is None or folder is None:
            return None
        data = folder.record.data
        for base in (Path.cwd(), *folder.path.resolve().parents):
            paths = {os.path.realpath(base / name): one["sha256"] for name, one in data.items()}
            if not all(Path(path).exists() for path in paths):
                continue
            try:
                found = find_pairs(settings.data, base).pairs
            except (DataError, ImageError):
                continue
            kept = [pair for pair in found if _files(pair) <= paths.keys()]
            seen = set().union(*(_files(pair) for pair in kept))
            if seen == paths.keys() and all(
                fingerprint(Path(path))["sha256"] == sha256 for path, sha256 in paths.items()
            ):
                return tuple(kept)
        return None

    def validating(self) -> tuple[Pair, ...]:
        """Return what validated.

        Raises
        ------
        DataError
            If that cannot be told, there was none, or it overlaps with what trained.
        """
        found = self.split
        why = ""
        if found is None:
            why = "where its validation images are cannot be told from its records"
        elif not found.validation:
            why = "it was trained without validation"
        elif any(region.cells is not None for region in found.validation):
            why = "it validated on patches of the images that trained (data.split = 'patch')"
        if found is None or why:
            raise DataError(
                f"{self.where}: {why}; give images that nothing has trained on with --input and "
                "--target"
            )
        return tuple(_part(region) for region in found.validation)

    def training(self, *, all_of_it: bool) -> tuple[Pair, ...]:
        """Return what trained, and what validated too where all of it is asked for; may be none."""
        if self.split is None:
            return ()
        if all_of_it:
            return tuple(
                {id(region.pair): region.pair for region in
                 (*self.split.train, *self.split.validation)}.values()
            )  # fmt: skip
        return tuple(_part(region) for region in self.split.train)

    def check(self, pairs: Sequence[Pair]) -> None:
        """Refuse images that the model does not take, or gives no restoration to compare of.

        Raises
        ------
        ImageError
            Names the model and the image.
        """
        geometry = self.record.geometry
        resized = any(factor != 1 for factor in geometry.scale)
        if resized or set(geometry.output_axes) != set(geometry.axes):
            raise ImageError(
                f"{self.where} gives images of other axes or another size than it takes, which "
                "cannot be held against filters; leave it out"
            )
        for pair in pairs:
            try:
                Frame(pair.input.axes, pair.input.shape, geometry)
            except (AxesError, ImageError) as error:
                raise ImageError(
                    f"{self.where} does not fit {pair.input.info.path}: {error}"
                ) from error
            wanted = pair.target.info.sizes.get("C", 1)
            if geometry.channels_out != wanted:
                raise ImageError(
                    f"{self.where} gives {counted(geometry.channels_out)}, and the benchmark "
                    f"{pair.target.info.path} has {counted(wanted)}; select those that it was "
                    "trained to give, or leave it out"
                )


def open_runs(places: Sequence[str | Path]) -> tuple[GivenRun, ...]:
    """Return what is known of finished runs and models; no weights are read.

    Raises
    ------
    ModelNotFoundError, ModelDamagedError, ModelVersionError, UnsupportedModelError
        If there is no model in one of them.
    OptionsError
        If two are the same model.
    """
    paths = [Path(place) for place in places]
    names = [_name(path) for path in paths]
    found = []
    for path, name in zip(paths, names, strict=True):
        if str(path).partition(":")[0] in filter_names() and not path.exists():
            raise ModelNotFoundError(
                f"{path} is no folder of a run; name a filter with --filter {path}"
            )
        label = name if name and names.count(name) == 1 else str(path)
        owner = next((one for one in (path, path.parent) if RunFolder.exists(one)), None)
        folder = RunFolder.open(owner) if owner else None
        found.append(GivenRun(label, path, find_record(path), folder))
    _refuse_twins(found)
    return tuple(found)


def _refuse_twins(runs: Sequence[GivenRun]) -> None:
    """Refuse one model under two paths, which would be ranked against itself."""
    known: dict[str, GivenRun] = {}
    for run in runs:
        twin = known.setdefault(run.record.sha256, run)
        if twin is not run and run.record.sha256:
            raise OptionsError(
                f"{twin.where} and {run.where} are the same model (sha256 "
                f"{run.record.sha256[:12]}...); give it once"
            )


def _name(path: Path) -> str:
    """Return what a reader knows a model by: the folder that a user named."""
    while path.name in ("model", "run") and path.parent.name:
        path = path.parent
    return path.name


def told_by_file(facts: Mapping[str, Any]) -> str:
    """Return what of a fingerprint tells a file's content; nothing of a store's chunks."""
    # Chunks of two stores may well be of the same sizes.
    return "" if facts["hashed"] == "listing" else str(facts["sha256"])


def _files(pair: Pair) -> set[str]:
    return {os.path.realpath(image.info.path) for image in (pair.input, pair.target)}


def _part(region: Region) -> Pair:
    """Return what of a pair lies in a region, as an image of its own."""
    pair, said = region.pair, "".join(_places(region))
    if not said:
        return pair
    return evolve(
        pair,
        name=pair.name + said,
        input=narrowed(pair.input, [region]),
        target=narrowed(pair.target, [region]),
    )


def _places(region: Region) -> Iterator[str]:
    for axis, size in region.pair.sizes.items():
        run = region.box[axis]
        if len(run) < size:
            yield f", {axis} {run[0]} to {run[-1]}"
