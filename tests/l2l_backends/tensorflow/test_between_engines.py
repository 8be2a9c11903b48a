"""One model on two engines: weights and training go from TensorFlow to PyTorch and back."""

import numpy as np
import pytest
from attrs import evolve

for name in ("tensorflow", "csbdeep", "torch"):
    pytest.importorskip(name, reason=f"THE ENGINES ARE NOT COMPARED: {name} is missing")

from l2l_core.components import Paired, Schedule  # noqa: E402
from l2l_core.components.factory import get, make_restorer  # noqa: E402
from l2l_core.errors import ModelDamagedError, RunError  # noqa: E402
from l2l_core.testing.tiny_training import (  # noqa: E402
    Keeping,
    Likelihood,
    SquaredError,
    SyntheticSamples,
)

SCHEDULE = Schedule(
    epochs=2, steps_per_epoch=3, batch_size=2, learning_rate=2e-3, precision="float32"
)
ENGINES = ("tensorflow", "torch")


def make(engine, axes="YX", channels=(1, 1), **options):
    return make_restorer(
        "care",
        engine,
        {"first_filters": 2, "kernel": 3, "depth": 1} | options,
        axes=axes,
        channels_in=channels[0],
        channels_out=channels[1],
        device="cpu",
    )


def strong(restorer, seed=1):
    """Give a restorer weights that keep the signal up through all layers; return them."""
    rng = np.random.default_rng(seed)
    state = {
        name: rng.normal(0, np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1, shape)
        for name, shape in restorer.network.tensors.items()
    }
    state = {name: array.astype(np.float32) for name, array in state.items()}
    restorer.load_state(state)
    return state


def fit(restorer, schedule=SCHEDULE, loss=None, resume=None):
    side = max(16, restorer.network.multiple)
    shape = (side,) * len(restorer.axes)
    samples = SyntheticSamples(
        "paired", restorer.channels_in, restorer.channels_out, shape, shape, count=2
    )
    events = Keeping()
    restorer.fit(
        samples,
        samples,
        losses={"target": loss or SquaredError()},
        metrics={},
        schedule=schedule,
        seed=4,
        events=events,
        resume=resume,
    )
    return events


def assert_restore_alike(one, other, tolerance=1e-5):
    side = 2 * one.network.multiple if one.axes == "YX" else max(8, one.network.multiple)
    shape = (2, one.channels_in, *(side,) * len(one.axes))
    batch = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = other.restore(batch)
    for name, values in one.restore(batch).items():
        assert expected[name].std() > 1e-3
        np.testing.assert_allclose(
            values, expected[name], rtol=0, atol=tolerance * expected[name].std(), err_msg=name
        )


@pytest.mark.parametrize(
    ("axes", "channels", "options"),
    [
        ("YX", (1, 1), {"kernel": 3, "depth": 1}),
        ("YX", (2, 2), {"kernel": 5, "depth": 2, "last_activation": "relu"}),
        ("YX", (1, 1), {"kernel": 7, "depth": 3, "residual": False}),
        ("YX", (3, 2), {"kernel": 3, "depth": 4, "probabilistic": True, "first_filters": 4}),
        ("YX", (1, 1), {"kernel": 5, "depth": 2, "probabilistic": True, "residual": False}),
        ("ZYX", (1, 1), {"kernel": 3, "depth": 2}),
        ("ZYX", (2, 1), {"kernel": 5, "depth": 1, "probabilistic": True}),
        ("ZYX", (1, 2), {"kernel": 7, "depth": 1, "residual": False}),
        ("ZYX", (1, 1), {"kernel": 3, "depth": 3, "probabilistic": True, "residual": False}),
    ],
)
def test_one_set_of_weights_restores_the_same_on_both(axes, channels, options):
    one, other = (make(engine, axes, channels, **options) for engine in ENGINES)
    state = strong(one)
    assert state.keys() == one.state().keys() == one.network.tensors.keys()
    assert all(np.array_equal(one.state()[name], array) for name, array in state.items())
    other.load_state(one.state())
    assert_restore_alike(one, other)


