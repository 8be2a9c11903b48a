"""The TensorFlow engine passes the suite that a third party's restorer has to pass."""

import pytest

from l2l_core.testing.restorer_suite import RestorerSuite

for name in ("tensorflow", "csbdeep"):
    pytest.importorskip(name, reason=f"THE TENSORFLOW ENGINE IS NOT TESTED: {name} is missing")


class TestCare(RestorerSuite):
    component = ("care", "tensorflow")
    options = {"depth": 2, "kernel": 3, "first_filters": 4}  # noqa: RUF012


class TestCareOfDepthOne(RestorerSuite):
    component = ("care", "tensorflow")
    options = {"depth": 1, "kernel": 5, "first_filters": 4, "residual": False}  # noqa: RUF012
    channels_in = 2
    channels_out = 3
    seeds = 1


class TestProbabilisticCareInVolumes(RestorerSuite):
    component = ("care", "tensorflow")
    axes = "ZYX"
    options = {  # noqa: RUF012
        "depth": 1,
        "kernel": 3,
        "first_filters": 3,
        "probabilistic": True,
    }
    seeds = 1
