from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.components.factory import get
from l2l_core.errors import ImageError, OptionsError
from l2l_core.ops import NumpyOps

OPS = NumpyOps()
TARGET = np.array([[[[0.0, 1.0], [2.0, 4.0]]]])
PREDICTION = np.array([[[[0.5, 1.0], [1.0, 8.0]]]])


def loss(name, target, prediction, mask=None, **options):
    return float(get("loss", name, **options)(OPS, target, prediction, channel_axis=1, mask=mask))


def test_values_are_the_formulas():
    assert loss("mae", TARGET, PREDICTION) == pytest.approx((0.5 + 0 + 1 + 4) / 4)
    assert loss("mse", TARGET, PREDICTION) == pytest.approx((0.25 + 0 + 1 + 16) / 4)
    errors = [0.5, 0.0, 1.0, 4.0]
    assert loss("charbonnier", TARGET, PREDICTION, epsilon=0.3) == pytest.approx(
        sum(sqrt(e * e + 0.09) for e in errors) / 4
    )


def test_laplace_is_the_mean_of_csbdeeps_terms():
    scale = np.array([[[[0.5, 1.0], [2.0, 0.1]]]])
    expected = [0.5 / 0.5 + log(0.5), 0.0, 1 / 2 + log(2.0), 4 / 0.1 + log(0.1)]
    got = loss("laplace", TARGET, np.concatenate([PREDICTION, scale], axis=1))
    assert got == pytest.approx(sum(expected) / 4 + log(2.0))


@given(spread=st.floats(0.05, 5.0), factor=st.floats(0.2, 4.0))
def test_laplace_is_least_where_the_scale_is_the_mean_absolute_error(spread, factor):
    rng = np.random.default_rng(0)
    target = spread * rng.laplace(size=(1, 1, 40, 40))
    mean = np.zeros_like(target)

    def at(scale):
        return loss("laplace", target, np.concatenate([mean, np.full_like(mean, scale)], axis=1))

    best = float(np.abs(target).mean())
    assert at(best) <= at(best * factor) + 1e-12


def test_laplace_reads_all_means_and_then_all_scales():
    rng = np.random.default_rng(1)
    target, mean = rng.random((2, 1, 2, 5, 5))
    scale = 0.1 + rng.random((1, 2, 5, 5))
    whole = loss("laplace", target, np.concatenate([mean, scale], axis=1))
    parts = [
        loss("laplace", target[:, c : c + 1], np.stack([mean[:, c], scale[:, c]], axis=1))
        for c in range(2)
    ]
    assert whole == pytest.approx(np.mean(parts))


def test_a_scale_that_is_not_positive_stays_finite():
    for scale in (0.0, -1.0):
        wrong = np.full_like(TARGET, scale)
        value = loss("laplace", TARGET, np.concatenate([PREDICTION, wrong], axis=1))
        assert np.isfinite(value)


def test_a_mask_weighs_each_pixel():
    mask = np.array([[[[1.0, 1.0], [2.0, 0.0]]]])
    assert loss("mae", TARGET, PREDICTION, mask) == pytest.approx((0.5 + 0 + 2) / 4)


@pytest.mark.parametrize("name", ["mae", "mse", "charbonnier", "laplace", "ssim", "ms_ssim"])
def test_a_prediction_of_another_shape_is_refused(name):
    with pytest.raises(ImageError, match=r"\(1, 3, 2, 2\) does not fit its target"):
        loss(name, TARGET, np.zeros((1, 3, 2, 2)))


def test_epsilon_is_above_zero():
    with pytest.raises(OptionsError, match=r"loss charbonnier\.epsilon"):
        get("loss", "charbonnier", epsilon=0.0)
