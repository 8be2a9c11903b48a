"""Score planes of a held-out image against the benchmark, and say what was fitted.

As in a run's report the benchmark is scaled so that its 1st and 99.8th percentile are 0 and 1,
which is the data range, and every plane is fitted to it with one gain and one offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define

from l2l_core.components.factory import get
from l2l_core.components.metric import Metric
from l2l_core.components.registry import registry
from l2l_core.errors import ImageError, OptionsError, StatisticsError
from l2l_core.images.axes import reorder
from l2l_core.images.matching import fit_gain
from l2l_core.workflows.comparison import matched_score, scaled
from l2l_core.workflows.filters import parse_options
from l2l_core.workflows.fold_methods import split_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DEFAULT_METRICS = ("nrmse", "ms_ssim:preset='paper-5'")
_CAPITALS = {
    **{word: word.upper() for word in ("psnr", "nrmse", "ssim", "rse", "rsp", "frc", "rms")},
    "michelson": "Michelson",
    "pearson": "Pearson",
}
DATA_RANGE_SOURCE = "1st to 99.8th percentile of the reference plane"


@define(frozen=True, eq=False)
class ChosenMetric:
    """A metric with its options.

    Parameters
    ----------
    label : str
        As it was asked for.
    title : str
        As a reader knows it, with its unit.
    metric : Metric
    higher_is_better : bool
    reference : str
        What it is held against: ``"benchmark"``, ``"truth"`` for a metric that needs that, or
        nothing for a metric of one image alone.
    """

    label: str
    title: str
    metric: Metric
    higher_is_better: bool
    reference: str


@define(frozen=True)
class PlaneScores:
    """Scores of an image, plane by plane and channel by channel.

    Parameters
    ----------
    values : dict
        For the label of each metric one value a plane; NaN where the benchmark is constant.
    gains, offsets : tuple of float
        What took each plane to the scaled benchmark.
    """

    values: Mapping[str, tuple[float, ...]]
    gains: tuple[float, ...]
    offsets: tuple[float, ...]


def choose_metrics(
    specs: Sequence[str], *, truth: bool = False, alone: bool = False
) -> tuple[ChosenMetric, ...]:
    """Return metrics by ``"name"`` or ``"name:option=value,..."``.

    Parameters
    ----------
    specs : sequence of str
    truth : bool, optional
        Whether there is a truth beside the benchmark.
    alone : bool, optional
        Whether a metric of one image alone will do.

    Raises
    ------
    OptionsError
        If one is not of this form, or is given twice.
    UnknownComponentError
        If there is none of a name.
    ImageError
        If one does not compare with a reference, or needs a truth that is not there.
    """
    found = []
    for spec in specs:
        name, text = split_spec(spec, "metric")
        options = parse_options(text, where=spec)
        metric = get("metric", name, **options)
        info: Any = registry().find("metric", name).info
        if not info.needs_reference and not alone:
            raise ImageError(
                f"the metric {name!r} looks at one image alone and compares with no benchmark; "
                "take one that does, such as nrmse, ssim or ms_ssim"
            )
        if info.needs_truth and not truth:
            raise ImageError(
                f"the metric {name!r} needs the truth, and a benchmark is none; give the true "
                "images of simulated specimens (--truth), or take another metric"
            )
        title = _title(name, options, info.unit_with(options)) + (
            " (truth)" if info.needs_truth else ""
        )
        reference = "truth" if info.needs_truth else "benchmark" if info.needs_reference else ""
        found.append(ChosenMetric(spec, title, metric, info.higher_is_better, reference))
    if len({one.label for one in found}) < len(found) or not found:
        raise OptionsError(f"the metrics {list(specs)} are none, or one is given twice")
    return tuple(found)


def refuse_tuning_by_truth(metrics: Sequence[ChosenMetric]) -> None:
    """Refuse a first metric that cannot tune filters.

    Raises
    ------
    OptionsError
        If it needs the truth.
    """
    if metrics[0].reference == "truth":
        raise OptionsError(
            f"the first metric, {metrics[0].label!r}, tunes the filters, and needs the truth, "
            "which nobody has of the images that train; name another one first"
        )


def _title(name: str, options: Mapping[str, Any], unit: str) -> str:
    scales = options.get("scales") or {"paper-3": 3, "paper-5": 5}.get(options.get("preset", ""))
    if name == "ms_ssim":
        return f"{scales or 3}S-SSIM"
    said = [f"{key} {value}" for key, value in options.items()]
    # With its option pixel_size nobody but the user knows the unit.
    said += [unit] if unit and "pixel_size" not in options else []
    words = (_CAPITALS.get(word, word) for word in name.split("_"))
    return " ".join(words) + (f" ({', '.join(said)})" if said else "")


def planes_of(pixels: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return an image as planes (C, N, Y, X); frames and depths are one after the other."""
    ordered = reorder(pixels, axes, "CTZYX")
    return ordered.reshape(ordered.shape[0], -1, *ordered.shape[-2:])


