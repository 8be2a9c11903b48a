import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_core.components.options import structure
from l2l_core.errors import ModelDamagedError, OptionsError


def network(axes="YX", channels_in=1, channels_out=1, **options):
    return CareNetwork(CareOptions(**options), axes, channels_in, channels_out)


@pytest.mark.parametrize(("kernel", "count"), [(5, 922_977), (3, 332_641)])
def test_parameters_are_as_many_as_csbdeeps(kernel, count):
    assert network(kernel=kernel).parameters == count


def test_kernel_is_csbdeeps_where_none_is_given():
    assert network("YX").kernel == 5
    assert network("ZYX").kernel == 3


@pytest.mark.parametrize(
    ("depth", "kernel", "reach", "halo"),
    [(2, 5, 43, 40), (2, 3, 23, 22), (3, 3, 51, 46), (3, 5, 95, 92), (4, 3, 107, 94)],
)
def test_reach_and_halo_are_those_that_were_measured(depth, kernel, reach, halo):
    described = network(depth=depth, kernel=kernel)
    sides = [described.reach(phase) for phase in range(described.multiple)]
    assert max(max(pair) for pair in sides) == reach
    assert described.halo == halo
    assert described.geometry().halo == (halo, halo)


def test_reach_depends_on_the_phase():
    described = network(depth=2, kernel=5)
    assert [described.reach(phase) for phase in range(4)] == [
        (40, 43),
        (41, 42),
        (42, 41),
        (43, 40),
    ]


depths_and_kernels = st.tuples(st.integers(1, 5), st.sampled_from([1, 3, 5, 7]))


@given(depths_and_kernels, st.integers(-40, 40), st.integers(1, 50))
def test_an_interval_needs_what_its_pixels_need_together(shape, start, length):
    described = network(depth=shape[0], kernel=shape[1])
    pixels = [described.needed(p, p + 1) for p in range(start, start + length)]
    assert described.needed(start, start + length) == (
        min(first for first, _ in pixels),
        max(last for _, last in pixels),
    )


@given(depths_and_kernels, st.integers(-20, 20), st.integers(1, 30))
def test_a_shift_by_the_multiple_shifts_what_is_needed(shape, start, length):
    described = network(depth=shape[0], kernel=shape[1])
    first, last = described.needed(start, start + length)
    step = described.multiple
    assert described.needed(start + step, start + step + length) == (first + step, last + step)


@given(depths_and_kernels, st.integers(-5, 5), st.integers(1, 5))
def test_halo_suffices_for_every_region_on_the_lattice_and_is_needed(shape, start, length):
    described = network(depth=shape[0], kernel=shape[1])
    first, last = start * described.multiple, (start + length) * described.multiple
    left, right = described.needed(first, last)
    assert max(first - left, right - last) == described.halo


@given(depths_and_kernels, st.sampled_from(["YX", "ZYX"]))
def test_a_preferred_tile_lies_on_the_lattice_and_keeps_a_third(shape, axes):
    geometry = network(axes, depth=shape[0], kernel=shape[1]).geometry()
    for tile, multiple, halo in zip(
        geometry.tile, geometry.multiple, geometry.lattice_halo, strict=True
    ):
        assert tile % multiple == 0
        assert tile - 2 * halo > tile / 4


def test_residual_has_no_effect_where_channels_differ():
    assert network(channels_in=2, channels_out=2).residual
    assert not network(channels_in=2, channels_out=1).residual
    assert not network(residual=False).residual


def test_probabilistic_network_has_two_outputs_and_two_heads():
    described = network(probabilistic=True)
    assert described.geometry().outputs == ("mean", "scale")
    assert described.tensors["scale.kernel"] == described.tensors["mean.kernel"] == (1, 32, 1, 1)


def test_initial_weights_are_glorot_uniform_and_follow_the_seed():
    described = network("ZYX", channels_in=2, channels_out=2, first_filters=8)
    state = described.initial_state(3)
    described.check(state)
    kernel = state["down.1.conv.0.kernel"]
    assert kernel.shape == (16, 8, 3, 3, 3)
    limit = np.sqrt(6 / (27 * (8 + 16)))
    assert 0.98 * limit < np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert not state["down.1.conv.0.bias"].any()
    again, other = described.initial_state(3), described.initial_state(4)
    assert all(np.array_equal(state[name], again[name]) for name in state)
    assert not np.array_equal(kernel, other["down.1.conv.0.kernel"])


def _without(state):
    del state["up.0.conv.1.bias"]


def _with_unknown(state):
    state["up.9.conv.0.kernel"] = np.zeros(3, np.float32)


def _with_shape(state):
    state["middle.conv.0.kernel"] = state["middle.conv.0.kernel"][:, :, 1:]


def _with_dtype(state):
    state["mean.bias"] = state["mean.bias"].astype(np.float64)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without, "'up.0.conv.1.bias' is missing"),
        (_with_unknown, "'up.9.conv.0.kernel' is not part of it"),
        (_with_shape, r"'middle.conv.0.kernel' has the shape .*2, 3\), expected .*3, 3\)"),
        (_with_dtype, "'mean.bias' is float64, expected float32"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(damage, said):
    described = network(kernel=3, first_filters=2)
    state = described.initial_state(0)
    damage(state)
    with pytest.raises(ModelDamagedError, match=said):
        described.check(state)


def test_many_problems_with_weights_are_counted():
    with pytest.raises(ModelDamagedError, match="and 19 more"):
        network().check({})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernel": 4}, "got 4, expected an odd number"),
        ({"depth": 0}, "depth"),
        ({"first_filters": 0}, "first_filters"),
        ({"last_activation": "sigmoid"}, "sigmoid"),
        ({"kernels": 3}, "did you mean 'kernel'"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(OptionsError, match=said):
        structure(options, CareOptions, where="restorer.options")
