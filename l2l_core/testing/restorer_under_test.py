"""Which restorer a suite tests, and how it makes and trains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from l2l_core.components import FitReport, Loss, Restorer, Schedule, TrainingState
from l2l_core.components.factory import make_restorer
from l2l_core.components.records import RestorerInfo
from l2l_core.components.registry import registry
from l2l_core.testing.tiny_training import Keeping, Likelihood, SquaredError, SyntheticSamples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class RestorerUnderTest:
    """What a restorer's test class says, and what its tests are made of.

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
        loss = Likelihood() if "scale" in restorer.geometry.outputs else SquaredError()
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
    ) -> tuple[FitReport, Keeping]:
        events = Keeping()
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

    def _ready(self) -> Restorer:
        """Return a restorer that is trained a little: a new one may begin with weights of zero."""
        restorer = self.make_restorer()
        if self._trains(restorer):
            self._fitted(1, restorer)
        return restorer