def score_planes(
    image: NDArray[Any], benchmark: NDArray[Any] | None, metrics: Sequence[ChosenMetric]
) -> PlaneScores:
    """Score an image against the benchmark, or by itself where there is none.

    Parameters
    ----------
    image, benchmark : ndarray, (C, N, Y, X), any real dtype
        Each in its own units.  Where the image has fewer channels, as the input of a separation
        has, its last one is held against the further ones.  Without a benchmark nothing is fitted.
    metrics : sequence of ChosenMetric

    Raises
    ------
    ImageError
        If the planes differ in number or size.
    """
    if benchmark is None:
        return _score_alone(image, metrics)
    if image.shape[1:] != benchmark.shape[1:]:
        raise ImageError(
            f"an image of {_said(image)} cannot be scored against a benchmark of "
            f"{_said(benchmark)}; expected as many planes of the same size"
        )
    values: dict[str, list[float]] = {one.label: [] for one in metrics}
    fits = []
    for channel, planes in enumerate(benchmark):
        of_image = image[min(channel, image.shape[0] - 1)]
        for plane, wanted in zip(of_image, planes, strict=True):
            reference = _scaled(wanted)
            fits.append((nan, nan) if reference is None else _fit(plane, reference))
            for one in metrics:
                score = nan if reference is None else matched_score(one.metric, plane, reference)
                values[one.label].append(score)
    gains, offsets = zip(*fits, strict=True)
    return PlaneScores({key: tuple(found) for key, found in values.items()}, gains, offsets)


def _score_alone(image: NDArray[Any], metrics: Sequence[ChosenMetric]) -> PlaneScores:
    planes = image.reshape(-1, *image.shape[-2:])
    values = {one.label: tuple(_alone(one.metric, plane) for plane in planes) for one in metrics}
    return PlaneScores(values, (1.0,) * len(planes), (0.0,) * len(planes))


def _alone(metric: Metric, plane: NDArray[Any]) -> float:
    known = np.isfinite(plane)
    try:
        return metric(plane, axes="YX", mask=None if known.all() else known)
    except ImageError:
        # A constant plane has no contrast, and no lines.
        return nan


def _scaled(reference: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return a benchmark plane in its data range, None where it has none."""
    finite = reference[np.isfinite(reference)]
    if not finite.size or np.ptp(np.percentile(finite, (1.0, 99.8))) == 0:
        return None
    return scaled(reference)


def _fit(image: NDArray[Any], reference: NDArray[np.float64]) -> tuple[float, float]:
    try:
        return fit_gain(image, reference)
    except StatisticsError:
        # A constant plane, such as the restoration of an empty one, is as good as its mean.
        return 0.0, float(np.nanmean(reference))


def _said(planes: NDArray[Any]) -> str:
    return f"{planes.shape[1]} planes of {planes.shape[2]} x {planes.shape[3]}"
