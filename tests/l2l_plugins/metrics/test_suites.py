"""Every built-in metric passes the suite that a third party's has to pass."""

from importlib.util import find_spec
from math import inf

import numpy as np
import pytest

from l2l_core.components.registry import registry
from l2l_core.testing.metric_suite import MetricSuite
from l2l_plugins.metrics.fourier_ring_correlation import FrcResolution


class TestPsnr(MetricSuite):
    component = ("metric", "psnr")
    perfect = inf
    symmetric = True
    needs_data_range = True


class TestNrmse(MetricSuite):
    component = ("metric", "nrmse")
    perfect = 0.0


class TestNrmseByRange(MetricSuite):
    component = ("metric", "nrmse")
    options = {"normalization": "min-max"}  # noqa: RUF012
    perfect = 0.0


class TestSsim(MetricSuite):
    component = ("metric", "ssim")
    perfect = 1.0
    symmetric = True
    needs_data_range = True


class TestMsSsim(MetricSuite):
    component = ("metric", "ms_ssim")
    options = {"scales": 2}  # noqa: RUF012
    perfect = 1.0
    symmetric = True
    needs_data_range = True


class TestSiPsnr(MetricSuite):
    component = ("metric", "si_psnr")
    perfect = inf


class TestPearson(MetricSuite):
    component = ("metric", "pearson")
    perfect = 1.0
    symmetric = True


@pytest.mark.skipif(find_spec("microssim") is None, reason="microssim is not installed")
class TestMicroSsim(MetricSuite):
    component = ("metric", "micro_ssim")
    perfect = 1.0


class TestMichelsonContrast(MetricSuite):
    component = ("metric", "michelson_contrast")


class TestRmsContrast(MetricSuite):
    component = ("metric", "rms_contrast")


class TestContrastGain(MetricSuite):
    component = ("metric", "contrast_gain")
    perfect = 1.0
    grades_noise = False


class TestFrcResolution(MetricSuite):
    component = ("metric", "frc_resolution")
    perfect = 2.0
    symmetric = True
    grades_noise = False  # at the highest level nothing in common is left, which is a sentence


class TestFrcResolutionOfOneImage(MetricSuite):
    metric = FrcResolution(halves="checkerboard")
    needs_reference = False


class TestDecorrelationResolution(MetricSuite):
    component = ("metric", "decorrelation_resolution")
    noise = 0.01


class TestLineWidth(MetricSuite):
    component = ("metric", "line_width")

    def _pairs(self, noise=0.02):
        rng = np.random.default_rng(13)
        for shape in self.shapes:
            across = np.arange(shape[-2])[:, None] - 0.2 * np.arange(shape[-1])
            reference = np.broadcast_to(np.exp(-((across - 20) ** 2) / 6), shape)
            yield reference + noise * rng.standard_normal(shape), reference.copy()


class TestResolutionScaledError(MetricSuite):
    component = ("metric", "rse")
    options = {"max_sigma": 3.0}  # noqa: RUF012
    perfect = 0.0


class TestResolutionScaledPearson(MetricSuite):
    component = ("metric", "rsp")
    options = {"max_sigma": 3.0}  # noqa: RUF012
    perfect = 1.0


class TestStructurePrecision(MetricSuite):
    component = ("metric", "structure_precision")
    perfect = 1.0


class TestStructureRecall(MetricSuite):
    component = ("metric", "structure_recall")
    options = {"tolerance": 0.0}  # noqa: RUF012
    perfect = 1.0


class TestHallucinationRate(MetricSuite):
    component = ("metric", "hallucination_rate")
    perfect = 0.0
    grades_noise = False  # noise joins what is invented to what is real


class TestBackgroundSuppression(MetricSuite):
    component = ("metric", "background_suppression")


def test_every_built_in_metric_has_a_suite():
    tested = {
        suite.component[1]
        for suite in globals().values()
        if isinstance(suite, type) and issubclass(suite, MetricSuite)
    }
    assert {found.info.name for found in registry().of_kind("metric") if found.own} <= tested
