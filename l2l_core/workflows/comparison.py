"""Hold a restoration, its input and the best Gaussian filter against a benchmark, and the truth.

References are scaled so that their 1st and 99.8th percentile are 0 and 1, which is the data range,
and every candidate is fitted to the reference with one gain and one offset a plane: what is
compared is structure, and no method gains from the units that it comes out in.

This is for the report of one run, on its own validation images.  Several networks and filters are
compared, on images that nothing has trained on, by :mod:`l2l_core.workflows.method_comparison`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define
from numpy.typing import NDArray
from scipy import ndimage

from l2l_core.components.registry import registry
from l2l_core.errors import ImageError, StatisticsError
from l2l_core.images.image import Length
from l2l_core.images.matching import fit_gain
from l2l_core.reports.content import BENCHMARK, INPUT, RESTORATION, TRUTH, Example, MetricRow
from l2l_core.workflows.evaluate import available_metrics, make_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from l2l_core.components.metric import Metric

SIGMAS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Standard deviations in pixels of the Gaussian filters that a restoration has to beat."""

GAUSSIAN = "best Gaussian"
LOW, HIGH = 1.0, 99.8
DATA_RANGE = "1 (1st to 99.8th percentile of the reference)"
FITTED = "gain and offset fitted"


@define(frozen=True, eq=False)
class Case:
    """One plane of one field.

    Parameters
    ----------
    name : str
        Of the field.
    images : dict of str to ndarray, (Y, X)
        ``input`` and ``restoration``; ``benchmark`` and ``truth`` where they exist; each in its
        own units.
    pixel_size : Length, optional
        Side of a pixel.
    """

    name: str
    images: Mapping[str, NDArray[Any]]
    pixel_size: Length | None = None


@define(frozen=True)
class Comparison:
    """What came of it.

    Parameters
    ----------
    rows : tuple of MetricRow
        For a report's tables.
    sigmas : dict
        For (metric, reference) the standard deviation of the Gaussian that did best.
    """

    rows: tuple[MetricRow, ...]
    sigmas: Mapping[tuple[str, str], float]

    @property
    def note(self) -> str:
        """How the table came about, in words."""
        chosen = ", ".join(
            f"{sigma:g} px for {metric} against the {reference}"
            for (metric, reference), sigma in self.sigmas.items()
        )
        return (
            f"The column {GAUSSIAN!r} is, for each metric, the Gaussian filter of the input that "
            f"scores best on these very images, which favours it: {chosen}."
        )


def compare(cases: Sequence[Case], metrics: Sequence[str] = ()) -> Comparison:
    """Score input, restoration and Gaussian filters of the input against each reference.

    Parameters
    ----------
    cases : sequence of Case
        Planes; a reference that is constant in one of them is left out there.
    metrics : sequence of str, optional
        Names of metrics; the usual ones by default.

    Raises
    ------
    ImageError
        If no case has a reference.
    """
    made = make_metrics(metrics or [name for name in available_metrics() if name != "si_psnr"])
    rows: list[MetricRow] = []
    sigmas: dict[tuple[str, str], float] = {}
    for reference in (BENCHMARK, TRUTH):
        fields = [case.images for case in cases if _usable(case.images.get(reference))]
        if not fields:
            continue
        for name, metric in made.items():
            row, sigma = _row(name, metric, reference, fields)
            rows.append(row)
            sigmas[row.metric, reference] = sigma
    if not rows:
        raise ImageError("there is no reference to compare with; expected a benchmark or a truth")
    return Comparison(tuple(rows), sigmas)


def examples(cases: Iterable[Case]) -> tuple[Example, ...]:
    """Return cases as a report's examples, in the order in which a reader compares them."""
    order = (INPUT, RESTORATION, BENCHMARK, TRUTH)
    return tuple(
        Example(
            name=case.name,
            images={name: case.images[name] for name in order if name in case.images},
            pixel_size=case.pixel_size,
        )
        for case in cases
    )


def scaled(reference: NDArray[Any]) -> NDArray[np.float64]:
    """Return a reference (Y, X) with its 1st and 99.8th percentile at 0 and 1."""
    low, high = _range(reference)
    return np.asarray((reference.astype(np.float64) - low) / (high - low))


def matched_score(metric: Metric, image: NDArray[Any], reference: NDArray[np.float64]) -> float:
    """Return a metric of an image (Y, X) fitted to a scaled reference with gain and offset.

    A constant image, such as the restoration of an empty plane, fits with the reference's mean.
    Pixels that are not finite in one of both are left out; NaN where too few remain, and where the
    metric is not defined for the image, as a contrast is not for a constant one.
    """
    known = np.isfinite(image) & np.isfinite(reference)
    if not known.any():
        return nan
    if image[known].min() == image[known].max():
        gain, offset = 0.0, float(reference[known].mean())
    else:
        gain, offset = fit_gain(image, reference)
    fitted = image.astype(np.float64) * gain + offset
    try:
        if known.all():
            return metric(fitted, reference, data_range=1.0, axes="YX")
        return metric(fitted, reference, data_range=1.0, axes="YX", mask=known)
    except StatisticsError:
        # One plane without structure is no reason to lose the scores of all others.
        return nan
    except ImageError:
        if known.all():
            raise
        # No window of the metric lies beside all the missing pixels.
        return nan


def filtered(image: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    """Return an image (Y, X) after a Gaussian filter; missing pixels stay, and stay alone."""
    pixels = image.astype(np.float32)
    known = np.isfinite(pixels)
    if not known.any():
        return pixels
    smooth = ndimage.gaussian_filter(np.where(known, pixels, pixels[known].mean()), sigma)
    return np.where(known, smooth, np.float32(nan))


def _range(reference: NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(reference[np.isfinite(reference)], (LOW, HIGH))
    return float(low), float(high)


def _usable(reference: NDArray[Any] | None) -> bool:
    if reference is None or not np.isfinite(reference).any():
        return False
    low, high = _range(reference)
    return high > low


def _row(
    name: str, metric: Metric, reference: str, fields: Sequence[Mapping[str, NDArray[Any]]]
) -> tuple[MetricRow, float]:
    info: Any = registry().find("metric", name).info
    wanted = [scaled(images[reference]) for images in fields]

    def scores(candidates: Iterable[NDArray[Any]]) -> tuple[float, ...]:
        return tuple(
            matched_score(metric, candidate, target)
            for candidate, target in zip(candidates, wanted, strict=True)
        )

    by_sigma = {
        sigma: scores(filtered(images[INPUT], sigma) for images in fields) for sigma in SIGMAS
    }
    choose = max if info.higher_is_better else min
    # A correlation with a constant plane is NaN, and must not choose.
    finite = {one: [x for x in values if np.isfinite(x)] for one, values in by_sigma.items()}
    known = [one for one in SIGMAS if finite[one]] or [*SIGMAS]
    sigma = choose(known, key=lambda one: float(np.mean(finite[one] or [0.0])))
    values = {
        INPUT: scores(images[INPUT] for images in fields),
        GAUSSIAN: by_sigma[sigma],
        RESTORATION: scores(images[RESTORATION] for images in fields),
    }
    row = MetricRow(
        metric=name.upper().replace("_", "-"),
        reference=reference,
        values=values,
        higher_is_better=info.higher_is_better,
        data_range=DATA_RANGE,
        remark=FITTED,
    )
    return row, sigma
