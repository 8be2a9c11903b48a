"""Show how long work goes on: a bar on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TextIO

from l2l_core.components.training import EpochRecord, Events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tqdm import tqdm

_LINE_EVERY_SECONDS = 10.0


@contextmanager
def beside_bars(stream: TextIO) -> Iterator[None]:
    """Take the bars on a stream away while a line is written to it, and draw them again below."""
    if "tqdm" not in sys.modules:
        yield
        return
    from tqdm import tqdm

    with tqdm.external_write_mode(file=stream):
        yield


class TrainingProgress(Events):
    """A bar for each epoch on a terminal, a line for each epoch elsewhere.

    Parameters
    ----------
    stream : text stream, optional
        Where to write; stderr by default, so that stdout stays for results.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: tqdm[Any] | None = None
        self._epochs = 0
        self._mean = 0.0

    def message(self, text: str) -> None:
        """Write a remark on a line of its own."""
        with beside_bars(self._stream):
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def epoch_started(self, epoch: int, epochs: int, steps: int) -> None:
        """Open the epoch's bar."""
        self._epochs, self._mean = epochs, 0.0
        if self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=steps,
                desc=f"epoch {epoch}/{epochs}",
                unit="step",
                file=self._stream,
                leave=False,
                dynamic_ncols=True,
            )

    def step_ended(self, step: int, loss: float) -> None:
        """Move the bar, with the mean loss of the epoch so far."""
        self._mean += (loss - self._mean) / step
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {self._mean:.4f}", refresh=False)
            self._bar.update(1)

    def epoch_ended(self, record: EpochRecord) -> None:
        """Replace the bar by one line about the epoch."""
        self._close_bar()
        parts = [f"epoch {record.epoch}/{self._epochs}", _numbers("train", record.train)]
        if record.validation:
            parts.append(_numbers("validation", record.validation))
        if record.learning_rate:
            parts.append(f"rate {record.learning_rate:.2g}")
        parts.append(f"{record.seconds:.0f} s")
        if record.best:
            parts.append("best so far")
        self._stream.write("  ".join(parts) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Take the bar away; safe to call at any time."""
        self._close_bar()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class CountingProgress:
    """Progress of work that comes in countable pieces: tiles, images, pairs.

    Parameters
    ----------
    what : str
        Label of the work, such as the name of the image.
    unit : str
        What is counted, in the singular.
    stream : text stream, optional
        Where to write; stderr by default.
    """

    def __init__(self, what: str, unit: str, stream: TextIO | None = None) -> None:
        self._what, self._unit = what, unit
        self._stream = stream or sys.stderr
        self._bar: tqdm[Any] | None = None
        self._last_line = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` pieces are ready."""
        if self._stream.isatty():
            if self._bar is None:
                self._bar = self._opened(total)
            self._bar.total = total
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._last_line > _LINE_EVERY_SECONDS:
            # A log file has no use for a line a tile; short work leaves it alone altogether.
            self._last_line = time.monotonic()
            self._stream.write(f"{self._what}: {done} of {total} {self._unit}s\n")
            self._stream.flush()

    def _opened(self, total: int) -> tqdm[Any]:
        from tqdm import tqdm

        return tqdm(
            total=total,
            desc=self._what,
            unit=self._unit,
            file=self._stream,
            leave=False,
            dynamic_ncols=True,
        )

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class PixelProgress:
    """Progress over so many pixels that it is told in megapixels, with the rate and what is left.

    Parameters
    ----------
    what : str
        Label of the work, such as the name of the image.
    total : int
        Pixels in all.
    initial : int
        Pixels that were ready before; they count as done, not for the rate.
    stream : text stream, optional
        Where to write; stderr by default.
    clock : callable
        Returns seconds, from whenever on.
    """

    def __init__(
        self,
        what: str,
        total: int,
        initial: int = 0,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._initial, self._done = what, total, initial, initial
        self._stream = stream or sys.stderr
        self._clock = clock
        self._start = self._last_line = clock()
        self._bar = self._opened() if self._stream.isatty() else None

    def __call__(self, pixels: int) -> None:
        """Show that so many pixels more are ready."""
        self._done += pixels
        now = self._clock()
        if self._bar is not None:
            self._bar.update(pixels / 1e6)
        elif now - self._last_line >= _LINE_EVERY_SECONDS:
            self._last_line = now
            self.message(self._line(now))

    def message(self, text: str) -> None:
        """Write a remark on a line of its own."""
        with beside_bars(self._stream):
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def close(self) -> None:
        """Take the bar away; safe to call again."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        """Return this progress."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bar away."""
        self.close()

    def _line(self, now: float) -> str:
        rate = (self._done - self._initial) / max(now - self._start, 1e-9)
        left = f", {_duration((self._total - self._done) / rate)} left" if rate > 0 else ""
        return (
            f"{self._what}: {_mega(self._done)} of {_mega(self._total)} Mpx, "
            f"{_mega(rate)} Mpx/s{left}"
        )

    def _opened(self) -> tqdm[Any]:
        from tqdm import tqdm

        return tqdm(
            total=self._total / 1e6,
            initial=self._initial / 1e6,
            desc=self._what,
            unit="Mpx",
            bar_format=(
                "{desc}: {percentage:3.0f}%|{bar}| {n:.3g}/{total:.3g} Mpx "
                "[{elapsed}<{remaining}, {rate_noinv_fmt}]"
            ),
            file=self._stream,
            leave=False,
            dynamic_ncols=True,
        )


def _mega(pixels: float) -> str:
    """Return megapixels, with a decimal while they are few."""
    mega = pixels / 1e6
    return f"{mega:.0f}" if mega >= 100 or mega == round(mega) else f"{mega:.1f}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _numbers(label: str, values: Mapping[str, float]) -> str:
    return f"{label} " + " ".join(f"{name} {value:.4f}" for name, value in values.items())


class RestoreProgress:
    """Shows how restorations go: a display for each image in memory, or for all that is streamed.

    Parameters
    ----------
    stream : text stream, optional
        Where to write; stderr by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def tiles(self, name: str) -> CountingProgress:
        """Return a display of the tiles of an image."""
        return CountingProgress(name, "tile", self._stream)

    def pixels(self, title: str, total: int, before: int) -> PixelProgress:
        """Return a display of pixels, of which `before` were ready already."""
        return PixelProgress(title, total, before, self._stream)

    def message(self, text: str) -> None:
        """Write a remark on a line of its own."""
        with beside_bars(self._stream):
            self._stream.write(f"{text}\n")
            self._stream.flush()
