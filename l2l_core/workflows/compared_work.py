"""One method on the images that are compared on: train or tune it, restore, score, write down."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any, Literal

from attrs import define

from l2l_core.config import RunConfig
from l2l_core.config_file import resolved
from l2l_core.data.pairs import PairSet
from l2l_core.images.writing import write_image
from l2l_core.models.facts import fingerprint, plain
from l2l_core.models.run_folder import CHECKPOINTS
from l2l_core.workflows.fold_methods import Method
from l2l_core.workflows.fold_scores import DATA_RANGE_SOURCE, planes_of
from l2l_core.workflows.fold_scoring import SCORES, Scoring, read_rows, write_rows
from l2l_core.workflows.fold_work import RUN
from l2l_core.workflows.given_runs import GivenRun
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restoration import NOT_A_MEASUREMENT
from l2l_core.workflows.restore_places import kept_names, pixel_size
from l2l_core.workflows.train import train

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from l2l_core.components.training import Events
    from l2l_core.data.pairs import Pair
    from l2l_core.workflows.compared_images import ComparedImages
    from l2l_core.workflows.fold_scores import ChosenMetric, PlaneScores
    from l2l_core.workflows.model import Model

METHODS, RESTORED = "methods", "restored"

Row = dict[str, Any]


@define(frozen=True, eq=False)
class Contestant:
    """One method that is compared.

    Parameters
    ----------
    kind : {"filter", "network"}
    method : Method
        Its label, and what it is but for a run that was given.
    settings : RunConfig, optional
        Of a training.
    learns : PairSet, optional
        What a training learns from; all pairs of the configuration where it is None.
    run : GivenRun, optional
        A network that is there already.
    content : tuple of str
        What tells the content of each file that it is trained or tuned on.
    """

    kind: Literal["filter", "network"]
    method: Method
    settings: RunConfig | None = None
    learns: PairSet | None = None
    run: GivenRun | None = None
    content: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Its folder below that of the comparison."""
        return f"{METHODS}/{self.method.slug}"

    def facts(self) -> dict[str, Any]:
        """Return what tells it from another method of the same name."""
        if self.run is not None:
            return {"model": self.run.record.sha256}
        if self.settings is None:
            return {"options": self.method.options, "grid": self.method.grid}
        settings = resolved(self.settings)
        # It may change while a run goes on.
        del settings["restorer"]["device"]
        learns = self.learns.pairs if self.learns else ()
        return {"settings": settings, "trained_on": [pair.name for pair in learns]}


