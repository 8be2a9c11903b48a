"""Choose a filter's options by the images that train, so that a network meets a fair opponent."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from l2l_core.errors import OptionsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "gaussian": {"sigma": (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)},
    "median": {"size": (3, 5, 7, 9)},
    "rolling_ball": {"radius": (3.0, 5.0, 10.0, 20.0, 40.0)},
    "white_top_hat": {"size": (5, 9, 13, 17, 25, 35)},
    "clahe": {"grid": (5, 7, 11), "clip_limit": (0.01, 0.04, 0.15625)},
    "nonlocal_means": {"strength": (0.4, 0.8, 1.2, 2.0), "patch_distance": (6, 11)},
}
"""For each filter the one or two options that are tuned by ``tune = true``, and what is tried."""


def checked_grid(name: str, tune: Any, options: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
    """Return what is tried of a filter.

    Parameters
    ----------
    name : str
        The filter.
    tune : bool or mapping
        True for :data:`GRIDS`, or values for each option: ``{"sigma": [1, 2]}``.
    options : mapping
        What is set and not tuned.

    Returns
    -------
    mapping
        Empty where nothing is tuned.

    Raises
    ------
    OptionsError
        If there is no grid for the filter, a list is empty, or an option is both set and tuned.
    """
    if tune is False:
        return {}
    if tune is True:
        if name not in GRIDS:
            raise OptionsError(
                f"nothing is known that could be tuned of the filter {name!r}; give the values, "
                f"such as {name}:tune={{option=[1, 2]}}, or take one of {', '.join(GRIDS)}"
            )
        # An option that was set stays, and the other one is tuned.
        grid = {key: values for key, values in GRIDS[name].items() if key not in options}
        if not grid:
            raise OptionsError(f"{name}: all that tune=true tunes is set; leave one of both out")
        return grid
    if not isinstance(tune, dict) or not tune:
        raise OptionsError(
            f"{name}: tune is {tune!r}; expected true, or values for each option, such as "
            "tune={sigma=[1, 2]}"
        )
    for key, values in tune.items():
        if not isinstance(values, list) or not values:
            raise OptionsError(f"{name}: tune.{key} is {values!r}; expected a list of values")
        if key in options:
            raise OptionsError(f"{name}: {key} is both set and tuned; leave one out")
    return tune


def candidates(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yield every combination of a grid's values."""
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))
