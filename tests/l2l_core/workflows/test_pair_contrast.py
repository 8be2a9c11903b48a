import json

import numpy as np
import pytest
from scipy import ndimage

from l2l_core.cli.main import main
from l2l_core.errors import PairingError
from l2l_core.images.appearance import contrast
from l2l_core.images.writing import write_image
from l2l_core.workflows.pair_contrast import config_contrast, pair_contrast

SIDE = 116


def labels(seed):
    """A hazy and a clear image of one structure, (Y, X) float32 each."""
    rng = np.random.default_rng(seed)
    points = np.zeros((SIDE, SIDE))
    points[rng.integers(0, SIDE, 60), rng.integers(0, SIDE, 60)] = 1
    structure = ndimage.gaussian_filter(points, 3) * 60
    haze = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 12) * 20 + 2
    clear = structure + rng.normal(0, 0.05, (SIDE, SIDE))
    hazy = structure + haze + rng.normal(0, 0.05, (SIDE, SIDE))
    return (100 * hazy).astype(np.float32), (70 * clear + 30).astype(np.float32)


@pytest.fixture
def folders(tmp_path):
    for number in range(4):
        for side, pixels in zip(("hazy", "clear"), labels(number), strict=True):
            (tmp_path / side).mkdir(exist_ok=True)
            write_image(tmp_path / side / f"cell{number}.tif", pixels, "YX")
    return tmp_path / "hazy", tmp_path / "clear"


def test_the_label_of_lower_contrast_is_the_input_whichever_comes_first(folders):
    hazy, clear = folders
    found = pair_contrast(hazy, clear)
    assert found.input == "a"
    assert found.advice.startswith("take A as input and B as benchmark")
    assert found.warnings == ()
    other = pair_contrast(clear, hazy)
    assert other.input == "b"
    assert other.advice.startswith("take B as input and A as benchmark")
    assert other.difference == pytest.approx(-found.difference)


def test_contrasts_are_those_of_the_images_and_their_mean_and_deviation(folders):
    found = pair_contrast(*folders)
    expected = [contrast(labels(number)[0]).michelson for number in range(4)]
    assert [pair.michelson_a for pair in found.pairs] == pytest.approx(expected)
    assert found.mean("michelson_a") == pytest.approx(np.mean(expected))
    assert found.std("michelson_a") == pytest.approx(np.std(expected, ddof=1))
    sparse = pair_contrast(*folders, sample=0.01)
    assert sparse.pairs[0].rms_a == found.pairs[0].rms_a
    assert sparse.pairs[0].michelson_a > found.pairs[0].michelson_a


def test_correlations_are_numpys(folders):
    pair = pair_contrast(*folders).pairs[0]
    a, b = (one.astype(float) for one in labels(0))
    assert pair.raw_correlation == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    a, b = (ndimage.gaussian_filter(one, 1) - ndimage.gaussian_filter(one, 8) for one in (a, b))
    assert pair.correlation == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert 0 < pair.ssim < pair.ms_ssim < 1


def test_a_swapped_pair_is_named(folders):
    hazy, clear = folders
    (hazy / "cell2.tif").rename(hazy.parent / "kept.tif")
    (clear / "cell2.tif").rename(hazy / "cell2.tif")
    (hazy.parent / "kept.tif").rename(clear / "cell2.tif")
    found = pair_contrast(hazy, clear)
    assert found.input == "a"
    assert found.swapped == ("2",) or found.swapped == ("cell2",)
    assert any("seem swapped in 1 of 4 pairs" in warning for warning in found.warnings)


def test_images_that_do_not_belong_together_are_named(folders):
    hazy, clear = folders
    write_image(clear / "cell1.tif", labels(9)[1], "YX")
    (warning,) = pair_contrast(hazy, clear).warnings
    assert "hardly correlate in 1 of 4 pairs" in warning
    assert "1" in warning


def test_labels_without_anything_in_common(folders):
    hazy, clear = folders
    for number in range(4):
        write_image(clear / f"cell{number}.tif", labels(20 + number)[1], "YX")
    assert any(one.startswith("the labels hardly") for one in pair_contrast(hazy, clear).warnings)


def test_labels_that_do_not_differ(tmp_path):
    image = labels(0)[0]
    write_image(tmp_path / "one.tif", image, "YX")
    write_image(tmp_path / "two.tif", 3 * image + 5, "YX")
    said = pair_contrast(tmp_path / "one.tif", tmp_path / "two.tif").warnings
    assert any("show the same (correlation 1.00" in one for one in said)
    assert any("differ by 0.00 only" in one for one in said)


