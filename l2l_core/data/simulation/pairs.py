"""Simulated pairs: one field, two labels, and the truth."""

from __future__ import annotations

import numpy as np
from attrs import define, evolve, field
from numpy.typing import NDArray

from l2l_core.data.simulation.camera import average, expose
from l2l_core.data.simulation.experiment import (
    ExperimentOptions,
    SeparationOptions,
    SimulationOptions,
)
from l2l_core.data.simulation.labelling import (
    CellMaps,
    LabelOptions,
    background,
    bound_structure,
    map_cells,
)
from l2l_core.data.simulation.optics import Grid, blur, smooth_field, spread, unit_peak
from l2l_core.data.simulation.specimen import Cell, Structure, draw_cells
from l2l_core.data.simulation.streams import Streams


@define(frozen=True, eq=False)
class SimulatedPair:
    """Two images of one field, and what is truly there.

    Parameters
    ----------
    input, benchmark : ndarray of uint16, (Y, X)
        Grey levels (ADU) of the label of lower and of higher contrast.  Of a specimen of several
        structures the input shows all of them and the benchmark, (C, Y, X), each by itself.
    truth : ndarray of float32, as the benchmark
        The structure alone, evenly labelled, without background and noise, seen through the
        benchmark's point spread function, where the input has it: the best that a restoration
        could come to.  1 is the crest of one straight filament of ordinary strength, or the
        middle of an even area, or a point; never negative.
    drift_px : (float, float)
        How far further along Y and X the benchmark shows what the input shows, in pixels.
    input_repeat : ndarray of uint16, (Y, X), or None
        A second exposure of the input.
    input_average, benchmark_average : ndarray of float32, or None
        Mean grey levels (ADU) of many exposures.
    """

    input: NDArray[np.uint16]
    benchmark: NDArray[np.uint16]
    truth: NDArray[np.float32]
    drift_px: tuple[float, float] = (0.0, 0.0)
    input_repeat: NDArray[np.uint16] | None = None
    input_average: NDArray[np.float32] | None = None
    benchmark_average: NDArray[np.float32] | None = None


@define(frozen=True, eq=False)
class Scene:
    """The light of one field before the detector: float32 (Y, X), photons but for the truth.

    Parameters
    ----------
    input, benchmark : ndarray
        Photons expected of each label, structure and background together; the benchmark is
        (C, Y, X) for several structures.
    input_background, benchmark_background : ndarray
        The part of them that is not the structure.
    truth, drift_px
        As in :class:`SimulatedPair`.
    """

    input: NDArray[np.float32]
    benchmark: NDArray[np.float32]
    input_background: NDArray[np.float32]
    benchmark_background: NDArray[np.float32]
    truth: NDArray[np.float32]
    drift_px: tuple[float, float] = (0.0, 0.0)


