import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image as PillowImage

from l2l_core.components.training import EpochRecord
from l2l_core.errors import ImageError
from l2l_core.images.image import Length
from l2l_core.reports.content import Example
from l2l_core.reports.figures import (
    DARK,
    LIGHT,
    display_range,
    history_figure,
    panel_figure,
    to_png,
)

RNG = np.random.default_rng(9)


def example(names=("input", "restoration", "benchmark", "truth"), shape=(64, 64), **options):
    return Example(name="cell", images={name: RNG.random(shape) for name in names}, **options)


def epoch(number, loss, rate=1e-3, best=False, validation=True):
    return EpochRecord(
        epoch=number,
        train={"loss": loss},
        validation={"loss": loss + 0.1} if validation else {},
        learning_rate=rate,
        seconds=1.0,
        best=best,
    )


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_all_images_show_the_same_pixels_in_a_range_that_is_stated():
    shown = example()
    figure = panel_figure(shown)
    fields, crops, (profile,) = figure.axes[:4], figure.axes[4:8], figure.axes[8:]
    assert [axes.get_title() for axes in fields] == ["Input", "Restoration", "Benchmark", "Truth"]
    for row in (fields, crops):
        assert len({axes.get_xlim() + axes.get_ylim() for axes in row}) == 1
    for axes, crop, image in zip(fields, crops, shown.images.values(), strict=True):
        low, high = np.percentile(image, [0.5, 99.8])
        assert axes.images[0].get_clim() == crop.images[0].get_clim() == (low, high)
        assert axes.get_xlabel() == f"shown from {low:.4g} to {high:.4g}"
    assert [line.get_label() for line in profile.lines] == list(shown.images)


def test_abbreviations_in_names_keep_their_capitals():
    fields = panel_figure(example(names=("input", "L2L, mse")), profile=False).axes[:2]
    assert [axes.get_title() for axes in fields] == ["Input", "L2L, mse"]


def test_the_enlarged_crop_is_the_framed_part_of_the_image():
    shown = example(names=("input",))
    field, crop = panel_figure(shown, profile=False).axes
    frame = field.patches[0]
    x, y = int(frame.get_x() + 0.5), int(frame.get_y() + 0.5)
    size = int(frame.get_width())
    expected = shown.images["input"][y : y + size, x : x + size]
    np.testing.assert_array_equal(crop.images[0].get_array(), expected)


NAMES = ("input", "gaussian", "median", "clahe", "mae", "mse", "benchmark")


def test_many_images_stand_in_bands_with_the_same_crop_of_all():
    shown = example(names=NAMES)
    figure = panel_figure(shown)
    fields = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in fields] == ["Input", *NAMES[1:6], "Benchmark"]
    assert len({round(axes.get_position().y0, 6) for axes in fields[:4]}) == 1
    assert fields[4].get_position().y1 < fields[0].get_position().y0
    assert figure.get_figwidth() < 5 * 2.6
    frames = {tuple(axes.patches[0].get_bbox().extents) for axes in fields}
    assert len(frames) == 1
    crops = [axes for axes in figure.axes if axes.images and axes not in fields]
    assert len({axes.get_xlim() + axes.get_ylim() for axes in crops}) == 1
    ((left, top, right, bottom),) = frames
    rows, columns = (
        slice(int(top + 0.5), int(bottom + 0.5)),
        slice(int(left + 0.5), int(right + 0.5)),
    )
    for axes, image in zip(crops, shown.images.values(), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), image[rows, columns])


def test_every_band_has_its_profiles_beside_that_of_the_image_that_chose():
    figure = panel_figure(example(names=NAMES))
    profiles = [axes for axes in figure.axes if not axes.images]
    labels = [[line.get_label() for line in axes.lines] for axes in profiles]
    assert labels == [["input", "gaussian", "median", "clahe", "benchmark"], list(NAMES[4:])]
    for axes in profiles:
        colours = [line.get_color() for line in axes.lines]
        assert len(set(colours)) == len(colours)


def test_long_names_are_wrapped_before_they_run_into_each_other():
    name = "nonlocal_means (strength 0.8, patch_distance 6, tuned)"
    figure = panel_figure(example(names=("input", name)))
    title = figure.axes[1].title
    assert title.get_text().split() == name.split()
    assert "\n" in title.get_text()
    figure.canvas.draw()
    box = title.get_window_extent()
    # Neither the image beside it nor the edge of the page is touched.
    assert box.x0 > figure.axes[0].get_window_extent().x1
    assert box.y1 < figure.bbox.y1
    assert "".join(name.split()) in [
        "".join(text.get_text().split()) for text in figure.axes[-1].get_legend().get_texts()
    ]


