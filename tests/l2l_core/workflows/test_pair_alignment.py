import json

import numpy as np
import pytest
from attrs import evolve
from scipy import ndimage

from l2l_core.cli.main import main
from l2l_core.data.simulation import SPECIMENS, write_pairs
from l2l_core.errors import OutputError, PairingError
from l2l_core.images.image import Length
from l2l_core.images.reading import open_image
from l2l_core.images.writing import write_image
from l2l_core.workflows.pair_alignment import align

SIZES = {"Y": Length(0.1), "X": Length(0.1)}


def field(seed):
    points = np.random.default_rng(seed).random((110, 110)) ** 12
    return 6000 * ndimage.gaussian_filter(points, 2)


@pytest.fixture
def folders(tmp_path):
    """Three pairs: displaced by (2, -3), by too much, and by nothing."""
    for number, (y, x) in enumerate([(2, -3), (40, 0), (0, 0)]):
        whole = field(number)
        for side, (top, left) in (("one", (0, 0)), ("two", (y, x))):
            (tmp_path / side).mkdir(exist_ok=True)
            cut = whole[top : top + 70, 20 + left : 20 + left + 80]
            write_image(
                tmp_path / side / f"{side}-{number}.tif",
                cut.astype(np.uint16), "YX", pixel_size=SIZES,
            )  # fmt: skip
    return tmp_path / "one", tmp_path / "two"


def test_a_folder_is_aligned_and_what_cannot_be_is_named(folders, tmp_path):
    done = list(align(*folders, tmp_path / "out", search=4))
    assert [(one.shift.y, one.shift.x) for one in done if one.shift] == [(2, -3), (0, 0)]
    assert "limit of the search" in done[1].problem or "do not correlate" in done[1].problem
    assert sorted(path.name for path in (tmp_path / "out" / "b").iterdir()) == [
        "two-0.ome.tif", "two-2.ome.tif",
    ]  # fmt: skip
    a, b = (open_image(path) for path in done[0].written)
    assert a.shape == b.shape == (68, 77)
    np.testing.assert_array_equal(a.read(), b.read())
    assert a.dtype == np.uint16
    assert b.info.pixel_size == SIZES
    note = b.info.metadata["provenance"]["aligned"]
    assert note["pixels"] == {"Y": 2.0, "X": -3.0}
    assert note["source"] == done[0].b
    assert not note["moved_interpolated"]


def test_files_that_exist_are_left_alone(folders, tmp_path):
    one, two = (next(folder.glob("*0.tif")) for folder in folders)
    (first,) = align(one, two, tmp_path / "out", method="phase")
    assert first.shift.y == pytest.approx(2, abs=0.05)
    with pytest.raises(OutputError, match="exists and is left as it is"):
        list(align(one, two, tmp_path / "out"))
    (again,) = align(one, two, tmp_path / "out", restart=True)
    assert again.shift.method == "ssim"


def test_one_pair_becomes_one_image_of_two_channels(tmp_path):
    whole = field(5)
    stack = np.stack([whole[5:90, 5:90], whole[5:90, 5:90] / 2])
    both = np.stack([stack, np.roll(stack, (0, 1), (1, 2))], axis=1).astype(np.float32)
    write_image(tmp_path / "both.tif", both, "ZCYX", channel_names=["wide", "narrow"])
    place = str(tmp_path / "both.tif")
    (done,) = align(place, place, tmp_path / "out.ome.tif", channel_a=0, channel_b=1)
    assert (done.shift.y, done.shift.x) == (0, -1)
    image = open_image(tmp_path / "out.ome.tif")
    assert image.info.sizes == {"Z": 2, "C": 2, "Y": 85, "X": 84}
    assert image.info.channel_names == ("wide", "narrow")
    np.testing.assert_array_equal(image.read(C=0), image.read(C=1))


def test_several_pairs_do_not_fit_into_one_image(folders, tmp_path):
    with pytest.raises(PairingError, match="is one image, but there are 3 pairs"):
        list(align(*folders, tmp_path / "out.tif"))


