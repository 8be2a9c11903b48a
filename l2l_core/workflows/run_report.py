"""The report of a training run: what the model makes of its validation images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import fields_dict

from l2l_core.components.training import EpochRecord
from l2l_core.data.splits import narrowed
from l2l_core.errors import ImageError
from l2l_core.images.axes import reorder
from l2l_core.models.model_file import read_record
from l2l_core.models.run_folder import RunFolder
from l2l_core.reports.content import BENCHMARK, INPUT, RESTORATION, ReportContent
from l2l_core.reports.html import write_report
from l2l_core.workflows.comparison import GAUSSIAN, Case, compare, examples
from l2l_core.workflows.model import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from l2l_core.components.training import Events
    from l2l_core.data.splits import Region
    from l2l_core.data.training_set import TrainingSet
    from l2l_core.models.model_file import ModelRecord
    from l2l_core.reports.content import MetricRow
    from l2l_core.workflows.model import Model

_CASES, _SHOWN, _SIDE, _DEPTH = 12, 4, 768, 16
"""Planes that are scored and shown at the most, and sides of what is restored of an image."""


def write_run_report(
    folder: RunFolder, record: ModelRecord, data: TrainingSet, *, display: Events
) -> None:
    """Write ``report.html`` of a finished run.

    Parameters
    ----------
    folder : RunFolder
        The run, its model written.
    record : ModelRecord
        The model.
    data : TrainingSet
        What it was trained on.
    display : Events
        Told where the report is.
    """
    cases: list[Case] = []
    if data.split.validation:
        backend = record.training["engine"] or "auto"
        device = record.training["config"]["restorer"]["device"]
        with load_model(folder.model, backend=backend, device=device) as model:
            for region in _spread(data.split.validation):
                cases.extend(validation_cases(model, region))
                if len(cases) >= _CASES:
                    break
    cases = cases[:_CASES]
    rows, note = _scored(cases)
    write_report(
        folder.report,
        ReportContent(
            title=f"Training run {folder.path.name}",
            summary=_summary(record, data),
            metrics=rows,
            examples=examples(cases[:_SHOWN]),
            history=history(folder.path),
            config=folder.config_text,
            facts=run_facts(folder.path),
            notes=(note,),
            baseline=GAUSSIAN,
        ),
    )
    display.message(f"wrote the report {folder.report}")


def _scored(cases: Sequence[Case]) -> tuple[tuple[MetricRow, ...], str]:
    """Return the rows of a report's table and a note on them; no rows where there is nothing."""
    if not cases:
        return (), "There was no validation, so nothing is scored."
    try:
        comparison = compare(cases)
    except ImageError:
        # A run is finished whatever its images are like.
        return (), "Every benchmark plane that validated is constant, so nothing is scored."
    return comparison.rows, comparison.note


def history(run: Path) -> tuple[EpochRecord, ...]:
    """Return the epochs of a run's log."""
    names = fields_dict(EpochRecord).keys()
    return tuple(
        EpochRecord(**{key: value for key, value in line.items() if key in names})
        for line in RunFolder.open(run).read_log()
    )


def run_facts(run: Path) -> dict[str, str]:
    """Return what a reader wants to know of a finished run, by its names."""
    record = read_record(RunFolder.open(run).model)
    training = record.training
    found = {
        "method": f"{record.restorer} on {training['engine'] or 'no framework'}",
        "supplied by": record.supplier,
        "model": record.sha256[:16],
        "pairs": str(training["pairs"]),
        "split": training["split"],
        "best epoch": f"{training['fit']['best_epoch']} of {training['fit']['epochs']}",
        "seed": str(training["config"]["seed"]),
        "seconds in epochs": f"{sum(epoch.seconds for epoch in history(run)):.0f}",
    }
    if training["overrides"]:
        found["overrides"] = ", ".join(training["overrides"])
    found |= {f"version of {name}": text for name, text in training["versions"].items()}
    found |= {f"plugin {name}": text for name, text in training["plugins"].items()}
    return found


def validation_cases(model: Model, region: Region) -> Iterator[Case]:
    """Restore what of a pair validates, and yield it plane by plane; first channels only.

    It is normalised by the numbers of the whole image, as it is when that is restored.
    """
    one = narrowed(region.pair.input, [region])
    other = narrowed(region.pair.target, [region])
    window = {
        axis: _middle(size, {"Y": _SIDE, "X": _SIDE}.get(axis, _DEPTH))
        for axis, size in zip(one.axes, one.shape, strict=True)
        if axis != "C"
    }
    pixels, wanted = one.read(**window), other.read(**window)
    restored = model.restore(pixels, one.axes, statistics=model.measure(region.pair.input))
    planes = {
        INPUT: _planes(pixels, one.axes),
        RESTORATION: _planes(restored, model.output_axes(one.axes)),
        BENCHMARK: _planes(wanted, other.axes),
    }
    count = len(planes[INPUT])
    for index in range(count):
        plane = f", plane {index + 1} of {count}" if count > 1 else ""
        yield Case(
            name=f"{region.pair.name}{plane}",
            images={name: values[index] for name, values in planes.items()},
            pixel_size=one.info.pixel_size.get("X"),
        )


def _middle(size: int, side: int) -> slice:
    start = max(0, (size - side) // 2)
    return slice(start, min(size, start + side))


def _planes(pixels: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return the planes (N, Y, X) of the first channel."""
    ordered = reorder(pixels, axes, "CTZYX")[0]
    return np.asarray(ordered.reshape(-1, *ordered.shape[-2:]))


def _spread(regions: Sequence[Region]) -> list[Region]:
    """Return some regions from the whole of a list: its ends look alike more than its middle."""
    step = max(1, len(regions) // _CASES)
    return list(regions[::step])


def _summary(record: ModelRecord, data: TrainingSet) -> str:
    pairs = len(data.pairs.pairs)
    losses = record.training["config"]["loss"]
    named = ", ".join(
        one["name"] if role == "target" else f"{one['name']} ({role})"
        for role, one in losses.items()
    )
    return (
        f"The restorer {record.restorer!r} was trained with the loss {named} on {pairs} "
        f"pair{'s' * (pairs != 1)} of images. {data.split.sentence} What follows was computed on "
        "images that validated: they chose the best epoch, and taught the network nothing else."
    )
