"""From the scores of single images to what cross-validations say of each method."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from attrs import asdict, define

from l2l_core.workflows.fold_statistics import (
    Interval,
    PairedTests,
    finite_mean,
    interval,
    paired_tests,
    relative_change,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from l2l_core.workflows.fold_scores import ChosenMetric

INPUT = "input"

Row = dict[str, Any]


@define(frozen=True)
class Change:
    """One metric of one method with one number of images.

    Parameters
    ----------
    metric, title : str
        As it was asked for, and as a reader knows it.
    higher_is_better : bool
    method : str
    images : int
        How many were drawn.
    points : tuple of float
        For each cross-validation the mean over its images of the relative change from input to
        restoration, in percent.
    mean : Interval
        Of the points.
    input, restoration : float
        Means of the metric itself over all images that were held out.
    """

    metric: str
    title: str
    higher_is_better: bool
    method: str
    images: int
    points: tuple[float, ...]
    mean: Interval
    input: float
    restoration: float


@define(frozen=True)
class Contest:
    """Two methods, or a method and the input, on the same images.

    Parameters
    ----------
    metric, title : str
        As it was asked for, and as a reader knows it.
    images : int
        How many were drawn.
    first, second : str
        The methods; ``"input"`` for the unrestored image.
    better : str
        Which of both has the better mean; empty where they are equal or nothing is known.
    tests : PairedTests
    """

    metric: str
    title: str
    images: int
    first: str
    second: str
    better: str
    tests: PairedTests


@define(frozen=True)
class Summary:
    """All changes and all contests, in the order of metrics, numbers of images and methods."""

    changes: tuple[Change, ...]
    contests: tuple[Contest, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "changes": [asdict(one) for one in self.changes],
            "tests": [asdict(one) for one in self.contests],
        }


def summarize(rows: Sequence[Row], metrics: Sequence[ChosenMetric]) -> Summary:
    """Return what rows, one for each held-out image and method, say together.

    Parameters
    ----------
    rows : sequence of dict
        From :class:`~l2l_core.workflows.fold_work.FoldWork`.
    metrics : sequence of ChosenMetric
    """
    changes: list[Change] = []
    contests: list[Contest] = []
    numbers = list(dict.fromkeys(row["images"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for metric in metrics:
        for number in numbers:
            mine = [row for row in rows if row["images"] == number]
            for method in methods:
                some = [row for row in mine if row["method"] == method]
                changes.append(_change(metric, method, number, some))
            contests += _contests(metric, number, methods, mine)
    return Summary(tuple(changes), tuple(contests))


def _change(metric: ChosenMetric, method: str, number: int, rows: Sequence[Row]) -> Change:
    by_repeat: dict[int, list[float]] = {}
    for row in rows:
        change = relative_change(_score(row, metric, INPUT), _score(row, metric, "restoration"))
        by_repeat.setdefault(row["repeat"], []).append(change)
    points = tuple(finite_mean(values) for values in by_repeat.values())
    return Change(
        metric=metric.label,
        title=metric.title,
        higher_is_better=metric.higher_is_better,
        method=method,
        images=number,
        points=points,
        mean=interval(points),
        input=finite_mean([_score(row, metric, INPUT) for row in rows]),
        restoration=finite_mean([_score(row, metric, "restoration") for row in rows]),
    )


def _contests(
    metric: ChosenMetric, number: int, methods: Sequence[str], rows: Sequence[Row]
) -> Iterable[Contest]:
    scores = {
        method: _by_image([row for row in rows if row["method"] == method], metric, "restoration")
        for method in methods
    }
    scores = {INPUT: _by_image(rows, metric, INPUT), **scores}
    for first, second in combinations(scores, 2):
        keys = [key for key in scores[first] if key in scores[second]]
        tests = paired_tests(
            [scores[first][key] for key in keys], [scores[second][key] for key in keys]
        )
        gain = tests.difference if metric.higher_is_better else -tests.difference
        better = second if gain > 0 else first if gain < 0 else ""
        yield Contest(metric.label, metric.title, number, first, second, better, tests)


def _by_image(
    rows: Sequence[Row], metric: ChosenMetric, side: str
) -> Mapping[tuple[str, str], float]:
    """Return one score for each image, however often it was held out."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        key = row["group"], row["image"]
        found.setdefault(key, []).append(_score(row, metric, side))
    return {key: finite_mean(values) for key, values in found.items()}


def _score(row: Row, metric: ChosenMetric, side: str) -> float:
    """Return the score of an image, the mean over its planes."""
    return finite_mean(row["metrics"][metric.label][side])
