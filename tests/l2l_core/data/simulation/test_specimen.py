import numpy as np
import pytest

from l2l_core.data.simulation.filaments import FilamentOptions
from l2l_core.data.simulation.labelling import map_cells
from l2l_core.data.simulation.optics import Grid
from l2l_core.data.simulation.specimen import Cell, CellOptions, draw_cells

GRID = Grid((300, 300), pixel_um=0.2, margin=0)


def round_cell(radius=10.0):
    return Cell(
        centre=np.array([30.0, 30.0]),
        radii=np.full(361, radius),
        nucleus_centre=np.array([31.0, 30.0]),
        nucleus_radii=np.array([3.0, 2.0]),
        axis=0.0,
    )


def test_depth_is_one_in_the_centre_zero_on_the_outline_and_negative_outside():
    cell = round_cell()
    y, x = np.array([30.0, 30.0, 40.0, 30.0]), np.array([30.0, 35.0, 30.0, 45.0])
    assert cell.depth(y, x) == pytest.approx([1.0, 0.5, 0.0, -0.5])


def test_the_nucleus_is_long_along_the_cells_axis():
    cell = round_cell()
    assert cell.nuclear_depth(np.array([31.0]), np.array([33.0])) == pytest.approx([0.0])
    assert cell.nuclear_depth(np.array([33.0]), np.array([30.0])) == pytest.approx([0.0])


def test_places_are_even_over_the_cell():
    cell = round_cell()
    places = cell.places(4000, np.random.default_rng(1))
    radius = np.hypot(*(places - cell.centre).T)
    assert radius.max() <= 10
    # Half of a disc's area lies within 1 / sqrt(2) of its radius.
    assert (radius < 10 / np.sqrt(2)).mean() == pytest.approx(0.5, abs=0.03)


def test_the_area_is_that_of_the_map():
    cells = draw_cells(GRID, CellOptions(diameter_um=30.0, crowding=0.01), np.random.default_rng(4))
    assert len(cells) == 1
    cell = cells[0]
    centred = Cell(
        np.array([30.0, 30.0]), cell.radii, np.array([30.0, 30.0]), cell.nucleus_radii, cell.axis
    )
    covered = (map_cells(GRID, [centred]).thickness > 0).sum() * 0.2**2
    assert covered == pytest.approx(cell.area_um2, rel=0.01)


def test_a_field_holds_as_many_cells_as_its_crowding_says():
    rng = np.random.default_rng(2)
    cells = draw_cells(GRID, CellOptions(diameter_um=20.0, nucleus_um=6.0, crowding=1.0), rng)
    assert len(cells) == round(60 * 60 / (np.pi * 100))


def test_a_nucleus_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="nucleus of 25 um does not fit into a cell of 30 um"):
        CellOptions(diameter_um=30.0, nucleus_um=25.0)


def test_filaments_stay_inside_their_cell():
    structure = FilamentOptions(density=0.3).draw([round_cell()], np.random.default_rng(3))
    assert structure.dimension == 1
    assert len(structure.positions) > 1000
    assert round_cell().depth(*structure.positions.T).min() >= 0
    assert structure.amounts.min() > 0


def test_filaments_have_their_mean_length_and_strength():
    options = FilamentOptions(density=0.5, length_um=2.0, branches=0.0, brightness_spread=0.2)
    cell = round_cell(100.0)
    structure = options.draw([cell], np.random.default_rng(5))
    # Exponential lengths cut to 0.25 .. 3 means keep the mean to exp(-0.25) - exp(-3) + 0.25,
    # and the tip of 0.4 um that fades out takes half of its length.
    length = 2.0 * (np.exp(-0.25) - np.exp(-3) + 0.25) - 0.2
    assert structure.amounts.sum() / cell.area_um2 == pytest.approx(0.5 * length, rel=0.03)


def test_directions_lose_themselves_over_the_persistence_length():
    options = FilamentOptions(
        density=0.05, length_um=20.0, persistence_um=5.0, alignment_deg=0.0, branches=0.0
    )
    rng = np.random.default_rng(6)
    mothers, _ = options._walks(round_cell(100.0), rng)
    steps = 60  # 3 um of 0.05 um
    long = mothers.steps > steps
    turned = np.cos(mothers.direction[long, steps] - mothers.direction[long, 0])
    # A Gaussian angle of variance L / P has the mean cosine exp(-L / 2 P).
    assert turned.mean() == pytest.approx(np.exp(-3.0 / 10.0), abs=0.03)


def test_branches_leave_at_their_angle():
    options = FilamentOptions(density=0.05, persistence_um=1e6, alignment_deg=0.0, branches=3.0)
    cell = round_cell(100.0)
    mothers, branches = options._walks(cell, np.random.default_rng(7))
    assert len(branches.direction) == pytest.approx(3 * len(mothers.direction), rel=0.1)
    # Mothers all run along the axis, either way.
    angle = np.rad2deg(np.arccos(np.abs(np.cos(branches.direction[:, 0]))))
    assert angle.mean() == pytest.approx(70, abs=1)
