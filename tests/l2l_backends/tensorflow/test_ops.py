"""What is particular to the operations on TensorFlow's tensors; the rest is in the parity test."""

import numpy as np
import pytest

tf = pytest.importorskip(
    "tensorflow", reason="TENSORFLOW'S OPERATIONS ARE NOT TESTED: tensorflow is missing"
)

from l2l_backends.tensorflow.ops import TensorFlowOps  # noqa: E402
from l2l_core.components.factory import get  # noqa: E402
from l2l_core.ops import NumpyOps  # noqa: E402
from l2l_core.testing.ops_suite import CASES  # noqa: E402

OPS = TensorFlowOps()

LOSSES = {
    "mae": {},
    "mse": {},
    "charbonnier": {},
    "laplace": {},
    "ssim": {},
    "ms_ssim": {"scales": 2},
    "sum": {"terms": [{"name": "ms_ssim", "options": {"scales": 2}}, {"name": "mae"}]},
}


def as_list(result):
    return list(result) if isinstance(result, tuple | list) else [result]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.operation)
def test_values_are_numpys_inside_a_graph(case):
    array = case.array().astype(np.float32)
    expected, plain = case.call(NumpyOps(), array), []

    @tf.function(autograph=False)
    def traced(x):
        plain.append(case.call(OPS, x))
        return plain[0] if case.operation not in ("shape", "dtype") else 0

    got = traced(OPS.from_numpy(array))
    if case.operation in ("shape", "dtype"):
        assert plain == [expected]
        return
    for one, other in zip(as_list(got), as_list(expected), strict=True):
        assert one.dtype.name == str(other.dtype)
        np.testing.assert_allclose(OPS.to_numpy(one), other, rtol=1e-6, atol=1e-5)


def batches(loss):
    rng = np.random.default_rng(2)
    for shape in ((2, 2, 33, 34), (1, 1, 22, 24, 23)):
        target = rng.gamma(1.5, 0.3, size=shape).astype(np.float32)
        outputs = [0.7 * target + 0.1 * rng.normal(size=shape)]
        outputs += [0.2 + rng.random(shape) for _ in loss.outputs[1:]]
        yield target, np.concatenate(outputs, axis=1).astype(np.float32)


def in_graph(loss, target, prediction, channel_axis):
    @tf.function(autograph=False)
    def both(target, prediction):
        with tf.GradientTape() as tape:
            tape.watch(prediction)
            value = loss(OPS, target, prediction, channel_axis=channel_axis)
        return value, tape.gradient(value, prediction)

    if channel_axis == -1:
        target, prediction = (np.moveaxis(array, 1, -1) for array in (target, prediction))
    value, gradient = (
        OPS.to_numpy(tensor) for tensor in both(OPS.from_numpy(target), OPS.from_numpy(prediction))
    )
    return value, np.moveaxis(gradient, -1, 1) if channel_axis == -1 else gradient


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_gradients_are_torchs(name):
    torch_ops = pytest.importorskip(
        "l2l_backends.torch.ops", reason="GRADIENTS ARE NOT COMPARED: torch is missing"
    )
    torch = torch_ops.TorchOps()
    loss = get("loss", name, **LOSSES[name])
    for target, prediction in batches(loss):
        constant = torch.from_numpy(target)
        value, gradient = torch.value_and_gradient(
            lambda x, constant=constant: loss(torch, constant, x, channel_axis=1), prediction
        )
        largest = np.abs(gradient).max()
        constant = OPS.from_numpy(target)
        eager = OPS.value_and_gradient(
            lambda x, constant=constant: loss(OPS, constant, x, channel_axis=1), prediction
        )
        graphs = [in_graph(loss, target, prediction, axis) for axis in (1, -1)]
        for found, slope in (eager, *graphs):
            assert found == pytest.approx(value, rel=1e-5, abs=1e-5)
            np.testing.assert_allclose(slope, gradient, rtol=0, atol=1e-5 * largest)


def test_the_filter_has_a_second_derivative():
    x = OPS.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 9)))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            total = tf.reduce_sum(OPS.separable_filter(x, [0.2, 0.7, -0.1], channel_axis=1) ** 2)
        slope = inner.gradient(total, x)
    second = outer.jacobian(slope, x)
    matrix = np.array([np.r_[np.zeros(i), 0.2, 0.7, -0.1, np.zeros(6 - i)] for i in range(7)])
    np.testing.assert_allclose(second.numpy().reshape(9, 9), 2 * matrix.T @ matrix, atol=1e-12)


def test_tensors_share_no_memory_with_arrays():
    array = np.zeros(4096, dtype=np.float32)
    tensor = OPS.from_numpy(array)
    array[0] = 1.0
    assert tensor[0] == 0.0
    back = OPS.to_numpy(tensor)
    back[0] = 2.0
    assert tensor[0] == 0.0


def test_halves_keep_their_dtype():
    x = tf.ones((1, 1, 8, 8), tf.float16)
    assert OPS.separable_filter(x, [0.5, 0.5], channel_axis=1).dtype == tf.float16
    assert OPS.average_pool(x, (2, 2), channel_axis=1).dtype == tf.float16
    assert OPS.dtype(x) == "float16"


def test_parts_that_are_not_equal_are_refused():
    with pytest.raises(ValueError, match="5 cannot be split into 2"):
        OPS.split(tf.zeros((2, 5)), 2, 1)


def test_a_graph_for_any_shape_is_refused_with_what_to_do():
    traced = tf.function(lambda x: OPS.shape(x), autograph=False)
    with pytest.raises(ValueError, match="trace the graph for one shape"):
        traced.get_concrete_function(tf.TensorSpec((None, 3), tf.float32))
