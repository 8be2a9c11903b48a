"""Score restorations of pairs, tune filters by scores, and keep scores as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING, Any

from l2l_core.errors import RunError
from l2l_core.images.replacing import replacing
from l2l_core.models.facts import plain, to_json
from l2l_core.workflows.fold_scores import PlaneScores, planes_of, score_planes
from l2l_core.workflows.fold_statistics import finite_mean
from l2l_core.workflows.model import load_model
from l2l_core.workflows.tuning import candidates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from l2l_core.components.training import Events
    from l2l_core.data.pairs import Pair
    from l2l_core.images.image import Image
    from l2l_core.workflows.fold_methods import Method
    from l2l_core.workflows.fold_scores import ChosenMetric
    from l2l_core.workflows.model import Model

SCORES = "scores.json"


class Scoring:
    """Scores images of pairs; what is the same for all methods is computed once.

    Parameters
    ----------
    metrics : sequence of ChosenMetric
        The first one chooses among a filter's options.
    truths : mapping
        For group and name of each pair its truth, where there is one.
    display : Events
    """

    def __init__(
        self,
        metrics: Sequence[ChosenMetric],
        truths: Mapping[tuple[str, str], Image],
        display: Events,
    ) -> None:
        self._metrics, self._truths, self._display = tuple(metrics), truths, display
        self._unrestored: dict[tuple[str, str], dict[str, PlaneScores]] = {}
        self._tried: dict[tuple[str, str, str], float] = {}

    def scores(
        self, planes: NDArray[Any], pair: Pair, metrics: Sequence[ChosenMetric] | None = None
    ) -> dict[str, PlaneScores]:
        """Return the scores of planes (C, N, Y, X) against each reference that a metric asks for.

        Parameters
        ----------
        planes : ndarray
            Of the input, or of a restoration of it.
        pair : Pair
        metrics : sequence of ChosenMetric, optional
            All by default.
        """
        metrics = self._metrics if metrics is None else metrics
        found = {}
        for reference in dict.fromkeys(one.reference for one in metrics):
            mine = [one for one in metrics if one.reference == reference]
            found[reference] = score_planes(planes, self._reference(reference, pair), mine)
        return found

    def _reference(self, reference: str, pair: Pair) -> NDArray[Any] | None:
        if not reference:
            return None
        image = self._truths[pair.group, pair.name] if reference == "truth" else pair.target
        return planes_of(image.read(), image.axes)

    def unrestored(self, pair: Pair) -> dict[str, PlaneScores]:
        """Return the scores of the input."""
        key = pair.group, pair.name
        if key not in self._unrestored:
            self._unrestored[key] = self.scores(planes_of(pair.input.read(), pair.input.axes), pair)
        return self._unrestored[key]

    def restored(
        self, model: Model, pair: Pair, metrics: Sequence[ChosenMetric] | None = None
    ) -> dict[str, PlaneScores]:
        """Return the scores of what a model makes of the input."""
        axes = pair.input.axes
        restored = model.restore(pair.input.read(), axes)
        return self.scores(planes_of(restored, model.output_axes(axes)), pair, metrics)

    def tune(self, method: Method, pairs: Sequence[Pair]) -> dict[str, Any]:
        """Return the options of a filter that score best on some pairs, on average."""
        if not method.grid:
            return {}
        scores = {}
        for number, chosen in enumerate(candidates(method.grid)):
            each = [self._try(method.spec(**chosen), pair) for pair in pairs]
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
                scores = self.restored(model, pair, first)
            self._tried[key] = finite_mean(scores[first[0].reference].values[first[0].label])
        return self._tried[key]


def write_rows(path: Path, made_by: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of a method with what made them, as a whole.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with replacing(path) as new:
        new.write_text(to_json(plain({"made_by": made_by, "rows": rows})), encoding="utf-8")


def read_rows(path: Path, made_by: str, label: str) -> list[dict[str, Any]] | None:
    """Return the rows of what was finished before, None where it was not.

    Parameters
    ----------
    path : Path
    made_by : str
        What has to have made them.
    label : str
        What messages call the method.

    Raises
    ------
    RunError
        If it was another method of the same name, or other images.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        before, rows = found["made_by"], found["rows"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged: {error}; delete its folder, and --resume makes it anew"
        ) from error
    if before != made_by:
        raise RunError(
            f"{path} was made by other settings of {label!r} or other images; put them back, or "
            "begin anew with another --out"
        )
    return [{**row, "metrics": _with_nan(row["metrics"])} for row in rows]


def _with_nan(value: Any) -> Any:
    """Return scores in which what JSON had no word for is NaN again."""
    if isinstance(value, Mapping):
        return {key: _with_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_nan(item) for item in value]
    return nan if value is None else value
