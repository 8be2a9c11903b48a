"""A label and what it brings along: patchy binding, cytosolic background, unspecific puncta."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve, field, validators
from numpy.typing import NDArray

from l2l_core.data.simulation.optics import (
    FWHM_PER_SIGMA,
    MIN_FWHM_PIXELS,
    blur,
    smooth_field,
    spread,
    unit_peak,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l2l_core.data.simulation.optics import Grid
    from l2l_core.data.simulation.specimen import Cell, CellOptions, Structure
    from l2l_core.data.simulation.streams import Streams

_PUNCTUM_POINTS = 12
_DOME = 1.6  # width of the slope about the nucleus, in its radii


@define(frozen=True, kw_only=True)
class LabelOptions:
    """One label of the structure; light is counted in photons for each pixel and exposure.

    Parameters
    ----------
    photons : float
        On the crest of one straight filament of ordinary strength, fully labelled.
    labels_per_um : float
        Fluorescent labels that are bound to a micrometre of that filament (to a square micrometre,
        or to a point, of other structures); few make it look beaded.
    patchiness : float
        Standard deviation of the logarithm of the binding along the structure; 0 is even.
    patch_um : float
        Correlation length of the binding, in micrometres.
    cytosol : float
        Photons of diffuse label where the cell is thickest.
    nucleus : float
        How many times brighter the diffuse label is in the nucleus.
    cytosol_spread : float
        Standard deviation of the logarithm of the diffuse label's unevenness.
    cytosol_um : float
        Correlation length of that unevenness, in micrometres.
    puncta : float
        Bright spots of unspecific binding for each square micrometre of a cell.
    puncta_photons : float
        Median peak of a spot.
    puncta_spread : float
        Standard deviation of the logarithm of the spots' peaks.
    puncta_um : float
        Diameter (full width at half maximum) of the spots before blurring, in micrometres.
    haze : float
        Photons everywhere, outside the cells too.
    cytosol_correlation : float
        Share of the unevenness's variance that comes from the target's own cytosolic pool, which
        all labels of it find; 0 to 1.  That of two labels correlates with the root of the product
        of their shares.
    bleed_through : float
        Share of the other label's light that this label's detector counts too; 0 to below 1.
    out_of_focus : float
        Share of the structure's light that comes from beyond the focal plane; 0 to below 1.
    out_of_focus_um : float
        Full width at half maximum of the blur of that light, in micrometres.
    excitation_nm, emission_nm : float
        Wavelengths of laser and fluorescence, in nm; they set the width of the point spread
        function of a microscope that is described by its parts.
    """

    photons: float = field(default=30.0, validator=validators.gt(0))
    labels_per_um: float = field(default=60.0, validator=validators.gt(0))
    patchiness: float = field(default=0.4, validator=validators.ge(0))
    patch_um: float = field(default=0.6, validator=validators.gt(0))
    cytosol: float = field(default=1.0, validator=validators.ge(0))
    nucleus: float = field(default=1.0, validator=validators.ge(0))
    cytosol_spread: float = field(default=0.2, validator=validators.ge(0))
    cytosol_um: float = field(default=1.5, validator=validators.gt(0))
    puncta: float = field(default=0.05, validator=validators.ge(0))
    puncta_photons: float = field(default=10.0, validator=validators.ge(0))
    puncta_spread: float = field(default=0.5, validator=validators.ge(0))
    puncta_um: float = field(default=0.2, validator=validators.ge(0))
    haze: float = field(default=0.2, validator=validators.ge(0))
    cytosol_correlation: float = field(default=0.0, validator=[validators.ge(0), validators.le(1)])
    bleed_through: float = field(default=0.0, validator=[validators.ge(0), validators.lt(1)])
    out_of_focus: float = field(default=0.0, validator=[validators.ge(0), validators.lt(1)])
    out_of_focus_um: float = field(default=1.2, validator=validators.gt(0))
    excitation_nm: float = field(default=488.0, validator=validators.gt(0))
    emission_nm: float = field(default=520.0, validator=validators.gt(0))


@define(frozen=True, eq=False)
class CellMaps:
    """Where the cells of a field are, on its grid.

    Parameters
    ----------
    thickness : ndarray of float32, (Y, X)
        0 outside, 1 where a cell is flat, more over the nucleus of cells with a dome; 0 also in
        the middle of organelles.
    nucleus : ndarray of float32, (Y, X)
        1 within a nucleus, 0 elsewhere, with a soft border.
    """

    thickness: NDArray[np.float32]
    nucleus: NDArray[np.float32]


def map_cells(grid: Grid, cells: Sequence[Cell], options: CellOptions | None = None) -> CellMaps:
    """Return where the cells are; overlapping cells do not add up.

    Without `options` the cells are flat but for their borders and hold no organelles.
    """
    dome = options.dome if options is not None else 0.0
    all_y, all_x = grid.coordinates_um()
    thickness = np.zeros(grid.shape, np.float32)
    nucleus = np.zeros(grid.shape, np.float32)
    for cell in cells:
        rows, columns = (_span(ends, cell, a) for a, ends in enumerate((all_y[:, 0], all_x[0])))
        y, x = all_y[rows], all_x[:, columns]
        # Adherent cells are flat: steep at the border, then nearly even.
        height = np.sqrt(np.clip(1.8 * cell.depth(y, x), 0, 1))
        in_nucleus = cell.nuclear_depth(y, x)
        if dome:
            # The nucleus holds the membrane up; the cell slopes down over about its radius.
            height *= 1 + dome * np.exp(-0.5 * np.square(1 - in_nucleus) / _DOME**2)
        for whole, part in ((thickness, height), (nucleus, np.clip(6 * in_nucleus, 0, 1))):
            np.maximum(whole[rows, columns], part, out=whole[rows, columns])
    if options is not None and options.organelles:
        thickness *= 1 - _organelles(grid, cells, options)
    return CellMaps(thickness, nucleus)


def _span(centres: NDArray[np.float32], cell: Cell, axis: int) -> slice:
    """Return the pixels along an axis among which the whole cell lies, nucleus included."""
    places = (cell.centre[axis], cell.nucleus_centre[axis])
    reaches = (cell.radii.max(), cell.nucleus_radii.max())
    low = min(place - reach for place, reach in zip(places, reaches, strict=True))
    high = max(place + reach for place, reach in zip(places, reaches, strict=True))
    return slice(*(int(i) for i in np.searchsorted(centres, [low, high])))


def _organelles(grid: Grid, cells: Sequence[Cell], options: CellOptions) -> NDArray[np.float32]:
    """Return how much of the cell's height organelles take up: 0 to 1."""
    places = np.concatenate([cell.organelles for cell in cells])
    width = options.organelle_um
    # A Gaussian that is cut off at 1 has a flat middle and a soft border.
    drawn = spread(grid, places, np.full(len(places), 3.0 * unit_peak(width, 0)))
    drawn = blur(drawn, grid, max(width, MIN_FWHM_PIXELS * grid.pixel_um))
    return np.asarray(np.minimum(drawn, 1), np.float32)


