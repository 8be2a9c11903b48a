"""Align the images of pairs, and write what both show, with a note of how far one was moved.

The first image of a pair stays, the second is moved; both are cropped to what they share.  Only Y
and X are aligned: one shift for all planes and frames of an image, found in the mean of up to 16 of
them.  One image may be a movie or a stack, and its partner a single plane: what was averaged or
exposed for longer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import asdict, define

from l2l_core.data.names import stem
from l2l_core.data.pairs import frame_sizes
from l2l_core.data.registration import shift_by_phase, shift_by_similarity
from l2l_core.data.shifts import Shift, overlapping
from l2l_core.errors import L2LError, OutputError, PairingError
from l2l_core.images.axes import reorder
from l2l_core.images.writing import FORMATS, write_image
from l2l_core.workflows.labelled_pairs import labelled_pairs, plane_of, spread_planes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from l2l_core.data.pairs import Pair
    from l2l_core.images.image import Image

METHODS = ("ssim", "phase")

UNCERTAIN = 1.0
"""Standard error of a shift, in pixels, above which it should be looked at."""

RIVAL = 0.87
"""Height of another peak, as a share of the best, above which a shift should be looked at."""

_PLANES = 16


@define(frozen=True)
class Alignment:
    """What became of one pair.

    Parameters
    ----------
    name, a, b : str
        What the pair is called, and the paths of both images.
    shift : Shift, optional
        How far B was moved; None where the pair could not be aligned.
    written : tuple of str
        Files that were written.
    problem : str, optional
        Why it could not be aligned.
    """

    name: str
    a: str
    b: str
    shift: Shift | None = None
    written: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def doubt(self) -> str:
        """Why the shift should be looked at, as a sentence; empty where nothing speaks for it."""
        if self.shift is None:
            return ""
        if self.shift.method == "phase" and self.shift.rival > RIVAL:
            return "another shift fits nearly as well, so look at the result, or search less far"
        if max(self.shift.y_error, self.shift.x_error) > UNCERTAIN:
            return "the shift is uncertain by more than a pixel, so look at the result"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "doubt": self.doubt}


def align(
    a: str | Path,
    b: str | Path,
    out: str | Path,
    *,
    method: str = "ssim",
    search: int | None = None,
    axes: str | None = None,
    channel_a: int | None = None,
    channel_b: int | None = None,
    match: str = "",
    restart: bool = False,
) -> Iterator[Alignment]:
    """Align the pairs of two places and yield each when it is done.

    Parameters
    ----------
    a, b : str or Path
        An image, a folder or a glob each; partners are matched by name.  The same twice where both
        labels are channels of each file.
    out : str or Path
        A folder, in which ``a`` and ``b`` hold the aligned images as OME-TIFF under their own
        names; or, for one pair, an image, which gets both as two channels.
    method : {"ssim", "phase"}
        In whole pixels as the paper, or in parts of a pixel.
    search : int, optional
        How far a shift may go, in pixels; 5 by SSIM and 10 by phase where it is left out.
    axes, channel_a, channel_b, match
        As :func:`~l2l_core.workflows.labelled_pairs.labelled_pairs` takes them.
    restart : bool, optional
        Whether files that exist are replaced.

    Yields
    ------
    Alignment
        One a pair, those that cannot be aligned included; nothing is written of these.

    Raises
    ------
    PairingError
        If the places hold no pairs, or several for one output.
    OutputError
        If an output exists already.  Nothing has been aligned then.
    """
    pairs = labelled_pairs(
        a, b, axes=axes, channel_a=channel_a, channel_b=channel_b, match=match, along="YX"
    )
    for pair in pairs:
        _check_planes(pair, Path(out))
    places = _places(pairs, Path(out))
    if not restart:
        for place in (place for both in places for place in both):
            if place.exists():
                raise OutputError(
                    f"{place} exists and is left as it is; choose another --out, or replace it "
                    "with --restart"
                )
    for pair, both in zip(pairs, places, strict=True):
        yield _align(pair, both, method, search)


def _check_planes(pair: Pair, out: Path) -> None:
    """Refuse images whose planes cannot be moved alike, or not be written as channels of one."""
    a, b = (frame_sizes(image) for image in (pair.input, pair.target))
    counts = [sizes["T"] * sizes["Z"] for sizes in (a, b)]
    if (a["T"], a["Z"]) == (b["T"], b["Z"]):
        return
    both = f"{pair.input.info.path} has {counts[0]} planes and {pair.target.info.path} {counts[1]}"
    if min(counts) > 1:
        raise PairingError(
            f"{both}; expected as many, or a single one of either, which is aligned with the mean"
        )
    if out.name.lower().endswith(FORMATS):
        raise PairingError(f"{both}, so they are no channels of one image; give --out a folder")


def _places(pairs: tuple[Pair, ...], out: Path) -> list[tuple[Path, ...]]:
    """Return the files of each pair: one for both, or one for each."""
    if out.name.lower().endswith(FORMATS):
        if len(pairs) > 1:
            raise PairingError(
                f"{out} is one image, but there are {len(pairs)} pairs; give --out a folder"
            )
        return [(out,)]
    places: list[tuple[Path, ...]] = []
    for pair in pairs:
        names = [f"{stem(Path(one.info.path))}.ome.tif" for one in (pair.input, pair.target)]
        places.append((out / "a" / names[0], out / "b" / names[1]))
    files = [place for both in places for place in both]
    twice = next((place for place in files if files.count(place) > 1), None)
    if twice is not None:
        raise PairingError(
            f"two images of one side are called {twice.name}, so one would replace the other; "
            "align their folders one by one"
        )
    return places


def _align(pair: Pair, places: tuple[Path, ...], method: str, search: int | None) -> Alignment:
    paths = (pair.input.info.path, pair.target.info.path)
    try:
        shift = _shift(pair, method, search)
        images = [_pixels(image) for image in (pair.input, pair.target)]
        fitted = overlapping(images[0], images[1], "TZYX", shift)
    except L2LError as error:
        return Alignment(pair.name, *paths, problem=str(error))
    _write(pair, places, fitted, shift)
    return Alignment(pair.name, *paths, shift, tuple(str(place) for place in places))


def _shift(pair: Pair, method: str, search: int | None) -> Shift:
    means = []
    for image in (pair.input, pair.target):
        planes = [
            plane_of(image, t, z).astype(np.float64) for t, z in spread_planes(image, _PLANES)
        ]
        means.append(np.mean(planes, axis=0))
    if method == "phase":
        return shift_by_phase(means[0], means[1], search=search)
    return shift_by_similarity(means[0], means[1], search=5 if search is None else search)


def _pixels(image: Image) -> NDArray[Any]:
    """Return the pixels of an image of one channel, (T, Z, Y, X)."""
    return reorder(image.read(), image.axes, "TZYX", where=image.info.path)


def _write(
    pair: Pair,
    places: tuple[Path, ...],
    fitted: tuple[NDArray[Any], NDArray[Any]],
    shift: Shift,
) -> None:
    images = (pair.input, pair.target)
    axes = "".join(axis for axis in "TZYX" if axis in pair.input.axes + pair.target.axes)
    moved = {
        "method": shift.method,
        "pixels": {"Y": shift.y, "X": shift.x},
        "standard_error": {"Y": shift.y_error, "X": shift.x_error},
        "correlation": shift.correlation,
        "rival": shift.rival,
        "reference": pair.input.info.path,
        "moved": pair.target.info.path,
        "moved_interpolated": any(shift.rest),
        "cropped_to": list(fitted[0].shape[-2:]),
    }
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
    sizes = {**pair.target.info.pixel_size, **pair.input.info.pixel_size}
    if len(places) == 1:
        write_image(
            places[0],
            np.stack([_flat(one, axes) for one in fitted]),
            "C" + axes,
            pixel_size=sizes,
            channel_names=_names(pair),
            provenance={"aligned": moved},
        )
        return
    for place, image, pixels in zip(places, images, fitted, strict=True):
        before = image.info.metadata.get("provenance")
        own = "".join(axis for axis in "TZYX" if axis in image.axes)
        write_image(
            place,
            _flat(pixels, own),
            own,
            pixel_size=image.info.pixel_size or sizes,
            channel_names=_own_names(image),
            provenance={
                "aligned": {**moved, "source": image.info.path},
                **({"before": before} if before else {}),
            },
        )


def _flat(pixels: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return (T, Z, Y, X) without the axes that the files do not have."""
    return pixels.reshape([pixels.shape["TZYX".index(axis)] for axis in axes])


def _own_names(image: Image) -> tuple[str, ...] | None:
    names = image.info.channel_names
    return names if names is not None and len(names) == 1 else None


def _names(pair: Pair) -> list[str]:
    names = []
    for letter, image in (("a", pair.input), ("b", pair.target)):
        own = _own_names(image)
        names.append(own[0] if own else f"{letter}: {stem(Path(image.info.path))}")
    return names
