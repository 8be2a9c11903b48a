"""Filters without training: made in as few dimensions as they work in, and as steps of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2l_core.components.factory import make_restorer
from l2l_core.components.records import RestorerInfo
from l2l_core.components.registry import registry
from l2l_core.errors import ComponentError, OptionsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.components.restorer import Restorer

_AXES = {2: "YX", 3: "ZYX"}


def make_in_fewest_dimensions(
    info: RestorerInfo, options: Mapping[str, Any], device: str = "auto"
) -> Restorer:
    """Return a filter for one channel, of planes where its options fit and of volumes otherwise.

    A Gaussian filter with one or two sigmas works on each plane, one with three on the volume.

    Parameters
    ----------
    info : RestorerInfo
        Its record.
    options : mapping
        As plain values.
    device : str, optional
        As for :func:`~l2l_core.components.factory.make_restorer`.

    Raises
    ------
    OptionsError
        If the options are not the filter's.
    """
    problems: list[OptionsError] = []
    for dimensions in sorted(info.dimensions):
        try:
            made: Restorer = make_restorer(
                info.name, info.engine, options, axes=_AXES[dimensions], device=device
            )
        except OptionsError as error:
            problems.append(error)
        else:
            return made
    raise problems[0]


def made_step(name: str, options: Mapping[str, Any]) -> Restorer:
    """Return a filter that can follow another restorer, to look at its options and geometry.

    Parameters
    ----------
    name : str
    options : mapping
        As plain values.

    Raises
    ------
    ComponentError
        If it is unknown, has to be trained, or cannot follow another one.
    OptionsError
        If it does not take its options.
    """
    refuse_trained(name)
    info = registry().engines(name)[0].info
    assert isinstance(info, RestorerInfo)  # noqa: S101 - the registry keeps kinds apart
    made = make_in_fewest_dimensions(info, options)
    refuse_unfit(made, name)
    return made


def refuse_trained(name: str) -> None:
    """Refuse a restorer that cannot be a step behind another one.

    Raises
    ------
    UnknownComponentError
        If there is none of this name.
    ComponentError
        If it has to be trained.
    """
    for found in registry().engines(name):
        if isinstance(found.info, RestorerInfo) and found.info.supervision != "none":
            raise ComponentError(
                f"restorer {name!r} has to be trained, and what follows a model is made of "
                "filters; restore with its model first, and give what comes out to this one"
            )


def refuse_unfit(step: Restorer, name: str) -> None:
    """Refuse a filter that cannot be a step behind a restorer.

    Raises
    ------
    ComponentError
        If it needs numbers of the whole image, or does not give back the axes that it takes.
    """
    geometry = step.geometry
    if step.normalizes or geometry.statistics_stages:
        raise ComponentError(
            f"restorer {name!r} needs numbers of the whole image, which nobody takes behind "
            "another one; restore with it apart"
        )
    if geometry.axes != geometry.output_axes or geometry.outputs != ("mean",):
        raise ComponentError(
            f"restorer {name!r} turns {geometry.axes} into {geometry.output_axes} and gives "
            f"{', '.join(geometry.outputs)}, so it cannot follow another one; restore with it apart"
        )