@pytest.mark.parametrize("probabilistic", [False, True])
@pytest.mark.parametrize(("axes", "depth"), [("YX", 2), ("ZYX", 1)])
def test_what_one_engine_trained_the_other_restores(axes, depth, probabilistic):
    loss = Likelihood() if probabilistic else SquaredError()
    for first, second in (ENGINES, ENGINES[::-1]):
        one, other = (
            make(engine, axes, depth=depth, probabilistic=probabilistic)
            for engine in (first, second)
        )
        fit(one, loss=loss)
        other.load_state(one.state())
        assert_restore_alike(one, other)


def test_a_seed_gives_both_engines_the_same_start_and_nearly_the_same_training():
    one, other = (make(engine, depth=2) for engine in ENGINES)
    fit(one)
    fit(other)
    start = one.network.initial_state(4)
    for name, array in other.state().items():
        moved = np.abs(array - start[name]).max()
        assert moved > 1e-4
        np.testing.assert_allclose(one.state()[name], array, atol=2e-2 * moved, err_msg=name)


@pytest.mark.parametrize("engines", [ENGINES, ENGINES[::-1]])
def test_training_goes_on_on_the_other_engine_with_its_moments(engines):
    first, second = engines
    short, rest = evolve(SCHEDULE, epochs=1), evolve(SCHEDULE, epochs=2)
    begun, alone, crossed = make(first), make(first), make(second)
    state, training = fit(begun, short).checkpoints[-1]
    assert {name.split(".", 2)[0] for name in training.arrays} == {"adam"}
    moved = {}
    for restorer in (alone, crossed):
        restorer.load_state(state)
        fit(restorer, rest, resume=training)
        moved[restorer] = {n: array - state[n] for n, array in restorer.state().items()}
    for name, steps in moved[alone].items():
        # A lost moment or step would make a step many times as long.
        np.testing.assert_allclose(
            moved[crossed][name], steps, atol=2e-2 * np.abs(steps).max(), err_msg=name
        )


def test_weights_and_training_states_of_another_network_are_refused():
    restorer = make("tensorflow")
    before = restorer.state()
    with pytest.raises(ModelDamagedError, match=r"down.0.conv.0.kernel"):
        restorer.load_state(make("torch", kernel=5).state())
    assert all(np.array_equal(before[name], array) for name, array in restorer.state().items())
    training = fit(make("torch", kernel=5)).checkpoints[0][1]
    with pytest.raises(RunError, match=r"first_moment.*expected"):
        fit(restorer, resume=training)


@pytest.mark.parametrize(
    ("loss", "options", "probabilistic"),
    [
        ("ms_ssim", {"scales": 2}, False),
        ("charbonnier", {}, False),
        ("laplace", {}, True),
        (
            "sum",
            {"terms": [{"name": "ssim", "weight": 0.8}, {"name": "mae", "weight": 0.2}]},
            False,
        ),
    ],
)
def test_losses_of_the_registry_train_the_same_on_both(loss, options, probabilistic):
    class Large(SyntheticSamples):
        def __getitem__(self, index):
            rng = np.random.default_rng(index)
            image = rng.normal(0.5, 0.3, (1, 32, 32)).astype(np.float32)
            return Paired(image, 0.5 * image + 0.1)

    found = {}
    for engine in ENGINES:
        restorer = make(engine, probabilistic=probabilistic)
        samples, events = Large("paired", 1, 1, (32, 32), (32, 32)), Keeping()
        report = restorer.fit(
            samples,
            samples,
            losses={"target": get("loss", loss, **options)},
            metrics={},
            schedule=SCHEDULE,
            seed=1,
            events=events,
        )
        found[engine] = report.best_loss
    assert found["tensorflow"] == pytest.approx(found["torch"], rel=1e-4)
