"""One method on one fold: train or tune, restore what is held out, score it, write the scores."""

from __future__ import annotations

import json
import shutil
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.config import RunConfig
from l2l_core.config_file import resolved
from l2l_core.data.pairs import Pair, PairSet
from l2l_core.errors import RunError
from l2l_core.images.replacing import replacing
from l2l_core.models.facts import fingerprint, plain, to_json
from l2l_core.models.run_folder import CHECKPOINTS
from l2l_core.workflows.fold_images import Group
from l2l_core.workflows.fold_methods import Method
from l2l_core.workflows.fold_scores import (
    DATA_RANGE_SOURCE,
    ChosenMetric,
    PlaneScores,
    planes_of,
    score_planes,
)
from l2l_core.workflows.fold_statistics import finite_mean
from l2l_core.workflows.model import load_model
from l2l_core.workflows.train import train
from l2l_core.workflows.tuning import candidates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from l2l_core.components.training import Events
    from l2l_core.images.image import Image
    from l2l_core.workflows.model import Model

SCORES = "scores.json"
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
        self._metrics, self._truths, self._display = tuple(metrics), truths, display
        self._unrestored: dict[tuple[str, str], dict[str, PlaneScores]] = {}
        self._tried: dict[tuple[str, str, str], float] = {}

    def finished(self, task: Task) -> list[dict[str, Any]] | None:
        """Return the rows of what was finished before, None where it was not.

        Raises
        ------
        RunError
            If it was another method of the same name, or other images.
        """
        path = self._out / task.place / SCORES
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            made_by, rows = found["made_by"], found["rows"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{path} is damaged: {error}; delete its folder, and --resume makes it anew"
            ) from error
        if made_by != task.fingerprint(self._metrics):
            raise RunError(
                f"{path} was made by other settings of {task.method.label!r} or other images; put "
                "them back, or begin anew with another --out"
            )
        return [_with_nan(row) for row in rows]

    def work(self, task: Task) -> list[dict[str, Any]]:
        """Return one row for each held-out image; they are on the disk then."""
        folder, fold, method = self._out / task.place, task.fold, task.method
        facts: dict[str, Any] = {"method": method.label, **fold.facts()}
        if task.settings is None:
            chosen = self._tune(fold, method)
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
        done = {"made_by": task.fingerprint(self._metrics), "rows": rows}
        with replacing(folder / SCORES) as new:
            new.write_text(to_json(plain(done)), encoding="utf-8")
        # What a run goes on from is most of its bytes, and this one will not go on.
        shutil.rmtree(folder / RUN / CHECKPOINTS, ignore_errors=True)
        return rows

    def _row(self, model: Model, group: Group, pair: Pair) -> dict[str, Any]:
        before = self._input(pair)
        after = self._restored(model, pair, self._metrics)
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

    def _input(self, pair: Pair) -> dict[str, PlaneScores]:
        key = pair.group, pair.name
        if key not in self._unrestored:
            pixels = planes_of(pair.input.read(), pair.input.axes)
            self._unrestored[key] = self._scores(pixels, pair, self._metrics)
        return self._unrestored[key]

    def _restored(
        self, model: Model, pair: Pair, metrics: Sequence[ChosenMetric]
    ) -> dict[str, PlaneScores]:
        axes = pair.input.axes
        restored = model.restore(pair.input.read(), axes)
        return self._scores(planes_of(restored, model.output_axes(axes)), pair, metrics)

    def _scores(
        self, planes: NDArray[Any], pair: Pair, metrics: Sequence[ChosenMetric]
    ) -> dict[str, PlaneScores]:
        """Return the scores against each reference that a metric asks for."""
        found = {}
        for reference in dict.fromkeys(one.reference for one in metrics):
            image = pair.target
            if reference == "truth":
                image = self._truths[pair.group, pair.name]
            wanted = planes_of(image.read(), image.axes)
            mine = [one for one in metrics if one.reference == reference]
            found[reference] = score_planes(planes, wanted, mine)
        return found

    def _tune(self, fold: Fold, method: Method) -> dict[str, Any]:
        """Return the options that score best on the images that train, on average."""
        if not method.grid:
            return {}
        scores = {}
        for number, chosen in enumerate(candidates(method.grid)):
            each = [self._try(method.spec(**chosen), pair) for pair in fold.training.pairs]
            scores[number] = finite_mean(each)
        first = self._metrics[0]
        sign = 1 if first.higher_is_better else -1
        # NaN, of images that are constant, is no score and must not win.
        best = max(scores, key=lambda number: (scores[number] == scores[number],
                                               sign * scores[number]))  # fmt: skip
        chosen = list(candidates(method.grid))[best]
        said = ", ".join(f"{key} {value}" for key, value in chosen.items())
        self._display.message(f"{method.label}: {said} (best {first.title} on what trains)")
        return chosen

    def _try(self, spec: str, pair: Pair) -> float:
        """Return how a filter does on an image; filters do not learn, so once is enough."""
        key = spec, pair.group, pair.name
        if key not in self._tried:
            first = self._metrics[:1]
            with load_model(spec) as model:
                scores = self._restored(model, pair, first)
            self._tried[key] = finite_mean(scores[first[0].reference].values[first[0].label])
        return self._tried[key]


def _with_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row in which what JSON had no word for is NaN again."""
    return {
        **row,
        "metrics": {
            label: {
                name: [nan if value is None else value for value in values]
                for name, values in sides.items()
            }
            for label, sides in row["metrics"].items()
        },
    }
