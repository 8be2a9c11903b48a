"""The torch network against CSBDeep's and against its own description."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from l2l_backends.care_network import CareNetwork, CareOptions  # noqa: E402
from l2l_backends.torch.care import Care  # noqa: E402
from l2l_backends.torch.network import CareUNet  # noqa: E402

CASES = [
    {"n_dim": 2, "kern_size": 5, "shape": [16, 24, 1]},
    {"n_dim": 2, "kern_size": 3, "residual": False, "n_depth": 3, "shape": [24, 16, 1]},
    {"n_dim": 2, "kern_size": 3, "prob_out": True, "n_channel_out": 2, "shape": [16, 16, 2]},
    {
        "n_dim": 2,
        "kern_size": 3,
        "residual": False,
        "n_channel_out": 3,
        "last_activation": "relu",
        "shape": [8, 8, 2],
    },
    {"n_dim": 3, "kern_size": 3, "shape": [8, 12, 16, 1]},
    {"n_dim": 3, "kern_size": 5, "n_depth": 1, "prob_out": True, "shape": [8, 8, 10, 1]},
]
DEFAULTS = {
    "n_depth": 2,
    "n_first": 4,
    "n_channel_out": 1,
    "residual": True,
    "prob_out": False,
    "last_activation": "linear",
}


@pytest.fixture(scope="module")
def csbdeep(tmp_path_factory):
    if not all(importlib.util.find_spec(name) for name in ("csbdeep", "tensorflow")):
        pytest.skip("CSBDeep and TensorFlow are not installed: the topology is NOT compared")
    folder = tmp_path_factory.mktemp("csbdeep")
    script = Path(__file__).with_name("csbdeep_reference.py")
    cases = json.dumps([DEFAULTS | case for case in CASES])
    subprocess.run(
        [sys.executable, script, cases, folder],
        check=True,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.DEVNULL,
        timeout=240,
    )
    return folder


def restorer(case):
    return Care(
        CareOptions(
            depth=case["n_depth"],
            kernel=case["kern_size"],
            first_filters=case["n_first"],
            residual=case["residual"],
            last_activation=case["last_activation"],
            probabilistic=case["prob_out"],
        ),
        axes={2: "YX", 3: "ZYX"}[case["n_dim"]],
        channels_in=case["shape"][-1],
        channels_out=case["n_channel_out"],
        device="cpu",
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CASES)))
def test_csbdeeps_weights_give_csbdeeps_prediction(csbdeep, number):
    made = restorer(DEFAULTS | CASES[number])
    with np.load(csbdeep / f"{number}.npz") as file:
        found = dict(file)
    image, prediction = found.pop("image"), found.pop("prediction")
    assert made.network.parameters == found.pop("parameters")
    made.load_state(found)
    ours = np.concatenate(list(made.restore(image).values()), axis=1)
    assert prediction.std() > 0.1
    np.testing.assert_allclose(ours, prediction, rtol=0, atol=1e-5 * prediction.std())


@pytest.mark.parametrize("axes", ["YX", "ZYX"])
def test_tensors_are_those_of_the_description(axes):
    network = CareNetwork(CareOptions(first_filters=4, probabilistic=True), axes, 2, 3)
    module = CareUNet(network)
    shapes = {
        name.replace("weight", "kernel"): tuple(value.shape)
        for name, value in module.named_parameters()
    }
    assert shapes == network.tensors


def test_making_a_network_draws_nothing_from_the_global_generator():
    before = torch.random.get_rng_state()
    Care(CareOptions(first_filters=2), axes="YX", channels_in=1, channels_out=1, device="cpu")
    assert torch.equal(before, torch.random.get_rng_state())


def measured_reach(depth, kernel, axes="YX"):
    """Return, for each phase, how far left and right an output pixel sees, by impulses.

    All weights are positive, and an impulse is far above the rest, so that it goes through every
    rectifier and wins every maximum on its way.
    """
    made = Care(
        CareOptions(depth=depth, kernel=kernel, first_filters=1),
        axes=axes,
        channels_in=1,
        channels_out=1,
        device="cpu",
    )
    made.load_state({name: np.abs(array) + 0.1 for name, array in made.state().items()})
    step, reach = made.network.multiple, max(made.network.reach(0))
    middle = -(-(reach + 2 * step) // step) * step
    side = 2 * middle + step
    # One row of the lattice is enough: the other axes are as small as they may be.
    shape = (1, 1, *(step,) * (len(axes) - 1), side)
    blank = np.zeros(shape, np.float32)
    rest = made.restore(blank)["mean"]
    left, right = {}, {}
    for position in range(side):
        image = blank.copy()
        image[..., position] = 1e3
        seen_by = np.any(made.restore(image)["mean"] != rest, axis=tuple(range(len(shape) - 1)))
        for phase in range(step):
            pixel = middle + phase
            if seen_by[pixel]:
                left[phase] = max(left.get(phase, 0), pixel - position)
                right[phase] = max(right.get(phase, 0), position - pixel)
    return made.network, [(left[phase], right[phase]) for phase in range(step)]


@pytest.mark.parametrize(
    ("depth", "kernel", "axes"),
    [(1, 3, "YX"), (2, 5, "YX"), (2, 3, "YX"), (3, 3, "YX"), (2, 3, "ZYX")],
)
def test_reach_is_what_impulses_measure_at_every_phase(depth, kernel, axes):
    network, measured = measured_reach(depth, kernel, axes)
    assert measured == [network.reach(phase) for phase in range(network.multiple)]
