"""One method on one fold: train or tune, restore what is held out, score it, write the scores."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.config import RunConfig
from l2l_core.config_file import resolved
from l2l_core.data.pairs import Pair, PairSet
from l2l_core.models.facts import fingerprint, plain
from l2l_core.models.run_folder import CHECKPOINTS
from l2l_core.workflows.fold_images import Group
from l2l_core.workflows.fold_methods import Method
from l2l_core.workflows.fold_scores import DATA_RANGE_SOURCE, ChosenMetric
from l2l_core.workflows.fold_scoring import SCORES, Scoring, read_rows, write_rows
from l2l_core.workflows.model import load_model
from l2l_core.workflows.train import train

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from l2l_core.components.training import Events
    from l2l_core.images.image import Image
    from l2l_core.workflows.model import Model

RUN = "run"


@define(frozen=True, eq=False)
class Fold:
    """One fold, which every method meets.

    Parameters
    ----------
    images, repeat, number : int
        How many images were drawn; repetition and fold, from 1.
    chosen, out : tuple of int
        Groups that train, and groups that are held out.
    training : PairSet
        What trains, with the benchmark that is scored against.
    held : tuple of (Group, Pair)
        What is restored and scored.
    """

    images: int
    repeat: int
    number: int
    chosen: tuple[int, ...]
    out: tuple[int, ...]
    training: PairSet
    held: tuple[tuple[Group, Pair], ...]

    @property
    def place(self) -> Path:
        """Its folder below that of the cross-validation."""
        return Path(
            f"images-{self.images:04d}", f"repeat-{self.repeat:02d}", f"fold-{self.number:02d}"
        )

    def facts(self) -> dict[str, Any]:
        """Return what tells this fold from another one."""
        return {
            "images": self.images,
            "repeat": self.repeat,
            "fold": self.number,
            "trained_on": [pair.name for pair in self.training.pairs],
        }


@define(frozen=True, eq=False)
class Task:
    """One method on one fold.

    Parameters
    ----------
    fold : Fold
    method : Method
    settings : RunConfig, optional
        Of a training, with the epochs that it has here.
    learns : PairSet
        What it trains on: that of the fold, perhaps with other targets.
    """

    fold: Fold
    method: Method
    settings: RunConfig | None
    learns: PairSet

    @property
    def place(self) -> Path:
        """Its folder below that of the cross-validation."""
        return self.fold.place / self.method.slug

    def fingerprint(self, metrics: Sequence[ChosenMetric]) -> str:
        """Return what tells this task from another one in the same folder."""
        if self.settings is None:
            settings: dict[str, Any] = {"options": self.method.options, "grid": self.method.grid}
        else:
            settings = resolved(self.settings)
            # It may change while a run goes on.
            del settings["restorer"]["device"]
            del settings["data"]["contrast_sample"]
            if not settings["restorer"]["chain"]:
                # What was written before there were chains is gone on with.
                del settings["restorer"]["chain"]
        held = [pair.name for _, pair in self.fold.held]
        facts = {**self.fold.facts(), "held_out": held, "settings": settings}
        return fingerprint(plain({**facts, "metrics": [one.label for one in metrics]}))


class FoldWork:
    """Works at folds, and keeps the scores that are the same in all of them.

    Parameters
    ----------
    out : Path
        Folder of the cross-validation.
    config : Path
        The configuration of all trainings.
    overrides : sequence of str
        Changes to it.
    metrics : sequence of ChosenMetric
        The first one chooses among a filter's options.
    truths : mapping
        For group and name of each pair its truth, where there is one.
    display : Events
    """

    def __init__(
        self,
        out: Path,
        config: Path,
        overrides: Sequence[str],
        metrics: Sequence[ChosenMetric],
        truths: Mapping[tuple[str, str], Image],
        display: Events,
    ) -> None:
        self._out, self._config, self._overrides = out, config, tuple(overrides)
        self._metrics, self._display = tuple(metrics), display
        self._scoring = Scoring(metrics, truths, display)

    def finished(self, task: Task) -> list[dict[str, Any]] | None:
        """Return the rows of what was finished before, None where it was not.

        Raises
        ------
        RunError
            If it was another method of the same name, or other images.
        """
        path = self._out / task.place / SCORES
        return read_rows(path, task.fingerprint(self._metrics), task.method.label)

    def work(self, task: Task) -> list[dict[str, Any]]:
        """Return one row for each held-out image; they are on the disk then."""
        folder, fold, method = self._out / task.place, task.fold, task.method
        facts: dict[str, Any] = {"method": method.label, **fold.facts()}
        if task.settings is None:
            chosen = self._scoring.tune(method, fold.training.pairs)
            model = load_model(method.spec(**chosen))
            facts |= {"options": {**method.options, **chosen}}
        else:
            settings = task.settings
            epochs = f"train.epochs={settings.train.epochs}"
            run = train(
                self._config,
                folder / RUN,
                resume=True,
                overrides=(*self._overrides, *method.overrides, epochs),
                pairs=task.learns,
                display=self._display,
            )
            model = load_model(
                run.model, backend=settings.restorer.backend, device=settings.restorer.device
            )
            facts |= {"epochs": settings.train.epochs, "best_epoch": run.fit.best_epoch}
        with model:
            rows = [{**facts, **self._row(model, group, pair)} for group, pair in fold.held]
        write_rows(folder / SCORES, task.fingerprint(self._metrics), rows)
        # What a run goes on from is most of its bytes, and this one will not go on.
        shutil.rmtree(folder / RUN / CHECKPOINTS, ignore_errors=True)
        return rows

    def _row(self, model: Model, group: Group, pair: Pair) -> dict[str, Any]:
        before = self._scoring.unrestored(pair)
        after = self._scoring.restored(model, pair)
        sides = {"input": before, "restoration": after}
        values = {
            name: {label: one for found in side.values() for label, one in found.values.items()}
            for name, side in sides.items()
        }
        return {
            "image": pair.name,
            "group": group.name,
            "metrics": {
                one.label: {name: list(values[name][one.label]) for name in sides}
                for one in self._metrics
            },
            "data_range": 1.0,
            "data_range_source": DATA_RANGE_SOURCE,
            "fitted": {
                reference: {
                    name: {
                        "gain": list(side[reference].gains),
                        "offset": list(side[reference].offsets),
                    }
                    for name, side in sides.items()
                }
                for reference in before
            },
        }
