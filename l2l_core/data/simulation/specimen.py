"""What there is in a field of cells: their outlines and nuclei, and the structure with its sites.

A structure is a cloud of binding sites, each with an amount (micrometres of filament, say), which
serves for filaments as for puncta, plaques and membranes: whatever draws such a cloud can be
labelled, blurred and exposed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve, field, validators
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from l2l_core.data.simulation.optics import Grid

_ANGLES = 360


@define(frozen=True, kw_only=True)
class CellOptions:
    """Adherent cells, seen from above.

    Parameters
    ----------
    diameter_um : float
        Mean diameter, in micrometres; each cell differs by about 10 %.
    roughness : float
        How far the outline departs from a circle, as a share of the radius; 0 to below 0.5.
    nucleus_um : float
        Diameter of the nucleus, in micrometres, smaller than the cell.
    crowding : float
        Area of all cells together, as a share of the field's; above 1 they overlap and stand over
        its borders.  A field holds at least one cell.
    dome : float
        How much thicker a cell is over its nucleus than where it is flat; 0 for no more.
    pool_um : float
        Correlation length of the target's cytosolic pool, in micrometres.
    organelles : float
        Organelles that leave no room for the cytosol, for each square micrometre of a cell.
    organelle_um : float
        Their diameter, in micrometres.
    """

    diameter_um: float = field(default=48.0, validator=validators.gt(0))
    roughness: float = field(default=0.18, validator=[validators.ge(0), validators.lt(0.5)])
    nucleus_um: float = field(default=12.0, validator=validators.gt(0))
    crowding: float = field(default=1.5, validator=validators.gt(0))
    dome: float = field(default=0.0, validator=validators.ge(0))
    pool_um: float = field(default=1.5, validator=validators.gt(0))
    organelles: float = field(default=0.0, validator=validators.ge(0))
    organelle_um: float = field(default=0.5, validator=validators.gt(0))

    def __attrs_post_init__(self) -> None:
        if self.nucleus_um >= self.diameter_um * (1 - self.roughness):
            raise ValueError(
                f"a nucleus of {self.nucleus_um:g} um does not fit into a cell of "
                f"{self.diameter_um:g} um with a roughness of {self.roughness:g}"
            )


@define(frozen=True, eq=False)
class Cell:
    """One cell.

    Parameters
    ----------
    centre : ndarray of float, (2,)
        Along Y and X, in micrometres from the field's corner.
    radii : ndarray of float, (361,)
        Distance of the outline from the centre at every degree, the first repeated at the end.
    nucleus_centre, nucleus_radii : ndarray of float, (2,)
        An ellipse along the cell's axis, in micrometres.
    axis : float
        Direction in which the cell is drawn out, in radians from X to Y.
    organelles : ndarray of float, (N, 2)
        Centres of the organelles, in micrometres.
    """

    centre: NDArray[np.float64]
    radii: NDArray[np.float64]
    nucleus_centre: NDArray[np.float64]
    nucleus_radii: NDArray[np.float64]
    axis: float
    organelles: NDArray[np.float64] = field(factory=lambda: np.empty((0, 2)))

    @property
    def area_um2(self) -> float:
        """Area within the outline, in square micrometres."""
        return float(np.pi * np.mean(np.square(self.radii[:-1])))

    def depth(self, y: NDArray[np.floating], x: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return how far inside places are: 1 in the centre, 0 on the outline, negative outside."""
        dy, dx = y - self.centre[0], x - self.centre[1]
        angle = np.arctan2(dy, dx) * (_ANGLES / (2 * np.pi)) % _ANGLES
        low = angle.astype(np.intp)
        share = angle - low
        outline = self.radii[low] * (1 - share) + self.radii[(low + 1) % _ANGLES] * share
        return np.asarray(1.0 - np.sqrt(dy * dy + dx * dx) / outline, np.float64)

    def nuclear_depth(
        self, y: NDArray[np.floating], x: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Return the same for the nucleus."""
        dy, dx = y - self.nucleus_centre[0], x - self.nucleus_centre[1]
        along = dx * np.cos(self.axis) + dy * np.sin(self.axis)
        across = dy * np.cos(self.axis) - dx * np.sin(self.axis)
        radius = np.hypot(along / self.nucleus_radii[0], across / self.nucleus_radii[1])
        return np.asarray(1.0 - radius, np.float64)

    def outline(self, step_um: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Return places along the outline, the directions outwards there, and their distance.

        Parameters
        ----------
        step_um : float
            How far apart the places are at the most, in micrometres.

        Returns
        -------
        places : ndarray of float, (N, 2)
            Along Y and X, in micrometres, evenly spaced.
        outwards : ndarray of float, (N,)
            Direction of the outline's normal, in radians from X to Y.
        step_um : float
            How far apart they are.
        """
        angles = np.arange(_ANGLES + 1) * (2 * np.pi / _ANGLES)
        y, x = (self.radii * wave(angles) for wave in (np.sin, np.cos))
        edges = np.hypot(np.diff(y), np.diff(x))
        travelled = np.concatenate([[0.0], np.cumsum(edges)])
        number = int(np.ceil(travelled[-1] / step_um))
        at = np.arange(number) * (travelled[-1] / number)
        places = np.stack([np.interp(at, travelled, y), np.interp(at, travelled, x)], axis=1)
        ahead = np.roll(places, -1, axis=0) - np.roll(places, 1, axis=0)
        outwards = np.arctan2(-ahead[:, 1], ahead[:, 0])
        return places + self.centre, outwards, float(travelled[-1] / number)

    def lattice(self, spacing_um: float) -> NDArray[np.float64]:
        """Return places on a square lattice over the cell, (N, 2), in micrometres."""
        reach = float(self.radii.max())
        steps = np.arange(-reach, reach + spacing_um, spacing_um)
        y, x = np.meshgrid(self.centre[0] + steps, self.centre[1] + steps, indexing="ij")
        inside = self.depth(y, x) > 0
        return np.stack([y[inside], x[inside]], axis=1)

    def places(self, number: int, rng: Generator) -> NDArray[np.float64]:
        """Return `number` places drawn evenly over the cell, (N, 2), in micrometres."""
        reach = float(self.radii.max())
        found = np.empty((0, 2))
        while len(found) < number:
            # Twice as many as are missing, since about half of the square lies in the cell.
            offers = self.centre + rng.uniform(-reach, reach, (2 * (number - len(found)) + 8, 2))
            found = np.concatenate([found, offers[self.depth(*offers.T) > 0]])
        return found[:number]


def draw_cells(grid: Grid, options: CellOptions, rng: Generator) -> tuple[Cell, ...]:
    """Return the cells of a field, at random places that keep apart where there is room."""
    height, width = (n * grid.pixel_um for n in grid.size)
    cell_area = np.pi * (options.diameter_um / 2) ** 2
    number = max(1, round(options.crowding * height * width / cell_area))
    inset = np.minimum([height, width], options.diameter_um) * 0.25
    centres: list[NDArray[np.float64]] = []
    for _ in range(number):
        offers = rng.uniform(inset, np.array([height, width]) - inset, (20, 2))
        distances = [min((float(np.hypot(*(o - c))) for c in centres), default=0.0) for o in offers]
        centres.append(offers[int(np.argmax(distances))])
    return tuple(_draw_cell(centre, options, rng) for centre in centres)


def _draw_cell(centre: NDArray[np.float64], options: CellOptions, rng: Generator) -> Cell:
    angles = np.arange(_ANGLES + 1) * (2 * np.pi / _ANGLES)
    axis = rng.uniform(0, np.pi)
    # The second harmonic draws the cell out along its axis, the higher ones make lobes.
    outline = 0.8 * np.cos(2 * (angles - axis))
    for harmonic in range(3, 8):
        outline += rng.normal(0, 1.6 / harmonic) * np.cos(
            harmonic * angles + rng.uniform(0, 2 * np.pi)
        )
    outline *= options.roughness / np.abs(outline).max()
    radius = options.diameter_um / 2 * rng.normal(1.0, 0.1)
    radius = float(np.clip(radius, 0.35 * options.diameter_um, 0.65 * options.diameter_um))
    nucleus = options.nucleus_um / 2 * rng.normal(1.0, 0.05)
    cell = Cell(
        centre=centre,
        radii=radius * (1 + outline),
        nucleus_centre=centre + rng.normal(0, 0.06 * options.diameter_um, 2),
        nucleus_radii=nucleus * np.array([1.15, 0.87]),
        axis=float(axis),
    )
    if not options.organelles:
        return cell
    number = int(rng.poisson(options.organelles * cell.area_um2))
    return evolve(cell, organelles=cell.places(number, rng))


def circular_noise(number: int, waves: int, rng: Generator) -> NDArray[np.float64]:
    """Return smooth noise around a circle, (number,), mean 0 and variance 1 in expectation.

    It is a sum of `waves` harmonics with even power, so features are about a `waves`-th of the
    circle long.
    """
    phase = np.arange(number) * (2 * np.pi / number)
    parts = rng.standard_normal((2, waves)) / np.sqrt(waves)
    harmonics = np.arange(1, waves + 1)[:, None] * phase
    return np.asarray(parts[0] @ np.cos(harmonics) + parts[1] @ np.sin(harmonics), np.float64)


@define(frozen=True, eq=False)
class Structure:
    """The truth: where the structure has sites that a label can bind to.

    Parameters
    ----------
    positions : ndarray of float, (N, 2)
        Along Y and X, in micrometres from the field's corner.
    amounts : ndarray of float, (N,)
        What each site stands for, in micrometres for lines, in square micrometres for areas,
        1 for a point of ordinary strength.
    dimension : int
        0 for points, 1 for lines, 2 for areas.
    """

    positions: NDArray[np.float64]
    amounts: NDArray[np.float64]
    dimension: int


class StructureOptions(ABC):
    """Options of a structure; a subclass is a frozen attrs class that can draw it."""

    @abstractmethod
    def draw(self, cells: Sequence[Cell], rng: Generator) -> Structure:
        """Return the structure in the given cells; places beyond the field do not matter."""
