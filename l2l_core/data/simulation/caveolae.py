"""Caveolae: pits of the plasma membrane, 60 to 100 nm wide, many of them in clusters.

A pit is seen as the projection of the shell of a sphere: at STED's resolution a spot that is a
little wider than a point, and in the widest ones the hint of a ring.
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

_SITES = 12
"""Binding sites of one caveola."""


@define(frozen=True, kw_only=True)
class CaveolaOptions(StructureOptions):
    """Caveolae of the membrane that lies on the coverslip.

    Parameters
    ----------
    density : float
        Caveolae for each square micrometre of a cell.
    diameter_nm : (float, float)
        Smallest and largest diameter, in nm, evenly distributed between them.
    clustered : float
        Share of the caveolae that belong to clusters.
    cluster : float
        Mean number of caveolae in a cluster.
    cluster_um : float
        Standard deviation of their places about the cluster's middle, in micrometres.
    brightness_spread : float
        Standard deviation of the logarithm of a caveola's strength; 0 for equal ones.
    """

    density: float = field(default=3.0, validator=validators.gt(0))
    diameter_nm: tuple[float, float] = (60.0, 100.0)
    clustered: float = field(default=0.6, validator=[validators.ge(0), validators.le(1)])
    cluster: float = field(default=5.0, validator=validators.gt(0))
    cluster_um: float = field(default=0.18, validator=validators.gt(0))
    brightness_spread: float = field(default=0.3, validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        low, high = self.diameter_nm
        if not 0 < low <= high:
            raise ValueError(
                f"caveolae cannot be between {low:g} and {high:g} nm wide; expected two "
                "diameters above 0, the smaller one first"
            )

    def draw(self, cells: Sequence[Cell], rng: Generator) -> Structure:
        """Return the caveolae of all cells, each worth one point of its strength."""
        middles = np.concatenate([self._places(cell, rng) for cell in cells])
        number = len(middles)
        radius = rng.uniform(*self.diameter_nm, number) / 2000
        # Even on a sphere: the height is even, and so is the angle about the axis.
        height = rng.uniform(-1, 1, (number, _SITES))
        angle = rng.uniform(0, 2 * np.pi, (number, _SITES))
        aside = radius[:, None] * np.sqrt(1 - height**2)
        shell = np.stack([aside * np.sin(angle), aside * np.cos(angle)], axis=2)
        spread = self.brightness_spread
        strength = np.exp(rng.normal(-0.5 * spread**2, spread, number))
        return Structure(
            (middles[:, None, :] + shell).reshape(-1, 2),
            np.repeat(strength / _SITES, _SITES),
            dimension=0,
        )

    def _places(self, cell: Cell, rng: Generator) -> NDArray[np.float64]:
        """Return the caveolae's middles, (N, 2): single ones, then those in clusters."""
        expected = self.density * cell.area_um2
        single = cell.places(int(rng.poisson((1 - self.clustered) * expected)), rng)
        clusters = int(rng.poisson(self.clustered * expected / self.cluster))
        middles = np.repeat(cell.places(clusters, rng), rng.poisson(self.cluster, clusters), axis=0)
        middles = middles + rng.normal(0, self.cluster_um, middles.shape)
        return np.concatenate([single, middles[cell.depth(*middles.T) > 0]])
