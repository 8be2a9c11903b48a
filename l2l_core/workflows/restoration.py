"""What is asked of a restoration, and what became of it."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any, Literal, Protocol

from attrs import define, field

from l2l_core.errors import OptionsError
from l2l_core.images.ome_zarr_metadata import COMPRESSIONS, VERSIONS

NOT_A_MEASUREMENT = (
    "Restored by a trained or fixed method: intensities are no measure of amounts, and thin "
    "structure may be filled in."
)


def _one_of(*choices: str | None) -> Any:
    """Return a validator that names what there is to choose from."""

    def validate(_: Any, field: Any, value: Any) -> None:
        if value not in choices:
            names = ", ".join(choice for choice in choices if choice is not None)
            raise OptionsError(f"{field.name} is {value!r}; expected one of {names}")

    return validate


def _finite(value: float | None) -> float | None:
    """Return a value to leave out; what is NaN or infinite is left out anyway."""
    return value if value is not None and isfinite(value) else None


def _is_level(_: Any, field: Any, value: Any) -> None:
    if not isinstance(value, int) or value < 0:
        raise OptionsError(f"{field.name} is {value!r}; expected a number from 0 on")


@define(frozen=True, kw_only=True)
class RestoreOptions:
    """How images are restored.

    Parameters
    ----------
    axes : str, optional
        Axes of the inputs, where the files do not say.
    channel : str, optional
        The one channel to restore, by number from 0 or by name.
    level : int
        Level of a pyramid.
    dtype : {"float32", "uint16", "uint8"}
        Pixel type to write; integers are rounded and saturate.
    statistics : {"image", "model"}, optional
        Whose numbers normalise the input; the model's default where it is None.
    ignore : float, optional
        A pixel value that the image's statistics leave out, such as the filling of the empty areas
        of a mosaic; NaN is left out anyway.
    tile : int, optional
        Side of a tile in pixels; changes memory and speed, never the result.
    all_outputs : bool
        Whether every output is written, not the mean alone.
    unit : int, optional
        Side in pixels of what is restored, written and acknowledged at once, of a zarr store.
    compression : {"lz4", "zstd", "none"}
        Of a zarr store.
    version : {"0.4", "0.5"}, optional
        Of OME-Zarr; the input's by default, and 0.5 where it is none.

    Raises
    ------
    OptionsError
        If there is no such choice.
    """

    axes: str | None = None
    channel: str | None = None
    level: int = field(default=0, validator=_is_level)
    dtype: Literal["float32", "uint16", "uint8"] = field(
        default="float32", validator=_one_of("float32", "uint16", "uint8")
    )
    statistics: Literal["image", "model"] | None = field(
        default=None, validator=_one_of("image", "model", None)
    )
    ignore: float | None = field(default=None, converter=_finite)
    tile: int | None = None
    all_outputs: bool = False
    unit: int | None = None
    compression: str = field(default=COMPRESSIONS[0], validator=_one_of(*COMPRESSIONS))
    version: str | None = field(default=None, validator=_one_of(*VERSIONS, None))


@define(frozen=True, kw_only=True)
class Execution:
    """Who works at a restoration, and where its ledger is.

    Parameters
    ----------
    workers : int, optional
        Processes on this computer; threads of this process where it is None.
    scheduler : str, optional
        Address of a dask scheduler.
    ledger : str or Path, optional
        Folder of the ledger; beside the output by default.
    restart : bool
        Whether what is there already is made anew.
    """

    workers: int | None = None
    scheduler: str | None = None
    ledger: str | Path | None = None
    restart: bool = False


@define(frozen=True)
class Restored:
    """What became of one image.

    Parameters
    ----------
    source, out : str
        Image and restoration.
    shape : tuple of int
        Of the restoration; empty where there is none.
    axes : str
        Its axes.
    seconds : float
        What it took.
    skipped : bool
        Whether the restoration was there already.
    error : str
        Why there is none, or what of it is missing.
    units, units_before : int
        Units of a streamed restoration that are on the disk, and how many of them were there
        before.
    """

    source: str
    out: str
    shape: tuple[int, ...] = ()
    axes: str = ""
    seconds: float = 0.0
    skipped: bool = False
    error: str = ""
    units: int = 0
    units_before: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "source": self.source,
            "out": self.out,
            "shape": list(self.shape),
            "axes": self.axes,
            "seconds": round(self.seconds, 3),
            "skipped": self.skipped,
            "error": self.error,
            "units": self.units,
            "units_before": self.units_before,
        }

    def row(self) -> tuple[str, str, str]:
        """Return cells for a table: the source, what became of it, and where it is."""
        if self.error:
            return (self.source, "failed", self.error)
        if self.skipped:
            return (self.source, "was finished before", self.out)
        shape = " x ".join(map(str, self.shape))
        resumed = f" (went on behind {self.units_before} units)" if self.units_before else ""
        return (self.source, f"{self.axes} {shape}, {self.seconds:.1f} s{resumed}", self.out)


class TileProgress(Protocol):
    """Told about finished work; see :class:`l2l_core.workflows.progress.CountingProgress`."""

    def __call__(self, done: int, total: int, /) -> None:
        """Show that `done` of `total` pieces are ready."""

    def close(self) -> None:
        """Take the display away."""


class Display(Protocol):
    """Shows how many pixels are ready; see :class:`l2l_core.workflows.progress.PixelProgress`."""

    def __call__(self, pixels: int, /) -> None:
        """Add pixels that are ready."""

    def message(self, text: str) -> None:
        """Write a remark on a line of its own."""

    def close(self) -> None:
        """Take the display away."""


class Watcher(Protocol):
    """Told how a restoration goes; see :class:`l2l_core.workflows.progress.RestoreProgress`."""

    def tiles(self, name: str) -> TileProgress:
        """Return a display of the tiles of an image."""

    def pixels(self, title: str, total: int, before: int) -> Display:
        """Return a display of pixels, of which `before` were ready already."""

    def message(self, text: str) -> None:
        """Show a remark."""


class _Quiet:
    """A display that shows nothing."""

    def __call__(self, *_: int) -> None:
        """Show nothing."""

    def message(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class Silent:
    """A watcher who shows nothing."""

    def tiles(self, name: str) -> TileProgress:
        """Return a display that shows nothing."""
        return _Quiet()

    def pixels(self, title: str, total: int, before: int) -> Display:
        """Return a display that shows nothing."""
        return _Quiet()

    def message(self, text: str) -> None:
        """Show nothing."""
