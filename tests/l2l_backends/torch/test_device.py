import pytest

torch = pytest.importorskip("torch")

from l2l_backends.torch.device import find_device, gpus, own_out_of_memory  # noqa: E402
from l2l_core.errors import DeviceError, OutOfMemory  # noqa: E402


def test_auto_is_a_gpu_where_there_is_one():
    assert find_device("auto").type == (gpus()[0].type if gpus() else "cpu")
    assert find_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu:99", "cuda", "GPU", "gpu:-1", ""])
def test_unknown_devices_are_refused_with_those_that_exist(name):
    with pytest.raises(DeviceError, match=r"expected 'auto' or one of cpu"):
        find_device(name)


@pytest.mark.skipif(bool(gpus()), reason="there is a GPU")
def test_a_missing_gpu_is_explained():
    with pytest.raises(DeviceError, match="torch finds no GPU"):
        find_device("gpu")


def test_an_allocation_beyond_all_memory_is_our_error():
    with (
        pytest.raises(OutOfMemory, match=r"no memory left on CPU.* for a test"),
        own_out_of_memory("a test", torch.device("cpu")),
    ):
        torch.empty(2**60, dtype=torch.uint8)


def test_other_errors_stay_what_they_are():
    with (
        pytest.raises(RuntimeError, match="size of tensor"),
        own_out_of_memory("a test", torch.device("cpu")),
    ):
        torch.zeros(2) + torch.zeros(3)