def test_two_channels_of_one_stack_and_flat_planes_left_out(tmp_path):
    stack = np.stack([np.stack(labels(1)), np.zeros((2, SIDE, SIDE), np.float32)])
    write_image(tmp_path / "both.tif", stack, "ZCYX")
    found = pair_contrast(tmp_path / "both.tif", tmp_path / "both.tif", channel_a=0, channel_b=1)
    (pair,) = found.pairs
    assert pair.planes == 1
    assert pair.michelson_b == pytest.approx(contrast(labels(1)[1]).michelson)
    with pytest.raises(PairingError, match="name the channel of each label with --channel-a"):
        pair_contrast(tmp_path / "both.tif", tmp_path / "both.tif")
    write_image(tmp_path / "flat.tif", np.zeros((2, SIDE, SIDE), np.uint8), "CYX")
    with pytest.raises(PairingError, match="no contrast to measure"):
        pair_contrast(tmp_path / "flat.tif", tmp_path / "flat.tif", channel_a=0, channel_b=1)


def test_several_channels_want_a_name(tmp_path):
    write_image(tmp_path / "a.tif", np.stack(labels(1)), "CYX")
    write_image(tmp_path / "b.tif", labels(1)[0], "YX")
    with pytest.raises(PairingError, match=r"a.tif has 2 channels.*--channel-a"):
        pair_contrast(tmp_path / "a.tif", tmp_path / "b.tif")


def test_an_image_too_small_for_five_scales_is_a_note(tmp_path):
    for name, pixels in zip("ab", labels(1), strict=True):
        write_image(tmp_path / f"{name}.tif", pixels[:40, :40], "YX")
    said = pair_contrast(tmp_path / "a.tif", tmp_path / "b.tif").warnings
    assert any("MS-SSIM with 5 scales" in one for one in said)


def test_pixels_that_are_nan_are_left_out(tmp_path):
    a, b = labels(1)
    a[:10] = np.nan
    write_image(tmp_path / "a.tif", a, "YX")
    write_image(tmp_path / "b.tif", b, "YX")
    (pair,) = pair_contrast(tmp_path / "a.tif", tmp_path / "b.tif").pairs
    assert all(np.isfinite(getattr(pair, one)) for one in ("correlation", "ssim", "ms_ssim"))


def test_the_command_prints_a_table_and_json(folders, capsys):
    assert main(["data", "contrast", *map(str, folders)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["pair", "Michelson", "A"]
    assert [line.split()[0] for line in lines[5:7]] == ["mean", "sd"]
    assert lines[7].startswith("take A as input")
    assert main(["data", "contrast", *map(str, folders), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["input"] == "a"
    assert found["benchmark"] == "b"
    assert len(found["pairs"]) == 4


@pytest.fixture
def config(folders):
    path = folders[0].parent / "pairs.toml"
    path.write_text('[data]\ninput = "hazy"\ntarget = "clear"\ncontrast_sample = 0.02\n')
    return path


def test_a_configuration_stands_for_its_labels_and_its_sample(folders, config, capsys):
    expected = pair_contrast(*folders, sample=0.02).mean("michelson_b")
    assert config_contrast(config).mean("michelson_b") == expected
    given = config_contrast(config, sample=0.3).mean("michelson_b")
    assert given == pair_contrast(*folders, sample=0.3).mean("michelson_b") != expected
    assert main(["data", "contrast", str(config), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert np.mean([pair["michelson_b"] for pair in found["pairs"]]) == pytest.approx(expected)


def test_one_label_alone_has_no_contrast_to_another(folders, config, capsys):
    assert main(["data", "contrast", str(folders[0])]) == 2
    assert "give the other one too" in capsys.readouterr().err
    assert main(["data", "contrast", str(config), "--channel-a", "0"]) == 2
    assert "in the [data] of CONFIG" in capsys.readouterr().err


def test_channels_of_a_configuration_are_named_in_it(tmp_path, config):
    write_image(tmp_path / "two.tif", np.stack(labels(1)), "CYX")
    config.write_text('[data]\ninput = "two.tif"\ntarget = "hazy/cell0.tif"\n')
    with pytest.raises(PairingError, match=r"two.tif has 2 channels.*input_select"):
        config_contrast(config)


@pytest.mark.real_data
def test_two_labels_of_real_vesicles_correlate_and_differ_little(real_data):
    folder = real_data / "vesicles-two-labels"
    found = pair_contrast(folder / "label_a.ome.tif", folder / "label_b.ome.tif")
    assert found.mean("correlation") > 0.5
    assert any("Michelson contrasts differ by" in one for one in found.warnings)
