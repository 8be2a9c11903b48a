"""The suite that a restorer has to pass, whoever wrote it.

What it checks is what the core relies on when it tiles images of any size: that a restorer is
pure, that its geometry is true, and that its state is all there is to it.
"""

from __future__ import annotations

import numpy as np
import pytest

from l2l_core.components import Restorer
from l2l_core.errors import ModelDamagedError
from l2l_core.testing.geometry_tests import GeometryTests
from l2l_core.testing.tiny_training import copied


class RestorerSuite(GeometryTests):
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

    What else can be set is said in :class:`RestorerUnderTest`.
    """

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
        restorer = self._ready()
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
        restorer = self._ready()
        batch = self._batch(restorer)
        before = batch.copy()
        batch.flags.writeable = False
        first = copied(restorer.restore(batch))
        restorer.restore(self._batch(restorer)[::-1].copy())
        second = restorer.restore(batch)
        np.testing.assert_array_equal(batch, before)
        for name, values in first.items():
            np.testing.assert_array_equal(second[name], values)

    def test_images_of_a_batch_do_not_influence_each_other(self) -> None:
        """An image comes out alike, whatever else is in its batch."""
        restorer = self._ready()
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
        other.load_state(copied(state))
        batch = self._batch(restorer)
        expected = restorer.restore(batch)
        for name, values in other.restore(batch).items():
            np.testing.assert_array_equal(values, expected[name])
        again = other.state()
        assert set(again) == set(state)
        for name, array in state.items():
            np.testing.assert_array_equal(again[name], array)

    def test_a_state_of_something_else_is_refused(self) -> None:
        """A missing tensor or one of another shape is a ModelDamagedError, with a sentence."""
        restorer = self.make_restorer()
        state = copied(restorer.state())
        if not state:
            with pytest.raises(ModelDamagedError, match=r".{20}"):
                restorer.load_state({"unknown": np.zeros(3, np.float32)})
            return
        name = max(state, key=lambda key: state[key].size)
        missing = {key: array for key, array in state.items() if key != name}
        with pytest.raises(ModelDamagedError, match=r".{20}"):
            self.make_restorer().load_state(missing)
        longer = np.concatenate([state[name].ravel(), np.zeros(1, state[name].dtype)])
        with pytest.raises(ModelDamagedError, match=r".{20}"):
            self.make_restorer().load_state({**state, name: longer})

    def test_state_is_not_shared_with_the_training(self) -> None:
        """What state() gave stays as it is while training goes on."""
        restorer = self.make_restorer()
        if not self._trains(restorer):
            pytest.skip("the method is not trained")
        self._fitted(1, restorer)
        state = restorer.state()
        before = copied(state)
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
        before = copied(restorer.state())
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
