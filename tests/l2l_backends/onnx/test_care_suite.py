import pytest

from l2l_core.testing.restorer_suite import RestorerSuite

pytest.importorskip("onnx", reason="the onnx package is not installed")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")


class TestCare(RestorerSuite):
    component = ("care", "onnx")
    options = {"depth": 2, "kernel": 3, "first_filters": 4}  # noqa: RUF012


class TestCareWithLargeKernel(RestorerSuite):
    component = ("care", "onnx")
    options = {"depth": 2, "kernel": 5, "first_filters": 4, "residual": False}  # noqa: RUF012


class TestCareInTheRuntimesOwnLayout(RestorerSuite):
    """Sixteen filters fill a block of the layout that ONNX Runtime computes in."""

    component = ("care", "onnx")
    options = {"depth": 1, "kernel": 7, "first_filters": 16}  # noqa: RUF012
    channels_in = 2
    channels_out = 3
    seeds = 1


class TestProbabilisticCare(RestorerSuite):
    component = ("care", "onnx")
    options = {"depth": 1, "kernel": 5, "first_filters": 4, "probabilistic": True}  # noqa: RUF012


class TestCareInVolumes(RestorerSuite):
    component = ("care", "onnx")
    axes = "ZYX"
    options = {"depth": 1, "kernel": 3, "first_filters": 3}  # noqa: RUF012
    seeds = 1
