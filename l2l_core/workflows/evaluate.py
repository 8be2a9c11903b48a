"""Score an image, plane by plane, with the data range said aloud."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define

from l2l_core.components.factory import get
from l2l_core.components.registry import registry
from l2l_core.errors import ImageError, OptionsError
from l2l_core.images.matching import fit_gain
from l2l_core.images.reading import open_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from l2l_core.components.metric import Metric

DEFAULT_METRICS = ("psnr", "nrmse", "ssim", "ms_ssim", "si_psnr", "pearson")
"""What is shown where nothing is asked for."""

ALONE = ("michelson_contrast", "rms_contrast")
"""What is shown of an image without a reference."""

_COMMA = re.compile(r",(?![^\[]*\])")
_SEPARATOR = re.compile(r"[:,](?![^\[]*\])")


@define(frozen=True)
class Scores:
    """Metrics of an image, as a rule against a reference.

    Parameters
    ----------
    values : dict
        For each metric one value a plane, in the order of the file.
    data_range : float, optional
        Span of the intensities that the metrics are relative to, in the reference's units; None
        where there is neither a reference nor a given range.
    data_range_source : str
        Where it comes from, in words.
    gains, offsets : tuple of float
        What each plane was multiplied by, and what was added, before it was compared; 1 and 0
        where nothing was fitted.
    """

    values: Mapping[str, tuple[float, ...]]
    data_range: float | None
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
    """Return metrics by name, with their default options or with those after the name.

    Parameters
    ----------
    names : sequence of str
        Such as ``"psnr"``, or ``"ms_ssim:scales=5,filter_size=7"``: name, and options as in TOML
        or as plain words, apart by commas or colons.

    Raises
    ------
    UnknownComponentError
        If there is none of a name.
    OptionsError
        If a metric does not take its options.
    """
    return {name: get("metric", metric_name(name), **_options(name)) for name in names}


def split_metrics(text: str) -> list[str]:
    """Return the metrics of a list, each with its options.

    What assigns a value and names no metric before it is an option of the metric before.

    Examples
    --------
    >>> split_metrics("psnr, ms_ssim:scales=5,filter_size=7")
    ['psnr', 'ms_ssim:scales=5,filter_size=7']
    """
    metrics: list[str] = []
    for part in filter(None, (piece.strip() for piece in _COMMA.split(text))):
        if metrics and "=" in part.split(":", 1)[0]:
            metrics[-1] += ("," if ":" in metrics[-1] else ":") + part
        else:
            metrics.append(part)
    return metrics


def metric_name(text: str) -> str:
    """Return the name in the registry of a metric that is given with options."""
    return text.split(":", 1)[0].strip()


def metric_unit(text: str) -> str:
    """Return the unit of a metric that is given with options; empty for a plain number."""
    info: Any = registry().find("metric", metric_name(text)).info
    return str(info.unit_with(_options(text)))


def _options(text: str) -> dict[str, Any]:
    options = {}
    for part in _SEPARATOR.split(text)[1:]:
        key, separator, value = part.partition("=")
        if not separator:
            raise OptionsError(
                f"the metric {text!r} has the option {part!r} without a value; expected "
                "NAME=VALUE, such as ms_ssim:scales=5"
            )
        options[key.strip()] = _value(value.strip())
    return options


def _value(text: str) -> Any:
    """Return a value of JSON or TOML, or else the text as it stands."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def score(
    image: NDArray[Any],
    reference: NDArray[Any] | None,
    *,
    axes: str,
    metrics: Mapping[str, Metric],
    data_range: float | None = None,
    fit: bool = False,
) -> Scores:
    """Score an image, plane by plane.

    Parameters
    ----------
    image, reference : ndarray
        Of equal shape, any real dtype, in `axes`; no reference for metrics of one image alone.
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
    if reference is not None and image.shape != reference.shape:
        raise ImageError(
            f"the image has the shape {image.shape} and the reference {reference.shape} "
            f"({axes}); expected equal shapes: crop or select planes so that both show one field"
        )
    if reference is None and fit:
        raise ImageError("a gain can be fitted to a reference alone, and none was given")
    data_range, source = _range(reference, data_range)
    values: dict[str, list[float]] = {name: [] for name in metrics}
    gains, offsets = [], []
    wanted: NDArray[Any] | None
    for plane, wanted in _planes(image, reference, axes):
        gain, offset = (1.0, 0.0) if wanted is None or not fit else fit_gain(plane, wanted)
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


def _range(reference: NDArray[Any] | None, given: float | None) -> tuple[float | None, str]:
    """Return the data range and where it comes from."""
    if given is None and reference is None:
        return None, "no reference, and none given"
    if given is not None or reference is None:
        data_range, source = given, "as given"
    else:
        data_range = float(np.nanmax(reference)) - float(np.nanmin(reference))
        source = "maximum less minimum of the reference"
    if data_range is None or not data_range > 0:
        raise ImageError(
            f"the data range is {data_range:g}; expected more than 0: the reference is constant, "
            "or the range that was given is wrong"
        )
    return data_range, source


def evaluate(
    image: str | Path,
    reference: str | Path | None = None,
    *,
    metrics: Sequence[str] = (),
    data_range: float | None = None,
    fit: bool = False,
    axes: str | None = None,
) -> Scores:
    """Score an image file, as a rule against a reference file.

    Parameters
    ----------
    image, reference : str or Path
        Images of one field; no reference for metrics of one image alone.
    metrics : sequence of str, optional
        Names of metrics, as :func:`make_metrics` takes them; where empty
        :data:`DEFAULT_METRICS`, or :data:`ALONE` where there is no reference.
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
    made = make_metrics(metrics or (ALONE if reference is None else available_metrics()))
    if reference is None:
        with open_image(image, axes=axes) as one:
            return score(
                one.read(), None, axes=one.axes, metrics=made, data_range=data_range, fit=fit
            )
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
    image: NDArray[Any], reference: NDArray[Any] | None, axes: str
) -> Iterator[tuple[NDArray[Any], NDArray[Any] | None]]:
    planes = _flattened(image, axes)
    if reference is None:
        yield from ((plane, None) for plane in planes)
    else:
        yield from zip(planes, _flattened(reference, axes), strict=True)


def _flattened(image: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return an image as (planes, Y, X)."""
    order = [axis for axis in range(len(axes)) if axes[axis] not in "YX"]
    order += [axes.index("Y"), axes.index("X")]
    moved = np.transpose(image, order)
    return moved.reshape(-1, *moved.shape[-2:])
