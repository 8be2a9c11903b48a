"""Score an image against a reference, plane by plane, with the data range said aloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define

from l2l_core.components.factory import get
from l2l_core.components.registry import registry
from l2l_core.errors import ImageError
from l2l_core.images.matching import fit_gain
from l2l_core.images.reading import open_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from l2l_core.components.metric import Metric

DEFAULT_METRICS = ("psnr", "nrmse", "ssim", "ms_ssim", "si_psnr", "pearson")
"""What is shown where nothing is asked for."""


@define(frozen=True)
class Scores:
    """Metrics of an image against a reference.

    Parameters
    ----------
    values : dict
        For each metric one value a plane, in the order of the file.
    data_range : float
        Span of the intensities that the metrics are relative to, in the reference's units.
    data_range_source : str
        Where it comes from, in words.
    gains, offsets : tuple of float
        What each plane was multiplied by, and what was added, before it was compared; 1 and 0
        where nothing was fitted.
    """

    values: Mapping[str, tuple[float, ...]]
    data_range: float
    data_range_source: str
    gains: tuple[float, ...]
    offsets: tuple[float, ...]

    def mean(self, metric: str) -> float:
        """Return a metric's mean over the planes."""
        return float(np.mean(self.values[metric]))

    def deviation(self, metric: str) -> float:
        """Return a metric's standard deviation over the planes."""
        # The PSNR of equal planes is infinite, and the spread of infinite numbers unknown.
        with np.errstate(invalid="ignore"):
            return float(np.std(self.values[metric]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "metrics": {
                name: {"mean": self.mean(name), "std": self.deviation(name), "planes": list(values)}
                for name, values in self.values.items()
            },
            "data_range": self.data_range,
            "data_range_source": self.data_range_source,
            "gain": list(self.gains),
            "offset": list(self.offsets),
        }


def make_metrics(names: Sequence[str]) -> dict[str, Metric]:
    """Return metrics by name, with their default options.

    Raises
    ------
    UnknownComponentError
        If there is none of a name.
    """
    return {name: get("metric", name) for name in names}


def score(
    image: NDArray[Any],
    reference: NDArray[Any],
    *,
    axes: str,
    metrics: Mapping[str, Metric],
    data_range: float | None = None,
    fit: bool = False,
) -> Scores:
    """Score an image against a reference, plane by plane.

    Parameters
    ----------
    image, reference : ndarray
        Of equal shape, any real dtype, in `axes`.
    axes : str
        Such as ``"ZYX"``; all but Y and X are taken plane by plane.
    metrics : mapping
        Metrics by name.
    data_range : float, optional
        By default the reference's maximum less its minimum, over all planes.
    fit : bool, optional
        Whether gain and offset of each plane are fitted to the reference by least squares first.

    Raises
    ------
    ImageError
        If the shapes differ, or the reference is constant and no data range is given.
    """
    if image.shape != reference.shape:
        raise ImageError(
            f"the image has the shape {image.shape} and the reference {reference.shape} "
            f"({axes}); expected equal shapes: crop or select planes so that both show one field"
        )
    if data_range is None:
        data_range = float(np.nanmax(reference)) - float(np.nanmin(reference))
        source = "maximum less minimum of the reference"
    else:
        source = "as given"
    if not data_range > 0:
        raise ImageError(
            f"the data range is {data_range:g}; expected more than 0: the reference is constant, "
            "or the range that was given is wrong"
        )
    values: dict[str, list[float]] = {name: [] for name in metrics}
    gains, offsets = [], []
    for plane, wanted in _planes(image, reference, axes):
        gain, offset = fit_gain(plane, wanted) if fit else (1.0, 0.0)
        gains.append(gain)
        offsets.append(offset)
        matched = plane.astype(np.float64) * gain + offset
        for name, metric in metrics.items():
            values[name].append(metric(matched, wanted, data_range=data_range, axes="YX"))
    return Scores(
        {name: tuple(column) for name, column in values.items()},
        data_range,
        source,
        tuple(gains),
        tuple(offsets),
    )


def evaluate(
    image: str | Path,
    reference: str | Path,
    *,
    metrics: Sequence[str] = (),
    data_range: float | None = None,
    fit: bool = False,
    axes: str | None = None,
) -> Scores:
    """Score an image file against a reference file.

    Parameters
    ----------
    image, reference : str or Path
        Images of one field.
    metrics : sequence of str, optional
        Names of metrics; :data:`DEFAULT_METRICS` where empty.
    data_range : float, optional
        By default the reference's maximum less its minimum.
    fit : bool, optional
        Whether gain and offset are fitted first; for images in different units.
    axes : str, optional
        Axes of both, where the files do not say.

    Raises
    ------
    ImageError, UnknownComponentError
        As :func:`score` and the files find it.
    """
    made = make_metrics(metrics or available_metrics())
    with open_image(image, axes=axes) as one, open_image(reference, axes=axes) as other:
        if one.axes != other.axes:
            raise ImageError(
                f"{image} has the axes {one.axes} and {reference} has {other.axes}; expected the "
                "same: give --axes, or select one channel"
            )
        return score(
            one.read(), other.read(), axes=one.axes, metrics=made, data_range=data_range, fit=fit
        )


def available_metrics() -> tuple[str, ...]:
    """Return those of :data:`DEFAULT_METRICS` that the registry has."""
    known = {found.info.name for found in registry().of_kind("metric")}
    return tuple(name for name in DEFAULT_METRICS if name in known)


def _planes(
    image: NDArray[Any], reference: NDArray[Any], axes: str
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    order = [axis for axis in range(len(axes)) if axes[axis] not in "YX"]
    order += [axes.index("Y"), axes.index("X")]
    yield from zip(
        np.transpose(image, order).reshape(-1, *_yx(image, axes)),
        np.transpose(reference, order).reshape(-1, *_yx(reference, axes)),
        strict=True,
    )


def _yx(image: NDArray[Any], axes: str) -> tuple[int, int]:
    return image.shape[axes.index("Y")], image.shape[axes.index("X")]
