"""What a comparison leaves behind: lines of JSON, a summary, and a page with the same crops."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import define

from l2l_core.images.reading import open_image
from l2l_core.images.replacing import replacing
from l2l_core.models.facts import plain, to_json
from l2l_core.reports.content import (
    BENCHMARK,
    INPUT,
    TRUTH,
    Example,
    Finding,
    ReportContent,
    TextTable,
)
from l2l_core.reports.tables import format_number
from l2l_core.workflows.compared_work import plane_shown
from l2l_core.workflows.fold_report import p_text
from l2l_core.workflows.fold_scores import DATA_RANGE_SOURCE
from l2l_core.workflows.fold_statistics import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from l2l_core.images.image import Image
    from l2l_core.workflows.compared_images import ComparedImages
    from l2l_core.workflows.compared_summary import Contest, Standing, Summary
    from l2l_core.workflows.compared_work import Row
    from l2l_core.workflows.fold_scores import ChosenMetric

FITTED = (
    f"Data range 1 ({DATA_RANGE_SOURCE}); one gain and one offset of every plane are fitted to the "
    "reference, and stand in every line of results.jsonl. Metrics of one image alone, such as "
    "contrast, are taken of it as it is."
)

_CHOSEN = (
    "The best network and the best baseline of each metric are chosen on the very images that they "
    "are compared on, and p is not corrected for the number of tests: of many networks one is "
    "ahead by chance."
)
_CONTRAST = (
    "Contrast tells how far bright pixels stand above the rest, whether they are real or not: a "
    "filter that cuts the background away has much of it."
)
_OUTCOMES = {
    "beats": "beats it",
    "ahead": "ahead, may be chance",
    "equal": "equal",
    "behind": "behind",
    "unknown": "—",
}

_TONES: Mapping[str, Literal["plain", "good", "warns"]] = {
    "beats": "good",
    "ahead": "plain",
    "equal": "warns",
    "behind": "warns",
    "unknown": "plain",
}


@define(frozen=True)
class Files:
    """What was written.

    Parameters
    ----------
    results : Path
        One line of JSON for each image and method.
    summary : Path
        Means, intervals, tests and sentences as JSON.
    report : Path
        All of it as one HTML page.
    """

    results: Path
    summary: Path
    report: Path


@define(frozen=True)
class About:
    """What a reader of the results has to know.

    Parameters
    ----------
    config : str
        The configuration, verbatim; empty where there is none.
    overrides : tuple of str
    sentence : str
        Which images are compared.
    trained : tuple of str
        Labels of what was trained here.
    learnt : int
        Images (groups) of the configuration that this was trained on.
    tuned_on : int
        Images that filters were tuned on; 0 where none was.
    remarks : tuple of str
        Further sentences.
    methods : dict
        For each method in words how it came about.
    """

    config: str
    overrides: tuple[str, ...]
    sentence: str
    trained: tuple[str, ...]
    learnt: int
    tuned_on: int
    remarks: tuple[str, ...]
    methods: Mapping[str, str]


def write_results(
    out: Path, rows: Sequence[Row], summary: Summary, images: ComparedImages, about: About
) -> Files:
    """Write everything, each file as a whole.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    from l2l_core.reports.html import write_report

    files = Files(out / "results.jsonl", out / "summary.json", out / "report.html")
    with replacing(files.results) as new:
        lines = (json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)
        new.write_text("".join(lines), encoding="utf-8")
    with replacing(files.summary) as new:
        new.write_text(to_json(plain(to_plain(summary, about))), encoding="utf-8")
    tables = [_table(summary)]
    tests = [one.tests for one in summary.contests]
    # One image leaves a dash at every test, which tells nobody anything.
    if not all(isnan(one.t_p) and isnan(one.wilcoxon_p) for one in tests):
        tables.append(
            TextTable(
                caption="Every network against the best baseline of each metric: paired tests, "
                "two-sided, with one pair an image. p is not corrected for the number of tests.",
                header=("Metric", "Network", "Best baseline", "The network is", "Pairs",
                        "t-test p", "Wilcoxon p"),
                rows=tuple(map(contest_cells, summary.contests)),
            )
        )  # fmt: skip
    content = ReportContent(
        title=f"Comparison {out.resolve().name}",
        summary=_sentence(summary, about),
        findings=_findings(summary),
        tables=tables,
        examples=_examples(out, rows, summary, images),
        config=about.config,
        facts=_facts(summary, about),
        remarks=[FITTED, *_remarks(summary, about)],
    )
    write_report(files.report, content)
    return files


