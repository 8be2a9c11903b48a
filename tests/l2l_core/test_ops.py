"""Every framework's operations equal NumPy's; and NumPy's are what the Protocol says."""

import inspect
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.components.registry import registry
from l2l_core.ops import NumpyOps, Ops, kernels_per_axis, spatial_axes
from l2l_core.testing import ops_suite
from l2l_core.testing.frameworks import differentiable_ops, installed_ops
from l2l_core.testing.ops_suite import OpsSuite

FRAMEWORKS = sorted(set(installed_ops()) - {"numpy"})


class TestNumpyOps(OpsSuite):
    component = ("ops", "numpy")


def _suite(name):
    return type(f"Test{name.title()}Ops", (OpsSuite,), {"component": ("ops", name)})


# One class for each framework that is installed, those of third parties and later ones included.
globals().update({f"Test{name.title()}Ops": _suite(name) for name in FRAMEWORKS})


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_the_frameworks_are_compared_with_numpy(name):
    if find_spec(name) is None:
        pytest.skip(f"{name.upper()} IS NOT COMPARED WITH NUMPY: it is not installed")
    assert name in FRAMEWORKS
    assert set(FRAMEWORKS) == set(differentiable_ops())


def test_the_reference_is_registered():
    assert isinstance(installed_ops()["numpy"], NumpyOps)
    assert "numpy" in {found.info.name for found in registry().of_kind("ops")}


def test_operations_are_those_of_the_protocol():
    assert set(ops_suite.operations()) == {
        name for name, value in vars(Ops).items() if inspect.isfunction(value) and name[0] != "_"
    }
    assert {"abs", "separable_filter", "real_fft"} <= set(ops_suite.operations())


class Incomplete(NumpyOps):
    def sum(self, x, axis=None):
        return np.sum(x, axis=axis)


class Wrong(NumpyOps):
    def clip(self, x, low, high):
        return np.maximum(x, low)


class Widening(NumpyOps):
    def square(self, x):
        return x * x * np.float64(1.0)


@pytest.mark.parametrize(
    ("ops", "test", "what"),
    [
        (Incomplete(), "test_signatures_are_the_protocols", "sum"),
        (Wrong(), "test_values_are_numpys", "clip"),
        (Widening(), "test_values_are_numpys", "square"),
    ],
)
def test_the_suite_finds_a_wrong_operation(ops, test, what):
    suite = type("Suite", (OpsSuite,), {"ops": ops})()
    with pytest.raises(AssertionError, match=what):
        getattr(suite, test)()


def test_the_suite_finds_an_operation_without_a_case(monkeypatch):
    monkeypatch.setattr(ops_suite, "CASES", ops_suite.CASES[1:])
    with pytest.raises(AssertionError, match="no case for abs"):
        TestNumpyOps().test_every_operation_has_a_case()


@given(
    sides=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    size=st.integers(1, 9),
    last=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_filter_is_the_sum_over_its_window(sides, size, last, seed):
    size = min(size, *sides)
    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal(size).tolist()
    shape = (2, *sides, 2) if last else (2, 2, *sides)
    x = rng.standard_normal(shape)
    axes = spatial_axes(x.ndim, -1 if last else 1)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size,) * len(axes), axes)
    for _ in axes:
        windows = windows @ np.array(kernel)
    got = NumpyOps().separable_filter(x, kernel, channel_axis=-1 if last else 1)
    np.testing.assert_allclose(got, windows, atol=1e-12)


@given(
    sides=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    sizes=st.lists(st.integers(1, 4), min_size=3, max_size=3),
)
def test_pooling_gives_means_of_whole_blocks(sides, sizes):
    sizes = [min(a, b) for a, b in zip(sizes, sides, strict=False)]
    x = np.random.default_rng(0).standard_normal((1, 2, *sides))
    got = NumpyOps().average_pool(x, sizes, channel_axis=1)
    assert got.shape[2:] == tuple(a // b for a, b in zip(sides, sizes, strict=True))
    corner = x[(0, 1, *(slice(n) for n in sizes))]
    np.testing.assert_allclose(got[(0, 1, *([0] * len(sizes)))], corner.mean())


def test_a_kernel_serves_all_axes_or_each_has_its_own():
    assert kernels_per_axis([0.5, 0.5], (4, 5)) == ((0.5, 0.5), (0.5, 0.5))
    assert kernels_per_axis(np.array([1.0, 2.0]), (3,)) == ((1.0, 2.0),)
    assert kernels_per_axis([[1], (0.5, 0.5)], (4, 5)) == ((1,), (0.5, 0.5))
    with pytest.raises(ValueError, match="3 filter kernels for 2"):
        kernels_per_axis([[1.0]] * 3, (4, 5))
    with pytest.raises(ValueError, match="6 numbers does not fit an axis of 5"):
        kernels_per_axis([0.1] * 6, (7, 5))
