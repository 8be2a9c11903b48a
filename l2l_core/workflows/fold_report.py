"""What a cross-validation leaves behind: lines of JSON, a summary, a picture and a page."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.images.replacing import replacing
from l2l_core.models.facts import plain, to_json
from l2l_core.workflows.fold_scores import DATA_RANGE_SOURCE
from l2l_core.workflows.fold_statistics import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l2l_core.reports.content import ChangePanel
    from l2l_core.workflows.fold_summary import Change, Contest, Row, Summary

FEWEST_FOR_TESTS = 6
"""Pairs from which on the two-sided Wilcoxon test can fall below 0.05: 2 / 2^6 = 0.03."""

_ONE_SET = (
    "Cross-validations draw from one set of images, and are the more alike the nearer their number "
    "comes to all: the intervals tell of the draw, the division and the training, and are too "
    "narrow for what other images would give."
)


@define(frozen=True)
class Files:
    """What was written.

    Parameters
    ----------
    results : Path
        One line of JSON for each held-out image and method.
    summary : Path
        Changes and tests as JSON.
    picture : Path
        Relative change against the number of images, as PNG.
    report : Path
        Picture and tables as one HTML page.
    """

    results: Path
    summary: Path
    picture: Path
    report: Path


@define(frozen=True)
class About:
    """What a reader of the results has to know.

    Parameters
    ----------
    config : str
        The configuration, verbatim.
    overrides : tuple of str
    folds, groups, seed : int
        Number of folds, of images (groups) in all, and the seed of the draws.
    trained : bool
        Whether anything was.
    epochs : int, optional
        For all images, where they are in proportion to the images; None where they are fixed.
    tuned_by : str
        The metric that chose filters' options; empty where nothing was tuned.
    """

    config: str
    overrides: tuple[str, ...]
    folds: int
    groups: int
    seed: int
    trained: bool
    epochs: int | None
    tuned_by: str


def write_results(out: Path, rows: Sequence[Row], summary: Summary, about: About) -> Files:
    """Write everything, each file as a whole.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    from l2l_core.reports.content import ReportContent, TextTable
    from l2l_core.reports.html import write_change_png, write_report

    files = Files(
        out / "results.jsonl",
        out / "summary.json",
        out / "relative-change.png",
        out / "report.html",
    )
    with replacing(files.results) as new:
        lines = (json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)
        new.write_text("".join(lines), encoding="utf-8")
    with replacing(files.summary) as new:
        new.write_text(to_json(plain(summary.to_dict())), encoding="utf-8")
    panels = _panels(summary)
    write_change_png(files.picture, panels)
    facts = {
        "images (groups) in all": str(about.groups),
        "folds": str(about.folds),
        "seed of the draws": str(about.seed),
        "cross-validations": ", ".join(
            f"{len(one.points)} with {one.images} images" for one in _by_number(summary)
        ),
        "data range": f"1 ({DATA_RANGE_SOURCE})",
    }
    if about.overrides:
        facts["overrides"] = ", ".join(about.overrides)
    content = ReportContent(
        title=f"Cross-validation {out.name}",
        summary=_sentence(about),
        changes=panels,
        tables=(
            TextTable(
                caption="Relative change from input to restoration, the mean over "
                f"cross-validations (CVs), and in brackets its {LEVEL:.0%} confidence interval by "
                "Student's t; input and restoration are means over all images that were held out.",
                header=("Metric", "Images", "Method", "Change", "Input", "Restoration", "CVs"),
                rows=tuple(map(change_cells, summary.changes)),
            ),
            TextTable(
                caption="Paired tests, two-sided, with one pair an image. p is not corrected for "
                "the number of tests.",
                header=("Metric", "Images", "Pair", "Better", "Pairs", "t-test p", "Wilcoxon p"),
                rows=tuple(map(contest_cells, summary.contests)),
            ),
        ),
        config=about.config,
        facts=facts,
        notes=_notes(about, summary),
    )
    write_report(files.report, content)
    return files


