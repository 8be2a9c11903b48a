"""The picture of a cross-validation: relative change against the number of images."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from l2l_core.reports.figures import LIGHT, Theme, dress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from l2l_core.reports.content import ChangePanel, ChangeSeries

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c959f")
"""Distinguishable with defective colour vision (Okabe & Ito 2008), on light and on dark."""

_MARKERS = "osD^vPX"
_ACROSS = 2
"""Panels in a row."""


def change_figure(panels: Sequence[ChangePanel], *, theme: Theme = LIGHT) -> Figure:
    """Draw relative changes against the number of images, a panel for each metric.

    A point is a cross-validation, a colour and a marker a method; methods stand side by side, as
    the numbers of images are evenly spaced.  A bar is the mean, with its confidence interval where
    there is one.  Panels have scales of their own.

    Parameters
    ----------
    panels : sequence of ChangePanel
        At least one, all with the same methods.
    theme : Theme
    """
    columns = min(_ACROSS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(
        figsize=(4.1 * columns + 0.3, 3.3 * rows + 0.5), facecolor=theme.paper, layout="constrained"
    )
    numbers = sorted({number for one in panels for s in one.series for number in s.points})
    for index, panel in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        _draw(axes, panel, numbers, theme)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(3, len(labels)),
        frameon=False,
        fontsize=8.5,
    )
    for text in legend.get_texts():
        text.set_color(theme.ink)
    return figure


def _draw(axes: Axes, panel: ChangePanel, numbers: Sequence[int], theme: Theme) -> None:
    axes.axhline(0.0, color=theme.ink, linewidth=1.0, linestyle="--", zorder=1)
    width = 0.8 / len(panel.series)
    for index, series in enumerate(panel.series):
        shift = (index - (len(panel.series) - 1) / 2) * width
        _draw_series(axes, series, numbers, shift, width, index, theme)
    better = "higher" if panel.higher_is_better else "lower"
    axes.set_title(f"{panel.metric} ({better} is better)", color=theme.ink, fontsize=10.5)
    axes.set_xticks(range(len(numbers)), [str(number) for number in numbers])
    axes.set_xlim(-0.5, len(numbers) - 0.5)
    axes.set_xlabel("number of images, N")
    axes.set_ylabel("relative change (%)")
    dress(axes, theme)
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.08)


def _draw_series(
    axes: Axes,
    series: ChangeSeries,
    numbers: Sequence[int],
    shift: float,
    width: float,
    index: int,
    theme: Theme,
) -> None:
    colour = _COLOURS[index % len(_COLOURS)]
    places, values = [], []
    for place, number in enumerate(numbers):
        points = series.points.get(number, ())
        # Evenly side by side, in their order: nothing is random in a picture.
        offsets = (np.arange(len(points)) - (len(points) - 1) / 2) / max(len(points), 1)
        places += [place + shift + 0.55 * width * float(offset) for offset in offsets]
        values += list(points)
        mean, low, high = series.means.get(number, (np.nan,) * 3)
        if not isfinite(mean):
            continue
        reach = 0.36 * width
        middle = place + shift
        axes.hlines(mean, middle - reach, middle + reach, color=theme.ink, linewidth=1.6, zorder=4)
        if isfinite(low):
            axes.errorbar(
                middle,
                mean,
                [[mean - low], [high - mean]],
                color=theme.ink,
                linewidth=1.0,
                capsize=3,
                zorder=4,
            )
    axes.plot(
        places,
        values,
        linestyle="none",
        marker=_MARKERS[index % len(_MARKERS)],
        markersize=5.5,
        color=colour,
        markeredgecolor=theme.paper,
        markeredgewidth=0.5,
        alpha=0.9,
        label=series.name,
        zorder=3,
    )
