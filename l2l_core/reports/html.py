"""One HTML file that shows a run's results: nothing beside it, nothing from the network."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define
from jinja2 import Environment, PackageLoader, StrictUndefined

from l2l_core.images.replacing import replacing
from l2l_core.reports.changes import change_figure
from l2l_core.reports.figures import (
    DARK,
    DISPLAY_PERCENTILES,
    LIGHT,
    Theme,
    history_figure,
    panel_figure,
    to_png,
)
from l2l_core.reports.tables import outcome, shortfall, tabulate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from l2l_core.reports.content import ChangePanel, Example, ReportContent

_PANEL_DPI = 130


@define(frozen=True)
class Picture:
    """A figure for light and for dark pages, as data URIs, with a text for who cannot see it."""

    light: str
    dark: str
    alt: str
    caption: str


def write_report(path: str | Path, content: ReportContent) -> None:
    """Write a report as one self-contained HTML file.

    Parameters
    ----------
    path : path
        Of the HTML file; a former one is replaced once the new one is whole.
    content : ReportContent

    Raises
    ------
    OutputError
        If the file cannot be written; what was there before is still whole.
    """
    _write(Path(path), render_report(content).encode())


def render_report(content: ReportContent) -> str:
    """Return a report as the text of an HTML page."""
    environment = Environment(
        loader=PackageLoader("l2l_core.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        content=content,
        outcome=outcome(content.metrics),
        warning=shortfall(content.metrics, content.baseline),
        tables=tabulate(content.metrics),
        changes=_change_picture(content.changes) if content.changes else None,
        examples=[_example_picture(example) for example in content.examples],
        history=_history_picture(content) if content.history else None,
        percentiles=DISPLAY_PERCENTILES,
    )


def write_panel_png(
    path: str | Path, example: Example, *, side: int = 512, profile: bool = True, dpi: int = 130
) -> None:
    """Write the images of an example side by side as a PNG file.

    Parameters
    ----------
    path : path
    example : Example
    side : int
        Largest side of the field that is shown, in pixels.
    profile : bool
        Whether the intensity profile is drawn below the images.
    dpi : int
        Pixels for each inch; an image is 2.35 inches wide.

    Raises
    ------
    OutputError
        If the file cannot be written; what was there before is still whole.
    """
    _write(Path(path), to_png(panel_figure(example, side=side, profile=profile), dpi))


def write_change_png(path: str | Path, panels: Sequence[ChangePanel], *, dpi: int = 160) -> None:
    """Write the relative changes of a cross-validation as a PNG file.

    Parameters
    ----------
    path : path
    panels : sequence of ChangePanel
    dpi : int
        Pixels for each inch; a panel is about 4 inches wide.

    Raises
    ------
    OutputError
        If the file cannot be written; what was there before is still whole.
    """
    _write(Path(path), to_png(change_figure(panels), dpi))


def _change_picture(panels: Sequence[ChangePanel]) -> Picture:
    metrics = " and ".join(panel.metric for panel in panels)
    caption = (
        f"Relative change of {metrics} from input to restoration against the number of images. One "
        "point a cross-validation; the bar is the mean with its confidence interval; the dashed "
        "line is the input."
    )
    return _picture(lambda theme: change_figure(panels, theme=theme), alt=caption, caption=caption)


def _example_picture(example: Example) -> Picture:
    names = list(example.images)
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return _picture(
        lambda theme: panel_figure(example, theme=theme),
        alt=(
            f"{example.name}: {listed} of the same field side by side; below them the framed crop "
            "enlarged, and intensity profiles along the line marked in it."
        ),
        caption=example.name,
    )


def _history_picture(content: ReportContent) -> Picture:
    last = content.history[-1]
    best = next((record for record in reversed(content.history) if record.best), last)
    losses = best.validation or best.train
    loss = f", loss {losses['loss']:.4g}" if "loss" in losses else ""
    drops = sum(
        after.learning_rate < before.learning_rate
        for before, after in zip(content.history, content.history[1:], strict=False)
    )
    epochs = "1 epoch" if len(content.history) == 1 else f"{len(content.history)} epochs"
    rate = {0: "stayed the same", 1: "was lowered once"}.get(drops, f"was lowered {drops} times")
    caption = (
        f"{epochs}; best epoch {best.epoch}{loss}. The learning rate {rate}, and was "
        f"{last.learning_rate:.2g} at the end."
    )
    return _picture(
        lambda theme: history_figure(content.history, theme=theme),
        alt=f"Training and validation loss by epoch. {caption}",
        caption=caption,
    )


def _picture(draw: Callable[[Theme], Figure], alt: str, caption: str) -> Picture:
    return Picture(_data_uri(draw(LIGHT)), _data_uri(draw(DARK)), alt, caption)


def _data_uri(figure: Figure) -> str:
    encoded = base64.b64encode(to_png(figure, _PANEL_DPI)).decode("ascii")
    return f"data:image/png;base64,{encoded}"


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)