def test_a_method_has_one_colour_in_all_bands_and_no_other_has_it():
    def looks(names):
        found = {}
        for axes in panel_figure(example(names=names)).axes:
            for line in axes.lines if not axes.images else ():
                found.setdefault(line.get_label(), set()).add(
                    (line.get_color(), line.get_linestyle())
                )
        return found

    methods = [f"method {number}" for number in range(14)]
    found = looks(["input", *methods, "benchmark"])
    assert all(len(one) == 1 for one in found.values())
    assert len(set.union(*found.values())) == len(found) == 16
    # Of no more methods than there are colours each has its own.
    few = [colour for one in looks(["input", *methods[:10]]).values() for colour, _ in one]
    assert len(set(few)) == 11


def test_the_scale_bar_keeps_off_the_frame_of_the_crop():
    for y, x in ((100, 100), (100, 0), (0, 0), (0, 100), (50, 50)):
        image = np.zeros((128, 128))
        image[y : y + 28 : 2, x : x + 28] = 1.0
        figure = panel_figure(
            Example(name="cell", images={"input": image}, pixel_size=Length(65, "nanometer"))
        )
        axes = figure.axes[0]
        figure.canvas.draw()
        frame = axes.patches[0].get_window_extent()
        assert not frame.overlaps(axes.lines[0].get_window_extent())
        assert not frame.overlaps(axes.texts[0].get_window_extent())
        assert axes.bbox.contains(*axes.texts[0].get_window_extent().max)


def test_the_scale_bar_is_as_long_as_it_says():
    figure = panel_figure(example(pixel_size=Length(120, "nanometer")))
    assert texts(figure)[0] == "2 µm"
    bar = figure.axes[0].lines[0].get_xdata()
    assert (bar[1] - bar[0]) * 120 == pytest.approx(2000)
    assert texts(panel_figure(example())) == []
    assert texts(panel_figure(example(pixel_size=Length(1, "parsec")))) == []


def test_large_images_are_shown_from_their_middle():
    figure = panel_figure(example(shape=(300, 90)), side=100)
    assert figure.axes[0].get_ylim() == (199.5, 99.5)
    assert figure.axes[0].get_xlim() == (-0.5, 89.5)


@pytest.mark.parametrize("image", [np.full((40, 40), np.nan), np.ones((40, 40)), np.eye(40) > 0])
def test_odd_images_are_drawn_without_a_warning(image):
    assert to_png(panel_figure(Example(name="odd", images={"input": image})))
    low, high = display_range(image)
    assert low < high


def test_a_png_has_the_theme_of_the_page():
    for theme, dark in ((LIGHT, False), (DARK, True)):
        png = to_png(panel_figure(example(), theme=theme), 50)
        corner = PillowImage.open(io.BytesIO(png)).convert("L").getpixel((0, 0))
        assert (corner < 128) == dark


def test_the_course_of_training_marks_the_best_epoch_and_lower_rates():
    records = [
        epoch(1, 0.5, best=True),
        epoch(2, 0.3, best=True),
        epoch(3, 0.4),
        epoch(4, 0.35, rate=5e-4),
    ]
    (axes,) = history_figure(records).axes
    train, validation, best, drop = axes.lines
    assert list(train.get_ydata()) == [0.5, 0.3, 0.4, 0.35]
    assert list(validation.get_ydata()) == pytest.approx([0.6, 0.4, 0.5, 0.45])
    assert (best.get_xdata()[0], best.get_ydata()[0]) == pytest.approx((2, 0.4))
    assert best.get_label() == "best: epoch 2"
    assert drop.get_xdata()[0] == 3.5
    assert texts(axes.figure) == ["rate 5.0e-04"]


def test_without_validation_the_best_stands_on_the_training_curve():
    records = [epoch(1, 0.5, best=True, validation=False), epoch(2, 0.6, validation=False)]
    (axes,) = history_figure(records).axes
    train, best = axes.lines
    assert train.get_label() == "train"
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (1, 0.5)


def test_images_of_different_shapes_are_refused_by_name():
    images = {"input": np.ones((4, 4)), "truth": np.ones((4, 5))}
    with pytest.raises(ImageError, match=r"'a\.tif' .* input \(4, 4\), truth \(4, 5\)"):
        Example(name="a.tif", images=images)
    with pytest.raises(ImageError, match="has no image"):
        Example(name="a.tif", images={})


def test_drawing_leaves_pyplot_alone():
    code = "import sys, l2l_core.reports; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
