"""A method of a few lines for whatever does not need a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from l2l_core.components import Geometry, Padding, Restorer
from l2l_core.config import NormalizerConfig
from l2l_core.images.normalization import Normalization
from l2l_core.models.model_file import ModelRecord, NormalizationRecord, SideNormalization
from l2l_core.models.tensors import TensorRecord
from l2l_core.workflows.array_restoration import Model

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Toy(Restorer):
    """Sums of three neighbours along each axis, by operations that no cut can change a bit of."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(
            None,
            axes=geometry.axes,
            channels_in=geometry.channels_in,
            channels_out=geometry.channels_out,
        )
        self.geometry = geometry
        self.tiles: list[tuple[int, ...]] = []
        self.before: Callable[[NDArray[np.float32]], None] = lambda batch: None

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        self.before(batch)
        self.tiles.append(batch.shape)
        values = batch[:, :1]
        for channel in range(1, batch.shape[1]):
            values = values + batch[:, channel : channel + 1]
        for axis in range(2, batch.ndim):
            wide = [(1, 1) if i == axis else (0, 0) for i in range(values.ndim)]
            edged = np.pad(values, wide, mode="edge")
            size = values.shape[axis]
            values = (
                edged.take(range(size), axis) + 2 * values + edged.take(range(2, size + 2), axis)
            )
        for axis, factor in enumerate(self.geometry.scale, start=2):
            values = values.repeat(factor, axis)
        values = np.concatenate([values + c for c in range(self.channels_out)], axis=1)
        if "Z" in self.geometry.output_axes and "Z" not in self.geometry.axes:
            values = np.stack([values, 2 * values, 3 * values], axis=2)
        if "Z" in self.geometry.axes and "Z" not in self.geometry.output_axes:
            values = values.max(axis=2)
        return {
            name: values if name == "mean" else np.abs(values) + 1 for name in self.geometry.outputs
        }


@pytest.fixture
def toy() -> Callable[..., Model]:
    """Return a function that makes a model of a toy; it takes what a geometry takes."""

    def made(
        *,
        axes: str = "YX",
        scope: str = "image",
        target: float = 10.0,
        output: str = "target",
        **geometry: Any,
    ) -> Model:
        given = {"halo": 1, "multiple": 2, "padding": Padding("reflect"), **geometry}
        restorer = Toy(Geometry(axes=axes, **given))
        facts = restorer.geometry
        into, channels = facts.channels_in, facts.channels_out
        record = ModelRecord(
            restorer="toy",
            supplier="l2l-toy 1.0",
            axes=axes,
            channels_in=facts.channels_in,
            channels_out=channels,
            geometry=facts,
            tensors={"w": TensorRecord((1,), "float32")},
            normalization=NormalizationRecord(
                input=SideNormalization(
                    spec=NormalizerConfig(method="min_max", scope=scope),  # type: ignore[arg-type]
                    numbers=Normalization((20.0,) * into, (400.0,) * into),
                ),
                target=SideNormalization(
                    numbers=Normalization((100.0,) * channels, (target,) * channels)
                ),
                output=output,  # type: ignore[arg-type]
            ),
        )
        return Model(restorer, record, where="toy")

    return made
