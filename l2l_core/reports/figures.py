"""Pictures of a report: images side by side with crop and profile, and the course of training.

Everything is drawn on Matplotlib figures that belong to nobody else: pyplot and its global state
are not used, and a display is not needed.
"""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from l2l_core.reports.bands import bands, legend_room, wrapped
from l2l_core.reports.content import BENCHMARK, INPUT, RESTORATION, TRUTH
from l2l_core.reports.regions import Box, Line, across_ridge, richest, whole
from l2l_core.reports.scale_bars import draw_scale_bar, nanometers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from l2l_core.components.training import EpochRecord
    from l2l_core.reports.content import Example

DISPLAY_PERCENTILES = (0.5, 99.8)
"""What is drawn black and white, in percent of the pixels shown."""

_MARK = "#ffd34d"


@define(frozen=True)
class Theme:
    """Colours of a figure.

    Parameters
    ----------
    paper, ink, faint : str
        Background, text and lines, and grid.
    lines : dict of str to str
        Colours of curves by what they show; distinguishable with defective colour vision (Okabe
        & Ito 2008).
    """

    paper: str
    ink: str
    faint: str
    lines: dict[str, str]


LIGHT = Theme(
    "#ffffff",
    "#1f2328",
    "#d8dee4",
    {
        INPUT: "#8c959f",
        RESTORATION: "#d55e00",
        BENCHMARK: "#0072b2",
        TRUTH: "#1f2328",
        "train": "#0072b2",
        "validation": "#d55e00",
    },
)
DARK = Theme(
    "#161b22",
    "#e6edf3",
    "#30363d",
    {
        INPUT: "#8b949e",
        RESTORATION: "#ff8c42",
        BENCHMARK: "#56b4e9",
        TRUTH: "#e6edf3",
        "train": "#56b4e9",
        "validation": "#ff8c42",
    },
)
# To be seen on both papers; the first four are of Okabe & Ito.
_FURTHER = (
    *("#009e73", "#cc79a7", "#e69f00", "#d55e00", "#9a6fd8"),
    *("#17becf", "#a6761d", "#e7298a", "#7fa61b", "#7f7fff"),
)
_STYLES = ("-", ":", "-.")


def to_png(figure: Figure, dpi: int = 130) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(
        buffer, dpi=dpi, facecolor=figure.get_facecolor(), format="png"
    )
    return buffer.getvalue()


def display_range(image: NDArray[Any]) -> tuple[float, float]:
    """Return the intensities that are drawn black and white; never the same."""
    pixels = np.asarray(image, np.float64)
    finite = pixels[np.isfinite(pixels)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, DISPLAY_PERCENTILES))
    return low, high if high > low else low + 1.0