def to_plain(summary: Summary, about: About) -> dict[str, Any]:
    """Return what a program wants to know, in plain values."""
    return {
        **summary.to_dict(),
        "data_range": 1.0,
        "data_range_source": DATA_RANGE_SOURCE,
        "fitted": "one gain and one offset a plane",
        "compared_on": about.sentence,
        "tuned_on": about.tuned_on,
        "remarks": list(about.remarks),
    }


def header_cells(summary: Summary) -> tuple[str, ...]:
    """Return the head of the table of methods; a metric of one image alone has no arrow."""
    arrows = {True: " ↑", False: " ↓"}
    titles = (
        one.title + (arrows[one.higher_is_better] if one.reference else "")
        for one in summary.metrics
    )
    return ("Method", *titles)


def standing_cells(one: Standing, metrics: Sequence[ChosenMetric]) -> tuple[str, ...]:
    """Return a method as the cells of a table: for each metric its mean and interval."""
    return (one.title, *(_mean(one, metric) for metric in metrics))


def contest_cells(one: Contest) -> tuple[str, ...]:
    """Return a network against the best baseline as the cells of a table."""
    return (
        one.title,
        one.network,
        one.baseline,
        _OUTCOMES[one.outcome],
        str(one.tests.pairs),
        p_text(one.tests.t_p),
        p_text(one.tests.wilcoxon_p),
    )


def best_cells(summary: Summary) -> set[tuple[int, int]]:
    """Return row and column, from 0, of the best method of each metric that has a verdict."""
    found: set[tuple[int, int]] = set()
    for column, metric in enumerate(summary.metrics, start=1):
        if not metric.reference:
            continue
        best = summary.leaders(metric, "input", "filter", "network")
        found |= {(row, column) for row, one in enumerate(summary.standings) if one in best}
    return found


def beside_table(summary: Summary) -> str:
    """Return which metrics of the table decide nothing, and why; empty where all do."""
    titles = [one.title for one in summary.metrics if not one.reference]
    if not titles:
        return ""
    are, no_verdict = ("is", "has") if len(titles) == 1 else ("are", "have")
    return (
        f"{', '.join(titles)} {are} of one image alone and {no_verdict} no verdict: a higher "
        "contrast or a finer resolution is no evidence that what is seen is true."
    )


def _mean(one: Standing, metric: ChosenMetric) -> str:
    found = one.means[metric.label]
    text = format_number(found.mean)
    if isfinite(found.low):
        ends = (format_number(end, like=found.mean) for end in (found.low, found.high))
        text += f" [{', '.join(ends)}]"
    missing = len(one.values[metric.label]) - found.count
    return f"{text}, {missing} without" if missing else text


def _table(summary: Summary) -> TextTable:
    count = len(summary.images)
    shown = f"the mean over {count} images" if count > 1 else "of one image"
    if count > 1:
        shown += f", and in brackets its {LEVEL:.0%} confidence interval by Student's t"
    means = [mean for one in summary.standings for mean in one.means.values()]
    lacks = any(mean.count < count for mean in means)
    ranked = ", by the images that all methods have a score of" if lacks else ""
    return TextTable(
        caption=f"Each metric: {shown}. ↑ higher is better, ↓ lower is better; the best of each "
        f"column is marked{ranked}. The input comes first, then filters, then networks. "
        f"{beside_table(summary)}".rstrip(),
        header=header_cells(summary),
        # What stands in brackets gets a line of its own.
        rows=tuple(
            tuple(
                re.sub(r" (?=[\[(])", "\n", cell, count=1)
                for cell in standing_cells(one, summary.metrics)
            )
            for one in summary.standings
        ),
        best=best_cells(summary),
    )


