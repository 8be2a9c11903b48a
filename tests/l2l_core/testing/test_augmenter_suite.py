"""The suite has to find each fault that it is there for."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
from attrs import define
from scipy import ndimage

from l2l_core.components import Augmenter
from l2l_core.testing.augmenter_suite import AugmenterSuite

_STATE = np.random.default_rng(0)


class _Faulty(Augmenter):
    """An augmenter made of a function, for faults that take one line each."""

    def __init__(self, change: Callable, joint: bool = True, margin: float = 1.0) -> None:
        self.change, self._joint, self._margin = change, joint, margin

    @property
    def joint(self) -> bool:
        return self._joint

    def __call__(self, rng, arrays):
        return self.change(rng, arrays)

    def margin(self, axes):
        return (self._margin,) * len(axes)


def _write(rng, arrays):
    arrays[0][...] = 0
    return arrays


def _shrink(rng, arrays):
    return tuple(
        ndimage.affine_transform(a, [1] * (a.ndim - 2) + [2, 2], [0] * (a.ndim - 2) +
                                 [-(n - 1) / 2 for n in a.shape[-2:]], order=1, mode="reflect")
        for a in arrays
    )  # fmt: skip


def _each_its_own(rng, arrays):
    return tuple(np.roll(a, rng.integers(1, 9), axis=-1) for a in arrays)


@define(frozen=True)
class _Shift(Augmenter):
    def __call__(self, rng, arrays):
        return tuple(a[..., ::-1] for a in arrays)


class TestOfAGoodOne(AugmenterSuite):
    augmenter: ClassVar[Augmenter] = _Shift()


@pytest.mark.parametrize(
    ("fault", "found_by"),
    [
        (_Faulty(lambda rng, arrays: arrays), "test_is_an_augmenter"),
        (_Faulty(lambda rng, arrays: arrays), "test_changes_something"),
        (
            _Faulty(lambda rng, arrays: tuple(a + np.float32(_STATE.random()) for a in arrays)),
            "test_same_seed_gives_the_same_result",
        ),
        (
            _Faulty(
                lambda rng, arrays: tuple(a + np.float32(np.random.random()) for a in arrays)  # noqa: NPY002
            ),
            "test_same_seed_gives_the_same_result",
        ),
        (
            _Faulty(lambda rng, arrays: tuple(a.astype(np.float64) for a in arrays)),
            "test_keeps_number_shape_and_dtype",
        ),
        (
            _Faulty(lambda rng, arrays: tuple(a[..., 1:] for a in arrays)),
            "test_keeps_number_shape_and_dtype",
        ),
        (_Faulty(lambda rng, arrays: arrays[:1]), "test_keeps_number_shape_and_dtype"),
        (
            _Faulty(lambda rng, arrays: tuple(a * np.float32(np.nan) for a in arrays)),
            "test_keeps_number_shape_and_dtype",
        ),
        (_Faulty(_write), "test_does_not_write_to_its_inputs"),
        (_Faulty(_each_its_own), "test_geometry_is_joint"),
        (
            _Faulty(lambda rng, arrays: tuple(a + 1 for a in arrays), joint=False),
            "test_intensity_leaves_the_other_images_alone",
        ),
        (_Faulty(_shrink, margin=1.5), "test_margin_is_enough"),
        (_Faulty(lambda rng, arrays: arrays, margin=0.5), "test_margin_is_enough"),
    ],
)
def test_finds_the_fault(fault, found_by):
    class Suite(AugmenterSuite):
        augmenter = fault

    with pytest.raises((AssertionError, ValueError)):
        getattr(Suite(), found_by)()


def test_a_margin_that_is_enough_passes():
    class Suite(AugmenterSuite):
        augmenter = _Faulty(_shrink, margin=2.0)

    Suite().test_margin_is_enough()
