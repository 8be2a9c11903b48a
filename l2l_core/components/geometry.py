"""What a tiler must know of a restorer: receptive field, lattice, padding and scale, as values.

Lengths are in pixels of the restorer's input, one number for each spatial axis.
"""

from __future__ import annotations

from math import lcm
from operator import index
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, evolve, field

if TYPE_CHECKING:
    from collections.abc import Sequence

PaddingMode = Literal["reflect", "symmetric", "edge", "constant"]


def _integers(value: Sequence[int] | int) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(index(v) for v in value)


def _halo(value: Sequence[int | None] | int | None) -> tuple[int | None, ...]:
    if value is None or isinstance(value, int):
        return (value,)
    return tuple(None if v is None else index(v) for v in value)


def _names(value: Sequence[str]) -> tuple[str, ...]:
    return tuple(value)


@define(frozen=True)
class Padding:
    """How an image is filled up to the next multiple.

    Parameters
    ----------
    mode : {"reflect", "symmetric", "edge", "constant"}
        As in :func:`numpy.pad`.
    before : {"half", "none"}
        Where the rest goes: ``"half"`` puts ``rest // 2`` before and what remains after, as
        CSBDeep does; ``"none"`` puts all of it after.
    """

    mode: PaddingMode = "reflect"
    before: Literal["half", "none"] = "half"

    def split(self, rest: int) -> tuple[int, int]:
        """Return how many pixels of `rest` go before and after."""
        before = rest // 2 if self.before == "half" else 0
        return before, rest - before


@define(frozen=True, kw_only=True)
class Geometry:
    """Receptive field and shape rules of a restorer, per spatial axis.

    Parameters
    ----------
    axes : str
        Spatial axes in the order of the arrays, ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int
        Channels that go in, and that come out of each of `outputs`.
    halo : int or None, or one for each axis
        Pixels that a kept region needs on either side of it, given that the region starts and
        ends on the lattice of `multiple`; None where the whole axis is looked at.
    multiple : int or one for each axis
        Sides of a tile are multiples of this, and its start lies on a multiple of it in the
        coordinates of the padded whole image.
    outputs : tuple of str
        Names of what comes out: ``("mean",)``, or ``("mean", "scale")`` of a probabilistic method.
    padding : Padding
        How an image is filled up to `multiple`.
    scale : int or one for each axis
        How many output pixels there are for an input pixel along each axis.
    output_axes : str, optional
        Spatial axes of what comes out, where they differ from `axes`.
    tile : int or one for each axis, optional
        Preferred size of a tile, halo included; 0 leaves it to the caller.
    dtype : str
        Type of what comes out.
    statistics_stages : int
        Passes over the whole image that are needed to collect global statistics, layer by layer.

    Examples
    --------
    >>> blur = Geometry(axes="YX", channels_in=1, channels_out=1, halo=6)
    >>> net = Geometry(axes="YX", channels_in=1, channels_out=1, halo=40, multiple=4)
    >>> blur.then(net).halo
    (48, 48)
    """

    axes: str
    channels_in: int = 1
    channels_out: int = 1
    halo: tuple[int | None, ...] = field(default=0, converter=_halo)
    multiple: tuple[int, ...] = field(default=1, converter=_integers)
    outputs: tuple[str, ...] = field(default=("mean",), converter=_names)
    padding: Padding = Padding()
    scale: tuple[int, ...] = field(default=1, converter=_integers)
    output_axes: str = ""
    tile: tuple[int, ...] = field(default=0, converter=_integers)
    dtype: str = "float32"
    statistics_stages: int = 0

    def __attrs_post_init__(self) -> None:
        """Write one number out for all axes, and check what is left."""
        if (
            not self.axes
            or not set(self.axes) <= set("ZYX")
            or len(set(self.axes)) != len(self.axes)
        ):
            raise ValueError(f"axes {self.axes!r} of a geometry; expected 'YX' or 'ZYX'")
        for name in ("halo", "multiple", "scale", "tile"):
            value: tuple[Any, ...] = getattr(self, name)
            if len(value) == 1:
                value = value * len(self.axes)
                object.__setattr__(self, name, value)
            if len(value) != len(self.axes):
                raise ValueError(
                    f"{name} {value} of a geometry has {len(value)} numbers; expected one, or "
                    f"one for each of the axes {self.axes}"
                )
        if any(h is not None and h < 0 for h in self.halo):
            raise ValueError(f"halo {self.halo} of a geometry; expected no negative number")
        for name in ("multiple", "scale"):
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name} {getattr(self, name)} of a geometry; expected at least 1")
        for name in ("tile", "statistics_stages"):
            numbers = getattr(self, name)
            if min(numbers if isinstance(numbers, tuple) else (numbers,)) < 0:
                raise ValueError(f"{name} {numbers} of a geometry; expected no negative number")
        if self.channels_in < 1 or self.channels_out < 1:
            raise ValueError("a geometry has at least one channel in and one out")
        if not self.outputs:
            raise ValueError("a geometry has at least one output")
        if not self.output_axes:
            object.__setattr__(self, "output_axes", self.axes)

    @property
    def bounded(self) -> bool:
        """Whether the receptive field is bounded along every axis, so that tiles are exact."""
        return all(h is not None for h in self.halo)

    @property
    def lattice_halo(self) -> tuple[int | None, ...]:
        """The halo rounded up to the lattice: what a tile takes on either side of what it keeps."""
        return tuple(
            None if h is None else -(-h // m) * m
            for h, m in zip(self.halo, self.multiple, strict=True)
        )

    def then(self, other: Geometry) -> Geometry:
        """Return the geometry of this restorer followed by `other`.

        The halos add up, each on its own lattice and that of `other` measured in pixels of this
        one's input; the multiples combine to the least one that serves both, and of the preferred
        tiles the smaller holds.  The chain is filled up once, before its first step, as this
        geometry says.

        Raises
        ------
        ValueError
            If what comes out here is not what goes in there.
        """
        if self.output_axes != other.axes or self.channels_out != other.channels_in:
            raise ValueError(
                f"a restorer with {self.channels_out} channels over {self.output_axes} cannot be "
                f"followed by one that takes {other.channels_in} over {other.axes}"
            )
        if self.axes != self.output_axes:
            raise ValueError("a restorer that changes its axes can only come last in a chain")
        multiple = []
        halo: list[int | None] = []
        for m1, m2, s1, h1, h2 in zip(
            self.multiple,
            other.multiple,
            self.scale,
            self.lattice_halo,
            other.lattice_halo,
            strict=True,
        ):
            # A step of m2 pixels behind a scale s1 is m2 / gcd(m2, s1) pixels in front of it.
            common = lcm(m1, lcm(m2, s1) // s1)
            multiple.append(common)
            if h1 is None or h2 is None:
                halo.append(None)
            else:
                reach = h1 + -(-h2 // s1)
                halo.append(-(-reach // common) * common)
        return evolve(
            self,
            channels_out=other.channels_out,
            halo=tuple(halo),
            multiple=tuple(multiple),
            outputs=other.outputs,
            scale=tuple(a * b for a, b in zip(self.scale, other.scale, strict=True)),
            output_axes=other.output_axes,
            tile=tuple(
                min((side for side in (a, -(-b // s)) if side), default=0)
                for a, b, s in zip(self.tile, other.tile, self.scale, strict=True)
            ),
            dtype=other.dtype,
            statistics_stages=self.statistics_stages + other.statistics_stages,
        )
