"""Every built-in augmenter passes the suite that a third party's has to pass."""

import pytest

from l2l_core.components.registry import registry
from l2l_core.testing.augmenter_suite import AugmenterSuite

OURS = [r for r in registry().of_kind("augmenter") if r.own]


class TestRotate90(AugmenterSuite):
    component = ("augmenter", "rotate90")


class TestFlip(AugmenterSuite):
    component = ("augmenter", "flip")


class TestFlipInDepth(AugmenterSuite):
    component = ("augmenter", "flip")
    options = {"axes": "ZYX"}  # noqa: RUF012
    shapes = ((2, 5, 16, 16), (1, 4, 8, 9), (1, 32, 32))


class TestZoom(AugmenterSuite):
    component = ("augmenter", "zoom")


class TestZoomOfTheCaveolae(AugmenterSuite):
    component = ("augmenter", "zoom")
    options = {"factors": [0.8, 0.9, 1.1, 1.2]}  # noqa: RUF012


class TestZoomWithSplines(AugmenterSuite):
    component = ("augmenter", "zoom")
    options = {"order": 3}  # noqa: RUF012
    tolerance = 5e-3


class TestPoissonNoise(AugmenterSuite):
    component = ("augmenter", "poisson_noise")
    options = {"gain": 2.0, "offset": 5.0}  # noqa: RUF012


class TestGaussianNoise(AugmenterSuite):
    component = ("augmenter", "gaussian_noise")


class TestIntensityJitter(AugmenterSuite):
    component = ("augmenter", "intensity_jitter")


@pytest.mark.parametrize("record", OURS, ids=lambda record: record.info.name)
def test_each_of_ours_is_tested_above(record):
    tested = {suite.component[1] for suite in AugmenterSuite.__subclasses__()}
    assert record.info.name in tested
