"""What is known of an image's work without a look at each of its units."""

import numpy as np
import pytest

from l2l_core.images.guarding import Guard
from l2l_core.streaming.jobs import ImageJob, ImageSource, close_images
from l2l_core.streaming.standing import UnitSet
from l2l_core.streaming.units import plan_grid


def job_of(shape, axes, source="image.npy", run=""):
    grid = plan_grid(shape, axes, inner="YX", side=64)
    return ImageJob(
        source=ImageSource(str(source), run=run),
        guard=Guard(),
        frame=None,
        grid=grid,
        stores={},
        layout=None,
        tile=(64, 64),
        dtype="float32",
    )


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((150, 170), "YX"),
        ((128, 192), "YX"),
        ((128, 170), "YX"),
        ((40, 30), "YX"),
        ((3, 70, 500), "ZYX"),
        ((2, 3, 5, 70, 90), "TCZYX"),
    ],
)
def test_pixels_of_the_units_that_are_done_are_counted(shape, axes):
    job = job_of(shape, axes)
    count = job.grid.count(0)
    pixels = [job.grid.unit(0, index).pixels for index in range(count)]
    assert job.pixels == sum(pixels) == np.prod(shape)
    random = np.random.default_rng(0)
    for share in (0.0, 0.3, 0.7, 1.0):
        some = [index for index in range(count) if random.random() < share]
        done = UnitSet([(4, 0, index) for index in some] + [(3, 0, 0), (4, 1, 0)])
        assert job.pixels_done(done, 4) == sum(pixels[index] for index in some)


def test_an_image_is_opened_once_for_a_run_and_anew_for_the_next(tmp_path):
    np.save(tmp_path / "image.npy", np.ones((40, 30)))
    first, second = (job_of((40, 30), "YX", tmp_path / "image.npy", run) for run in "ab")
    image = first.opened()
    assert first.opened() is image
    other = second.opened()
    assert other is not image
    close_images("a")
    assert first.opened() is not image
    assert second.opened() is other
    close_images("a")
    close_images("b")
