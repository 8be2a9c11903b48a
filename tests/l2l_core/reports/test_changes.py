import io
from math import nan

import numpy as np
import pytest
from PIL import Image

from l2l_core.reports.changes import change_figure
from l2l_core.reports.content import ChangePanel, ChangeSeries, ReportContent, TextTable
from l2l_core.reports.figures import DARK, to_png
from l2l_core.reports.html import render_report, write_change_png


def panel(metric="NRMSE", higher=False, methods=("mae", "gaussian")):
    return ChangePanel(
        metric=metric,
        higher_is_better=higher,
        series=tuple(
            ChangeSeries(
                name=name,
                points={8: (-10.0 - i, -14.0 - i), 32: (-20.0 - i,)},
                means={8: (-12.0 - i, -37.4, 13.4), 32: (-20.0 - i, nan, nan)},
            )
            for i, name in enumerate(methods)
        ),
    )


def test_a_point_is_a_cross_validation_and_a_colour_a_method():
    figure = change_figure([panel(), panel("5S-SSIM", higher=True)])
    assert [axes.get_title() for axes in figure.axes] == [
        "NRMSE (lower is better)",
        "5S-SSIM (higher is better)",
    ]
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_xticklabels()] == ["8", "32"]
        drawn = {line.get_label(): line for line in axes.lines if line.get_label()[0] != "_"}
        assert list(drawn["mae"].get_ydata()) == [-10.0, -14.0, -20.0]
        assert list(drawn["gaussian"].get_ydata()) == [-11.0, -15.0, -21.0]
        assert drawn["mae"].get_color() != drawn["gaussian"].get_color()
        # Points of a method stay beside its own number of images.
        assert np.array_equal(np.round(drawn["mae"].get_xdata()), [0, 0, 1])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mae", "gaussian"]


def test_one_cross_validation_has_a_mean_and_no_interval():
    alone = panel(methods=("mae",))
    axes = change_figure([alone]).axes[0]
    assert len(axes.containers) == 1
    assert len([one for one in axes.collections if len(one.get_paths())]) >= 2


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_any_number_of_panels_and_methods_is_drawn(count, tmp_path):
    methods = [f"method {i}" for i in range(count)]
    panels = [panel(f"m{i}", methods=methods) for i in range(count)]
    picture = Image.open(io.BytesIO(to_png(change_figure(panels, theme=DARK))))
    assert picture.width > 300
    write_change_png(tmp_path / "changes.png", panels)
    assert (tmp_path / "changes.png").stat().st_size > 5000


def test_a_page_shows_the_picture_and_the_tables_with_their_text_escaped():
    table = TextTable(caption="Changes", header=("Metric", "Method"), rows=(("NRMSE", "a<b"),))
    page = render_report(ReportContent(title="T", summary="S", changes=[panel()], tables=[table]))
    assert "Change from input to restoration" in page
    assert '<td class="value">a&lt;b</td>' in page
    assert "Change from" not in render_report(ReportContent(title="T", summary="S"))
