"""Focal adhesions: elongated plaques that point to the outline of the cell and lie mostly at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators

from l2l_core.data.simulation.specimen import Cell, Structure, StructureOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

_SITES = 500
"""Binding sites of one plaque."""

_STEP_UM = 0.1


@define(frozen=True, kw_only=True)
class AdhesionOptions(StructureOptions):
    """Adhesion plaques.

    Parameters
    ----------
    rim : float
        Plaques for each micrometre of a cell's outline.
    reach_um : float
        Mean distance of their outer ends from the outline, in micrometres.
    inner : float
        Plaques under the rest of the cell, for each square micrometre; they are half as long.
    length_um, width_um : float
        Median length and width of a plaque, in micrometres.
    size_spread : float
        Standard deviation of the logarithms of both.
    alignment_deg : float
        Standard deviation of the plaques' directions about the way to the outline, in degrees.
    brightness_spread : float
        Standard deviation of the logarithm of a plaque's strength; 0 for equal ones.
    """

    rim: float = field(default=0.3, validator=validators.ge(0))
    reach_um: float = field(default=1.5, validator=validators.gt(0))
    inner: float = field(default=0.008, validator=validators.ge(0))
    length_um: float = field(default=2.4, validator=validators.gt(0))
    width_um: float = field(default=0.6, validator=validators.gt(0))
    size_spread: float = field(default=0.35, validator=validators.ge(0))
    alignment_deg: float = field(default=15.0, validator=validators.ge(0))
    brightness_spread: float = field(default=0.3, validator=validators.ge(0))

    def draw(self, cells: Sequence[Cell], rng: Generator) -> Structure:
        """Return the plaques of all cells."""
        sites = [part for cell in cells for part in (self._rim(cell, rng), self._inner(cell, rng))]
        positions, amounts = (np.concatenate(parts) for parts in zip(*sites, strict=True))
        return Structure(positions, amounts, dimension=2)

    def _rim(self, cell: Cell, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        outline, outwards, step = cell.outline(_STEP_UM)
        number = int(rng.poisson(self.rim * step * len(outline)))
        # Denser where the cell protrudes: on the lobes and at the ends of its axis.
        far = np.hypot(*(outline - cell.centre).T) ** 3
        at = rng.choice(len(outline), number, p=far / far.sum())
        direction = outwards[at] + self._turn(number, rng)
        length, width = self._sizes(number, rng)
        back = rng.exponential(self.reach_um, number) + 0.5 * length
        ahead = np.stack([np.sin(direction), np.cos(direction)], axis=1)
        return self._fill(outline[at] - back[:, None] * ahead, direction, length, width, rng)

    def _inner(self, cell: Cell, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        middles = cell.places(int(rng.poisson(self.inner * cell.area_um2)), rng)
        direction = np.arctan2(*(middles - cell.centre).T) + self._turn(len(middles), rng)
        length, width = self._sizes(len(middles), rng)
        return self._fill(middles, direction, 0.5 * length, width, rng)

    def _turn(self, number: int, rng: Generator) -> NDArray[np.float64]:
        return rng.normal(0, np.deg2rad(self.alignment_deg), number)

    def _sizes(
        self, number: int, rng: Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        length, width = np.exp(rng.normal(0, self.size_spread, (2, number)))
        return self.length_um * length, self.width_um * np.sqrt(width)

    def _fill(
        self,
        middles: NDArray[np.float64],
        direction: NDArray[np.float64],
        length: NDArray[np.float64],
        width: NDArray[np.float64],
        rng: Generator,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the sites of ellipses and the area that each stands for."""
        radius = np.sqrt(rng.uniform(0, 1, (len(middles), _SITES)))
        angle = rng.uniform(0, 2 * np.pi, radius.shape)
        along = 0.5 * length[:, None] * radius * np.cos(angle)
        across = 0.5 * width[:, None] * radius * np.sin(angle)
        sin, cos = np.sin(direction)[:, None], np.cos(direction)[:, None]
        y = middles[:, :1] + along * sin + across * cos
        x = middles[:, 1:] + along * cos - across * sin
        spread = self.brightness_spread
        strength = np.exp(rng.normal(-0.5 * spread**2, spread, len(middles)))
        # The end towards the outline, where the adhesion grows, is the denser one.
        slope = 1 + 0.4 * radius * np.cos(angle)
        area = np.pi / 4 * length * width / _SITES
        amounts = (strength * area)[:, None] * slope
        return np.stack([y.ravel(), x.ravel()], axis=1), amounts.ravel()
