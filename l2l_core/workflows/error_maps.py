"""Write where an image differs from its reference, as images and as pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import ImageError, OutputError
from l2l_core.images.axes import reorder
from l2l_core.images.matching import fit_gain
from l2l_core.images.reading import open_image
from l2l_core.images.writing import write_image
from l2l_core.reports.content import Example
from l2l_core.reports.html import write_panel_png
from l2l_core.workflows.evaluate import make_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from l2l_core.components.metric import Metric

DEFAULT_MAPS = ("nrmse", "rse")
"""Metrics with a map, where none is named: differences, and those beyond the resolution."""


def write_error_maps(
    image: str | Path,
    reference: str | Path,
    out: str | Path,
    metrics: Sequence[str] = (),
    *,
    fit: bool = False,
    axes: str | None = None,
) -> tuple[Path, ...]:
    """Write the error maps of an image, with a picture of the middle plane beside each.

    Parameters
    ----------
    image, reference : str or Path
        Images of one field, of the same axes and shape, such as a restoration and the raw image.
    out : str or Path
        Folder that gets ``NAME.ome.tif``, float32 in units of the reference, and ``NAME.png`` for
        each metric that has a map.
    metrics : sequence of str, optional
        As :func:`~l2l_core.workflows.evaluate.evaluate` takes them; where none of them has a map,
        or none is given, :data:`DEFAULT_MAPS`.
    fit : bool, optional
        Whether gain and offset of each plane are fitted to the reference first.
    axes : str, optional
        Axes of both, where the files do not say.

    Returns
    -------
    tuple of Path
        The images, then the pictures.

    Raises
    ------
    ImageError
        If axes or shapes differ.
    OutputError
        If one of the files is there already; nothing is written then.
    """
    with open_image(image, axes=axes) as one, open_image(reference, axes=axes) as other:
        if (one.axes, one.info.sizes) != (other.axes, other.info.sizes):
            raise ImageError(
                f"{image} is {_said(one.info.sizes)} and {reference} {_said(other.info.sizes)}; "
                "expected the same: crop or select planes so that both show one field"
            )
        pixels, wanted, order, pixel_size = one.read(), other.read(), one.axes, one.info.pixel_size
    made = _with_maps(metrics) or _with_maps(DEFAULT_MAPS)
    folder = Path(out)
    places = {
        name: (folder / f"{_slug(name)}.ome.tif", folder / f"{_slug(name)}.png") for name in made
    }
    for path in (path for paths in places.values() for path in paths):
        if path.exists():
            raise OutputError(f"{path} is there already; name another folder, or remove it")
    images, references = _planes(pixels, order), _planes(wanted, order)
    if fit:
        images = [_fitted(*pair) for pair in zip(images, references, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    middle = len(images) // 2
    for name, metric in made.items():
        maps = [_map(metric, *pair) for pair in zip(images, references, strict=True)]
        tiff, png = places[name]
        write_image(
            tiff,
            _as_axes(maps, pixels.shape, order).astype(np.float32),
            order,
            pixel_size=pixel_size,
            provenance={"error map": name, "image": str(image), "reference": str(reference)},
        )
        shown = {
            "image": images[middle],
            "reference": references[middle],
            f"map of {name}": maps[middle],
        }
        example = Example(name=name, images=shown, pixel_size=pixel_size.get("Y"))
        write_panel_png(png, example, profile=False)
    return (*(tiff for tiff, _ in places.values()), *(png for _, png in places.values()))


def _with_maps(metrics: Sequence[str]) -> dict[str, Metric]:
    """Return those of some metrics that have a map."""
    probe = np.random.default_rng(0).normal(size=(16, 16))
    made: dict[str, Metric] = make_metrics(metrics)
    return {
        name: metric
        for name, metric in made.items()
        if metric.error_map(probe, probe + 1.0) is not None
    }


def _map(metric: Metric, image: NDArray[Any], reference: NDArray[Any]) -> NDArray[np.float64]:
    known = np.isfinite(image) & np.isfinite(reference)
    if not known.any():
        return np.full(image.shape, np.nan)
    found = metric.error_map(
        np.where(known, image, 0.0),
        np.where(known, reference, 0.0),
        mask=None if known.all() else known,
    )
    if found is None:
        raise ImageError(f"the metric {metric!r} has a map of some planes and none of others")
    return found


def _fitted(image: NDArray[Any], reference: NDArray[Any]) -> NDArray[np.float64]:
    gain, offset = fit_gain(image, reference)
    return np.asarray(image.astype(np.float64) * gain + offset)


def _planes(pixels: NDArray[Any], axes: str) -> list[NDArray[Any]]:
    ordered = reorder(pixels, axes, "CTZYX")
    return list(ordered.reshape(-1, *ordered.shape[-2:]))


def _as_axes(planes: Sequence[NDArray[Any]], shape: tuple[int, ...], axes: str) -> NDArray[Any]:
    """Return planes as an image of the shape and the axes that they came from."""
    sizes = dict(zip(axes, shape, strict=True))
    full = np.stack(planes).reshape([sizes.get(axis, 1) for axis in "CTZYX"])
    kept = full.squeeze(tuple(i for i, axis in enumerate("CTZYX") if axis not in axes))
    return reorder(kept, "".join(axis for axis in "CTZYX" if axis in axes), axes)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")


def _said(sizes: Any) -> str:
    return " x ".join(str(size) for size in sizes.values()) + f" ({''.join(sizes)})"
