"""The plasma membrane: bright where the cell's border stands upright, with folds on its surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators

from l2l_core.data.simulation.specimen import Cell, Structure, StructureOptions, circular_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

_SPACING_UM = 0.14
_FOLD_SITES = 40

Sites = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


@define(frozen=True, kw_only=True)
class MembraneOptions(StructureOptions):
    """Plasma membrane with a protein that gathers at the periphery.

    Parameters
    ----------
    rim : float
        Density at the outline, in multiples of an even membrane's.
    rim_um : float
        How far the dense border reaches into the cell, in micrometres.
    surface : float
        Density of the membrane above and below the cell.
    folds : float
        Folds and microvilli for each square micrometre of a cell.
    fold_um : float
        Their mean length, in micrometres.
    fold_strength : float
        Their density, in multiples of an even membrane's.
    """

    rim: float = field(default=3.0, validator=validators.ge(0))
    rim_um: float = field(default=0.5, validator=validators.gt(0))
    surface: float = field(default=0.3, validator=validators.ge(0))
    folds: float = field(default=0.25, validator=validators.ge(0))
    fold_um: float = field(default=1.0, validator=validators.gt(0))
    fold_strength: float = field(default=1.0, validator=validators.ge(0))

    def draw(self, cells: Sequence[Cell], rng: Generator) -> Structure:
        """Return the membranes of all cells, in square micrometres of even density."""
        sites: list[Sites] = []
        for cell in cells:
            sites += [self._rim(cell, rng), self._surface(cell), self._folds(cell, rng)]
        positions, amounts = (np.concatenate(parts) for parts in zip(*sites, strict=True))
        return Structure(positions, amounts, dimension=2)

    def _rim(self, cell: Cell, rng: Generator) -> Sites:
        outline, outwards, step = cell.outline(_SPACING_UM / 8)
        inwards = rng.exponential(self.rim_um, len(outline))
        ahead = np.stack([np.sin(outwards), np.cos(outwards)], axis=1)
        uneven = np.clip(1 + 0.5 * circular_noise(len(outline), 40, rng), 0.1, None)
        return outline - inwards[:, None] * ahead, self.rim * self.rim_um * step * uneven

    def _surface(self, cell: Cell) -> Sites:
        places = cell.lattice(_SPACING_UM)
        border = np.clip(cell.depth(*places.T) / 0.03, 0, 1)
        return places, self.surface * _SPACING_UM**2 * border

    def _folds(self, cell: Cell, rng: Generator) -> Sites:
        number = int(rng.poisson(self.folds * cell.area_um2))
        middles = cell.places(number, rng)
        lengths = self.fold_um * rng.exponential(1, number)
        direction = rng.uniform(0, np.pi, number)
        bend = rng.normal(0, 0.5, number)
        along = np.linspace(-0.5, 0.5, _FOLD_SITES)
        turn = direction[:, None] + bend[:, None] * along
        distance = lengths[:, None] * along
        y = middles[:, :1] + distance * np.sin(turn)
        x = middles[:, 1:] + distance * np.cos(turn)
        # A fold stands a tenth of a micrometre thick on the surface.
        amounts = np.broadcast_to(0.1 * lengths[:, None] / _FOLD_SITES, y.shape)
        return (
            np.stack([y.ravel(), x.ravel()], axis=1),
            self.fold_strength * amounts.ravel(),
        )
