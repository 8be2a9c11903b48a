"""Geometries are compared with the sets of pixels that they promise to depend on."""

from __future__ import annotations

from math import ceil, lcm
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.components import Geometry, Padding

if TYPE_CHECKING:
    from collections.abc import Callable

steps = st.builds(
    lambda halo, multiple, scale: Geometry(axes="YX", halo=halo, multiple=multiple, scale=scale),
    halo=st.integers(0, 9),
    multiple=st.integers(1, 6),
    scale=st.integers(1, 3),
)


def reads(step: Geometry, start: int, stop: int) -> tuple[int, int]:
    """Return the input pixels that outputs start..stop of a step may depend on, along X.

    The worst that the step's declaration allows: all pixels of the lattice cells that the outputs
    lie in, and the halo around them.
    """
    multiple, halo, scale = step.multiple[-1], step.lattice_halo[-1], step.scale[-1]
    assert halo is not None
    first = start // scale // multiple * multiple
    last = ceil(ceil(stop / scale) / multiple) * multiple
    return first - halo, last + halo


@given(steps, steps, st.integers(-3, 3), st.integers(1, 3))
def test_a_chain_reads_no_further_than_its_halo(
    first: Geometry, second: Geometry, cell: int, cells: int
) -> None:
    chain = first.then(second)
    multiple, scale, halo = chain.multiple[-1], chain.scale[-1], chain.halo[-1]
    assert halo is not None
    kept = (cell * multiple, (cell + cells) * multiple)
    start, stop = reads(first, *reads(second, kept[0] * scale, kept[1] * scale))
    assert kept[0] - halo <= start
    assert stop <= kept[1] + halo


@given(steps, steps)
def test_the_halo_of_a_chain_is_not_larger_than_it_must_be_on_its_lattice(
    first: Geometry, second: Geometry
) -> None:
    chain = first.then(second)
    multiple, scale, halo = chain.multiple[-1], chain.scale[-1], chain.halo[-1]
    start, stop = reads(first, *reads(second, 0, multiple * scale))
    needed = max(-start, stop - multiple)
    assert halo is not None
    assert halo < needed + multiple


@given(steps, steps)
def test_the_multiple_of_a_chain_is_the_least_that_serves_both(
    first: Geometry, second: Geometry
) -> None:
    multiple = first.then(second).multiple[-1]

    def serves(side: int) -> bool:
        behind = side * first.scale[-1]
        return side % first.multiple[-1] == 0 and behind % second.multiple[-1] == 0

    assert [side for side in range(1, multiple + 1) if serves(side)] == [multiple]


@given(steps, steps, steps)
def test_chains_of_three_agree_on_lattice_and_scale_however_they_are_grouped(
    a: Geometry, b: Geometry, c: Geometry
) -> None:
    left, right = a.then(b).then(c), a.then(b.then(c))
    assert left.multiple == right.multiple
    assert left.scale == right.scale
    # Rounding to the lattice of a part may add up to that lattice, once a grouping.
    slack = lcm(*left.multiple)
    for one, other in zip(left.halo, right.halo, strict=True):
        assert one is not None
        assert other is not None
        assert abs(one - other) <= slack


@given(steps)
def test_doing_nothing_before_or_after_changes_no_more_than_the_rounding(step: Geometry) -> None:
    nothing = Geometry(axes="YX")
    for chain in (nothing.then(step), step.then(nothing)):
        assert chain.halo == step.lattice_halo
        assert (chain.multiple, chain.scale) == (step.multiple, step.scale)


@given(steps)
def test_an_unbounded_axis_makes_the_chain_unbounded(step: Geometry) -> None:
    whole = Geometry(axes="YX", halo=(None, 3))
    for chain in (whole.then(step), step.then(whole)):
        assert chain.halo[0] is None
        assert chain.halo[1] is not None
        assert not chain.bounded


