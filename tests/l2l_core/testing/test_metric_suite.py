"""The suite finds what is wrong with a metric, each fault by the test that is named for it."""

import numpy as np
import pytest
from attrs import define

from l2l_core.components import MergeableMetric, Metric
from l2l_core.errors import ImageError
from l2l_core.testing.metric_suite import MetricSuite


@define(frozen=True)
class Sound(MergeableMetric):
    """Minus the mean absolute error over the data range: the base of all that is wrong below."""

    def __call__(self, image, reference=None, *, data_range=None, mask=None, axes=None):
        self.check(image, reference, mask, axes)
        return self.finish(
            self.add(self.start(), image, reference, mask=mask), data_range=data_range
        )

    def check(self, image, reference, mask, axes):
        if reference is None or reference.shape != image.shape:
            raise ImageError("a reference of the shape of the image is needed")
        if axes is not None and len(axes) != image.ndim:
            raise ImageError(f"axes {axes} do not fit an image of shape {image.shape}")
        if mask is not None and (mask.shape != image.shape or not mask.any()):
            raise ImageError("the mask does not fit the image, or is empty")

    def start(self):
        return 0, 0.0

    def add(self, state, image, reference=None, *, mask=None):
        counted = np.ones(image.shape, bool) if mask is None else mask
        error = np.abs(image.astype(float) - reference.astype(float))[counted]
        return state[0] + error.size, state[1] + error.sum()

    def merge(self, one, other):
        return one[0] + other[0], one[1] + other[1]

    def finish(self, state, *, data_range=None):
        if not data_range:
            raise ImageError("a data range above 0 is needed; give data_range=")
        return -float(state[1] / state[0] / data_range)


@define(frozen=True)
class Wrapping(Sound):
    def add(self, state, image, reference=None, *, mask=None):
        return Sound.add(self, state, image - reference, np.zeros_like(image), mask=mask)


@define(frozen=True)
class Unmasked(Sound):
    def add(self, state, image, reference=None, *, mask=None):
        return Sound.add(self, state, image, reference)


@define(frozen=True)
class MeanOfPieces(Sound):
    def add(self, state, image, reference=None, *, mask=None):
        count, total = Sound.add(self, (0, 0.0), image, reference, mask=mask)
        return state[0] + 1, state[1] + total / max(count, 1)


@define(frozen=True)
class Guessing(Sound):
    def finish(self, state, *, data_range=None):
        return Sound.finish(self, state, data_range=data_range or 1.0)


@define(frozen=True)
class Absolute(Sound):
    def finish(self, state, *, data_range=None):
        return Sound.finish(self, state, data_range=1.0)


@define(frozen=True)
class Inverted(Sound):
    def finish(self, state, *, data_range=None):
        return 1.0 - Sound.finish(self, state, data_range=data_range)


@define(frozen=True)
class Lopsided(Sound):
    def add(self, state, image, reference=None, *, mask=None):
        return Sound.add(self, state, image, 0.9 * reference, mask=mask)


@define(frozen=True)
class NanBlind(Sound):
    def add(self, state, image, reference=None, *, mask=None):
        return Sound.add(self, state, np.nan_to_num(image), reference, mask=mask)


@define(frozen=True)
class NumpyScalar(Sound):
    def finish(self, state, *, data_range=None):
        return np.float32(Sound.finish(self, state, data_range=data_range))


@define(frozen=True)
class Lenient(Sound):
    def check(self, image, reference, mask, axes):
        return


@define(frozen=True)
class FirstChannel(Sound):
    def __call__(self, image, reference=None, *, data_range=None, mask=None, axes=None):
        if axes is not None and "C" in axes:
            image, reference = image[:1], reference[:1]
        return Sound.__call__(self, image, reference, data_range=data_range, mask=mask)


@define(frozen=True)
class Writing(Sound):
    def add(self, state, image, reference=None, *, mask=None):
        image *= 1.0
        return Sound.add(self, state, image, reference, mask=mask)


CLAIMS = {"perfect": 0.0, "symmetric": True, "needs_data_range": True}


@define
class Changeable(Metric):
    def __call__(self, image, reference=None, *, data_range=None, mask=None, axes=None):
        return 0.0


def suite(metric):
    return type("Suite", (MetricSuite,), {"metric": metric, **CLAIMS})()


@pytest.mark.parametrize(
    ("metric", "test"),
    [
        (object(), "test_is_a_metric"),
        (Changeable(), "test_is_a_metric"),
        (NumpyScalar(), "test_is_a_float"),
        (Inverted(), "test_equal_images_are_perfect"),
        (Inverted(), "test_more_noise_is_worse"),
        (Lopsided(), "test_image_and_reference_may_change_places"),
        (Absolute(), "test_does_not_depend_on_the_unit"),
        (Guessing(), "test_refuses_to_guess_the_data_range"),
        (Wrapping(), "test_integers_do_not_wrap_around"),
        (FirstChannel(), "test_channels_are_averaged"),
        (Unmasked(), "test_what_is_masked_has_no_influence"),
        (NanBlind(), "test_nan_is_never_passed_over"),
        (MeanOfPieces(), "test_pieces_give_the_value_of_the_whole"),
        (MeanOfPieces(), "test_masked_pieces_give_the_value_of_the_whole"),
    ],
)
def test_a_fault_is_found(metric, test):
    with pytest.raises(AssertionError):
        getattr(suite(metric), test)()


def test_images_that_do_not_fit_have_to_be_refused():
    with pytest.raises((AssertionError, ValueError, AttributeError)):
        suite(Lenient()).test_bad_images_give_a_sentence()


def test_writing_to_an_argument_is_found():
    with pytest.raises(ValueError, match="read-only"):
        suite(Writing()).test_leaves_its_arguments_alone()


class TestSound(MetricSuite):
    metric = Sound()
    perfect = 0.0
    symmetric = True
    needs_data_range = True