def bound_structure(
    structure: Structure, options: LabelOptions, grid: Grid, fwhm_um: float, streams: Streams
) -> NDArray[np.float32]:
    """Return the light of the label where it is bound to the structure, before blurring.

    Returns
    -------
    ndarray of float32, (Y, X) of ``grid.shape``
        Photons; :func:`~l2l_core.data.simulation.optics.blur` makes an image of it.
    """
    binding = np.ones(len(structure.amounts))
    if options.patchiness:
        # On the grid before any drift, so that the very same sites are bound.
        still = evolve(grid, origin_um=(0.0, 0.0))
        patches = smooth_field(still, options.patch_um, streams.of("patches"))
        pixels = np.floor(structure.positions / grid.pixel_um).astype(np.intp) + grid.margin
        y, x = np.clip(pixels, 0, np.array(grid.shape) - 1).T
        # The mean of a log-normal variable is exp(mu + s^2 / 2); this one has the mean 1.
        s = options.patchiness
        binding = np.exp(s * patches[y, x].astype(np.float64) - 0.5 * s**2)
    labels = streams.of("labels").poisson(options.labels_per_um * structure.amounts * binding)
    scale = options.photons * unit_peak(fwhm_um, structure.dimension) / options.labels_per_um
    return spread(grid, structure.positions, np.asarray(labels * scale, np.float64))


def background(
    cells: Sequence[Cell],
    maps: CellMaps,
    options: LabelOptions,
    grid: Grid,
    fwhm_um: float,
    streams: Streams,
    pool: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the light of the label where the structure is not: cytosol, puncta and haze.

    Parameters
    ----------
    cells, maps, options, grid, fwhm_um, streams
        The field, the label and its random streams.
    pool : ndarray of float32, (Y, X) of ``grid.shape``, optional
        Unevenness of the target's cytosolic pool, mean 0 and variance 1; needed by labels with a
        ``cytosol_correlation``.

    Returns
    -------
    ndarray of float32, (Y, X) of ``grid.shape``
        Photons, before blurring.
    """
    s = options.cytosol_spread
    unevenness = smooth_field(grid, options.cytosol_um, streams.of("cytosol"))
    if pool is not None and options.cytosol_correlation:
        share = options.cytosol_correlation
        unevenness = np.float32(np.sqrt(share)) * pool + np.float32(np.sqrt(1 - share)) * unevenness
    np.exp(np.float32(s) * unevenness - np.float32(0.5 * s**2), out=unevenness)
    diffuse = maps.thickness * (1 + np.float32(options.nucleus - 1) * maps.nucleus)
    light = np.float32(options.cytosol) * diffuse * unevenness + np.float32(options.haze)
    return np.asarray(light + _puncta(cells, options, grid, fwhm_um, streams), np.float32)


def _puncta(
    cells: Sequence[Cell], options: LabelOptions, grid: Grid, fwhm_um: float, streams: Streams
) -> NDArray[np.float32]:
    rng = streams.of("puncta")
    places = np.concatenate(
        [cell.places(int(rng.poisson(options.puncta * cell.area_um2)), rng) for cell in cells]
    )
    blurred_um = float(np.hypot(fwhm_um, options.puncta_um))
    peaks = options.puncta_photons * np.exp(rng.normal(0, options.puncta_spread, len(places)))
    # A spot is a small cloud of points, so that it has a size and a shape of its own.
    cloud = rng.normal(0, options.puncta_um / FWHM_PER_SIGMA, (len(places), _PUNCTUM_POINTS, 2))
    light = np.repeat(peaks * (unit_peak(blurred_um, 0) / _PUNCTUM_POINTS), _PUNCTUM_POINTS)
    return spread(grid, (places[:, None, :] + cloud).reshape(-1, 2), light)
