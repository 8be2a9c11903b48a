"""From the scores of single images to a table of methods, tests, and sentences on who wins."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, isnan, nan
from typing import TYPE_CHECKING, Any, Literal

from attrs import asdict, define

from l2l_core.reports.tables import format_number
from l2l_core.workflows.fold_report import few_images, p_text
from l2l_core.workflows.fold_scores import ChosenMetric
from l2l_core.workflows.fold_statistics import (
    LEVEL,
    Interval,
    PairedTests,
    finite_mean,
    interval,
    paired_tests,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l2l_core.workflows.compared_work import Row

Outcome = Literal["beats", "ahead", "equal", "behind", "unknown"]


@define(frozen=True)
class Standing:
    """One method over all images.

    Parameters
    ----------
    method, title : str
        As it was asked for, and as a reader knows it.
    kind : {"input", "filter", "network"}
    values : dict
        For the label of each metric one value an image, in the order of the images: the mean over
        its planes.
    means : dict
        For the label of each metric their mean and its interval.
    """

    method: str
    title: str
    kind: str
    values: Mapping[str, tuple[float, ...]]
    means: Mapping[str, Interval]


@define(frozen=True)
class Contest:
    """A network against the best baseline in one metric.

    Parameters
    ----------
    metric, title : str
        As it was asked for, and as a reader knows it.
    network, baseline : str
        Titles of both.
    outcome : {"beats", "ahead", "equal", "behind", "unknown"}
        What the network does; ahead where it is better on average, and the paired t-test cannot
        tell that from chance.
    tests : PairedTests
        Differences are the network's score less the baseline's.
    """

    metric: str
    title: str
    network: str
    baseline: str
    outcome: Outcome
    tests: PairedTests


@define(frozen=True)
class Verdict:
    """One metric that is held against a benchmark or the truth, in a sentence.

    Parameters
    ----------
    metric, title : str
        As it was asked for, and as a reader knows it.
    outcome : {"beats", "ahead", "equal", "behind", "unknown"}
        Of the best network against the best baseline.
    text : str
    """

    metric: str
    title: str
    outcome: Outcome
    text: str


@define(frozen=True)
class Summary:
    """What came of a comparison.

    Parameters
    ----------
    images : tuple of str
    metrics : tuple of ChosenMetric
    standings : tuple of Standing
        The input, the filters, then the networks.
    contests : tuple of Contest
        Every network against the best baseline of each metric that has a verdict.
    verdict : str
        All verdicts in one sentence.
    verdicts : tuple of Verdict
        One for each metric but those of one image alone: nothing tells whether what they find in
        a restoration is real.
    caution : str
        What few images cannot tell; empty where there are enough.
    """

    images: tuple[str, ...]
    metrics: tuple[ChosenMetric, ...]
    standings: tuple[Standing, ...]
    contests: tuple[Contest, ...]
    verdict: str
    verdicts: tuple[Verdict, ...]
    caution: str

    def best(self, metric: ChosenMetric, *kinds: str) -> Standing | None:
        """Return the best of some kinds, the first of equal ones; None where none has a value."""
        return next(iter(self.leaders(metric, *kinds)), None)

    def leaders(self, metric: ChosenMetric, *kinds: str) -> list[Standing]:
        """Return what shares the best mean of a metric among some kinds.

        The mean is that over the images that all of them have a value of, so that none is better
        for being without one where the others do badly.  What has a value of fewer than half of
        the images takes no part, unless nothing has more.
        """
        known = [one for one in self.standings if one.kind in kinds]
        most = max((one.means[metric.label].count for one in known), default=0)
        known = [one for one in known if 2 * one.means[metric.label].count >= most > 0]
        scores = [one.values[metric.label] for one in known]
        means = _shared_means(*scores)
        if all(map(isnan, means)):
            means = tuple(map(finite_mean, scores))
        best = (max if metric.higher_is_better else min)(means, default=nan)
        return [one for one, mean in zip(known, means, strict=True) if mean == best]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "images": list(self.images),
            "verdict": self.verdict,
            "verdicts": [asdict(one) for one in self.verdicts],
            "caution": self.caution,
            "metrics": [
                {
                    "metric": one.label,
                    "title": one.title,
                    "higher_is_better": one.higher_is_better,
                    "reference": one.reference or "none",
                }
                for one in self.metrics
            ],
            "methods": [asdict(one) for one in self.standings],
            "tests": [asdict(one) for one in self.contests],
        }


def summarize(rows: Sequence[Row], metrics: Sequence[ChosenMetric]) -> Summary:
    """Return what rows, one for each image and method, say together.

    Parameters
    ----------
    rows : sequence of dict
        From :class:`~l2l_core.workflows.compared_work.ComparedWork`, all methods with the same
        images in the same order.
    metrics : sequence of ChosenMetric
    """
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    images = tuple(row["image"] for row in next(iter(by_method.values())))
    standings = tuple(_standing(some, metrics) for some in by_method.values())
    found = Summary(images, tuple(metrics), standings, (), "", (), _caution(len(images)))
    held = [metric for metric in metrics if metric.reference]
    contests = tuple(one for metric in held for one in _contests(found, metric))
    verdicts = tuple(_verdict(found, metric) for metric in held)
    return Summary(
        found.images,
        found.metrics,
        standings,
        contests,
        _together(found, verdicts),
        verdicts,
        found.caution,
    )


def _standing(rows: Sequence[Row], metrics: Sequence[ChosenMetric]) -> Standing:
    values = {
        one.label: tuple(finite_mean(row["metrics"][one.label]) for row in rows) for one in metrics
    }
    return Standing(
        method=rows[0]["method"],
        title=rows[0]["title"],
        kind=rows[0]["kind"],
        values=values,
        means={label: interval(some) for label, some in values.items()},
    )


def _contests(found: Summary, metric: ChosenMetric) -> list[Contest]:
    baseline = found.best(metric, "input", "filter")
    networks = [one for one in found.standings if one.kind == "network"]
    return [_contest(metric, one, baseline) for one in networks if baseline is not None]


def _contest(metric: ChosenMetric, network: Standing, baseline: Standing) -> Contest:
    tests = paired_tests(baseline.values[metric.label], network.values[metric.label])
    gain = tests.difference if metric.higher_is_better else -tests.difference
    outcome: Outcome = "unknown"
    if gain > 0:
        outcome = "beats" if tests.t_p < 1 - LEVEL else "ahead"
    elif isfinite(gain):
        outcome = "behind" if gain < 0 else "equal"
    return Contest(metric.label, metric.title, network.title, baseline.title, outcome, tests)


def _verdict(found: Summary, metric: ChosenMetric) -> Verdict:
    baseline = found.best(metric, "input", "filter")
    network = found.best(metric, "network")
    title = metric.title
    if baseline is None or network is None:
        missing = "network" if network is None else "baseline"
        return Verdict(
            metric.label, title, "unknown", f"No {missing} has a value of {title} to compare."
        )
    contest = _contest(metric, network, baseline)
    theirs, ours = _shared_means(baseline.values[metric.label], network.values[metric.label])
    share = _share(ours, theirs)
    numbers = f"{format_number(ours)} against {format_number(theirs)}"
    tests = _tests_said(contest.tests)
    base = _called(baseline)
    match contest.outcome:
        case "beats":
            text = (
                f"{network.title} beats the best baseline, {base}, in {title}: {numbers}, better "
                f"by {share} ({tests})."
            )
        case "ahead":
            text = (
                f"{network.title} is ahead of the best baseline, {base}, in {title}: {numbers}, "
                f"better by {share}, which may be chance ({tests})."
            )
        case "behind":
            text = (
                f"No network beats the best baseline, {base}, in {title}: the best of them, "
                f"{network.title}, has {numbers}, worse by {share} ({tests})."
            )
        case "equal":
            text = (
                f"No network beats the best baseline, {base}, in {title}: the best of them, "
                f"{network.title}, has the same, {format_number(ours)}."
            )
        case _:
            text = (
                f"Nothing can be said of {title}: {network.title} and {base} have no image in "
                "common with a value."
            )
    return Verdict(metric.label, title, contest.outcome, text)


def _shared_means(*scores: Sequence[float]) -> tuple[float, ...]:
    """Return the mean of each over the images that all have a value of; NaN where there is none."""
    shared = [some for some in zip(*scores, strict=True) if all(map(isfinite, some))]
    return tuple(map(finite_mean, zip(*shared, strict=True))) if shared else (nan,) * len(scores)


def _share(ours: float, theirs: float) -> str:
    """Return a difference in percent of a baseline's score."""
    if not theirs:
        return "an unknown share"
    percent = f"{100 * abs(ours - theirs) / abs(theirs):.1f}"
    return "less than 0.1 %" if percent == "0.0" else f"{percent} %"


