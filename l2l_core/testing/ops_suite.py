"""The suite that a framework's array operations have to pass, whoever wrote them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import define

from l2l_core.components.factory import get
from l2l_core.ops import Differentiable, NumpyOps, Ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@define(frozen=True)
class Case:
    """One use of one operation.

    Parameters
    ----------
    operation : str
        Its name in the Protocol.
    call : callable
        From the operations and a tensor to a result.
    shape : tuple of int
        Of the tensor.
    low : float
        Least value of the tensor; all are below 2.
    differentiable : bool
        Whether a gradient comes through.
    """

    operation: str
    call: Callable[[Any, Any], Any]
    shape: tuple[int, ...] = (2, 3, 4)
    low: float = -2.0
    differentiable: bool = True

    def array(self) -> Array:
        """Return the values of the tensor, float64."""
        return np.random.default_rng(8).uniform(self.low, 2.0, size=self.shape)


_IMAGES = (2, 3, 8, 9)
_STACKS = (2, 7, 8, 6, 2)
_TAPS = (0.5, -0.2, 0.1)

CASES: tuple[Case, ...] = (
    Case("abs", lambda ops, x: ops.abs(x)),
    Case("sqrt", lambda ops, x: ops.sqrt(x), low=0.1),
    Case("exp", lambda ops, x: ops.exp(x)),
    Case("log", lambda ops, x: ops.log(x), low=0.1),
    Case("square", lambda ops, x: ops.square(x)),
    Case("clip", lambda ops, x: ops.clip(x, -0.5, 1.0)),
    Case("where", lambda ops, x: ops.where(x > 0.3, x, 2.0 * x)),
    Case("where", lambda ops, x: ops.where(x > 0.3, x, 0.25)),
    Case("where", lambda ops, x: ops.where(x[:1] > 0.3, 0.25, x)),
    Case("minimum", lambda ops, x: ops.minimum(x, 0.3)),
    Case("minimum", lambda ops, x: ops.minimum(x, 0.1 - x)),
    Case("maximum", lambda ops, x: ops.maximum(x, 0.3)),
    Case("maximum", lambda ops, x: ops.maximum(x, 0.1 - x)),
    Case("sum", lambda ops, x: ops.sum(x)),
    Case("sum", lambda ops, x: ops.sum(x, -1)),
    Case("sum", lambda ops, x: ops.sum(x, (0, 2), keepdims=True)),
    Case("mean", lambda ops, x: ops.mean(x)),
    Case("mean", lambda ops, x: ops.mean(x, 1, keepdims=True)),
    Case("mean", lambda ops, x: ops.mean(x, [0, -1])),
    Case("reshape", lambda ops, x: ops.reshape(x, (4, -1))),
    Case("transpose", lambda ops, x: ops.transpose(x, (2, 0, 1))),
    Case("concat", lambda ops, x: ops.concat([x, 2.0 * x], 1)),
    Case("split", lambda ops, x: ops.split(x, 2, -1)),
    Case("pad", lambda ops, x: ops.pad(x, [(0, 0), (1, 2), (3, 0)])),
    Case("pad", lambda ops, x: ops.pad(x, [(0, 1), (2, 1), (0, 3)], mode="reflect")),
    Case("pad", lambda ops, x: ops.pad(x, [(2, 0), (0, 5), (1, 1)], mode="edge")),
    Case("cast", lambda ops, x: ops.cast(x, "float32")),
    Case("cast", lambda ops, x: ops.cast(x, "float64")),
    Case("cast", lambda ops, x: ops.cast(ops.cast(x, "float16"), "float32"), differentiable=False),
    Case("cast", lambda ops, x: ops.cast(x, "int32"), differentiable=False),
    Case("cast", lambda ops, x: ops.cast(x > 0.0, "bool"), differentiable=False),
    Case("cast", lambda ops, x: ops.cast(x > 0.0, "float32"), differentiable=False),
    Case("shape", lambda ops, x: ops.shape(x), differentiable=False),
    Case("dtype", lambda ops, x: ops.dtype(x), differentiable=False),
    Case("dtype", lambda ops, x: ops.dtype(ops.cast(x, "float16")), differentiable=False),
    Case("zeros_like", lambda ops, x: ops.zeros_like(x), differentiable=False),
    Case("stop_gradient", lambda ops, x: ops.stop_gradient(x), differentiable=False),
    Case(
        "separable_filter",
        lambda ops, x: ops.separable_filter(x, _TAPS, channel_axis=1),
        shape=_IMAGES,
    ),
    Case(
        "separable_filter",
        lambda ops, x: ops.separable_filter(x, [0.3, 0.9], channel_axis=-1),
        shape=_STACKS,
    ),
    Case(
        "separable_filter",
        lambda ops, x: ops.separable_filter(x, [[1.0], _TAPS, (0.4, 0.6)], channel_axis=-1),
        shape=_STACKS,
    ),
    Case(
        "average_pool",
        lambda ops, x: ops.average_pool(x, (2, 4), channel_axis=1),
        shape=_IMAGES,
    ),
    Case(
        "average_pool",
        lambda ops, x: ops.average_pool(x, (3, 2, 1), channel_axis=-1),
        shape=_STACKS,
    ),
    Case("real_fft", lambda ops, x: ops.real_fft(x, channel_axis=1), shape=_IMAGES),
    Case("real_fft", lambda ops, x: ops.real_fft(x, channel_axis=-1), shape=_STACKS),
)
"""At least one use of every operation; where there are branches, of each."""


def operations() -> tuple[str, ...]:
    """Return the names of all operations of the Protocol."""
    return tuple(name for name, _ in inspect.getmembers(Ops, inspect.isfunction) if name[0] != "_")


class OpsSuite:
    """Tests that the test class of a framework's operations inherits.

    ::

        class TestTorchOps(OpsSuite):
            component = ("ops", "torch")

    Attributes
    ----------
    ops : Ops, optional
        What is tested.
    component : tuple of str
        ``("ops", name)`` in the registry, where there is no `ops`.
    tolerance : float
        Of values against NumPy's, in float32; in float64 a millionth of it.
    """

    ops: ClassVar[Any] = None
    component: ClassVar[tuple[str, str]] = ("ops", "")
    tolerance: ClassVar[float] = 1e-6

    def _made(self) -> Any:
        return self.ops if self.ops is not None else get(*self.component)

    def _plain(self, result: Any) -> list[Any]:
        """Return a result as arrays, or as it is where it is no tensor."""
        made = self._made()
        if isinstance(result, str):
            return [result]
        if isinstance(result, tuple | list) and all(isinstance(side, int) for side in result):
            return [result]
        parts = list(result) if isinstance(result, tuple | list) else [result]
        return [made.to_numpy(part) if self._reachable() else part for part in parts]

    def _reachable(self) -> bool:
        return isinstance(self._made(), Differentiable)

    def _tensor(self, array: Array) -> Any:
        return self._made().from_numpy(array) if self._reachable() else array

    def test_can_be_reached(self) -> None:
        """Tensors come from NumPy and go there, with dtype and values."""
        made = self._made()
        assert self._reachable() or isinstance(made, NumpyOps), (
            f"{type(made).__name__} lacks from_numpy, to_numpy or value_and_gradient, so that no "
            "test can reach it; see l2l_core.ops.Differentiable"
        )
        for dtype in (np.float32, np.float64, np.int32, np.bool_):
            array = np.arange(6).reshape(2, 3).astype(dtype)
            (back,) = self._plain(self._tensor(array))
            assert back.dtype == dtype
            np.testing.assert_array_equal(back, array)

    def test_every_operation_has_a_case(self) -> None:
        """Nothing of the Protocol is left out of this suite."""
        absent = set(operations()) - {case.operation for case in CASES}
        assert not absent, f"no case for {', '.join(sorted(absent))}"

    def test_signatures_are_the_protocols(self) -> None:
        """Every operation is there, with the same parameters and defaults."""
        made = self._made()
        for name in operations():
            assert hasattr(made, name), f"{type(made).__name__} lacks {name}"
            wanted = _parameters(getattr(Ops, name))
            got = _parameters(getattr(type(made), name))
            assert got == wanted, f"{name}: {got}, expected {wanted}"

    def test_values_are_numpys(self) -> None:
        """Every operation gives NumPy's values, shapes and dtypes, in float32 and float64."""
        made = self._made()
        for dtype, tolerance in ((np.float32, 1.0), (np.float64, 1e-6)):
            for case in CASES:
                array = case.array().astype(dtype)
                expected = case.call(NumpyOps(), array)
                several = isinstance(expected, tuple | list) and case.operation != "shape"
                results = self._plain(case.call(made, self._tensor(array)))
                for got, wanted in zip(results, expected if several else [expected], strict=True):
                    self._compare(case, got, wanted, self.tolerance * tolerance)

    def _compare(self, case: Case, got: Any, wanted: Any, tolerance: float) -> None:
        message = f"{case.operation} on shape {case.shape}"
        if isinstance(wanted, str | tuple):
            assert got == wanted, f"{message}: {got!r}, expected {wanted!r}"
            return
        assert got.dtype == wanted.dtype, f"{message}: {got.dtype}, expected {wanted.dtype}"
        assert got.shape == wanted.shape, f"{message}: {got.shape}, expected {wanted.shape}"
        if case.operation == "cast" and got.dtype == np.float32:
            tolerance = max(tolerance, 1e-6)
        # Sums of a few dozen numbers: relative to the largest that comes out.
        scale = max(1.0, float(np.max(np.abs(wanted.astype(np.float64)), initial=0.0)))
        difference = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
        worst = float(np.max(difference, initial=0.0)) / scale
        assert worst <= tolerance, f"{message}: values differ by {worst:.1e} of the largest"

    def test_gradients_are_those_of_finite_differences(self) -> None:
        """A gradient comes through every operation that should let one through."""
        made = self._made()
        if not self._reachable():
            return
        for case in CASES:
            if case.differentiable:
                self._check_gradient(made, case)

    def _check_gradient(self, made: Any, case: Case) -> None:
        rng = np.random.default_rng(9)
        array = case.array()

        def total(ops: Any, x: Any, convert: Callable[[Array], Any]) -> Any:
            result = case.call(ops, x)
            parts = result if isinstance(result, tuple | list) else [result]
            seed = np.random.default_rng(10)
            value: Any = 0.0
            for part in parts:
                weights = seed.standard_normal(ops.shape(part))
                # float32 out of float64, where a case casts.
                value = value + ops.sum(ops.cast(part, "float64") * convert(weights))
            return value

        _, gradient = made.value_and_gradient(lambda x: total(made, x, made.from_numpy), array)
        # A step that float32 resolves, in case a case casts; the operations are smooth enough.
        step = 1e-4
        for _ in range(4):
            probe = rng.standard_normal(array.shape)
            ahead = total(NumpyOps(), array + step * probe, np.asarray)
            behind = total(NumpyOps(), array - step * probe, np.asarray)
            np.testing.assert_allclose(
                np.sum(gradient * probe),
                (ahead - behind) / (2 * step),
                rtol=1e-4,
                atol=2e-2 if case.operation == "cast" else 1e-5,
                err_msg=f"gradient of {case.operation} on shape {case.shape}",
            )

    def test_stop_gradient_stops_it(self) -> None:
        """The gradient of x * stop_gradient(x) is x."""
        made = self._made()
        if not self._reachable():
            return
        array = np.random.default_rng(1).standard_normal((3, 4))
        _, gradient = made.value_and_gradient(lambda x: made.sum(x * made.stop_gradient(x)), array)
        np.testing.assert_allclose(gradient, array)

    def test_gradient_of_abs_at_zero_is_zero(self) -> None:
        """Neither NaN nor a side chosen by chance."""
        made = self._made()
        if not self._reachable():
            return
        _, gradient = made.value_and_gradient(lambda x: made.sum(made.abs(x)), np.zeros(3))
        np.testing.assert_array_equal(gradient, np.zeros(3))

    def test_a_gradient_of_nothing_is_zero(self) -> None:
        """Where the value does not depend on the array at all."""
        made = self._made()
        if not self._reachable():
            return
        _, gradient = made.value_and_gradient(
            lambda x: made.sum(made.stop_gradient(x)) + 0.0 * made.sum(x), np.ones(3)
        )
        np.testing.assert_array_equal(gradient, np.zeros(3))

    def test_filters_that_do_not_fit_are_refused(self) -> None:
        """A kernel longer than its side, or more kernels than axes, raises ValueError."""
        made = self._made()
        tensor = self._tensor(np.ones((1, 1, 4, 5)))
        for kernel in ([0.2] * 5, [[1.0]], [[1.0], []], []):
            try:
                made.separable_filter(tensor, kernel, channel_axis=1)
            except ValueError:
                continue
            raise AssertionError(f"the kernel {kernel} on sides of 4 and 5 was taken")


def _parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]