def change_cells(one: Change) -> tuple[str, ...]:
    """Return a change as the cells of a table."""
    change = _percent(one.mean.mean)
    if isfinite(one.mean.low):
        change += f" [{_percent(one.mean.low)}, {_percent(one.mean.high)}]"
    return (
        one.title,
        str(one.images),
        one.method,
        change,
        _number(one.input),
        _number(one.restoration),
        str(len(one.points)),
    )


def contest_cells(one: Contest) -> tuple[str, ...]:
    """Return a contest as the cells of a table."""
    return (
        one.title,
        str(one.images),
        f"{one.first} / {one.second}",
        one.better or "—",
        str(one.tests.pairs),
        p_text(one.tests.t_p),
        p_text(one.tests.wilcoxon_p),
    )


def _panels(summary: Summary) -> tuple[ChangePanel, ...]:
    from l2l_core.reports.content import ChangePanel, ChangeSeries

    found: dict[str, dict[str, list[Change]]] = {}
    for one in summary.changes:
        found.setdefault(one.metric, {}).setdefault(one.method, []).append(one)
    return tuple(
        ChangePanel(
            metric=next(iter(methods.values()))[0].title,
            higher_is_better=next(iter(methods.values()))[0].higher_is_better,
            series=tuple(
                ChangeSeries(
                    name=method,
                    points={one.images: one.points for one in changes},
                    means={
                        one.images: (one.mean.mean, one.mean.low, one.mean.high) for one in changes
                    },
                )
                for method, changes in methods.items()
            ),
        )
        for methods in found.values()
    )


def _by_number(summary: Summary) -> list[Change]:
    """Return one change for each number of images."""
    return list({one.images: one for one in summary.changes}.values())


def _sentence(about: About) -> str:
    return (
        f"Repeated {about.folds}-fold cross-validation by image: of {about.groups} images (groups) "
        "as many as given below are drawn at random and divided into folds, and what is held out "
        "of a fold is restored by what learnt from the other folds alone. Input and restoration "
        "are scored against the benchmark, plane by plane, after one gain and one offset were "
        "fitted to each; every line of results.jsonl has them."
    )


def cautions(summary: Summary) -> tuple[str, ...]:
    """Return what has to be known before intervals and tests are believed."""
    fewest = min((one.tests.pairs for one in summary.contests), default=FEWEST_FOR_TESTS)
    return tuple(filter(None, (_ONE_SET, few_images(fewest))))


def few_images(images: int) -> str:
    """Return that a test of so few images can hardly find anything; nothing where it can."""
    if not 1 < images < FEWEST_FOR_TESTS:
        return ""
    return (
        f"With {images} images a test has hardly any power: the Wilcoxon test cannot fall "
        f"below p = {p_text(2 / 2**images)}, and the t-test finds large differences alone. "
        f"Compare on {FEWEST_FOR_TESTS} images or more before a difference is trusted."
    )


def _notes(about: About, summary: Summary) -> tuple[str, ...]:
    found = [*cautions(summary)]
    if about.trained and about.epochs is not None:
        found.append(
            f"Epochs are in proportion to the number of images: {about.epochs} for all "
            f"{about.groups}."
        )
    if about.tuned_by:
        found.append(
            f"Filters that are tuned have the options with the best {about.tuned_by} on the images "
            "that train; those that are held out take no part."
        )
    return tuple(found)


def _percent(value: float) -> str:
    return f"{value:+.1f} %" if isfinite(value) else "—"


def _number(value: float) -> str:
    return f"{value:.4g}" if isfinite(value) else "—"


def p_text(value: float) -> str:
    """Return a p as a reader wants it; a dash for NaN."""
    if not isfinite(value):
        return "—"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def to_plain(summary: Summary, files: Files) -> dict[str, Any]:
    """Return what a program wants to know, in plain values."""
    return {
        **summary.to_dict(),
        "results": str(files.results),
        "summary": str(files.summary),
        "picture": str(files.picture),
        "report": str(files.report),
    }
