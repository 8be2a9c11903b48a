"""A model and the filters that follow it: one model to whoever restores with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from l2l_core.components.options import unstructure
from l2l_core.errors import ComponentError, ImageError, ImageFormatError
from l2l_core.images.axes import guess_axes, parse_axes
from l2l_core.streaming.chained import Step, chained_geometry, fills_between
from l2l_core.streaming.residents import device_lock
from l2l_core.workflows.array_restoration import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from l2l_core.components.geometry import Geometry
    from l2l_core.config import ComponentConfig
    from l2l_core.images.image import Image
    from l2l_core.streaming.boxes import Numbers


class ChainedModel(Model):
    """A model whose restorations go through filters before they come out.

    The first filter takes what the model gives, in the units in which it comes out, as if it had
    been written and opened again; the next one what the first gives.

    Parameters
    ----------
    first : Model
        Whose restorer and record these are.
    filters : sequence of Model
        Of filters without training, in their order.
    then : sequence of ComponentConfig, optional
        Those of the filters that are no part of the stored model.

    Raises
    ------
    ComponentError
        If the model does not give the axes that it takes.
    """

    def __init__(
        self, first: Model, filters: Sequence[Model], then: Sequence[ComponentConfig] = ()
    ) -> None:
        super().__init__(first.restorer, first.info, where=first.where, engine=first.engine)
        self.first, self.filters, self.then = first, tuple(filters), tuple(then)
        self.steps = tuple(Step(one.restorer, bool(one.engine)) for one in filters)
        own = first.restorer.geometry
        try:
            self._geometry = chained_geometry(own, [one.geometry for one in filters])
        except ValueError as error:
            raise ComponentError(
                f"{first.where}: {first.info.restorer} turns {own.axes} into {own.output_axes}, "
                "and a filter follows only where they are the same; restore with the model first, "
                "and with the filter what comes out"
            ) from error

    @property
    def geometry(self) -> Geometry:
        """Halo and multiples of the model and its filters together; only the mean comes out."""
        return self._geometry

    @property
    def units(self) -> str:
        """Units of what the last filter gives, in words."""
        units = self.first.units
        for one in self.filters:
            units = one.restorer.units or units
        return units

    @property
    def unbounded(self) -> str:
        """Names of what looks at the whole image at once."""
        return " and ".join(
            one.info.restorer
            for one in (self.first, *self.filters)
            if not one.geometry.bounded or one.geometry.statistics_stages
        )

    def describe(self) -> str:
        """Return one line about the model and what follows it."""
        head, _, _ = self.first.describe().rpartition("; comes out ")
        names = ", ".join(one.where for one in self.filters)
        return f"{head}; then {names}; comes out {self.units}"

    def provenance(self) -> dict[str, Any]:
        """Return what a restored image carries, with the filters under ``chain``."""
        chain = [
            {
                "restorer": one.info.restorer,
                "supplier": one.info.supplier,
                "options": unstructure(one.info.options),
            }
            for one in self.filters
        ]
        return {**self.first.provenance(), "chain": chain, "units": self.units}

    def restore(
        self,
        array: Any,
        axes: str = "",
        *,
        outputs: str = "mean",
        dtype: DTypeLike | None = None,
        **how: Any,
    ) -> Any:
        """Restore an image; as :meth:`Model.restore`, with the filters behind it.

        With ``outputs="all"`` the dict has the mean alone: only that goes through the filters.
        """
        if outputs not in ("mean", "all"):
            raise ImageError(f"outputs is {outputs!r}; expected 'mean' or 'all'")
        kind = self.output_dtype(dtype)
        array = np.asarray(array)
        axes = parse_axes(axes or guess_axes(array.shape), array.ndim)
        # What does not fit a filter is refused before anything is computed.
        self.frame(axes, array.shape)
        values = self.first.restore(array, axes, **how)
        given = self.first.output_axes(axes)
        for one in self.filters:
            last = one is self.filters[-1]
            values = one.restore(values, given, dtype=kind if last else None)
        return values if outputs == "mean" else {"mean": values}

    def refuse_lost_outputs(self) -> None:
        """Refuse to give every output where some of the model's end before the filters.

        Raises
        ------
        ImageError
            If the model gives more than its mean.
        """
        lost = [name for name in self.first.geometry.outputs if name != "mean"]
        if lost:
            raise ImageError(
                f"{self.where} gives its {' and '.join(lost)} beside the mean, and only the mean "
                f"goes through {', '.join(one.info.restorer for one in self.filters)}; restore "
                "without what follows the model to get every output"
            )

    def take_remarks(self) -> list[str]:
        """Return what was odd about what the model or a filter got."""
        return [remark for one in (self.first, *self.filters) for remark in one.take_remarks()]

    def close(self) -> None:
        """Give back what the model and its filters hold."""
        for one in (self.first, *self.filters):
            one.close()


def with_fills(model: Model, image: Image, numbers: Numbers) -> Numbers:
    """Return numbers with what stands in for pixels without a value in the filters that follow.

    NaN of an image that is damaged: it costs the units that are, and those with such pixels.
    """
    if not model.steps:
        return numbers
    frame = model.frame(image.axes, image.shape)
    lock = device_lock(model.restorer.device)
    try:
        fills = fills_between(model.restorer, model.steps, image, frame, numbers, lock=lock)
    except ImageFormatError:
        fills = ((math.nan,),) * len(model.steps)
    return evolve(numbers, steps=fills)
