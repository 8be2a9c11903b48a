"""What is particular to the operations on torch tensors; the rest is in the parity test."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the torch engine is not tested: torch is missing")

from l2l_backends.torch.ops import TorchOps  # noqa: E402

OPS = TorchOps()


@pytest.mark.parametrize("channel_axis", [1, -1])
def test_the_filter_has_first_and_second_derivatives(channel_axis):
    x = torch.rand(2, 3, 5, 6, dtype=torch.float64, requires_grad=True)

    def filtered(tensor):
        return OPS.separable_filter(tensor, [0.2, 0.7, -0.1], channel_axis=channel_axis) ** 2

    assert torch.autograd.gradcheck(filtered, (x,))
    assert torch.autograd.gradgradcheck(filtered, (x,))


def test_the_filter_equals_a_convolution_in_channels_last_memory():
    x = torch.randn(2, 3, 20, 21).to(memory_format=torch.channels_last)
    taps = torch.tensor([0.1, 0.5, 0.3, 0.1])
    kernel = torch.outer(taps, taps).expand(3, 1, 4, 4)
    expected = torch.nn.functional.conv2d(x, kernel, groups=3)
    got = OPS.separable_filter(x, taps.tolist(), channel_axis=1)
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def test_autocast_leaves_the_filter_in_float32():
    x = torch.rand(1, 1, 16, 16)
    expected = OPS.separable_filter(x, [0.25, 0.5, 0.25], channel_axis=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = OPS.separable_filter(x, [0.25, 0.5, 0.25], channel_axis=1)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, expected, atol=0, rtol=0)


def test_the_filter_does_not_write_to_its_input():
    x = torch.rand(1, 1, 9, 9)
    before = x.clone()
    OPS.separable_filter(x, [1.0, 2.0], channel_axis=1)
    torch.testing.assert_close(x, before, atol=0, rtol=0)


def test_halves_keep_their_dtype():
    x = torch.rand(1, 1, 8, 8).half()
    assert OPS.separable_filter(x, [0.5, 0.5], channel_axis=1).dtype == torch.float16
    assert OPS.average_pool(x, (2, 2), channel_axis=1).dtype == torch.float16
    assert OPS.dtype(x) == "float16"


def test_tensors_share_no_memory_with_arrays():
    array = np.zeros(3, dtype=np.float32)
    tensor = OPS.from_numpy(array)
    array[0] = 1.0
    assert tensor[0] == 0.0


def test_parts_that_are_not_equal_are_refused():
    with pytest.raises(ValueError, match="5 cannot be split into 2"):
        OPS.split(torch.zeros(2, 5), 2, 1)