class ComparedWork:
    """Works at methods, one after the other.

    Parameters
    ----------
    out : Path
        Folder of the comparison.
    config : Path, optional
        The configuration of all trainings.
    overrides : sequence of str
        Changes to it.
    metrics : sequence of ChosenMetric
        The first one chooses among a filter's options.
    images : ComparedImages
        What is restored and scored.
    tunes_on : sequence of Pair
        What filters are tuned on.
    display : Events
    """

    def __init__(
        self,
        out: Path,
        config: Path | None,
        overrides: Sequence[str],
        metrics: Sequence[ChosenMetric],
        images: ComparedImages,
        tunes_on: Sequence[Pair],
        display: Events,
    ) -> None:
        self._out, self._config, self._overrides = out, config, tuple(overrides)
        self._metrics, self._images, self._tunes_on = tuple(metrics), images, tuple(tunes_on)
        self._display = display
        self._scoring = Scoring(metrics, images.truths, display)
        self._files = _file_names([pair.name for pair in images.pairs])

    def input_rows(self) -> list[Row]:
        """Return one row for each image as it is."""
        facts = {"method": "input", "title": "input", "kind": "input"}
        return [
            {**facts, **self._row(group.name, pair, self._scoring.unrestored(pair))}
            for group, pair in self._images.held
        ]

    def finished(self, one: Contestant) -> list[Row] | None:
        """Return the rows of what was finished before, None where it was not.

        Raises
        ------
        RunError
            If it was another method of the same name, or other images.
        """
        path = self._out / one.place / SCORES
        rows = read_rows(path, self._fingerprint(one), one.method.label)
        if rows is None or not all((self._out / row["restoration"]).exists() for row in rows):
            return None
        return rows

    def work(self, one: Contestant) -> list[Row]:
        """Return one row for each image; they and the restorations are on the disk then."""
        model, facts = self._model(one)
        with model:
            rows = [
                {**facts, **self._restored(model, one, index)}
                for index in range(len(self._images.held))
            ]
        write_rows(self._out / one.place / SCORES, self._fingerprint(one), rows)
        # What a run goes on from is most of its bytes, and this one will not go on.
        shutil.rmtree(self._out / one.place / RUN / CHECKPOINTS, ignore_errors=True)
        return rows

    def _fingerprint(self, one: Contestant) -> str:
        tunes_on = [pair.name for pair in self._tunes_on] if one.method.grid else []
        facts = {**one.facts(), "tuned_on": tunes_on, "kind": one.kind, "content": one.content}
        return fingerprint(plain({**facts, "metrics": [one.label for one in self._metrics]}))

    def _model(self, one: Contestant) -> tuple[Model, Row]:
        """Return a method that is ready to restore, and what a row says of it."""
        method = one.method
        facts: Row = {"method": method.label, "title": method.label, "kind": one.kind}
        if one.run is not None:
            return load_model(one.run.where), {**facts, "run": str(one.run.where)}
        if one.settings is None or self._config is None:
            chosen = self._scoring.tune(method, self._tunes_on)
            options = {**method.options, **chosen}
            facts |= {"title": _title(method, options), "options": options}
            return load_model(method.spec(**chosen)), facts
        run = train(
            self._config,
            self._out / one.place / RUN,
            resume=True,
            overrides=(*self._overrides, *method.overrides),
            pairs=one.learns,
            display=self._display,
        )
        where = one.settings.restorer
        facts |= {
            "run": f"{one.place}/{RUN}",
            "epochs": one.settings.train.epochs,
            "best_epoch": run.fit.best_epoch,
        }
        return load_model(run.model, backend=where.backend, device=where.device), facts

    def _restored(self, model: Model, one: Contestant, index: int) -> Row:
        """Restore an image, write it, and return what a row says of it."""
        group, pair = self._images.held[index]
        axes = pair.input.axes
        pixels = model.restore(pair.input.read(), axes)
        written = model.output_axes(axes)
        place = f"{one.place}/{RESTORED}/{self._files[index]}"
        write_image(
            self._out / place,
            pixels,
            written,
            pixel_size=pixel_size(pair.input, model.geometry),
            channel_names=kept_names(pair.input, pixels.shape, written),
            provenance={
                **model.provenance(),
                "source": pair.input.info.path,
                "note": NOT_A_MEASUREMENT,
            },
        )
        scores = self._scoring.scores(planes_of(pixels, written), pair)
        return {**self._row(group.name, pair, scores), "restoration": place}

    def _row(self, group: str, pair: Pair, scores: Mapping[str, PlaneScores]) -> Row:
        values = {name: some for one in scores.values() for name, some in one.values.items()}
        return {
            "image": pair.name,
            "group": group,
            "metrics": {one.label: list(values[one.label]) for one in self._metrics},
            "data_range": 1.0,
            "data_range_source": DATA_RANGE_SOURCE,
            "fitted": {
                reference: {"gain": list(one.gains), "offset": list(one.offsets)}
                for reference, one in scores.items()
                if reference
            },
        }


def plane_shown(pixels: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return the plane (Y, X) that a page shows: the middle one of the first channel."""
    planes = planes_of(pixels, axes)[0]
    # A view would hold all planes of every method until the page is written.
    middle: NDArray[Any] = planes[len(planes) // 2].copy()
    return middle


def _title(method: Method, options: Mapping[str, Any]) -> str:
    """Return how a reader knows a filter: with its options, and whether they were tuned."""
    said = [f"{key} {value}" for key, value in options.items()]
    said += ["tuned"] if method.grid else []
    return f"{method.filter} ({', '.join(said)})" if said else method.filter


def _file_names(names: Sequence[str]) -> list[str]:
    """Return a file's name for each image: its own, as far as a disk takes it."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain_name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "image"
        file, number = f"{plain_name}.ome.tif", 1
        # Some disks take A and a for one.
        while file.lower() in taken:
            number += 1
            file = f"{plain_name}-{number}.ome.tif"
        taken.add(file.lower())
        found.append(file)
    return found