@given(st.integers(0, 50), st.integers(1, 16))
def test_the_lattice_halo_is_the_next_multiple(halo: int, multiple: int) -> None:
    (found,) = set(Geometry(axes="YX", halo=halo, multiple=multiple).lattice_halo)
    assert found is not None
    assert found % multiple == 0
    assert halo <= found < halo + multiple


@given(st.integers(0, 30))
def test_padding_splits_the_rest_without_loss_the_smaller_half_before(rest: int) -> None:
    before, after = Padding().split(rest)
    assert before + after == rest
    assert before in (after, after - 1)
    assert Padding(before="none").split(rest) == (0, rest)


def test_a_chain_gives_what_its_last_step_gives() -> None:
    first = Geometry(axes="YX", channels_in=2, channels_out=3, statistics_stages=1)
    last = Geometry(
        axes="YX",
        channels_in=3,
        channels_out=1,
        outputs=("mean", "scale"),
        dtype="uint16",
        statistics_stages=2,
    )
    chain = first.then(last)
    assert (chain.channels_in, chain.channels_out) == (2, 1)
    assert (chain.outputs, chain.dtype) == (("mean", "scale"), "uint16")
    assert chain.statistics_stages == 3


def test_the_preferred_tile_of_a_chain_is_the_smaller_one_in_pixels_of_its_input() -> None:
    doubling = Geometry(axes="YX", scale=2, tile=512)
    assert doubling.then(Geometry(axes="YX", tile=600)).tile == (300, 300)
    assert doubling.then(Geometry(axes="YX", tile=2048)).tile == (512, 512)
    assert doubling.then(Geometry(axes="YX")).tile == (512, 512)
    assert Geometry(axes="YX").then(Geometry(axes="YX")).tile == (0, 0)


def test_steps_that_do_not_fit_each_other_are_refused() -> None:
    flat, deep = Geometry(axes="YX"), Geometry(axes="ZYX")
    with pytest.raises(ValueError, match=r"1 channels over YX cannot be followed by .* 1 over ZYX"):
        flat.then(deep)
    with pytest.raises(ValueError, match="takes 2 over YX"):
        flat.then(Geometry(axes="YX", channels_in=2))
    with pytest.raises(ValueError, match="can only come last"):
        Geometry(axes="YX", output_axes="ZYX").then(deep)


def test_one_number_holds_for_all_axes() -> None:
    geometry = Geometry(axes="ZYX", halo=3, multiple=(1, 4, 4), scale=2)
    assert geometry.halo == (3, 3, 3)
    assert geometry.multiple == (1, 4, 4)
    assert geometry.scale == (2, 2, 2)
    assert geometry.output_axes == "ZYX"
    assert geometry == Geometry(axes="ZYX", halo=(3, 3, 3), multiple=(1, 4, 4), scale=(2,))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Geometry(axes=""), "expected 'YX' or 'ZYX'"),
        (lambda: Geometry(axes="YXC"), "expected 'YX' or 'ZYX'"),
        (lambda: Geometry(axes="YY"), "expected 'YX' or 'ZYX'"),
        (lambda: Geometry(axes="YX", halo=-1), "no negative number"),
        (lambda: Geometry(axes="YX", tile=-1), "no negative number"),
        (lambda: Geometry(axes="YX", statistics_stages=-1), "no negative number"),
        (lambda: Geometry(axes="YX", multiple=0), "at least 1"),
        (lambda: Geometry(axes="YX", scale=(1, 0)), "at least 1"),
        (lambda: Geometry(axes="YX", halo=(1, 2, 3)), "has 3 numbers; expected one, or one for"),
        (lambda: Geometry(axes="YX", channels_out=0), "at least one channel"),
        (lambda: Geometry(axes="YX", outputs=()), "at least one output"),
    ],
)
def test_a_geometry_without_sense_is_refused(make: Callable[[], Geometry], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        make()


def test_a_fraction_of_a_pixel_is_refused_and_not_cut_off() -> None:
    with pytest.raises(TypeError):
        Geometry(axes="YX", halo=(2.5, 2.5))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Geometry(axes="YX", multiple=(1.5, 1))  # type: ignore[arg-type]
