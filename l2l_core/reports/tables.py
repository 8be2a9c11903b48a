"""Metrics as a table, and what they say in sentences."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from attrs import define

from l2l_core.reports.content import INPUT, RESTORATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from l2l_core.reports.content import MetricRow


@define(frozen=True)
class Cell:
    """One candidate's result in a table.

    Parameters
    ----------
    text : str
        ``"0.612 ± 0.034"``; a dash where there is no value.
    best : bool
        Whether no other candidate of the row has a better mean.
    """

    text: str
    best: bool


@define(frozen=True)
class TableRow:
    """One line of a table: the metric, its direction and data range, a cell for each candidate."""

    metric: str
    direction: str
    data_range: str
    remark: str
    images: int
    cells: tuple[Cell, ...]


@define(frozen=True)
class Table:
    """All metrics against one reference."""

    reference: str
    candidates: tuple[str, ...]
    rows: tuple[TableRow, ...]


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Return mean and sample standard deviation of the finite values; no deviation of one value.

    NaN for the mean where no value is finite.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return math.nan, None
    return statistics.fmean(finite), statistics.stdev(finite) if len(finite) > 1 else None


def format_number(value: float, like: float | None = None) -> str:
    """Return a number with three or four digits that count; a dash for NaN.

    Parameters
    ----------
    value : float
    like : float, optional
        A number whose decimals are taken instead, a mean for its deviation.
    """
    scale = abs(value if like is None else like)
    if math.isnan(value) or math.isnan(scale):
        return "—"
    if scale == 0 or 0.001 <= scale < 10:
        return f"{value:.3f}"
    return f"{value:.2f}" if 10 <= scale < 10_000 else f"{value:.2e}"


def tabulate(metrics: Iterable[MetricRow]) -> tuple[Table, ...]:
    """Return a table for each reference, in the order in which the references first come."""
    by_reference: dict[str, list[MetricRow]] = {}
    for row in metrics:
        by_reference.setdefault(row.reference, []).append(row)
    tables = []
    for reference, rows in by_reference.items():
        candidates = tuple(dict.fromkeys(name for row in rows for name in row.values))
        table_rows = tuple(_table_row(row, candidates) for row in rows)
        tables.append(Table(reference, candidates, table_rows))
    return tuple(tables)


def _table_row(row: MetricRow, candidates: Sequence[str]) -> TableRow:
    results = {name: mean_and_deviation(row.values.get(name, ())) for name in candidates}
    means = [mean for mean, _ in results.values() if not math.isnan(mean)]
    best = (max if row.higher_is_better else min)(means, default=math.nan)
    cells = []
    for mean, deviation in results.values():
        text = format_number(mean)
        if deviation is not None:
            text += f" ± {format_number(deviation, like=mean)}"
        cells.append(Cell(text, mean == best))
    return TableRow(
        metric=row.metric,
        direction="higher is better" if row.higher_is_better else "lower is better",
        data_range=row.data_range,
        remark=row.remark,
        images=max((len(values) for values in row.values.values()), default=0),
        cells=tuple(cells),
    )


def outcome(metrics: Iterable[MetricRow]) -> str:
    """Return in words how the restoration compares with the input; empty without such values."""
    changes: dict[str, list[str]] = {}
    for row in metrics:
        before, after = (
            mean_and_deviation(row.values.get(name, ()))[0] for name in (INPUT, RESTORATION)
        )
        if math.isnan(before) or math.isnan(after):
            continue
        better = "better" if (after > before) == row.higher_is_better else "worse"
        changes.setdefault(row.reference, []).append(
            f"{row.metric} from {format_number(before)} to {format_number(after)} "
            f"({better if after != before else 'equal'})"
        )
    return " ".join(
        f"Against the {reference}, from input to restoration: {', '.join(parts)}."
        for reference, parts in changes.items()
    )


def shortfall(metrics: Iterable[MetricRow], baseline: str) -> str:
    """Return a warning where the restoration does not beat the baseline; empty if it always does.

    Parameters
    ----------
    metrics : iterable of MetricRow
        Rows that lack one of both are not counted.
    baseline : str
        Name of the candidate, such as ``"gaussian"``.
    """
    compared, lost = 0, []
    for row in metrics:
        theirs, ours = (
            mean_and_deviation(row.values.get(name, ()))[0] for name in (baseline, RESTORATION)
        )
        if math.isnan(theirs):
            continue
        compared += 1
        if not (ours > theirs if row.higher_is_better else ours < theirs):
            lost.append(
                f"{row.metric} against the {row.reference} ({format_number(ours)}, baseline "
                f"{format_number(theirs)})"
            )
    if not lost:
        return ""
    filtered = f"the filtered input ({baseline})"
    return (
        f"The restoration does not beat {filtered} in {len(lost)} of {compared} comparisons: "
        f"{'; '.join(lost)}. A plain filter may serve as well on these images."
    )
