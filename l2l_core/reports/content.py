"""What a report is made of: plain results, without knowledge of how they came about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from attrs import Attribute, define, field
from numpy.typing import NDArray

from l2l_core.components.training import EpochRecord
from l2l_core.errors import ImageError
from l2l_core.images.image import Length

INPUT, RESTORATION, BENCHMARK, TRUTH = "input", "restoration", "benchmark", "truth"
"""Names of the usual images of an example, and of the candidates and references of a metric."""


@define(frozen=True, kw_only=True)
class MetricRow:
    """One metric of several candidates against one reference.

    Parameters
    ----------
    metric : str
        As a reader knows it: ``"SSIM"``.
    reference : str
        What the candidates are compared with: ``"benchmark"`` or ``"truth"``.
    values : dict of str to sequence of float
        For each candidate (``"input"``, ``"restoration"``, a baseline), the metric of each image.
    higher_is_better : bool
        The direction in which the best is marked.
    data_range : str
        What the metric is relative to, in words with its number: ``"1 (1st to 99.8th percentile
        of the benchmark)"``; ``"none"`` for a metric that has none.
    remark : str
        What was done before, such as ``"gain and offset fitted"``.
    """

    metric: str
    reference: str
    values: Mapping[str, Sequence[float]]
    higher_is_better: bool
    data_range: str
    remark: str = ""


def _are_planes(instance: Example, attribute: Attribute[Any], value: Mapping[str, Any]) -> None:
    shapes = {name: np.shape(plane) for name, plane in value.items()}
    if not shapes:
        raise ImageError(f"example {instance.name!r} has no image; expected at least one")
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ImageError(
            f"the images of example {instance.name!r} have the shapes {got}; expected planes "
            "(Y, X) of one shape"
        )


@define(frozen=True, kw_only=True, eq=False)
class Example:
    """One field, seen in several images side by side.

    Parameters
    ----------
    name : str
        Of the image, such as its file name.
    images : dict of str to ndarray, (Y, X)
        By name, in the order in which they are shown; any real dtype, each in its own unit.
    pixel_size : Length, optional
        Side of a pixel; a scale bar is drawn where it is known.
    """

    name: str
    images: Mapping[str, NDArray[Any]] = field(validator=_are_planes)
    pixel_size: Length | None = None


@define(frozen=True, kw_only=True)
class ChangeSeries:
    """How much a metric changed by one method, against the number of images.

    Parameters
    ----------
    name : str
        Of the method.
    points : dict of int to sequence of float
        For each number of images the relative change of each cross-validation, in percent.
    means : dict of int to (float, float, float)
        For each number of images the mean and the ends of its confidence interval; NaN where there
        is none.
    """

    name: str
    points: Mapping[int, Sequence[float]]
    means: Mapping[int, tuple[float, float, float]]


@define(frozen=True, kw_only=True)
class ChangePanel:
    """One metric of several methods, as one plot.

    Parameters
    ----------
    metric : str
        As a reader knows it.
    higher_is_better : bool
    series : sequence of ChangeSeries
        One for each method.
    """

    metric: str
    higher_is_better: bool
    series: Sequence[ChangeSeries]


@define(frozen=True, kw_only=True)
class TextTable:
    """A table of finished texts.

    Parameters
    ----------
    caption : str
    header : sequence of str
    rows : sequence of sequence of str
        Each as long as the header; further lines of a cell are written small.
    best : collection of (int, int)
        Row and column of each cell that is marked, from 0.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: Collection[tuple[int, int]] = ()


@define(frozen=True, kw_only=True)
class Finding:
    """One result in a sentence, said before everything else.

    Parameters
    ----------
    text : str
    tone : {"plain", "good", "warns"}
        Whether a reader may be glad, or has to look twice.
    """

    text: str
    tone: Literal["plain", "good", "warns"] = "plain"


@define(frozen=True, kw_only=True, eq=False)
class ReportContent:
    """Everything that a report says; what is left out is not shown.

    Parameters
    ----------
    title : str
    summary : str
        One paragraph: what was done, with which data and method.
    findings : sequence of Finding
        The first one is the most important.
    metrics : sequence of MetricRow
    changes : sequence of ChangePanel
        Of a cross-validation, drawn side by side.
    tables : sequence of TextTable
    examples : sequence of Example
    history : sequence of EpochRecord
        Of the training, in order.
    config : str
        The run's TOML file, verbatim.
    facts : dict of str to str
        Versions, seed, engine, device, durations and so on, by their names.
    notes : sequence of str
        Further sentences that a reader has to know before the tables.
    remarks : sequence of str
        Those that can wait until after the images.
    baseline : str
        The candidate that a restoration has to beat, as it is named in `metrics`.
    """

    title: str
    summary: str
    findings: Sequence[Finding] = ()
    metrics: Sequence[MetricRow] = ()
    changes: Sequence[ChangePanel] = ()
    tables: Sequence[TextTable] = ()
    examples: Sequence[Example] = ()
    history: Sequence[EpochRecord] = ()
    config: str = ""
    facts: Mapping[str, str] = field(factory=dict)
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()
    baseline: str = "gaussian"