def test_the_command_says_how_far_and_fails_where_a_pair_was_left(folders, tmp_path, capsys):
    one, two = (str(next(folder.glob("*0.tif"))) for folder in folders)
    assert main(["data", "align", one, two, "--out", str(tmp_path / "x")]) == 0
    said = capsys.readouterr().out
    assert "B moved by +2.00 (sd " in said
    assert f"wrote {tmp_path / 'x' / 'a' / 'one-0.ome.tif'}" in said
    arguments = ["data", "align", *map(str, folders), "--out", str(tmp_path / "y"), "--json"]
    arguments += ["--method", "phase", "--search", "8"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)["pairs"]
    assert [pair["shift"] is None for pair in found] == [False, True, False]
    assert "1 of 3 pairs could not be aligned" in captured.err
    assert "not aligned: " in captured.err


@pytest.mark.parametrize(("specimen", "size"), [("actin", 384), ("caveolae", 512)])
@pytest.mark.parametrize(("method", "tolerance"), [("phase", 0.5), ("ssim", 1.0)])
def test_the_drift_of_simulated_pairs_is_found(specimen, size, method, tolerance, tmp_path):
    # Two labels of one truth have little in common, so a small field leaves more than a rounding.
    options = evolve(SPECIMENS[specimen], size=(size, size))
    options = evolve(options, drift_nm=3 * options.pixel_size_nm)
    written = write_pairs(specimen, tmp_path / "pairs", 2, 2, options)
    pairs = json.loads(written.parameters.read_text())["pairs"]
    assert max(abs(drift) for pair in pairs for drift in pair["drift_px"]) > 2
    found = list(align(written.input, written.benchmark, tmp_path / "out", method=method))
    for one, pair in zip(found, pairs, strict=True):
        y, x = pair["drift_px"]
        # It is moved back by what it has drifted.
        assert (one.shift.y, one.shift.x) == pytest.approx((-y, -x), abs=tolerance)


@pytest.mark.parametrize("movie_first", [True, False])
def test_a_movie_is_aligned_with_a_single_bright_frame(movie_first, tmp_path):
    whole, rng = field(3), np.random.default_rng(1)
    still = whole[10:90, 10:90].astype(np.float32)
    frames = whole[13:93, 8:88] / 4 + 5 * rng.standard_normal((6, 80, 80))
    write_image(tmp_path / "still.tif", still, "YX")
    write_image(tmp_path / "movie.tif", frames.astype(np.float32), "TYX")
    places = [tmp_path / "still.tif", tmp_path / "movie.tif"]
    if movie_first:
        places.reverse()
    (done,) = align(*places, tmp_path / "out", method="phase")
    sign = -1 if movie_first else 1
    assert (done.shift.y, done.shift.x) == pytest.approx((3 * sign, -2 * sign), abs=0.1)
    found = {image.axes: image for image in map(open_image, done.written)}
    assert found["TYX"].shape == (6, *found["YX"].shape)
    with pytest.raises(PairingError, match=r"has . planes and .*give --out a folder"):
        list(align(*places, tmp_path / "one.tif"))
    write_image(tmp_path / "pair.tif", frames[:2].astype(np.float32), "TYX")
    with pytest.raises(PairingError, match=r"has 6 planes and .* 2; expected as many, or a single"):
        list(align(tmp_path / "movie.tif", tmp_path / "pair.tif", tmp_path / "out"))


@pytest.mark.real_data
def test_a_real_bright_frame_is_aligned_with_noisy_ones_by_the_command(real_data, tmp_path, capsys):
    folder = real_data / "microtubules-repeats"
    places = [str(folder / name) for name in ("TIRF_9Hz.tif", "TIRF_200Hz.tif")]
    out = str(tmp_path / "out")
    arguments = ["data", "align", *places, "--out", out, "--method", "phase", "--json"]
    assert main(arguments) == 0
    shift = json.loads(capsys.readouterr().out)["pairs"][0]["shift"]
    assert np.hypot(shift["y"], shift["x"]) == pytest.approx(0.6, abs=0.1)
