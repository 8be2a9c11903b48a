import numpy as np
import pytest

from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_core.errors import ComponentError

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
from onnx.reference import ReferenceEvaluator  # noqa: E402

from l2l_backends.onnx.graph import care_graph, phase_kernels, phase_taps  # noqa: E402


def correlated(image, kernel):
    """Zero-padded correlation of (in, Y, X) with (out, in, ky, kx), written out."""
    reach = kernel.shape[-1] // 2
    padded = np.pad(image, ((0, 0), (reach, reach), (reach, reach)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(1, 2))
    return np.einsum("iyxab,oiab->oyx", windows, kernel)


@pytest.mark.parametrize("side", [1, 3, 5, 7, 9])
def test_kernels_of_phases_give_what_enlarging_first_gives(side):
    rng = np.random.default_rng(side)
    image = rng.normal(size=(3, 6, 8))
    kernel = rng.normal(size=(2, 3, side, side)).astype(np.float32)
    expected = correlated(image.repeat(2, axis=1).repeat(2, axis=2), kernel)
    merged = phase_kernels(kernel)
    assert merged.shape[-1] == phase_taps(side)
    phases = correlated(image, merged).reshape(2, 2, 2, 6, 8)
    interleaved = phases.transpose(0, 3, 1, 4, 2).reshape(2, 12, 16)
    np.testing.assert_allclose(interleaved, expected, atol=1e-5)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("axes", ["YX", "ZYX"])
def test_the_graph_stands_on_the_standard_alone(axes, kernel):
    """The standard's own slow evaluator takes it, at any size that is a multiple."""
    options = CareOptions(depth=1, kernel=kernel, first_filters=2, probabilistic=True)
    network = CareNetwork(options, axes)
    model = care_graph(network, network.initial_state(1))
    assert {opset.domain for opset in model.opset_import} == {""}
    assert [output.name for output in model.graph.output] == ["mean", "scale"]
    evaluator = ReferenceEvaluator(model)
    for side in (4, 6):
        image = np.ones((2, 1, *(side,) * len(axes)), np.float32)
        mean, scale = evaluator.run(None, {"image": image})
        assert mean.shape == scale.shape == image.shape
        assert (scale > 0).all()


def test_a_network_that_no_file_can_hold_is_refused():
    network = CareNetwork(CareOptions(depth=8, kernel=7), "ZYX")
    with pytest.raises(ComponentError, match=r"GiB of weights does not fit into one ONNX graph"):
        care_graph(network, {})


def test_the_same_weights_are_the_same_file():
    network = CareNetwork(CareOptions(depth=1, first_filters=2), "YX")
    files = {
        care_graph(network, network.initial_state(3)).SerializeToString(deterministic=True)
        for _ in range(2)
    }
    assert len(files) == 1
