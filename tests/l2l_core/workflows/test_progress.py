import io
import sys

import pytest

from l2l_core.cli.main import _show_warning
from l2l_core.components import EpochRecord
from l2l_core.workflows.progress import CountingProgress, PixelProgress, TrainingProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def trained(stream):
    progress = TrainingProgress(stream)
    progress.message("on the CPU")
    progress.epoch_started(1, 2, 3)
    for step, loss in enumerate([3.0, 2.0, 1.0], start=1):
        progress.step_ended(step, loss)
    progress.epoch_ended(
        EpochRecord(epoch=1, train={"loss": 2.0}, validation={"loss": 1.5}, learning_rate=4e-4)
    )
    progress.close()
    return stream.getvalue()


def test_a_log_file_gets_one_line_an_epoch():
    lines = trained(io.StringIO()).splitlines()
    assert lines[0] == "on the CPU"
    assert len(lines) == 2
    assert "epoch 1/2" in lines[1]
    assert "train loss 2.0000" in lines[1]
    assert "validation loss 1.5000" in lines[1]


def test_a_terminal_gets_a_bar_with_the_running_mean():
    text = trained(Terminal())
    assert "3/3" in text or "2/3" in text or "loss 2.0000" in text
    assert "\r" in text


def test_short_work_writes_nothing_into_a_log_file():
    stream = io.StringIO()
    progress = CountingProgress("cell.tif", "tile", stream)
    for done in range(5):
        progress(done + 1, 5)
    progress.close()
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_that_counts():
    stream = Terminal()
    progress = CountingProgress("cell.tif", "tile", stream)
    progress(1, 4)
    progress(4, 4)
    progress.close()
    assert "cell.tif" in stream.getvalue()


def test_a_remark_in_the_middle_of_an_epoch_has_a_line_of_its_own_and_the_bar_goes_on():
    stream = Terminal()
    progress = TrainingProgress(stream)
    progress.epoch_started(1, 1, 4)
    progress.step_ended(1, 1.0)
    progress.message("the network cannot be compiled here")
    before, after = stream.getvalue().split("the network cannot be compiled here\n")
    assert before.endswith("\r")
    assert not before.rstrip("\r").rpartition("\r")[2].strip()
    assert "epoch 1/1" in after
    progress.close()


def test_a_warning_of_the_command_line_does_not_run_into_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = TrainingProgress()
    progress.epoch_started(1, 1, 4)
    _show_warning("the patches\nare small", UserWarning, "loss.py", 1)
    progress.close()
    before, _ = terminal.getvalue().split("Warning: the patches are small\n")
    assert not before.rstrip("\r").rpartition("\r")[2].strip()


class Clock:
    """Seconds that pass as the test says."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_log_file_gets_a_line_every_ten_seconds_with_rate_and_time_left():
    stream, clock = io.StringIO(), Clock()
    progress = PixelProgress("slide.zarr", 900_000_000, stream=stream, clock=clock)
    for _ in range(35):
        clock.now += 1
        progress(3_400_000)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "slide.zarr: 34 of 900 Mpx, 3.4 Mpx/s, 4 min left",
        "slide.zarr: 68 of 900 Mpx, 3.4 Mpx/s, 4 min left",
        "slide.zarr: 102 of 900 Mpx, 3.4 Mpx/s, 4 min left",
    ]


def test_what_was_ready_before_counts_as_done_and_not_for_the_rate():
    stream, clock = io.StringIO(), Clock()
    progress = PixelProgress("slide.zarr", 900_000_000, 600_000_000, stream, clock=clock)
    clock.now += 10
    progress(10_000_000)
    assert stream.getvalue() == "slide.zarr: 610 of 900 Mpx, 1 Mpx/s, 5 min left\n"


def test_work_without_a_finished_pixel_promises_no_end():
    stream, clock = io.StringIO(), Clock()
    progress = PixelProgress("slide.zarr", 2_500_000, stream=stream, clock=clock)
    clock.now += 20
    progress(0)
    assert stream.getvalue() == "slide.zarr: 0 of 2.5 Mpx, 0 Mpx/s\n"


@pytest.mark.parametrize(("total", "left"), [(70, "60 s"), (3610, "60 min"), (36_010, "10.0 h")])
def test_the_time_left_is_told_in_a_fitting_unit(total, left):
    stream, clock = io.StringIO(), Clock()
    progress = PixelProgress("a", total * 1_000_000, stream=stream, clock=clock)
    clock.now += 10
    progress(10_000_000)
    assert stream.getvalue().endswith(f", 1 Mpx/s, {left} left\n")


def test_a_terminal_gets_a_bar_in_megapixels_that_starts_where_the_work_had_stopped():
    stream = Terminal()
    with PixelProgress("slide.zarr", 900_000_000, 600_000_000, stream) as progress:
        progress(30_000_000)
        progress.message("a chunk is damaged")
    text = stream.getvalue()
    assert "600/900 Mpx" in text
    assert "a chunk is damaged\n" in text
    assert "630/900 Mpx" in text.partition("a chunk is damaged")[2]


def test_a_remark_stands_in_a_log_file_too():
    stream = io.StringIO()
    PixelProgress("a", 1, stream=stream).message("worker 1 was killed by signal 9")
    assert stream.getvalue() == "worker 1 was killed by signal 9\n"
