"""Microtubules: long bending tubes that grow from an organising centre towards the outline.

Each is a worm-like chain, drawn step by step, since it bends along the outline where it comes near
(as microtubules do that push against the membrane) instead of running into it.  The organising
centre lies beside the nucleus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators

from l2l_core.data.simulation.specimen import Cell, Structure, StructureOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

_STEP_UM = 0.1
_SITES = 2
"""Binding sites for each step."""

_NEAR = 0.25
"""Depth in the cell from which on the outline is felt."""

_TURN_PER_UM = 1.5
"""How fast a tube turns away at the outline, in radians for each micrometre."""


@define(frozen=True, kw_only=True)
class MicrotubuleOptions(StructureOptions):
    """A network of microtubules.

    Parameters
    ----------
    density : float
        Microtubules for each square micrometre of a cell.
    length_um : float
        Mean length, in micrometres; it varies by 35 %.
    persistence_um : float
        Persistence length in the plane, in micrometres.  Free microtubules are straighter by
        far; in cells they buckle and are dragged along.
    centred : float
        Share of the microtubules that begin at the organising centre; the others begin anywhere
        and point away from it.
    centre_um : float
        Standard deviation of the places where they begin about the centre, in micrometres.
    """

    density: float = field(default=0.03, validator=validators.gt(0))
    length_um: float = field(default=22.0, validator=validators.gt(0))
    persistence_um: float = field(default=25.0, validator=validators.gt(0))
    centred: float = field(default=0.6, validator=[validators.ge(0), validators.le(1)])
    centre_um: float = field(default=0.8, validator=validators.gt(0))

    def draw(self, cells: Sequence[Cell], rng: Generator) -> Structure:
        """Return the microtubules of all cells; none leaves its cell."""
        sites = [self._grow(cell, rng) for cell in cells]
        positions, amounts = (np.concatenate(parts) for parts in zip(*sites, strict=True))
        return Structure(positions, amounts, dimension=1)

    def _grow(self, cell: Cell, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        number = int(rng.poisson(self.density * cell.area_um2))
        places, direction = self._starts(cell, number, rng)
        lengths = self.length_um * np.clip(rng.normal(1, 0.35, number), 0.2, 2.5)
        steps = np.rint(lengths / _STEP_UM).astype(np.intp)
        turns = rng.standard_normal((int(steps.max(initial=1)), number))
        turns *= np.sqrt(_STEP_UM / self.persistence_um)
        path = np.empty((len(turns), number, 2))
        growing = np.zeros((len(turns), number), bool)
        alive = cell.depth(*places.T) > 0
        for step, turn in enumerate(turns):
            direction = direction + turn + _away(cell, places, direction)
            ahead = np.stack([np.sin(direction), np.cos(direction)], axis=1)
            places = places + _STEP_UM * ahead
            alive &= (steps > step) & (cell.depth(*places.T) > 0)
            path[step], growing[step] = places, alive
        # A site in the middle of each step and one at its end.
        middles = path.copy()
        middles[1:] = 0.5 * (path[1:] + path[:-1])
        found = np.concatenate([path[growing], middles[growing]])
        return found, np.full(len(found), _STEP_UM / _SITES)

    def _starts(
        self, cell: Cell, number: int, rng: Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the microtubules begin, (N, 2), and their directions, (N,)."""
        side = rng.uniform(0, 2 * np.pi)
        beside = 1.05 * cell.nucleus_radii.max()
        centre = cell.nucleus_centre + beside * np.array([np.sin(side), np.cos(side)])
        places = centre + rng.normal(0, self.centre_um, (number, 2))
        direction = rng.uniform(0, 2 * np.pi, number)
        elsewhere = np.flatnonzero(rng.random(number) >= self.centred)
        places[elsewhere] = cell.places(len(elsewhere), rng)
        away = places[elsewhere] - centre
        direction[elsewhere] = np.arctan2(*away.T) + rng.normal(0, 0.5, len(elsewhere))
        return places, direction


def _away(
    cell: Cell, places: NDArray[np.float64], direction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return by how much tubes turn in one step because the outline is near, in radians."""
    outwards = np.arctan2(*(places - cell.centre).T)
    off = (direction - outwards + np.pi) % (2 * np.pi) - np.pi
    near = np.clip(1 - cell.depth(*places.T) / _NEAR, 0, 1)
    # Only what still heads outwards turns, to the side to which it leans already.
    towards = np.clip(np.cos(off), 0, 1)
    return np.asarray(np.copysign(_TURN_PER_UM * _STEP_UM * near * towards, off), np.float64)
