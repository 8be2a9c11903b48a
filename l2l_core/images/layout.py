"""How the axes that a file has become those of an image: one rule for all formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from l2l_core.errors import AxesError
from l2l_core.images.axes import AXES, guess_axes, parse_axes
from l2l_core.images.image import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@frozen
class SqueezedSource:
    """A source without some of its axes, all of length 1.

    Parameters
    ----------
    source : Source
    kept : tuple of bool
        Which of its axes remain.
    """

    source: Source
    kept: tuple[bool, ...]

    @property
    def chunks(self) -> tuple[int, ...]:
        """Chunks along the axes that remain."""
        return tuple(side for side, keep in zip(self.source.chunks, self.kept, strict=True) if keep)

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return a copy of the pixels at `index`."""
        parts = iter(index)
        whole = tuple(next(parts) if keep else slice(0, 1, 1) for keep in self.kept)
        pixels = self.source.read(whole)
        return pixels[tuple(slice(None) if keep else 0 for keep in self.kept)]


@frozen
class Layout:
    """Axes and shape of an image, and which axes of its file they are.

    Parameters
    ----------
    axes : str
    shape : tuple of int
    kept : tuple of bool
        Of the file's axes; the others have length 1 and no meaning here.
    """

    axes: str
    shape: tuple[int, ...]
    kept: tuple[bool, ...]

    def wrap(self, source: Source) -> Source:
        """Return the source with only the axes that are kept."""
        return source if all(self.kept) else SqueezedSource(source, self.kept)


def _as_channels(axes: str) -> str:
    """Return axes of a colour image with its colours as channels, and guesses for the unknown."""
    free = iter([axis for axis in "ZT" if axis not in axes] * len(axes))
    return "".join("C" if axis == "S" else axis if axis in AXES else next(free) for axis in axes)


def settle(own: str, shape: Sequence[int], given: str | None, where: str) -> Layout:
    """Decide the axes of an image.

    What the caller gives counts, then what the file says. Axes of length 1 that have no meaning
    here go. The colours of an RGB image (S) become channels, but only where the caller said so:
    where one channel is meant, three must not slip in.

    Parameters
    ----------
    own : str
        A letter for each axis of the file; one that is not of ``TCZYXS`` says nothing.
    shape : sequence of int
    given : str, optional
        Axes from the caller.
    where : str
        What a message calls the file.

    Raises
    ------
    AxesError
        If axes are unknown, do not fit, or are those of a colour image unasked.
    """
    if given and len(given.strip()) == len(shape):
        kept = (True,) * len(shape)
    else:
        kept = tuple(size != 1 or axis in AXES for axis, size in zip(own, shape, strict=True))
    left = "".join(axis for axis, keep in zip(own, kept, strict=True) if keep)
    sizes = tuple(size for size, keep in zip(shape, kept, strict=True) if keep)
    if given:
        size = " x ".join(str(n) for n in sizes)
        axes = parse_axes(given, len(sizes), where=f"{where} ({size})", samples=True)
    elif "S" in left:
        colours = sizes[left.index("S")]
        raise AxesError(
            f"{where}: a colour image with {colours} samples a pixel, where one channel is meant; "
            f"save it as greyscale, or give axes such as {_as_channels(left)!r} to take the "
            "colours as channels"
        )
    elif set(left) <= set(AXES) and len(set(left)) == len(left):
        axes = parse_axes(left, len(sizes), where=where)
    else:
        axes = guess_axes(sizes, where)
    if "S" in axes:
        if "C" in axes:
            raise AxesError(
                f"{where}: axes {axes!r} have both channels and colour samples; save the image "
                "with one of them"
            )
        axes = axes.replace("S", "C")
    return Layout(axes, sizes, kept)
