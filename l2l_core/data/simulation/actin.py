"""Actin of a spread cell: stress fibres, branched filaments, a cortex and filopodia.

Stress fibres are bundles that run along the cell's axis in gentle arcs and taper off.  The cortex
is the bright seam of the outline, strong in some places and nearly absent in others, as where the
cell ruffles; filopodia are thin straight bundles that stick out of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators

from l2l_core.data.simulation.filaments import FilamentOptions
from l2l_core.data.simulation.optics import FWHM_PER_SIGMA
from l2l_core.data.simulation.specimen import Cell, Structure, StructureOptions, circular_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

_STEP_UM = 0.05
_TAPER = 0.2
"""Share of a stress fibre's length over which either end tapers off."""

Sites = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def _branched() -> FilamentOptions:
    return FilamentOptions(
        density=0.012,
        length_um=6.0,
        persistence_um=15.0,
        alignment_deg=40.0,
        branches=1.5,
        branch_length_um=2.5,
        brightness_spread=0.3,
    )


@define(frozen=True, kw_only=True)
class ActinOptions(StructureOptions):
    """Stress fibres and branched filaments.

    Parameters
    ----------
    stress_fibres : float
        Stress fibres for each square micrometre of a cell.
    fibre_length_um : float
        Mean length of a stress fibre, in micrometres; it varies by 30 %.
    fibre_width_um : float
        Full width at half maximum of a bundle, in micrometres.
    fibre_filaments : float
        Mean strength of a bundle, in filaments; log-normal with a deviation of 0.5.
    alignment_deg : float
        Standard deviation of the stress fibres' directions about the cell's axis, in degrees.
    arc_um : float
        Radius of the tightest common arc, in micrometres: the standard deviation of the curvature
        is its inverse.
    cortex : float
        Mean strength of the seam of the outline, in filaments.
    cortex_um : float
        How far the seam reaches into the cell, in micrometres.
    filopodia : float
        Filopodia for each micrometre of the outline.
    filopodium_um : float
        Mean length of a filopodium, in micrometres.
    branched : FilamentOptions
        The filaments between the stress fibres.
    branched_strength : float
        Their strength, in filaments: several to a stress fibre's many.
    """

    stress_fibres: float = field(default=0.012, validator=validators.ge(0))
    fibre_length_um: float = field(default=18.0, validator=validators.gt(0))
    fibre_width_um: float = field(default=0.2, validator=validators.ge(0))
    fibre_filaments: float = field(default=2.0, validator=validators.gt(0))
    alignment_deg: float = field(default=12.0, validator=validators.ge(0))
    arc_um: float = field(default=60.0, validator=validators.gt(0))
    cortex: float = field(default=1.5, validator=validators.ge(0))
    cortex_um: float = field(default=0.3, validator=validators.gt(0))
    filopodia: float = field(default=0.08, validator=validators.ge(0))
    filopodium_um: float = field(default=3.0, validator=validators.gt(0))
    branched: FilamentOptions = field(factory=_branched)
    branched_strength: float = field(default=0.6, validator=validators.gt(0))

    def draw(self, cells: Sequence[Cell], rng: Generator) -> Structure:
        """Return the actin of all cells; filopodia alone reach beyond the outlines."""
        branched = self.branched.draw(cells, rng)
        sites: list[Sites] = [(branched.positions, self.branched_strength * branched.amounts)]
        for cell in cells:
            positions, amounts = self._stress_fibres(cell, rng)
            # Not a sharp end, but what a bundle that leaves the flat part of the cell looks like.
            amounts = amounts * np.clip(cell.depth(*positions.T) / 0.03, 0, 1)
            sites.append((positions[amounts > 0], amounts[amounts > 0]))
            sites.append(self._cortex(cell, rng))
            sites.append(self._filopodia(cell, rng))
        positions, amounts = (np.concatenate(parts) for parts in zip(*sites, strict=True))
        return Structure(positions, amounts, dimension=1)

    def _stress_fibres(self, cell: Cell, rng: Generator) -> Sites:
        number = int(rng.poisson(self.stress_fibres * cell.area_um2))
        middles = cell.places(number, rng)
        lengths = self.fibre_length_um * np.clip(rng.normal(1, 0.3, number), 0.2, 2)
        directions = cell.axis + rng.normal(0, np.deg2rad(self.alignment_deg), number)
        curvatures = rng.normal(0, 1 / self.arc_um, number)
        strengths = self.fibre_filaments * np.exp(rng.normal(-0.125, 0.5, number))
        steps = int(np.ceil(lengths.max(initial=1.0) / _STEP_UM))
        along = (np.arange(steps) + 0.5) / steps - 0.5  # of each length, from end to end
        distance = along * lengths[:, None]
        turn = directions[:, None] + 0.5 * distance * curvatures[:, None]
        aside = rng.normal(0, self.fibre_width_um / FWHM_PER_SIGMA, distance.shape)
        y = middles[:, :1] + distance * np.sin(turn) + aside * np.cos(turn)
        x = middles[:, 1:] + distance * np.cos(turn) - aside * np.sin(turn)
        taper = np.clip((0.5 - np.abs(along)) / _TAPER, 0, 1)
        amounts = strengths[:, None] * taper * (lengths[:, None] / steps)
        return np.stack([y.ravel(), x.ravel()], axis=1), amounts.ravel()

    def _cortex(self, cell: Cell, rng: Generator) -> Sites:
        outline, _, step = cell.outline(_STEP_UM / 8)
        ruffles = np.clip(1 + circular_noise(len(outline), 9, rng), 0, None)
        inwards = rng.exponential(self.cortex_um, len(outline))
        middle = cell.centre - outline
        places = outline + inwards[:, None] * middle / np.hypot(*middle.T)[:, None]
        return places, self.cortex * ruffles * step

    def _filopodia(self, cell: Cell, rng: Generator) -> Sites:
        outline, outwards, step = cell.outline(_STEP_UM)
        number = int(rng.poisson(self.filopodia * step * len(outline)))
        root = rng.integers(0, len(outline), number)
        direction = outwards[root] + rng.normal(0, 0.35, number)
        lengths = self.filopodium_um * np.clip(rng.exponential(1, number), 0.3, 3)
        steps = int(np.ceil(lengths.max(initial=1.0) / _STEP_UM))
        share = (np.arange(steps) + 0.5) / steps
        distance = share * lengths[:, None] - 0.5
        y = outline[root, :1] + distance * np.sin(direction)[:, None]
        x = outline[root, 1:] + distance * np.cos(direction)[:, None]
        amounts = np.broadcast_to(lengths[:, None] / steps * (1 - share**2), y.shape)
        return np.stack([y.ravel(), x.ravel()], axis=1), amounts.ravel()