def _findings(summary: Summary) -> list[Finding]:
    tones = [_TONES[one.outcome] for one in summary.verdicts]
    found = [Finding(text=summary.verdict, tone="warns" if "warns" in tones else "plain")]
    if summary.caution:
        found.append(Finding(text=summary.caution, tone="warns"))
    if summary.contests:
        found += [
            Finding(text=one.text, tone=tone)
            for one, tone in zip(summary.verdicts, tones, strict=True)
        ]
    return found


def _sentence(summary: Summary, about: About) -> str:
    count = len(summary.images)
    kinds = [one.kind for one in summary.standings]
    return (
        f"{_several(kinds.count('network'), 'network')} and "
        f"{_several(kinds.count('filter'), 'filter')} restored {_several(count, 'image')}. "
        f"{about.sentence} Input and restorations are scored against the benchmark, or the truth "
        "where it says so, plane by plane."
    )


def _several(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _remarks(summary: Summary, about: About) -> list[str]:
    found = list(about.remarks)
    if about.tuned_on:
        found.append(
            f"Filters that are tuned have the options with the best {summary.metrics[0].title} on "
            f"{_several(about.tuned_on, 'image')} that train; those that are compared on take no "
            "part."
        )
    kinds = {one.kind for one in summary.standings}
    if "network" in kinds:
        found.append(_CHOSEN)
        if "filter" not in kinds:
            found.append("No filter was compared, so that the baseline is the input as it is.")
    if any("contrast" in one.label and one.reference for one in summary.metrics):
        found.append(_CONTRAST)
    return found


def _facts(summary: Summary, about: About) -> dict[str, str]:
    found = {"images compared on": ", ".join(summary.images)}
    if about.trained:
        found["trained on"] = f"{_several(about.learnt, 'image')} (groups)"
    if about.overrides:
        found["overrides"] = ", ".join(about.overrides)
    return found | dict(about.methods)


def _examples(
    out: Path, rows: Sequence[Row], summary: Summary, images: ComparedImages
) -> list[Example]:
    """Return the best, the median and the worst image of the best network, in all methods."""
    found = []
    for index, said in _shown(summary).items():
        pair = images.pairs[index]
        shown = {INPUT: _plane(pair.input)}
        for row in rows[index :: len(summary.images)]:
            if row["kind"] != "input":
                with open_image(out / row["restoration"]) as image:
                    shown[row["title"]] = _plane(image)
        shown[BENCHMARK] = _plane(pair.target)
        truth = images.truths.get((pair.group, pair.name))
        if truth is not None:
            shown[TRUTH] = _plane(truth)
        size = pair.input.info.pixel_size.get("X")
        found.append(Example(name=f"{pair.name}: {said}", images=shown, pixel_size=size))
    return found


def _shown(summary: Summary) -> dict[int, str]:
    """Return which images are shown, and why."""
    metric = next((one for one in summary.metrics if one.reference), summary.metrics[0])
    guide = summary.best(metric, "network") or summary.best(metric, "filter", "input")
    if guide is None:
        return dict.fromkeys(range(min(3, len(summary.images))), "no score")
    values = guide.values[metric.label]
    sign = -1 if metric.higher_is_better else 1
    known = [index for index, value in enumerate(values) if isfinite(value)]
    order = sorted(known, key=lambda index: sign * values[index])
    places = {order[0]: "best", order[len(order) // 2]: "median", order[-1]: "worst"}
    if len(order) == 1:
        places = {order[0]: "the only image"}
    elif len(order) == 2:
        places = {order[0]: "better", order[1]: "worse"}
    return {
        index: f"{said}, {metric.title} {format_number(values[index])} by {guide.title}"
        for index, said in places.items()
    }


def _plane(image: Image) -> NDArray[Any]:
    return plane_shown(image.read(), image.axes)
