"""The suite finds what is wrong with a loss, each fault by the test that is named for it."""

import numpy as np
import pytest
from attrs import define

from l2l_core.components import Loss, masked_mean
from l2l_core.testing.frameworks import differentiable_ops
from l2l_core.testing.loss_suite import LossSuite

pytestmark = pytest.mark.skipif(
    not differentiable_ops(), reason="NO FRAMEWORK WITH GRADIENTS IS INSTALLED"
)


@define(frozen=True)
class Sound(Loss):
    """L1, the base of all that is wrong below."""

    def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
        return self.reduced(ops, target, prediction, mask)

    def reduced(self, ops, target, prediction, mask):
        return masked_mean(ops, ops.abs(prediction - target), mask)


@define(frozen=True)
class NotAScalar(Sound):
    def reduced(self, ops, target, prediction, mask):
        return ops.mean(ops.abs(prediction - target), -1)


@define(frozen=True)
class Widening(Sound):
    def reduced(self, ops, target, prediction, mask):
        return Sound.reduced(self, ops, target, prediction, mask) * np.float64(1.0)


@define(frozen=True)
class Different(Sound):
    """Another value where the framework is not NumPy."""

    def reduced(self, ops, target, prediction, mask):
        factor = 1.0 if isinstance(target, np.ndarray) else 1.0001
        return factor * Sound.reduced(self, ops, target, prediction, mask)


@define(frozen=True)
class OneLayout(Loss):
    def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
        first, *_ = ops.split(ops.abs(prediction - target), ops.shape(target)[1], 1)
        return masked_mean(ops, first, None)


@define(frozen=True)
class HalfTheGradient(Sound):
    def reduced(self, ops, target, prediction, mask):
        constant = ops.stop_gradient(prediction)
        value = Sound.reduced(self, ops, target, prediction, mask)
        return 0.5 * (value + Sound.reduced(self, ops, target, constant, mask))


@define(frozen=True)
class RootAtZero(Sound):
    """Finite everywhere, but not its gradient at equality."""

    def reduced(self, ops, target, prediction, mask):
        return masked_mean(ops, ops.sqrt(ops.square(prediction - target)), mask)


@define(frozen=True)
class Quotient(Sound):
    """Without a constant that holds the denominator off zero."""

    def reduced(self, ops, target, prediction, mask):
        error = Sound.reduced(self, ops, target, prediction, mask)
        return error / ops.mean(ops.abs(target))


@define(frozen=True)
class Uphill(Sound):
    def reduced(self, ops, target, prediction, mask):
        return -Sound.reduced(self, ops, target, prediction, mask)


@define(frozen=True)
class Clipped(Sound):
    """Without a gradient where prediction and target differ much."""

    def reduced(self, ops, target, prediction, mask):
        error = ops.mean(ops.abs(prediction - target), keepdims=True)
        return ops.mean(ops.minimum(error, 0.05))


@define(frozen=True)
class Unmasked(Sound):
    def reduced(self, ops, target, prediction, mask):
        return Sound.reduced(self, ops, target, prediction, None)


@define(frozen=True)
class SumOfMask(Sound):
    def reduced(self, ops, target, prediction, mask):
        value = Sound.reduced(self, ops, target, prediction, mask)
        return value if mask is None else 2.0 * value


@define(frozen=True)
class Writing(Sound):
    def reduced(self, ops, target, prediction, mask):
        prediction += 0.0 * target + 1.0
        return Sound.reduced(self, ops, target, prediction, mask)


class Unfrozen:
    outputs = ("mean",)

    def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
        return 0.0


@define
class Changeable(Loss):
    def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
        return ops.mean(ops.square(prediction - target))


def suite(loss, **attributes):
    return type("Suite", (LossSuite,), {"loss": loss, **attributes})()


@pytest.mark.parametrize(
    ("loss", "test"),
    [
        (Unfrozen(), "test_is_a_loss"),
        (Changeable(), "test_is_a_loss"),
        (NotAScalar(), "test_is_a_finite_scalar_in_the_dtype_of_its_input"),
        (Widening(), "test_is_a_finite_scalar_in_the_dtype_of_its_input"),
        (Different(), "test_frameworks_agree"),
        (Different(), "test_takes_a_batch_of_one"),
        (OneLayout(), "test_channels_may_come_first_or_last"),
        (HalfTheGradient(), "test_gradient_is_that_of_finite_differences"),
        (RootAtZero(), "test_value_and_gradient_are_finite"),
        (Quotient(), "test_value_and_gradient_are_finite"),
        (Clipped(), "test_following_the_gradient_lowers_the_loss"),
        (Unmasked(), "test_mask_weighs_pixels"),
        (SumOfMask(), "test_mask_of_ones_changes_nothing"),
        (Writing(), "test_leaves_its_arguments_alone"),
    ],
)
def test_a_fault_is_found(loss, test):
    with pytest.raises(AssertionError):
        getattr(suite(loss), test)()


def test_a_wrong_value_of_equal_images_is_found():
    with pytest.raises(AssertionError):
        suite(Sound(), value_of_equal=0.5).test_equal_images_have_their_value()


class TestSound(LossSuite):
    loss = Sound()
    value_of_equal = 0.0


@define(frozen=True)
class Native(Loss):
    """Written for one framework, without `ops`."""

    def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
        error = (prediction - target).abs()
        if mask is None:
            return error.mean()
        weights = mask.expand_as(error)
        return (error * weights).sum() / weights.sum().clamp(min=1e-12)


@pytest.mark.skipif("torch" not in differentiable_ops(), reason="torch is not installed")
class TestNative(LossSuite):
    loss = Native()
    frameworks = frozenset({"torch"})


def test_a_native_loss_without_its_framework_says_so():
    with pytest.raises(AssertionError, match="for mindspore, of which nothing is installed"):
        suite(Native(), frameworks=frozenset({"mindspore"})).test_frameworks_agree()
