"""Branched filaments: persistent random walks through a cell, as of actin.

The walk's direction diffuses along the contour, the worm-like chain of Kratky & Porod (1949): over
a length L it turns by a Gaussian angle of variance L / P, P the persistence length in the plane.
Branches leave their mother at about 70 degrees, as those that the Arp2/3 complex makes (Mullins,
Heuser & Pollard 1998).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_core.data.simulation.specimen import Cell, Structure, StructureOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

_STEP_UM = 0.05
_TIP_UM = 0.4


@define(frozen=True, kw_only=True)
class FilamentOptions(StructureOptions):
    """Branched filaments.

    Parameters
    ----------
    density : float
        Mother filaments for each square micrometre of a cell.
    length_um : float
        Mean contour length of a mother filament, in micrometres, exponentially distributed
        between a quarter and three times the mean.
    persistence_um : float
        Persistence length, in micrometres; small for crooked, large for straight filaments.
    alignment_deg : float
        Standard deviation of the filaments' directions about the cell's axis, in degrees.
    branches : float
        Mean number of branches of a mother filament.
    branch_length_um : float
        Mean length of a branch, in micrometres.
    branch_angle_deg : float
        Angle between mother and branch, in degrees; it varies by 7 degrees.
    brightness_spread : float
        Standard deviation of the logarithm of a filament's strength (bundles); 0 for equal ones.
    """

    density: float = field(default=0.016, validator=validators.gt(0))
    length_um: float = field(default=14.0, validator=validators.gt(0))
    persistence_um: float = field(default=18.0, validator=validators.gt(0))
    alignment_deg: float = field(default=35.0, validator=validators.ge(0))
    branches: float = field(default=1.2, validator=validators.ge(0))
    branch_length_um: float = field(default=4.0, validator=validators.gt(0))
    branch_angle_deg: float = field(default=70.0, validator=[validators.ge(0), validators.le(180)])
    brightness_spread: float = field(default=0.5, validator=validators.ge(0))

    def draw(self, cells: Sequence[Cell], rng: Generator) -> Structure:
        """Return the filaments of all cells; what would leave its cell ends at the outline."""
        positions, amounts = [], []
        for cell in cells:
            for walk in self._walks(cell, rng):
                inside = cell.depth(walk.y, walk.x)
                strength = walk.strength[:, None] * np.clip(inside / 0.03, 0, 1) * walk.tip
                bound = strength > 0
                positions.append(np.stack([walk.y[bound], walk.x[bound]], axis=1))
                amounts.append(strength[bound] * _STEP_UM)
        return Structure(np.concatenate(positions), np.concatenate(amounts), dimension=1)

    def _walks(self, cell: Cell, rng: Generator) -> tuple[_Walks, _Walks]:
        number = int(rng.poisson(self.density * cell.area_um2))
        mothers = _walk(
            cell.places(number, rng),
            # A filament along the axis may run either way.
            cell.axis
            + rng.normal(0, np.deg2rad(self.alignment_deg), number)
            + np.pi * rng.integers(0, 2, number),
            self.length_um,
            self.persistence_um,
            self._strengths(number, rng),
            rng,
        )
        mother = np.repeat(np.arange(number), rng.poisson(self.branches, number))
        at = (rng.uniform(0.05, 0.95, len(mother)) * mothers.steps[mother]).astype(np.intp)
        turn = np.deg2rad(rng.normal(self.branch_angle_deg, 7.0, len(mother)))
        branches = _walk(
            np.stack([mothers.y[mother, at], mothers.x[mother, at]], axis=1),
            mothers.direction[mother, at] + turn * rng.choice([-1.0, 1.0], len(mother)),
            self.branch_length_um,
            self.persistence_um,
            mothers.strength[mother] * 0.7,
            rng,
        )
        return mothers, branches

    def _strengths(self, number: int, rng: Generator) -> NDArray[np.float64]:
        spread = self.brightness_spread
        return np.exp(rng.normal(-0.5 * spread**2, spread, number))


@define(frozen=True, eq=False)
class _Walks:
    """Walks of one kind: (N, steps) each, `steps` and `strength` (N,)."""

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    direction: NDArray[np.float64]
    tip: NDArray[np.float64]
    steps: NDArray[np.intp]
    strength: NDArray[np.float64]


def _walk(
    starts: NDArray[np.float64],
    directions: NDArray[np.float64],
    length_um: float,
    persistence_um: float,
    strength: NDArray[np.float64],
    rng: Generator,
) -> _Walks:
    lengths = np.clip(rng.exponential(length_um, len(starts)), 0.25 * length_um, 3 * length_um)
    steps = np.maximum(np.rint(lengths / _STEP_UM).astype(np.intp), 1)
    turns = rng.standard_normal((len(starts), int(steps.max(initial=1))))
    turns *= np.sqrt(_STEP_UM / persistence_um)
    direction = directions[:, None] + np.cumsum(turns, axis=1)
    left = steps[:, None] - np.arange(direction.shape[1])
    return _Walks(
        y=starts[:, :1] + np.cumsum(np.sin(direction), axis=1) * _STEP_UM,
        x=starts[:, 1:] + np.cumsum(np.cos(direction), axis=1) * _STEP_UM,
        direction=direction,
        tip=np.clip(left * (_STEP_UM / _TIP_UM), 0, 1),
        steps=steps,
        strength=strength,
    )