def _called(baseline: Standing) -> str:
    return "the input as it is" if baseline.kind == "input" else baseline.title


def _tests_said(tests: PairedTests) -> str:
    if tests.pairs < 2:
        return "one image, no test"
    return (
        f"{tests.pairs} images, paired t-test p {_equals(tests.t_p)}, Wilcoxon p "
        f"{_equals(tests.wilcoxon_p)}"
    )


def _equals(value: float) -> str:
    return f"= {p_text(value)}" if value >= 1e-6 else "< 1e-06"


def _together(found: Summary, verdicts: Sequence[Verdict]) -> str:
    """Return the outcome of all metrics in one sentence, or two."""
    if not any(one.kind == "network" for one in found.standings):
        return "No network was compared, filters alone."
    if not verdicts:
        return "Every metric is of one image alone, so that no method is said to be better."
    titles: dict[str, list[str]] = {}
    for one in verdicts:
        kind = "lost" if one.outcome in ("behind", "equal") else one.outcome
        titles.setdefault(kind, []).append(one.title)
    parts = []
    if lost := titles.get("lost"):
        which = f"{len(lost)} of {_counted(len(verdicts))}: {', '.join(lost)}"
        if len(lost) == len(verdicts):
            which = f"any of {_counted(len(verdicts))}" if len(lost) > 1 else lost[0]
        parts.append(f"No network beats the best baseline in {which}.")
    if beats := titles.get("beats"):
        parts.append(f"A network beats the best baseline in {', '.join(beats)}.")
    if ahead := titles.get("ahead"):
        parts.append(
            f"A network is ahead of the best baseline in {', '.join(ahead)}, which may be chance."
        )
    if unknown := titles.get("unknown"):
        parts.append(f"Nothing can be said of {', '.join(unknown)}.")
    return " ".join(parts)


def _counted(count: int) -> str:
    return "1 metric" if count == 1 else f"{count} metrics"


def _caution(images: int) -> str:
    if images == 1:
        return (
            "There is one image: nothing tells how far another one would differ, so there are no "
            "intervals and no tests, and no difference can be trusted."
        )
    return few_images(images)
