"""What each kind of structure looks like, measured on the sites that it draws."""

import numpy as np
import pytest
from scipy import ndimage

from l2l_core.data.simulation.actin import ActinOptions
from l2l_core.data.simulation.adhesions import AdhesionOptions
from l2l_core.data.simulation.caveolae import CaveolaOptions
from l2l_core.data.simulation.filaments import FilamentOptions
from l2l_core.data.simulation.membrane import MembraneOptions
from l2l_core.data.simulation.microtubules import MicrotubuleOptions
from l2l_core.data.simulation.nucleus import NucleusOptions
from l2l_core.data.simulation.optics import Grid, spread
from l2l_core.data.simulation.specimen import Cell, circular_noise

RADIUS = 15.0
NONE = FilamentOptions(density=1e-6, branches=0.0)


def round_cell():
    return Cell(
        centre=np.array([20.0, 20.0]),
        radii=np.full(361, RADIUS),
        nucleus_centre=np.array([21.0, 20.0]),
        nucleus_radii=np.array([5.0, 4.0]),
        axis=0.0,
    )


def drawn(options, seed=1):
    return options.draw([round_cell()], np.random.default_rng(seed))


def depths(structure):
    return round_cell().depth(*structure.positions.T)


def test_the_outline_is_evenly_walked_and_its_normals_point_outwards():
    cell = round_cell()
    places, outwards, step = cell.outline(0.1)
    assert len(places) * step == pytest.approx(2 * np.pi * RADIUS, rel=1e-3)
    assert np.hypot(*np.diff(places, axis=0).T) == pytest.approx(step, rel=0.01)
    radial = np.arctan2(*(places - cell.centre).T)
    assert np.cos(outwards - radial).min() > 0.99


def test_a_lattice_covers_the_cell():
    assert len(round_cell().lattice(0.1)) * 0.01 == pytest.approx(round_cell().area_um2, rel=0.01)


def test_noise_around_a_circle_closes_and_has_unit_variance():
    rng = np.random.default_rng(2)
    noise = np.stack([circular_noise(200, 8, rng) for _ in range(400)])
    assert noise.var() == pytest.approx(1, abs=0.1)
    assert abs(noise[:, 0] - noise[:, -1]).mean() < 0.2


def test_stress_fibres_run_along_the_cells_axis_and_stay_in_it():
    plain = ActinOptions(stress_fibres=0.05, cortex=0.0, filopodia=0.0, branched=NONE)
    structure = drawn(plain)
    assert depths(structure).min() >= 0
    image = spread(Grid((400, 400), 0.1, 0), structure.positions, structure.amounts)
    along_y, along_x = (ndimage.gaussian_filter(image, 2, order=o) for o in ((1, 0), (0, 1)))
    # Lines along X have their gradients along Y.
    assert np.square(along_y).sum() > 5 * np.square(along_x).sum()


def test_the_cortex_is_a_seam_at_the_outline():
    seam = drawn(ActinOptions(stress_fibres=0.0, filopodia=0.0, branched=NONE, cortex_um=0.3))
    inwards = RADIUS * depths(seam)
    assert np.average(inwards, weights=seam.amounts) == pytest.approx(0.3, rel=0.1)


def test_filopodia_alone_stand_out_of_the_cell():
    bare = ActinOptions(stress_fibres=0.05, filopodia=0.0)
    assert depths(drawn(bare)).min() > -0.01
    hairy = drawn(ActinOptions(stress_fibres=0.0, cortex=0.0, filopodia=0.5, branched=NONE))
    assert (depths(hairy) < -0.05).mean() > 0.1


def test_microtubules_meet_at_the_organising_centre_and_stay_in_the_cell():
    structure = drawn(MicrotubuleOptions(centred=1.0, centre_um=0.3, density=0.1))
    assert depths(structure).min() > 0
    density = np.histogram2d(*structure.positions.T, bins=40, range=[[0, 40], [0, 40]])[0]
    peak = np.array(np.unravel_index(density.argmax(), density.shape)) + 0.5
    centre = round_cell().nucleus_centre
    assert np.hypot(*(peak - centre)) == pytest.approx(1.05 * 5.0, abs=1.0)
    assert density.max() > 5 * density[density > 0].mean()


