import io
import sys

from l2l_core.cli.main import _show_warning
from l2l_core.components import EpochRecord
from l2l_core.workflows.progress import CountingProgress, TrainingProgress


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
