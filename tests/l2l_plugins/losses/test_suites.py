"""Every built-in loss passes the suite that a third party's has to pass."""

import pytest

from l2l_core.components.registry import registry
from l2l_core.testing.frameworks import differentiable_ops
from l2l_core.testing.loss_suite import LossSuite


class TestMae(LossSuite):
    component = ("loss", "mae")
    value_of_equal = 0.0


class TestMse(LossSuite):
    component = ("loss", "mse")
    value_of_equal = 0.0


class TestCharbonnier(LossSuite):
    component = ("loss", "charbonnier")
    value_of_equal = 1e-3


class TestLaplace(LossSuite):
    component = ("loss", "laplace")


class TestSsim(LossSuite):
    component = ("loss", "ssim")
    value_of_equal = 0.0


class TestMsSsim(LossSuite):
    component = ("loss", "ms_ssim")
    value_of_equal = 0.0


class TestMsSsimOfOneScale(LossSuite):
    component = ("loss", "ms_ssim")
    options = {"scales": 1}  # noqa: RUF012
    value_of_equal = 0.0


class TestMsSsimOfFiveScales(LossSuite):
    component = ("loss", "ms_ssim")
    options = {"preset": "paper-5"}  # noqa: RUF012
    shapes = ((115, 112), (9, 112, 113))
    value_of_equal = 0.0


class TestSum(LossSuite):
    component = ("loss", "sum")
    options = {  # noqa: RUF012
        "terms": [
            {"name": "ms_ssim", "weight": 0.84, "options": {"scales": 2}},
            {"name": "mae", "weight": 0.16},
        ]
    }
    value_of_equal = 0.0


class TestSumOfLikelihoods(LossSuite):
    component = ("loss", "sum")
    options = {"terms": [{"name": "laplace"}, {"name": "laplace", "weight": 2.0}]}  # noqa: RUF012


def test_every_built_in_loss_has_a_suite():
    tested = {
        suite.component[1]
        for suite in globals().values()
        if isinstance(suite, type) and issubclass(suite, LossSuite)
    }
    ours = {found.info.name for found in registry().of_kind("loss") if found.own}
    assert ours <= tested


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_a_framework_is_there_to_compare_with(name):
    pytest.importorskip(name, reason=f"LOSSES ARE NOT TESTED ON {name.upper()}: it is missing")
    assert name in differentiable_ops()
