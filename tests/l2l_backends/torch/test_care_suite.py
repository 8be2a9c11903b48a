import pytest

from l2l_core.testing.restorer_suite import RestorerSuite

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TestCare(RestorerSuite):
    component = ("care", "torch")
    options = {"depth": 2, "kernel": 3, "first_filters": 4}  # noqa: RUF012


class TestCareWithLargeKernel(RestorerSuite):
    component = ("care", "torch")
    options = {"depth": 2, "kernel": 5, "first_filters": 4, "residual": False}  # noqa: RUF012


class TestCareOfDepthOne(RestorerSuite):
    component = ("care", "torch")
    options = {"depth": 1, "kernel": 3, "first_filters": 4}  # noqa: RUF012
    channels_in = 2
    channels_out = 3


class TestProbabilisticCare(RestorerSuite):
    component = ("care", "torch")
    options = {"depth": 1, "kernel": 5, "first_filters": 4, "probabilistic": True}  # noqa: RUF012


class TestCareInVolumes(RestorerSuite):
    component = ("care", "torch")
    axes = "ZYX"
    options = {"depth": 1, "kernel": 3, "first_filters": 3}  # noqa: RUF012
    seeds = 1