def test_microtubules_bend_along_the_outline_instead_of_ending_at_it():
    # Straight ones from the centre would all end; those that bend leave light along the rim.
    options = MicrotubuleOptions(
        centred=1.0, centre_um=0.3, density=0.1, length_um=40.0, persistence_um=1e6
    )
    structure = drawn(options)
    total = structure.amounts.sum()
    number = 0.1 * round_cell().area_um2
    assert total / number > 1.6 * RADIUS
    assert structure.amounts[depths(structure) < 0.2].sum() > 0.5 * total


@pytest.mark.parametrize("diameter", [60.0, 100.0])
def test_caveolae_are_as_wide_as_they_should_be(diameter):
    options = CaveolaOptions(
        density=1.0, diameter_nm=(diameter, diameter), clustered=0.0, brightness_spread=0.0
    )
    structure = drawn(options)
    assert structure.dimension == 0
    spots = structure.positions.reshape(-1, 12, 2)
    assert len(spots) == pytest.approx(round_cell().area_um2, rel=0.15)
    assert structure.amounts.sum() == pytest.approx(len(spots))
    across = spots.max(axis=1) - spots.min(axis=1)
    assert across.max() < diameter / 1000
    # A coordinate of a point on a sphere is even between the poles.
    inner = spots - spots.mean(axis=1, keepdims=True)
    assert inner.std() == pytest.approx(diameter / 1000 / np.sqrt(12) * np.sqrt(11 / 12), rel=0.05)


def test_clustered_caveolae_have_close_neighbours():
    def nearest(clustered):
        spots = drawn(CaveolaOptions(density=2.0, clustered=clustered, cluster=8.0))
        places = spots.positions.reshape(-1, 12, 2).mean(axis=1)
        distance = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
        np.fill_diagonal(distance, np.inf)
        return np.median(distance.min(axis=1))

    assert nearest(1.0) < 0.5 * nearest(0.0)


def test_caveolae_of_no_size_are_refused():
    with pytest.raises(ValueError, match="between 100 and 60 nm wide; expected two diameters"):
        CaveolaOptions(diameter_nm=(100.0, 60.0))


def test_plaques_lie_at_the_rim_and_point_to_it():
    options = AdhesionOptions(
        rim=0.3, inner=0.0, length_um=4.0, width_um=0.6, size_spread=0.0, alignment_deg=0.0
    )
    structure = drawn(options)
    assert np.median(RADIUS * depths(structure)) < 5
    plaques = structure.positions.reshape(-1, 500, 2)
    outwards = plaques.mean(axis=1) - round_cell().centre
    outwards /= np.hypot(*outwards.T)[:, None]
    centred = plaques - plaques.mean(axis=1, keepdims=True)
    along = (centred * outwards[:, None]).sum(axis=2).std(axis=1)
    across = (centred * outwards[:, None, ::-1] * [1, -1]).sum(axis=2).std(axis=1)
    assert np.median(along / across) == pytest.approx(4.0 / 0.6, rel=0.1)


def test_plaques_stand_for_their_area():
    options = AdhesionOptions(inner=0.0, size_spread=0.0, brightness_spread=0.0)
    structure = drawn(options)
    number = len(structure.positions) // 500
    area = np.pi / 4 * options.length_um * options.width_um
    assert structure.amounts.sum() == pytest.approx(number * area, rel=0.02)


def test_chromatin_fills_the_nucleus_and_leaves_nucleoli_dark():
    cell = round_cell()
    plain = drawn(NucleusOptions(unevenness=0.0, nucleoli=0.0))
    assert cell.nuclear_depth(*plain.positions.T).min() > 0
    assert plain.amounts.sum() == pytest.approx(np.pi * 5 * 4, rel=0.1)
    holed = drawn(NucleusOptions(unevenness=0.0, nucleoli=6.0))
    dark = [(one.amounts < 0.5 * np.median(one.amounts)).mean() for one in (plain, holed)]
    assert dark[1] > dark[0] + 0.03


def test_the_membrane_is_densest_at_the_rim_and_everywhere_on_the_cell():
    structure = drawn(MembraneOptions())
    inwards = RADIUS * depths(structure)
    rim = structure.amounts[inwards < 0.5].sum() / (2 * np.pi * RADIUS * 0.5)
    middle = structure.amounts[inwards > 5].sum() / (np.pi * (RADIUS - 5) ** 2)
    assert rim > 3 * middle
    assert middle > 0.2
