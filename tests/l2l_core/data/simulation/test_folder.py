import json

import attrs
import numpy as np
import pytest

from l2l_core.data.simulation import SPECIMENS, simulate_pair, write_pairs
from l2l_core.data.simulation.streams import pair_seeds
from l2l_core.errors import DataError, OutputError
from l2l_core.images.image import Length
from l2l_core.images.reading import open_image

SMALL = attrs.evolve(SPECIMENS["filaments"], size=(32, 48))


def test_files_hold_the_pixels_of_the_pairs_with_their_pixel_size(tmp_path):
    written = write_pairs("filaments", tmp_path / "set", 2, 5, SMALL)
    pairs = json.loads(written.parameters.read_text())["pairs"]
    assert [pair["seed"] for pair in pairs] == list(pair_seeds(5, 2))
    for pair in pairs:
        simulated = simulate_pair(SMALL, pair["seed"])
        for part in ("input", "benchmark", "truth"):
            image = open_image(getattr(written, part) / pair["file"])
            np.testing.assert_array_equal(image.read(), getattr(simulated, part))
            assert image.info.axes == "YX"
            assert image.info.pixel_size["X"] == Length(0.12, "micrometer")


def test_parameters_tell_every_option(tmp_path):
    written = write_pairs("filaments", tmp_path, 1, 5, SMALL)
    parameters = json.loads(written.parameters.read_text())
    assert parameters["specimen"] == "filaments"
    assert parameters["seed"] == 5
    assert parameters["options"] == json.loads(json.dumps(attrs.asdict(SMALL)))


def test_more_pairs_of_one_seed_begin_with_the_same_ones():
    assert pair_seeds(3, 20)[:4] == pair_seeds(3, 4)
    assert len(set(pair_seeds(3, 20))) == 20


def test_simulated_pairs_are_never_overwritten(tmp_path):
    written = write_pairs("filaments", tmp_path, 1, 1, SMALL)
    before = (written.input / "pair-0001.ome.tif").read_bytes()
    with pytest.raises(OutputError, match=r"holds simulated pairs already.*another folder"):
        write_pairs("filaments", tmp_path, 1, 2, SMALL)
    assert (written.input / "pair-0001.ome.tif").read_bytes() == before


@pytest.mark.parametrize(
    ("specimen", "pairs", "seed", "message"),
    [
        ("actinn", 1, 1, "no specimen 'actinn'; the specimens are actin, caveolae, filaments"),
        ("filaments", 0, 1, "0 pairs with the seed 1; expected at least one pair"),
        ("filaments", 1, -1, "1 pairs with the seed -1"),
    ],
)
def test_what_cannot_be_simulated_is_refused(tmp_path, specimen, pairs, seed, message):
    with pytest.raises(DataError, match=message):
        write_pairs(specimen, tmp_path, pairs, seed)
    assert not list(tmp_path.iterdir())


def test_images_of_something_else_are_not_replaced_and_an_interrupted_set_is_finished(tmp_path):
    written = write_pairs("filaments", tmp_path / "set", 2, 5, SMALL)
    pixels = open_image(written.input / "pair-0002.ome.tif").read()
    written.parameters.unlink()
    again = write_pairs("filaments", tmp_path / "set", 2, 5, SMALL)
    np.testing.assert_array_equal(open_image(again.input / "pair-0002.ome.tif").read(), pixels)
    (tmp_path / "mine" / "input").mkdir(parents=True)
    precious = tmp_path / "mine" / "input" / "pair-0001.ome.tif"
    precious.write_bytes(b"three years of work")
    with pytest.raises(OutputError, match="was not simulated"):
        write_pairs("filaments", tmp_path / "mine", 1, 5, SMALL)
    assert precious.read_bytes() == b"three years of work"


def test_repeats_averages_and_drift_are_written_when_they_are_asked_for(tmp_path):
    options = attrs.evolve(SMALL, repeat=True, average_frames=4, drift_nm=200.0)
    written = write_pairs("filaments", tmp_path, 2, 5, options)
    for pair in json.loads(written.parameters.read_text())["pairs"]:
        simulated = simulate_pair(options, pair["seed"])
        assert tuple(pair["drift_px"]) == simulated.drift_px
        for part in ("input_repeat", "input_average", "benchmark_average"):
            image = open_image(getattr(written, part) / pair["file"])
            np.testing.assert_array_equal(image.read(), getattr(simulated, part))
            assert image.info.metadata["provenance"]["drift_px"] == pair["drift_px"]


def test_what_nobody_asked_for_is_not_there(tmp_path):
    written = write_pairs("filaments", tmp_path, 1, 5, SMALL)
    assert written.input_repeat is written.input_average is written.benchmark_average is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "benchmark",
        "input",
        "parameters.json",
        "truth",
    ]
    assert "drift_px" not in json.loads(written.parameters.read_text())["pairs"][0]


def test_ome_zarr_holds_the_same_pixels(tmp_path):
    written = write_pairs("filaments", tmp_path, 1, 5, SMALL, format="ome-zarr")
    image = open_image(written.truth / "pair-0001.ome.zarr")
    expected = simulate_pair(SMALL, pair_seeds(5, 1)[0])
    np.testing.assert_array_equal(image.read(), expected.truth)
    assert image.info.pixel_size["Y"] == Length(0.12, "micrometer")


def test_several_structures_are_channels_with_their_names(tmp_path):
    options = attrs.evolve(SPECIMENS["nucleus_membrane"], size=(32, 48))
    written = write_pairs("nucleus_membrane", tmp_path, 1, 5, options)
    for part in ("benchmark", "truth"):
        info = open_image(getattr(written, part) / "pair-0001.ome.tif").info
        assert info.axes == "CYX"
        assert tuple(info.channel_names) == ("nucleus", "membrane")
    assert open_image(written.input / "pair-0001.ome.tif").info.axes == "YX"
    parameters = json.loads(written.parameters.read_text())
    assert parameters["structure"] == ["NucleusOptions", "MembraneOptions"]


def test_a_format_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be written as 'jpeg'; expected one of ome-tiff"):
        write_pairs("filaments", tmp_path, 1, 5, SMALL, format="jpeg")
    assert not list(tmp_path.iterdir())


def test_progress_counts_to_the_end(tmp_path):
    seen = []
    write_pairs(
        "filaments", tmp_path, 3, 5, SMALL, progress=lambda done, of: seen.append((done, of))
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
