"""Simulated pairs: one field, two labels, and the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators
from numpy.typing import NDArray

from l2l_core.data.simulation.camera import CameraOptions, expose
from l2l_core.data.simulation.filaments import FilamentOptions
from l2l_core.data.simulation.labelling import (
    CellMaps,
    LabelOptions,
    background,
    bound_structure,
    map_cells,
)
from l2l_core.data.simulation.optics import (
    MIN_FWHM_PIXELS,
    Grid,
    OpticsOptions,
    blur,
    spread,
    unit_peak,
)
from l2l_core.data.simulation.specimen import (
    Cell,
    CellOptions,
    Structure,
    StructureOptions,
    draw_cells,
)
from l2l_core.data.simulation.streams import Streams
from l2l_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping


_INPUT = LabelOptions(
    photons=10.0,
    labels_per_um=15.0,
    patchiness=0.5,
    cytosol=7.0,
    nucleus=1.5,
    cytosol_spread=0.25,
    cytosol_um=1.2,
    puncta=0.2,
    puncta_photons=12.0,
    puncta_spread=0.5,
    haze=1.2,
)
_BENCHMARK = LabelOptions(
    photons=60.0,
    labels_per_um=60.0,
    patchiness=0.35,
    cytosol=0.3,
    nucleus=1.0,
    cytosol_spread=0.2,
    cytosol_um=1.5,
    puncta=0.04,
    puncta_photons=20.0,
    puncta_spread=0.5,
    haze=0.05,
)


@define(frozen=True, kw_only=True)
class SimulationOptions:
    """A simulated experiment: specimen, labels, microscope and detector.

    The defaults are tuned so that both labels have the contrasts of the paper's actin images.

    Parameters
    ----------
    size : (int, int)
        Pixels along Y and X.
    pixel_size_nm : float
        Side of a pixel in the specimen, in nm.
    cells, structure, input, benchmark, optics, camera
        Options of the parts; `input` is the label of lower contrast.
    """

    size: tuple[int, int] = field(default=(256, 256))
    pixel_size_nm: float = field(default=120.0, validator=validators.gt(0))
    cells: CellOptions = field(factory=CellOptions)
    structure: StructureOptions = field(factory=FilamentOptions)
    input: LabelOptions = _INPUT
    benchmark: LabelOptions = _BENCHMARK
    optics: OpticsOptions = field(factory=OpticsOptions)
    camera: CameraOptions = field(factory=CameraOptions)

    def __attrs_post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 16:
            raise DataError(
                f"cannot simulate a field of {self.size} pixels; expected two sides (Y, X) of at "
                "least 16"
            )
        if self.optics.fwhm_nm < MIN_FWHM_PIXELS * self.pixel_size_nm:
            raise DataError(
                f"the point spread function of {self.optics.fwhm_nm:g} nm is too narrow for "
                f"pixels of {self.pixel_size_nm:g} nm; expected at least {MIN_FWHM_PIXELS} pixels: "
                "choose smaller pixels or a wider point spread function"
            )

    @property
    def fwhm_um(self) -> float:
        """Width of the point spread function, in micrometres."""
        return self.optics.fwhm_nm / 1000

    @property
    def grid(self) -> Grid:
        """The pixels to draw on."""
        fwhm_pixels = self.optics.fwhm_nm / self.pixel_size_nm
        return Grid(self.size, self.pixel_size_nm / 1000, margin=int(np.ceil(3 * fwhm_pixels)))


SPECIMENS: Mapping[str, SimulationOptions] = {"filaments": SimulationOptions()}
"""The specimens by name: each is a set of options to start from."""


@define(frozen=True, eq=False)
class SimulatedPair:
    """Two images of one field, and what is truly there.

    Parameters
    ----------
    input, benchmark : ndarray of uint16, (Y, X)
        Grey levels (ADU) of the label of lower and of higher contrast.
    truth : ndarray of float32, (Y, X)
        The structure alone, evenly labelled, without background and noise, seen through the same
        point spread function: the best that a restoration could come to.  1 is the crest of one
        straight filament of ordinary strength; never negative.
    """

    input: NDArray[np.uint16]
    benchmark: NDArray[np.uint16]
    truth: NDArray[np.float32]


@define(frozen=True, eq=False)
class Scene:
    """The light of one field before the detector: float32 (Y, X), photons but for the truth.

    Parameters
    ----------
    input, benchmark : ndarray
        Photons expected of each label, structure and background together.
    input_background, benchmark_background : ndarray
        The part of them that is not the structure.
    truth : ndarray
        As in :class:`SimulatedPair`.
    """

    input: NDArray[np.float32]
    benchmark: NDArray[np.float32]
    input_background: NDArray[np.float32]
    benchmark_background: NDArray[np.float32]
    truth: NDArray[np.float32]


def simulate_scene(options: SimulationOptions, seed: int) -> Scene:
    """Return the light of one field; :func:`simulate_pair` exposes it.

    Parameters
    ----------
    options : SimulationOptions
    seed : int
        Not negative; the same seed gives the same field.
    """
    streams = Streams(seed)
    grid, fwhm = options.grid, options.fwhm_um
    cells = draw_cells(grid, options.cells, streams.of("cells"))
    structure = options.structure.draw(cells, streams.of("structure"))
    maps = map_cells(grid, cells)
    gain = unit_peak(fwhm, structure.dimension)
    truth = spread(grid, structure.positions, structure.amounts * gain)
    input_structure, input_background = _light(
        options.input, structure, cells, maps, grid, fwhm, streams.under("input")
    )
    benchmark_structure, benchmark_background = _light(
        options.benchmark, structure, cells, maps, grid, fwhm, streams.under("benchmark")
    )
    return Scene(
        input=input_structure + input_background,
        benchmark=benchmark_structure + benchmark_background,
        input_background=input_background,
        benchmark_background=benchmark_background,
        truth=grid.crop(blur(truth, grid, fwhm)),
    )


def _light(
    label: LabelOptions,
    structure: Structure,
    cells: tuple[Cell, ...],
    maps: CellMaps,
    grid: Grid,
    fwhm_um: float,
    streams: Streams,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    bound = bound_structure(structure, label, grid, fwhm_um, streams)
    other = background(cells, maps, label, grid, fwhm_um, streams)
    return grid.crop(blur(bound, grid, fwhm_um)), grid.crop(blur(other, grid, fwhm_um))


def simulate_pair(options: SimulationOptions, seed: int) -> SimulatedPair:
    """Simulate one field, imaged with both labels.

    Parameters
    ----------
    options : SimulationOptions
        Such as ``SPECIMENS["filaments"]``, or ``attrs.evolve`` of it.
    seed : int
        Not negative; the same seed gives the same pixels.

    Returns
    -------
    SimulatedPair
    """
    scene = simulate_scene(options, seed)
    streams = Streams(seed)
    return SimulatedPair(
        input=expose(scene.input, options.camera, streams.under("input").of("exposure")),
        benchmark=expose(
            scene.benchmark, options.camera, streams.under("benchmark").of("exposure")
        ),
        truth=scene.truth,
    )