def panel_figure(
    example: Example, *, theme: Theme = LIGHT, side: int = 512, profile: bool = True
) -> Figure:
    """Draw the images of an example side by side: the field, an enlarged crop, a profile.

    All images show the same pixels.  Each has a display range of its own, the 0.5th to the 99.8th
    percentile of what is shown, which stands below it.  Crop and profile are chosen by the first
    image that there is of truth, benchmark and input: where there is most detail, and across
    its sharpest ridge.  A profile runs from the black of its image's display range, 0, to its own
    peak, 1, so that the level beside the peak tells the background.  More than five
    images stand in several bands, each with its own profiles beside that of the image that chose.

    Parameters
    ----------
    example : Example
    theme : Theme
    side : int
        Largest side of the field that is shown, from the middle of the image, in pixels.
    profile : bool
        Whether the profile is drawn below the images.
    """
    images = {name: np.asarray(image) for name, image in example.images.items()}
    guide = next((name for name in (TRUTH, BENCHMARK, INPUT) if name in images), next(iter(images)))
    field = whole(images[guide], side)
    crop = richest(images[guide], field, max(16, min(field.height, field.width) // 4))
    line = across_ridge(images[guide], crop, length=0.6 * min(crop.height, crop.width))

    aspect, crop_aspect = field.height / field.width, crop.height / crop.width
    panel, heights = 2.35, [2.35 * aspect, 2.35 * crop_aspect, 1.75]
    rows = 3 if profile else 2
    # Titles, captions and the profile's labels stand between the rows, in inches.
    rows_of_names = bands(list(images))
    lines = max(wrapped(name).count("\n") for name in images)
    top, gaps, bottom = 0.34 + 0.13 * lines, [0.3, 0.2], 0.5 if profile else 0.1
    looks = _looks(list(images), theme)
    across = max(len(band) for band in rows_of_names)
    width = panel * across + 0.08 * (across - 1) + 0.2
    tall = top + sum(heights[:rows]) + sum(gaps[: rows - 1]) + bottom
    height = tall * len(rows_of_names)
    figure = Figure(figsize=(width, height), facecolor=theme.paper)
    for number, band in enumerate(rows_of_names):
        y = height - number * tall - top
        for row, box in enumerate((field, crop)):
            y -= heights[row]
            for column, name in enumerate(band):
                place = (0.1 + column * (panel + 0.08), y, panel, heights[row])
                axes = _axes(figure, place, width, height)
                limits = display_range(field.cut(images[name]))
                _show(axes, images[name], box, limits, theme)
                if row == 0:
                    _entitle(axes, name, theme)
                    axes.set_xlabel(_caption(limits), color=theme.ink, fontsize=7.5, labelpad=3)
                    _outline(axes, crop)
                else:
                    axes.plot(*_xy(line), color=_MARK, linewidth=1.1)
                if column == 0:
                    drawn = crop if row == 0 else line.frame
                    draw_scale_bar(axes, box, example.pixel_size, drawn)
            y -= gaps[row] if row < rows - 1 else 0
        if profile:
            shown = {name: images[name] for name in images if name in (*band, guide)}
            # The legend stands beside the profile where the images leave it the room.
            aside = legend_room(shown)
            place = (0.7, y - heights[2], width - 0.85 - aside, heights[2])
            profiles = _axes(figure, place, width, height)
            _draw_profile(profiles, shown, field, line, example, theme, looks)
    return figure


def _looks(names: Sequence[str], theme: Theme) -> dict[str, tuple[str, str]]:
    """Return colour and style of each curve: those of a method are the same in every band."""
    known = {name: theme.lines[name] for name in names if name in theme.lines}
    free = [colour for colour in _FURTHER if colour not in known.values()]
    found = {name: (colour, "--" if name == TRUTH else "-") for name, colour in known.items()}
    for number, name in enumerate(name for name in names if name not in known):
        # Where colours run out, they come again in another style.
        style = _STYLES[number // len(free) % len(_STYLES)]
        found[name] = (free[number % len(free)], style)
    return found


def _entitle(axes: Axes, name: str, theme: Theme) -> None:
    # Others are names of methods, which are written as a user gives them.
    title = wrapped(name.capitalize() if name in theme.lines else name)
    size = min(11.0, 11.0 * 24 / max(map(len, title.splitlines())))
    axes.set_title(title, color=theme.ink, fontsize=size, pad=5)


def _axes(
    figure: Figure, place: tuple[float, float, float, float], width: float, height: float
) -> Axes:
    left, bottom, w, h = place
    return figure.add_axes((left / width, bottom / height, w / width, h / height))


def _show(
    axes: Axes, image: NDArray[Any], box: Box, limits: tuple[float, float], theme: Theme
) -> None:
    axes.set_facecolor("#7a4b8c")  # NaN pixels stand out, in no grey that an image could have.
    # Pixel (y, x) is centred on (y, x) of the whole image, so boxes and lines need no shift.
    extent = (box.x - 0.5, box.x + box.width - 0.5, box.y + box.height - 0.5, box.y - 0.5)
    axes.imshow(
        np.ma.masked_invalid(np.asarray(box.cut(image), np.float64)),
        cmap="gray",
        vmin=limits[0],
        vmax=limits[1],
        extent=extent,
        interpolation="nearest",
        aspect="auto",
    )
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(theme.faint)
        spine.set_linewidth(0.6)


def _caption(limits: tuple[float, float]) -> str:
    low, high = (f"{value:.4g}" for value in limits)
    return f"shown from {low} to {high}"


def _outline(axes: Axes, box: Box) -> None:
    axes.add_patch(
        Rectangle(
            (box.x - 0.5, box.y - 0.5),
            box.width,
            box.height,
            fill=False,
            edgecolor=_MARK,
            linewidth=1.0,
        )
    )


def _xy(line: Line) -> tuple[tuple[float, float], tuple[float, float]]:
    return (line.start[1], line.end[1]), (line.start[0], line.end[0])


def _draw_profile(
    axes: Axes,
    images: Mapping[str, NDArray[Any]],
    field: Box,
    line: Line,
    example: Example,
    theme: Theme,
    looks: Mapping[str, tuple[str, str]],
) -> None:
    pixel_nm = nanometers(example.pixel_size)
    pixel, unit = (1.0, "px") if pixel_nm is None else (pixel_nm / 1e3, "µm")
    for name, image in images.items():
        black, _ = display_range(field.cut(image))
        values = line.profile(image) - black
        peak = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
        values /= peak if peak > 0 else 1.0
        distance = np.linspace(0, line.length * pixel, values.size)
        axes.plot(
            distance,
            values,
            color=looks[name][0],
            linestyle=looks[name][1],
            linewidth=1.8,
            label=wrapped(name),
        )
    axes.set_xlim(0, line.length * pixel)
    axes.set_xlabel(f"distance along the marked line ({unit})")
    axes.set_ylabel("share of\nits peak")
    axes.set_ylim(-0.05, 1.08)
    dress(axes, theme)
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.05)}
    within: dict[str, Any] = {"loc": "upper right"}
    # So many lines have room beside the profile.
    size = 8.5 * min(1.0, 11 / sum(len(wrapped(name).splitlines()) for name in images))
    legend = axes.legend(frameon=False, fontsize=size, **(beside if len(images) > 2 else within))
    for text in legend.get_texts():
        text.set_color(theme.ink)


def dress(axes: Axes, theme: Theme) -> None:
    """Give axes a theme's colours, a grid, and lines on the left and below alone."""
    axes.set_facecolor(theme.paper)
    axes.grid(color=theme.faint, linewidth=0.6)
    axes.tick_params(colors=theme.ink, labelsize=8.5, length=3)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(theme.ink)
        label.set_fontsize(9)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.ink)


