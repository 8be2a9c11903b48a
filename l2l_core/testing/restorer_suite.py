"""The suite that a restorer has to pass, whoever wrote it.

What it checks is what the core relies on when it tiles images of any size: that a restorer is
pure, that its geometry is true, and that its state is all there is to it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from attrs import define

from l2l_core.components import (
    Events,
    FitReport,
    Loss,
    Paired,
    Restorer,
    Sample,
    Schedule,
    Single,
    TrainingState,
    Unpaired,
    masked_mean,
)
from l2l_core.components.factory import make_restorer
from l2l_core.components.records import RestorerInfo
from l2l_core.components.registry import registry
from l2l_core.streaming.in_memory import restore_array
from l2l_core.streaming.tiling import least_tile, plan
from l2l_core.testing.receptive_field import measure_nan_reach, measure_reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    State = dict[str, NDArray[Any]]


@define(frozen=True)
class _SquaredError(Loss):
    """Mean squared error, so that the suite stands on no plugin."""

    def __call__(
        self, ops: Any, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        return masked_mean(ops, ops.square(prediction - target), mask)


@define(frozen=True)
class _Likelihood(Loss):
    """Negative log-likelihood of Laplace distributions, for restorers that give a scale."""

    outputs: ClassVar[tuple[str, ...]] = ("mean", "scale")

    def __call__(
        self, ops: Any, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        mean, scale = ops.split(prediction, 2, channel_axis)
        scale = ops.maximum(scale, 1e-3)
        return masked_mean(ops, ops.abs(mean - target) / scale + ops.log(scale), mask)


class SyntheticSamples:
    """Noise, and the same noise blurred and shifted: something to learn for any kind of method.

    Parameters
    ----------
    supervision : {"paired", "unpaired", "single"}
        Kind of samples.
    channels_in, channels_out : int
        Numbers of channels.
    shape : tuple of int
        Spatial sides of what goes in.
    shape_out : tuple of int
        Spatial sides of what comes out.
    count : int
        How many there are, for validation.
    """

    def __init__(
        self,
        supervision: str,
        channels_in: int,
        channels_out: int,
        shape: tuple[int, ...],
        shape_out: tuple[int, ...],
        count: int = 2,
    ) -> None:
        self.supervision = supervision
        self.inputs = (channels_in, *shape)
        self.targets = (channels_out, *shape_out)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng(index)
        first = rng.normal(0.5, 0.3, size=self.inputs).astype(np.float32)
        if self.supervision == "single":
            return Single(first)
        if self.targets[1:] == self.inputs[1:]:
            target = np.broadcast_to(first.mean(axis=0, keepdims=True), self.targets) * 0.5 + 0.1
        else:
            target = rng.normal(0.5, 0.3, size=self.targets)
        second = np.asarray(target, dtype=np.float32, order="C")
        return Unpaired(first, second) if self.supervision == "unpaired" else Paired(first, second)


class _Keeping(Events):
    """Keeps the last checkpoint of every epoch, as a run folder would."""

    def __init__(self) -> None:
        self.checkpoints: list[tuple[State, TrainingState]] = []

    def checkpoint(self, kind: str, restorer: Restorer) -> None:
        if kind == "last":
            training = restorer.training_state()
            self.checkpoints.append(
                (
                    _copied(restorer.state()),
                    TrainingState(
                        _copied(training.arrays), json.loads(json.dumps(dict(training.facts)))
                    ),
                )
            )


def _copied(arrays: Mapping[str, NDArray[Any]]) -> State:
    return {name: np.array(array, order="C") for name, array in arrays.items()}


class RestorerSuite:
    """Tests that a restorer's test class inherits.

    ::

        class TestMedian(RestorerSuite):
            component = ("median", "")
            options = {"size": 3}

    or, for a restorer that is not registered::

        class TestMedian(RestorerSuite):
            supervision = "none"

            def make_restorer(self):
                return Median(Options(size=3), axes="YX", channels_in=1, channels_out=1)

    A network should be tiny here: what is measured is its geometry, and that depends on its depth
    and kernels, not on how many filters it has.

    Attributes
    ----------
    component : (str, str)
        Name and engine in the registry.
    options : mapping
        Options of the component.
    axes : str
        Spatial axes.
    channels_in, channels_out : int
        Numbers of channels.
    supervision : str
        Kind of samples that :meth:`Restorer.fit` wants; the record's own for a component.
    seeds : int
        Images on which the receptive field is measured.
    tolerance : float
        Share of the largest change that is rounding, when the receptive field is measured; above
        0 only for a method that computes by FFT or running sums.
    exactness : float
        How far tiled and whole may differ, in standard deviations of the whole.
    resumes_exactly : bool
        Whether training that was resumed comes to the same bits, as it must on a CPU.
    """

    component: ClassVar[tuple[str, str]] = ("", "")
    options: ClassVar[Mapping[str, Any]] = {}
    axes: ClassVar[str] = "YX"
    channels_in: ClassVar[int] = 1
    channels_out: ClassVar[int] = 1
    supervision: ClassVar[str] = ""
    seeds: ClassVar[int] = 3
    tolerance: ClassVar[float] = 0.0
    exactness: ClassVar[float] = 1e-5
    resumes_exactly: ClassVar[bool] = True

    def make_restorer(self) -> Restorer:
        """Return a new restorer, on the CPU."""
        made: Restorer = make_restorer(
            *self.component,
            dict(self.options),
            axes=self.axes,
            channels_in=self.channels_in,
            channels_out=self.channels_out,
            device="cpu",
        )
        return made

    def losses(self, restorer: Restorer) -> dict[str, Loss]:
        """Return a loss for each role; override it where squared errors will not do."""
        loss = _Likelihood() if "scale" in restorer.geometry.outputs else _SquaredError()
        return dict.fromkeys(restorer.roles, loss)

    def schedule(self, epochs: int) -> Schedule:
        """Return how long a training is in these tests."""
        return Schedule(
            epochs=epochs, steps_per_epoch=2, batch_size=2, learning_rate=1e-3, precision="float32"
        )

    def samples(self, restorer: Restorer) -> SyntheticSamples:
        """Return what the restorer is trained on in these tests."""
        geometry = restorer.geometry
        shape = tuple(-(-16 // multiple) * multiple for multiple in geometry.multiple)
        sides = {
            name: side * scale
            for name, side, scale in zip(geometry.axes, shape, geometry.scale, strict=True)
        }
        shape_out = tuple(sides.get(name, 1) for name in geometry.output_axes)
        return SyntheticSamples(
            self._supervision(), geometry.channels_in, geometry.channels_out, shape, shape_out
        )

    def _supervision(self) -> str:
        if self.supervision or not self.component[0]:
            return self.supervision or "paired"
        info = registry().find("restorer", *self.component).info
        return info.supervision if isinstance(info, RestorerInfo) else "paired"

    def _trains(self, restorer: Restorer) -> bool:
        return self._supervision() != "none" and type(restorer).fit is not Restorer.fit

    def _image(self, restorer: Restorer, shape: tuple[int, ...], seed: int = 0) -> NDArray[Any]:
        rng = np.random.default_rng(seed)
        sides = (restorer.geometry.channels_in, *shape)
        return rng.normal(0.5, 0.3, size=sides).astype(np.float32)

    def _batch(self, restorer: Restorer, count: int = 3) -> NDArray[np.float32]:
        geometry = restorer.geometry
        shape = tuple(-(-20 // multiple) * multiple for multiple in geometry.multiple)
        return np.stack([self._image(restorer, shape, seed) for seed in range(count)])

    def _fitted(
        self, epochs: int, restorer: Restorer, resume: TrainingState | None = None
    ) -> tuple[FitReport, _Keeping]:
        events = _Keeping()
        samples = self.samples(restorer)
        report = restorer.fit(
            samples,
            samples,
            losses=self.losses(restorer),
            metrics={},
            schedule=self.schedule(epochs),
            seed=3,
            events=events,
            resume=resume,
        )
        return report, events

    def test_is_a_restorer_that_says_its_geometry(self) -> None:
        """It subclasses the interface, and its geometry fits what it was made for."""
        restorer = self.make_restorer()
        assert isinstance(restorer, Restorer), f"{restorer!r} is no subclass of Restorer"
        geometry = restorer.geometry
        assert geometry.axes == restorer.axes
        assert geometry.channels_in == restorer.channels_in
        assert geometry.channels_out == restorer.channels_out

    def test_gives_what_its_geometry_says(self) -> None:
        """Names, shapes and dtype of what comes out are those of the geometry, and finite."""
        restorer = self.make_restorer()
        geometry, batch = restorer.geometry, self._batch(restorer)
        outputs = restorer.restore(batch)
        assert set(outputs) == set(geometry.outputs), f"got {set(outputs)}"
        sides = {
            name: side * scale
            for name, side, scale in zip(
                geometry.axes, batch.shape[2:], geometry.scale, strict=True
            )
        }
        for name, values in outputs.items():
            expected = (
                len(batch),
                geometry.channels_out,
                *(sides.get(axis) for axis in geometry.output_axes),
            )
            assert len(values.shape) == len(expected), f"{name}: {values.shape}"
            for got, wanted in zip(values.shape, expected, strict=True):
                assert wanted is None or got == wanted, f"{name}: {values.shape}, not {expected}"
            assert values.dtype == np.float32, f"{name} is {values.dtype}"
            assert np.isfinite(values).all(), f"{name} is not finite"

    def test_is_pure(self) -> None:
        """The same input gives the same output, and is not written to."""
        restorer = self.make_restorer()
        batch = self._batch(restorer)
        before = batch.copy()
        batch.flags.writeable = False
        first = _copied(restorer.restore(batch))
        restorer.restore(self._batch(restorer)[::-1].copy())
        second = restorer.restore(batch)
        np.testing.assert_array_equal(batch, before)
        for name, values in first.items():
            np.testing.assert_array_equal(second[name], values)

    def test_images_of_a_batch_do_not_influence_each_other(self) -> None:
        """An image comes out alike, whatever else is in its batch."""
        restorer = self.make_restorer()
        batch = self._batch(restorer)
        together = restorer.restore(batch)
        for number in range(len(batch)):
            alone = restorer.restore(batch[number : number + 1].copy())
            for name, values in alone.items():
                spread = float(values.std()) or 1.0
                difference = np.abs(values[0] - together[name][number]).max() / spread
                assert difference <= self.exactness, (
                    f"{name} of image {number} differs by {difference:.1e} standard deviations "
                    "from what it is alone"
                )

    def test_tiled_equals_whole(self) -> None:
        """Tiles of several sizes give what the whole image gives, also where sides are odd."""
        restorer = self.make_restorer()
        geometry = restorer.geometry
        if geometry.statistics_stages or not any(h is not None for h in geometry.halo):
            pytest.skip("the method looks at the whole image, which is never cut into tiles")
        large = tuple(
            2 * (h or 0) + 4 * m + 5
            for h, m in zip(geometry.lattice_halo, geometry.multiple, strict=True)
        )
        # Thousands of the smallest tiles would fill a volume.
        steps = (0, 1, 3) if len(large) < 3 else (2,)
        for extra in range(2):
            shape = tuple(side + extra * (1 + i) for i, side in enumerate(large))
            image = self._image(restorer, shape)
            whole = restore_array(restorer, image, tile=tuple(side + 64 for side in shape))
            least = least_tile(shape, geometry)
            for more in steps:
                tile = tuple(
                    low + more * m for low, m in zip(least, geometry.multiple, strict=True)
                )
                self._same(restorer, image, whole, tile)

    def _same(
        self,
        restorer: Restorer,
        image: NDArray[Any],
        whole: dict[str, NDArray[np.float32]],
        tile: tuple[int, ...],
    ) -> None:
        tiled = restore_array(restorer, image, tile=tile)
        for name, values in whole.items():
            spread = float(values.std()) or 1.0
            difference = float(np.abs(tiled[name] - values).max()) / spread
            assert difference <= self.exactness, (
                f"{name} of an image of {image.shape[1:]} in "
                f"{len(plan(image.shape[1:], restorer.geometry, tile))} tiles of {tile} differs by "
                f"{difference:.1e} standard deviations from the whole image's; too small is the "
                f"halo {restorer.geometry.halo} or the multiple {restorer.geometry.multiple}"
            )

    def test_halo_is_sufficient(self) -> None:
        """No pixel further away than the declared halo has an influence, at any phase."""
        restorer = self.make_restorer()
        for axis, name, declared in self._bounded(restorer):
            reach = measure_reach(restorer, axis, seeds=self.seeds, tolerance=self.tolerance)
            assert reach.halo <= declared, (
                f"along {name} pixels {reach.before} before and {reach.after} after a block have "
                f"an influence on it, and the declared halo is {declared} on the lattice; declare "
                "at least what was measured (or set `tolerance`, for a method by FFT)"
            )

    def test_halo_is_tight(self) -> None:
        """The declared halo is no more than what was measured and one step of the lattice."""
        restorer = self.make_restorer()
        geometry = restorer.geometry
        for axis, name, declared in self._bounded(restorer):
            measured = measure_reach(
                restorer, axis, seeds=self.seeds, tolerance=self.tolerance
            ).halo
            # A path that the weights of today leave silent may speak tomorrow: NaN takes it.
            structural = measure_nan_reach(restorer, axis).halo
            if structural <= declared:
                measured = max(measured, structural)
            step = geometry.multiple[axis]
            halo = geometry.halo[axis] or 0
            assert halo <= measured + step, (
                f"along {name} the declared halo is {halo}, and only pixels up to {measured} away "
                f"have an influence; declare {measured} to {measured + step}, so that tiles waste "
                "less"
            )

    def _bounded(self, restorer: Restorer) -> list[tuple[int, str, int]]:
        """Return position, name and halo on the lattice of every axis that is tiled."""
        geometry = restorer.geometry
        found = [
            (axis, name, halo)
            for axis, (name, halo) in enumerate(
                zip(geometry.axes, geometry.lattice_halo, strict=True)
            )
            if halo is not None and name in geometry.output_axes
        ]
        if not found or geometry.statistics_stages:
            pytest.skip("the method looks at the whole image along every axis")
        return found

    def test_multiple_is_tight(self) -> None:
        """A finer lattice than the declared one would not do."""
        restorer = self.make_restorer()
        geometry = restorer.geometry
        for axis, name, halo in self._bounded(restorer):
            multiple = geometry.multiple[axis]
            for finer in (multiple // p for p in range(2, multiple + 1) if multiple % p == 0):
                assert not self._works_on(restorer, axis, halo, finer), (
                    f"along {name} the declared multiple is {multiple}, and {finer} does as well; "
                    "declare that, so that less is padded"
                )

    def _works_on(self, restorer: Restorer, axis: int, halo: int, finer: int) -> bool:
        """Whether sides and starts on a finer lattice give what the declared one gives."""
        geometry = restorer.geometry
        multiple, scale = geometry.multiple[axis], geometry.scale[axis]
        side = 2 * halo + 4 * multiple
        shape = [max(8 // m, 1) * m for m in geometry.multiple]
        shape[axis] = side + multiple
        image = self._image(restorer, tuple(shape))

        def cut(array: NDArray[Any], start: int, stop: int, along: int) -> NDArray[Any]:
            return array[(slice(None),) * along + (slice(start, stop),)]

        whole = cut(image, 0, side, axis + 1)
        shifted = cut(image, finer, side + 2 * finer, axis + 1)
        along = 2 + geometry.output_axes.index(geometry.axes[axis])
        name = geometry.outputs[0]
        try:
            one = restorer.restore(np.asarray(whole[None], order="C"))[name]
            other = restorer.restore(np.asarray(shifted[None], order="C"))[name]
        # A foreign network may refuse sides that are no multiple in any way it likes.
        except Exception:
            return False
        first, last = halo + multiple, side - halo - multiple
        if other.shape[along] != shifted.shape[axis + 1] * scale:
            return False
        kept = cut(one, first * scale, last * scale, along)
        again = cut(other, (first - finer) * scale, (last - finer) * scale, along)
        return bool(np.abs(kept - again).max() <= self.exactness * (float(kept.std()) or 1.0))

    def test_state_is_the_whole_model(self) -> None:
        """A new instance with the state of another restores the same, bit for bit."""
        restorer = self.make_restorer()
        if self._trains(restorer):
            self._fitted(2, restorer)
        state = restorer.state()
        for name, array in state.items():
            assert isinstance(name, str)
            assert isinstance(array, np.ndarray | np.generic), f"{name} is a {type(array).__name__}"
            assert array.dtype.kind in "biuf", f"{name} is of dtype {array.dtype}"
        other = self.make_restorer()
        other.load_state(_copied(state))
        batch = self._batch(restorer)
        expected = restorer.restore(batch)
        for name, values in other.restore(batch).items():
            np.testing.assert_array_equal(values, expected[name])
        again = other.state()
        assert set(again) == set(state)
        for name, array in state.items():
            np.testing.assert_array_equal(again[name], array)

    def test_a_state_of_something_else_is_refused(self) -> None:
        """A missing tensor or one of another shape is not taken silently."""
        restorer = self.make_restorer()
        state = _copied(restorer.state())
        if not state:
            with pytest.raises(Exception, match=r"."):
                restorer.load_state({"unknown": np.zeros(3, np.float32)})
            return
        name = max(state, key=lambda key: state[key].size)
        missing = {key: array for key, array in state.items() if key != name}
        with pytest.raises(Exception, match=r"."):
            self.make_restorer().load_state(missing)
        longer = np.concatenate([state[name].ravel(), np.zeros(1, state[name].dtype)])
        with pytest.raises(Exception, match=r"."):
            self.make_restorer().load_state({**state, name: longer})

    def test_state_is_not_shared_with_the_training(self) -> None:
        """What state() gave stays as it is while training goes on."""
        restorer = self.make_restorer()
        if not self._trains(restorer):
            pytest.skip("the method is not trained")
        self._fitted(1, restorer)
        state = restorer.state()
        before = _copied(state)
        self._fitted(1, restorer)
        for name, array in before.items():
            np.testing.assert_array_equal(state[name], array)

    def test_training_changes_the_model_and_reports(self) -> None:
        """Training ends after as many epochs as asked for, with a checkpoint of each."""
        restorer = self.make_restorer()
        if not self._trains(restorer):
            with pytest.raises(TypeError):
                self._fitted(1, restorer)
            return
        before = _copied(restorer.state())
        report, events = self._fitted(2, restorer)
        assert report.epochs == 2
        assert len(events.checkpoints) == 2
        after = restorer.state()
        assert any(
            name not in before or not np.array_equal(before[name], array)
            for name, array in after.items()
        ), "training left the model as it was"

    def test_resumed_training_equals_uninterrupted(self) -> None:
        """A new instance that goes on from a checkpoint comes to the same model."""
        whole = self.make_restorer()
        if not self._trains(whole):
            pytest.skip("the method is not trained")
        report, events = self._fitted(3, whole)
        state, training = events.checkpoints[0]
        for name, array in training.arrays.items():
            assert array.dtype.kind in "biuf", f"{name} of the training is {array.dtype}"
        resumed = self.make_restorer()
        resumed.load_state(state)
        again, _ = self._fitted(3, resumed, resume=training)
        assert again.epochs == report.epochs
        expected = whole.state()
        for name, array in resumed.state().items():
            if self.resumes_exactly:
                np.testing.assert_array_equal(array, expected[name], err_msg=name)
            else:
                np.testing.assert_allclose(array, expected[name], rtol=1e-3, atol=1e-4)
