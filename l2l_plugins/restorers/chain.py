"""Filters one after the other, as one restorer: what lies between them is never written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from l2l_core.components import Restorer, RestorerInfo
from l2l_core.components.factory import make_restorer
from l2l_core.components.registry import registry
from l2l_core.errors import ComponentError, OptionsError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@define(frozen=True, kw_only=True)
class Step:
    """One filter of a chain.

    Parameters
    ----------
    name : str
        Its name in the registry.
    options : dict, optional
        Its options.
    """

    name: str
    options: dict[str, Any] = field(factory=dict)


def _are_steps(instance: Any, attribute: Any, value: tuple[Step, ...]) -> None:
    if not value:
        raise ValueError("got a chain of no filters, expected one step or more")


@define(frozen=True)
class ChainOptions:
    """Options of :class:`Chain`.

    Parameters
    ----------
    steps : list of Step
        The filters in their order, each of what the one before it gives.
    """

    steps: tuple[Step, ...] = field(validator=_are_steps)


class Chain(Restorer):
    """Filters without training, one after the other.

    Its halo is the sum of theirs.  A network cannot be one of them: its image is normalised by
    numbers that its model keeps.  Filters follow a trained model by the ``chain`` of its
    configuration, or by ``then`` where it is loaded.

    Raises
    ------
    OptionsError
        If a filter is unknown, has to be trained, or does not take its options; all problems with
        their path.
    """

    Options = ChainOptions
    normalizes = False

    def __init__(
        self,
        options: ChainOptions,
        *,
        axes: str,
        channels_in: int,
        channels_out: int,
        device: str = "auto",
    ) -> None:
        super().__init__(
            options, axes=axes, channels_in=channels_in, channels_out=channels_out, device=device
        )
        self.filters: list[Restorer] = []
        problems: list[str] = []
        for index, step in enumerate(options.steps):
            try:
                self.filters.append(self._made(step))
            except OptionsError as error:
                own, path = f" @ restorer {step.name}", f" @ restorer chain.steps[{index}]"
                problems += [
                    line.replace(own, f"{path}.options", 1) if own in line else line + path
                    for line in str(error).splitlines()
                ]
            except ComponentError as error:
                problems.append(f"{error} @ restorer chain.steps[{index}].name")
        if problems:
            raise OptionsError("\n".join(problems))
        geometry = self.filters[0].geometry
        for made in self.filters[1:]:
            geometry = geometry.then(made.geometry)
        self.geometry = geometry
        self.units = self.filters[-1].units

    def _made(self, step: Step) -> Restorer:
        engines = registry().engines(step.name)
        info = engines[0].info
        if not isinstance(info, RestorerInfo) or info.supervision != "none":
            raise ComponentError(
                f"restorer {step.name!r} has to be trained, and a chain is made of filters; "
                "restore with its model, and let the filters follow it by --then"
            )
        made: Restorer = make_restorer(
            step.name,
            info.engine,
            step.options,
            axes=self.axes,
            channels_in=self.channels_in,
            channels_out=self.channels_out,
            device=self.device,
        )
        if made.normalizes or made.geometry.statistics_stages:
            raise ComponentError(
                f"restorer {step.name!r} needs numbers of the whole image, which nobody takes "
                "within a chain; restore with it apart"
            )
        return made

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return `batch`, (N, C, [Z,] Y, X) float32 in any units, through all filters."""
        outputs = {"mean": batch}
        for made in self.filters:
            outputs = made.restore(np.asarray(outputs["mean"], np.float32, order="C"))
        return outputs

    def take_remark(self) -> str:
        """Return what was odd about what any of the filters got."""
        return "; ".join(filter(None, [made.take_remark() for made in self.filters]))

    def close(self) -> None:
        """Close every filter."""
        for made in self.filters:
            made.close()
