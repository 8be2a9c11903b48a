import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from l2l_backends.torch.enlarging import (  # noqa: E402
    CONVOLVE,
    add_enlarged_convolution,
    merged_kernels,
)

shapes = st.tuples(
    st.integers(1, 2),  # images
    st.integers(1, 3),  # channels in
    st.integers(1, 3),  # channels out
    st.lists(st.integers(1, 6), min_size=2, max_size=3),
    st.sampled_from([1, 3, 5, 7, 9]),
    st.booleans(),
)


@given(shapes, st.integers(0, 2**32 - 1))
def test_is_the_convolution_of_the_enlarged_image(shape, seed):
    images, channels, outputs, sides, side, channels_last = shape
    rng = np.random.default_rng(seed)
    image = torch.from_numpy(rng.normal(size=(images, channels, *sides)))
    kernel = torch.from_numpy(rng.normal(size=(outputs, channels, *[side] * len(sides))))
    total = torch.from_numpy(rng.normal(size=(images, outputs, *(2 * s for s in sides))))
    if channels_last and len(sides) == 2:
        image, total = (t.contiguous(memory_format=torch.channels_last) for t in (image, total))
    enlarged = torch.nn.functional.interpolate(image, scale_factor=2, mode="nearest")
    expected = total + CONVOLVE[len(sides)](enlarged, kernel, padding="same")
    with torch.no_grad():
        found = add_enlarged_convolution(total, image, kernel)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-9)


@pytest.mark.parametrize(("side", "merged"), [(3, 2), (5, 3), (7, 4)])
def test_kernels_get_smaller(side, merged):
    kernels = merged_kernels(torch.ones(6, 2, side, side))
    assert kernels.shape == (4 * 6, 2, merged, merged)
    assert kernels.sum() == 4 * 6 * 2 * side**2


@given(shapes, st.integers(0, 2**32 - 1))
def test_gradients_are_those_of_the_convolution_of_the_enlarged_image(shape, seed):
    images, channels, outputs, sides, side, _ = shape
    rng = np.random.default_rng(seed)
    values = [
        rng.normal(size=(images, outputs, *(2 * s for s in sides))),
        rng.normal(size=(images, channels, *sides)),
        rng.normal(size=(outputs, channels, *[side] * len(sides))),
    ]
    weights = torch.from_numpy(rng.normal(size=values[0].shape))

    def plainly(total, image, kernel):
        enlarged = torch.nn.functional.interpolate(image, scale_factor=2, mode="nearest")
        return total + CONVOLVE[len(sides)](enlarged, kernel, padding="same")

    found, expected = (
        torch.autograd.grad(
            (function(*tensors) * weights).sum(),
            tensors,
        )
        for function in (add_enlarged_convolution, plainly)
        for tensors in [[torch.from_numpy(v).requires_grad_() for v in values]]
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-9)