Light = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Photons of the structure and of the background, both (Y, X)."""


@define(frozen=True, eq=False)
class _Field:
    """One field of cells under one microscope."""

    options: ExperimentOptions
    cells: tuple[Cell, ...]
    streams: Streams
    _maps: dict[Grid, CellMaps] = field(factory=dict)

    def maps(self, grid: Grid) -> CellMaps:
        """Return where the cells are on a grid, which labels without drift have in common."""
        if grid not in self._maps:
            self._maps[grid] = map_cells(grid, self.cells, self.options.cells)
        return self._maps[grid]

    def light(self, label: LabelOptions, name: str, structure: Structure, grid: Grid) -> Light:
        """Return the light of one label; `name` chooses its random streams."""
        fwhm = self.options.fwhm_um(label)
        streams = self.streams.under(name)
        pool = None
        if label.cytosol_correlation:
            pool = smooth_field(grid, self.options.cells.pool_um, self.streams.of("pool"))
        maps = self.maps(grid)
        bound = bound_structure(structure, label, grid, fwhm, streams)
        other = background(self.cells, maps, label, grid, fwhm, streams, pool)
        image = blur(bound, grid, fwhm)
        if label.out_of_focus:
            share = np.float32(label.out_of_focus)
            image = (1 - share) * image + share * blur(bound, grid, label.out_of_focus_um)
        return grid.crop(image), grid.crop(blur(other, grid, fwhm))

    def truth(self, structure: Structure, label: LabelOptions, grid: Grid) -> NDArray[np.float32]:
        """Return the evenly labelled structure through the point spread function of a label."""
        fwhm = self.options.fwhm_um(label)
        gain = unit_peak(fwhm, structure.dimension)
        drawn = spread(grid, structure.positions, structure.amounts * gain)
        return grid.crop(blur(drawn, grid, fwhm))


def simulate_scene(options: ExperimentOptions, seed: int) -> Scene:
    """Return the light of one field; :func:`simulate_pair` exposes it.

    Parameters
    ----------
    options : SimulationOptions or SeparationOptions
    seed : int
        Not negative; the same seed gives the same field.
    """
    streams = Streams(seed)
    grid = options.grid
    found = _Field(options, draw_cells(grid, options.cells, streams.of("cells")), streams)
    drift_px, drifted = _drift(options, grid, streams)
    if isinstance(options, SeparationOptions):
        return _superposed(options, found, grid, drifted, drift_px)
    if not isinstance(options, SimulationOptions):
        raise TypeError(f"there is no way to simulate {type(options).__name__}")
    structure = options.structure.draw(found.cells, streams.of("structure"))
    labels = {"input": options.input, "benchmark": options.benchmark}
    grids = {"input": grid, "benchmark": drifted}
    lights = {
        name: found.light(label, name, structure, grids[name]) for name, label in labels.items()
    }
    images = {}
    for name, other in (("input", "benchmark"), ("benchmark", "input")):
        images[name] = lights[name]
        share = np.float32(labels[name].bleed_through)
        if share:
            stray = lights[other]
            if grid != drifted:
                stray = found.light(labels[other], other, structure, grids[name])
            # It is in the detector's way whatever it shows, so it counts as background.
            images[name] = lights[name][0], lights[name][1] + share * sum_of(stray)
    return Scene(
        input=sum_of(images["input"]),
        benchmark=sum_of(images["benchmark"]),
        input_background=images["input"][1],
        benchmark_background=images["benchmark"][1],
        truth=found.truth(structure, options.benchmark, grid),
        drift_px=drift_px,
    )


def sum_of(light: Light) -> NDArray[np.float32]:
    """Return structure and background together."""
    return np.asarray(light[0] + light[1], np.float32)


def _drift(
    options: ExperimentOptions, grid: Grid, streams: Streams
) -> tuple[tuple[float, float], Grid]:
    """Return the drift in pixels, and the grid of what is imaged after it."""
    if not options.drift_nm:
        return (0.0, 0.0), grid
    drift_nm = streams.of("drift").uniform(-options.drift_nm, options.drift_nm, 2)
    y, x = (float(one) for one in drift_nm / options.pixel_size_nm)
    # What is seen further along was there before the field's corner moved back.
    return (y, x), evolve(grid, origin_um=(-y * grid.pixel_um, -x * grid.pixel_um))


def _superposed(
    options: SeparationOptions,
    found: _Field,
    grid: Grid,
    drifted: Grid,
    drift_px: tuple[float, float],
) -> Scene:
    structures = [
        structure.draw(found.cells, found.streams.under(name).of("structure"))
        for structure, name in zip(options.structures, options.names, strict=True)
    ]
    parts = list(zip(options.stains, options.names, structures, strict=True))
    together = [found.light(*part, grid) for part in parts]
    apart = together if drifted == grid else [found.light(*part, drifted) for part in parts]
    total = sum_of
    stray = sum(total(light) for light in apart)
    backgrounds = [
        # All that reaches a stain's detector and is not its structure.
        light[1] + np.float32(stain.bleed_through) * (stray - total(light))
        for stain, light in zip(options.stains, apart, strict=True)
    ]
    benchmark = [light[0] + other for light, other in zip(apart, backgrounds, strict=True)]
    return Scene(
        input=np.asarray(sum(total(light) for light in together), np.float32),
        benchmark=np.stack(benchmark),
        input_background=np.asarray(sum(light[1] for light in together), np.float32),
        benchmark_background=np.stack(backgrounds),
        truth=np.stack([found.truth(structure, stain, grid) for stain, _, structure in parts]),
        drift_px=drift_px,
    )


def simulate_pair(options: ExperimentOptions, seed: int) -> SimulatedPair:
    """Simulate one field, imaged with both labels.

    Parameters
    ----------
    options : SimulationOptions or SeparationOptions
        Such as ``SPECIMENS["filaments"]``, or ``attrs.evolve`` of it.
    seed : int
        Not negative; the same seed gives the same pixels.

    Returns
    -------
    SimulatedPair
    """
    scene = simulate_scene(options, seed)
    streams = Streams(seed)
    camera, frames = options.camera, options.average_frames
    of_input, of_benchmark = streams.under("input"), streams.under("benchmark")
    return SimulatedPair(
        input=expose(scene.input, camera, of_input.of("exposure")),
        benchmark=expose(scene.benchmark, camera, of_benchmark.of("exposure")),
        truth=scene.truth,
        drift_px=scene.drift_px,
        input_repeat=(
            expose(scene.input, camera, of_input.of("repeat")) if options.repeat else None
        ),
        input_average=(
            average(scene.input, frames, camera, of_input.of("average")) if frames else None
        ),
        benchmark_average=(
            average(scene.benchmark, frames, camera, of_benchmark.of("average")) if frames else None
        ),
    )
