"""The suite that a loss has to pass, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from l2l_core.components import Loss
from l2l_core.components.checking import is_frozen
from l2l_core.components.factory import get
from l2l_core.components.registry import registry
from l2l_core.ops import NumpyOps
from l2l_core.testing.frameworks import REFERENCE, differentiable_ops

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]


class LossSuite:
    """Tests that a loss's test class inherits.

    ::

        class TestLogCosh(LossSuite):
            loss = LogCosh()

    or by name, where the loss is registered::

        class TestMsSsim(LossSuite):
            component = ("loss", "ms_ssim")
            options = {"scales": 2}

    Values are compared with those of NumPy in float64 on every framework that is installed, and
    gradients with central finite differences.

    Attributes
    ----------
    loss : Loss, optional
        What is tested.
    component : tuple of str
        ``("loss", name)`` in the registry, where there is no `loss`.
    options : mapping
        Options of the component.
    frameworks : frozenset of str
        The frameworks that a native loss is for; empty for one that is written on `ops`.  Taken
        from the record where `component` is given.
    shapes : tuple of tuple of int
        Spatial shapes that are tried; take some away if the loss is for 2D or 3D alone.
    tolerance : float
        Of values between frameworks in float32, absolute below 1 and relative above.
    value_of_equal : float, optional
        What the loss is where prediction and target are equal, if that is a constant.
    """

    loss: ClassVar[Loss | None] = None
    component: ClassVar[tuple[str, str]] = ("loss", "")
    options: ClassVar[Mapping[str, Any]] = {}
    frameworks: ClassVar[frozenset[str]] = frozenset()
    shapes: ClassVar[tuple[tuple[int, ...], ...]] = ((48, 53), (12, 46, 44))
    tolerance: ClassVar[float] = 1e-5
    value_of_equal: ClassVar[float | None] = None

    def _made(self) -> Loss:
        if self.loss is not None:
            return self.loss
        made: Loss = get(*self.component, **self.options)
        return made

    def _limits(self) -> frozenset[str]:
        if self.loss is not None:
            return self.frameworks
        return self.frameworks | registry().find(*self.component).info.frameworks

    def _differentiable(self) -> dict[str, Any]:
        limits = self._limits()
        found = differentiable_ops()
        kept = {name: ops for name, ops in found.items() if not limits or name in limits}
        assert kept or not limits, (
            f"the loss is for {', '.join(sorted(limits))}, of which nothing is installed; "
            f"installed: {', '.join(found) or 'none'}"
        )
        return kept

    def _batches(self, count: int = 2) -> Iterator[tuple[Array, Array]]:
        """Yield targets and predictions (N, C, [Z,] Y, X) in float64 that resemble each other."""
        rng = np.random.default_rng(3)
        for shape in self.shapes:
            for channels in (1, 2):
                target = rng.gamma(1.5, 0.3, size=(count, channels, *shape))
                likeness = 0.7 * target + 0.1 + 0.15 * rng.standard_normal(target.shape)
                yield target, self._prediction(likeness)

    def _prediction(self, mean: Array) -> Array:
        """Return a prediction with this mean; other outputs, such as a scale, are above 0."""
        others = len(self._made().outputs) - 1
        rng = np.random.default_rng(4)
        rest = [0.2 + rng.random(mean.shape, dtype=np.float64) for _ in range(others)]
        return np.concatenate([mean, *rest], axis=1).astype(mean.dtype)

    def _mean(self, prediction: Array) -> Array:
        return np.split(prediction, len(self._made().outputs), axis=1)[0]

    def _value(
        self, ops: Any, target: Array, prediction: Array, mask: Array | None = None
    ) -> Array:
        """Return the loss as an array, in the dtype of the batches."""
        if not hasattr(ops, "from_numpy"):
            made = self._made()(ops, target, prediction, channel_axis=1, mask=mask)
            return np.asarray(made)
        given = None if mask is None else ops.from_numpy(mask)
        value: Array = ops.to_numpy(
            self._made()(
                ops,
                ops.from_numpy(target),
                ops.from_numpy(prediction),
                channel_axis=1,
                mask=given,
            )
        )
        return value

    def _reference(self, target: Array, prediction: Array, mask: Array | None = None) -> float:
        """Return the loss in float64, by NumPy unless the loss is a native one."""
        limits = self._limits()
        ops = NumpyOps() if not limits else next(iter(self._differentiable().values()))
        double = target.astype(np.float64), prediction.astype(np.float64)
        return float(self._value(ops, *double, mask))

    def _slope(self, ops: Any, target: Array, prediction: Array) -> tuple[Array, Array]:
        """Return the loss and its gradient with respect to the prediction."""
        constant = ops.from_numpy(target)

        def of(tensor: Any) -> Any:
            return self._made()(ops, constant, tensor, channel_axis=1)

        value, gradient = ops.value_and_gradient(of, prediction)
        return value, gradient

    def _close(self, value: float, expected: float, message: str) -> None:
        np.testing.assert_allclose(
            value, expected, rtol=self.tolerance, atol=self.tolerance, err_msg=message
        )

    def test_is_a_loss(self) -> None:
        """It subclasses the interface, is a frozen attrs class, and names what it reads."""
        made = self._made()
        assert isinstance(made, Loss), f"{made!r} is no subclass of Loss"
        assert attrs.has(type(made)), f"{type(made).__name__} is no attrs class"
        assert is_frozen(type(made)), f"{type(made).__name__} is not frozen"
        assert made.outputs, "outputs is empty; expected ('mean',) or more"
        assert all(isinstance(name, str) for name in made.outputs)

    def test_is_a_finite_scalar_in_the_dtype_of_its_input(self) -> None:
        """One number comes out, in float32 where float32 came in, on NumPy too."""
        everywhere = dict(self._differentiable())
        if not self._limits():
            everywhere[REFERENCE] = NumpyOps()
        for target, prediction in self._batches():
            for dtype in (np.float32, np.float64):
                for name, ops in everywhere.items():
                    value = self._value(ops, target.astype(dtype), prediction.astype(dtype))
                    assert value.shape == (), f"{name}: shape {value.shape}, expected a scalar"
                    assert np.isfinite(value), f"{name}: {value}"
                    assert value.dtype == dtype, (
                        f"{name}: {value.dtype} out of {np.dtype(dtype)}; a constant that is a "
                        "NumPy scalar instead of a Python float widens it"
                    )

    def test_frameworks_agree(self) -> None:
        """Every installed framework gives NumPy's value."""
        for target, prediction in self._batches():
            expected = self._reference(target, prediction)
            for name, ops in self._differentiable().items():
                single = target.astype(np.float32), prediction.astype(np.float32)
                value = float(self._value(ops, *single))
                self._close(value, expected, f"{name}, target of shape {target.shape}")

    def test_channels_may_come_first_or_last(self) -> None:
        """``channel_axis`` says where the channels are, and nothing else depends on it."""
        made = self._made()
        for target, prediction in self._batches():
            expected = self._reference(target, prediction)
            last = [np.moveaxis(array, 1, -1) for array in (target, prediction)]
            if not self._limits():
                self._close(float(made(NumpyOps(), *last, channel_axis=-1)), expected, "numpy")
            for name, ops in self._differentiable().items():
                tensors = [ops.from_numpy(np.ascontiguousarray(array)) for array in last]
                value = ops.to_numpy(made(ops, *tensors, channel_axis=-1))
                self._close(float(value), expected, name)

    def test_gradient_is_that_of_finite_differences(self) -> None:
        """The gradient is the slope of the value, in some pixels and along some directions."""
        rng = np.random.default_rng(5)
        for target, prediction in self._batches():
            for name, ops in self._differentiable().items():
                _, gradient = self._slope(ops, target, prediction)
                assert gradient.shape == prediction.shape
                # Norms of one let a loss be compared whatever it averages over.
                probes = [rng.standard_normal(prediction.shape) for _ in range(4)]
                for pixel in rng.integers(prediction.size, size=6):
                    probe = np.zeros(prediction.shape)
                    probe.flat[pixel] = 1.0
                    probes.append(probe)
                for probe in probes:
                    unit = probe / np.linalg.norm(probe)
                    step = 1e-5
                    ahead = self._reference(target, prediction + step * unit)
                    behind = self._reference(target, prediction - step * unit)
                    np.testing.assert_allclose(
                        np.sum(gradient * unit),
                        (ahead - behind) / (2 * step),
                        rtol=1e-4,
                        atol=1e-8,
                        err_msg=f"{name}, target of shape {target.shape}",
                    )

    def _hard_batches(self) -> Iterator[tuple[str, Array, Array]]:
        """Yield pairs of images on which a careless loss is NaN."""
        for target, prediction in self._batches():
            mean = self._mean(prediction)
            flat = np.full_like(target, 0.25)
            centred = target - target.mean()
            yield "equal images", target, target
            yield "opposite images", centred, -centred
            yield "inverted images", target, 1.0 - target
            yield "images of zeros", np.zeros_like(target), np.zeros_like(target)
            yield "equal flat images", flat, flat
            yield "different flat images", flat, 3.0 * flat
            yield "a flat target", flat, mean
            yield "a flat prediction", target, flat
            yield "huge images", 1e6 * target, 1e6 * mean
            yield "huge opposite images", 1e6 * centred, -1e6 * centred
            yield "images on a huge offset", target + 1e6, mean + 1e6

    def test_value_and_gradient_are_finite(self) -> None:
        """Also on equal, flat, opposite and huge images, in float32."""
        for what, target, mean in self._hard_batches():
            prediction = self._prediction(mean).astype(np.float32)
            for name, ops in self._differentiable().items():
                value, gradient = self._slope(ops, target.astype(np.float32), prediction)
                assert np.isfinite(value), f"{name}, {what}: the loss is {value}"
                wrong = np.count_nonzero(~np.isfinite(gradient))
                assert not wrong, (
                    f"{name}, {what}: {wrong} of {gradient.size} numbers of the gradient are not "
                    "finite"
                )

    def test_following_the_gradient_lowers_the_loss(self) -> None:
        """The gradient is not zero and leads downhill, from opposite images too."""
        for target, prediction in self._batches():
            centred = target - target.mean()
            opposite = self._prediction(-centred)
            inverted = self._prediction(1.0 - target)
            for what, wanted, start in (
                ("like", target, prediction),
                ("opposite", centred, opposite),
                ("inverted", target, inverted),
            ):
                for name, ops in self._differentiable().items():
                    _, single = self._slope(
                        ops, wanted.astype(np.float32), start.astype(np.float32)
                    )
                    gradient = single.astype(np.float64)
                    length = np.linalg.norm(gradient)
                    assert length > 0, f"{name}: the gradient is zero at {what} images"
                    before = self._reference(wanted, start)
                    after = [
                        self._reference(wanted, start - step * gradient / length)
                        for step in (1e-3, 1e-2, 1e-1)
                    ]
                    assert min(after) < before, (
                        f"{name}: from {what} images, {before} becomes {after} along the gradient"
                    )

    def test_equal_images_have_their_value(self) -> None:
        """The loss of equal images is the constant that the test class names."""
        if self.value_of_equal is None:
            return
        for target, _ in self._batches():
            value = self._reference(target, self._prediction(target))
            self._close(value, self.value_of_equal, f"target of shape {target.shape}")

    def test_takes_a_batch_of_one(self) -> None:
        """A batch of one image gives what the reference gives, everywhere."""
        for target, prediction in self._batches(count=1):
            expected = self._reference(target, prediction)
            for name, ops in self._differentiable().items():
                single = target.astype(np.float32), prediction.astype(np.float32)
                self._close(float(self._value(ops, *single)), expected, name)

    def test_mask_of_ones_changes_nothing(self) -> None:
        """A mask of ones is no mask, in full shape and broadcast over channels."""
        for target, prediction in self._batches():
            expected = self._reference(target, prediction)
            for mask in (np.ones_like(target), np.ones_like(target[:1, :1])):
                self._close(self._reference(target, prediction, mask), expected, str(mask.shape))
                for name, ops in self._differentiable().items():
                    value = self._value(ops, target, prediction, mask)
                    self._close(float(value), expected, f"{name}, mask of shape {mask.shape}")

    def test_mask_weighs_pixels(self) -> None:
        """What is wrong only far outside the mask costs less than inside; no pixel costs 0."""
        for target, _ in self._batches():
            prediction = self._prediction(target)
            half = target.shape[-1] // 2
            mask = np.ones_like(target)
            mask[..., half:] = 0.0
            # In the last third, so that a loss that looks at a neighbourhood is not reached.
            far = prediction.copy()
            far[:, : target.shape[1], ..., -half // 2 :] += 0.5
            near = prediction.copy()
            near[:, : target.shape[1], ..., : half // 2] += 0.5
            outside = self._reference(target, far, mask)
            inside = self._reference(target, near, mask)
            assert outside < inside, f"{outside} outside the mask, {inside} inside"
            nothing = self._reference(target, near, np.zeros_like(target))
            assert np.isfinite(nothing), f"{nothing} under a mask of zeros"

    def test_leaves_its_arguments_alone(self) -> None:
        """Target, prediction and mask are not written to."""
        made = self._made()
        for target, prediction in self._batches():
            arrays = (target, prediction, np.ones_like(target))
            before = [array.copy() for array in arrays]
            if not self._limits():
                made(NumpyOps(), target, prediction, channel_axis=1, mask=arrays[2])
                for array, copy in zip(arrays, before, strict=True):
                    np.testing.assert_array_equal(array, copy, err_msg=REFERENCE)
            for name, ops in self._differentiable().items():
                tensors = [ops.from_numpy(array) for array in before]
                made(ops, tensors[0], tensors[1], channel_axis=1, mask=tensors[2])
                for tensor, copy in zip(tensors, before, strict=True):
                    np.testing.assert_array_equal(ops.to_numpy(tensor), copy, err_msg=name)
