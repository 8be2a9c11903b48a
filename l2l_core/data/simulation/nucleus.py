"""The chromatin of nuclei, as a DNA stain shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators

from l2l_core.data.simulation.specimen import Cell, Structure, StructureOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

_SPACING_UM = 0.08
_WAVES = 128


@define(frozen=True, kw_only=True)
class NucleusOptions(StructureOptions):
    """Nuclei: uneven chromatin, dense at the nucleus's border, and dark nucleoli.

    Parameters
    ----------
    unevenness : float
        Standard deviation of the logarithm of the chromatin's density.
    chromatin_um : float
        Size of its features, in micrometres.
    nucleoli : float
        Mean number of nucleoli in a nucleus.
    nucleolus_um : float
        Their diameter, in micrometres.
    """

    unevenness: float = field(default=0.3, validator=validators.ge(0))
    chromatin_um: float = field(default=0.9, validator=validators.gt(0))
    nucleoli: float = field(default=3.0, validator=validators.ge(0))
    nucleolus_um: float = field(default=2.2, validator=validators.gt(0))

    def draw(self, cells: Sequence[Cell], rng: Generator) -> Structure:
        """Return the chromatin of all cells, in square micrometres of even density."""
        sites = [self._fill(cell, rng) for cell in cells]
        positions, amounts = (np.concatenate(parts) for parts in zip(*sites, strict=True))
        return Structure(positions, amounts, dimension=2)

    def _fill(self, cell: Cell, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        reach = float(cell.nucleus_radii.max())
        steps = np.arange(-reach, reach, _SPACING_UM)
        y, x = cell.nucleus_centre[0] + steps, cell.nucleus_centre[1] + steps
        depth = cell.nuclear_depth(y[:, None], x[None, :])
        # Plane waves of random directions add up to a smooth random density; on a lattice each
        # is a product of one along Y and one along X.
        waves = rng.normal(0, 2 / self.chromatin_um, (2, _WAVES))
        phases = rng.uniform(0, 2 * np.pi, _WAVES)
        along_y = np.exp(1j * (y[:, None] * waves[0] + phases))
        density = (along_y @ np.exp(1j * waves[1][:, None] * x)).real * np.sqrt(2 / _WAVES)
        amounts = np.exp(self.unevenness * density - 0.5 * self.unevenness**2)
        inside = np.nonzero(depth > 0)
        places = np.stack([y[inside[0]], x[inside[1]]], axis=1)
        depth, amounts = depth[inside], amounts[inside]
        amounts *= np.clip(12 * depth, 0, 1) * (1 + 0.25 * np.exp(-((depth / 0.08) ** 2)))
        for _ in range(int(rng.poisson(self.nucleoli))):
            place = places[rng.integers(len(places))] if len(places) else cell.nucleus_centre
            across = 0.5 * self.nucleolus_um * rng.uniform(0.6, 1.2)
            away = np.hypot(*(places - place).T) / across
            amounts *= 1 - 0.75 * np.exp(-(away**6))
        return places, amounts * _SPACING_UM**2