def history_figure(history: Sequence[EpochRecord], *, theme: Theme = LIGHT) -> Figure:
    """Draw training and validation loss by epoch, the best epoch, and where the rate was lowered.

    Parameters
    ----------
    history : sequence of EpochRecord
        At least one.
    theme : Theme
    """
    figure = Figure(figsize=(7.4, 3.1), facecolor=theme.paper, layout="constrained")
    axes = figure.add_subplot()
    epochs = [record.epoch for record in history]
    best = next((record for record in reversed(history) if record.best), None)
    for name in ("train", "validation"):
        losses = [getattr(record, name).get("loss", np.nan) for record in history]
        if np.isfinite(losses).any():
            axes.plot(
                epochs,
                losses,
                color=theme.lines[name],
                linewidth=1.8,
                marker="o" if len(epochs) < 40 else None,
                markersize=3,
                label=name,
            )
            if best is not None and (name == "validation" or not best.validation):
                axes.plot(
                    best.epoch,
                    losses[epochs.index(best.epoch)],
                    marker="*",
                    markersize=13,
                    linestyle="none",
                    color=theme.lines[name],
                    markeredgecolor=theme.paper,
                    label=f"best: epoch {best.epoch}",
                )
    _mark_drops(axes, history, theme)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    dress(axes, theme)
    if axes.get_legend_handles_labels()[0]:
        legend = figure.legend(frameon=False, fontsize=8.5, loc="outside right upper")
        for text in legend.get_texts():
            text.set_color(theme.ink)
    return figure


def _mark_drops(axes: Axes, history: Sequence[EpochRecord], theme: Theme) -> None:
    for before, after in itertools.pairwise(history):
        if after.learning_rate < before.learning_rate:
            axes.axvline(after.epoch - 0.5, color=theme.ink, linewidth=0.9, linestyle=":")
            axes.annotate(
                f"rate {after.learning_rate:.1e}",
                (after.epoch - 0.5, 0.98),
                xycoords=("data", "axes fraction"),
                xytext=(3, 0),
                textcoords="offset points",
                color=theme.ink,
                fontsize=7.5,
                rotation=90,
                va="top",
            )
