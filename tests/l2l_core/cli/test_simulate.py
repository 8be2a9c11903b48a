"""``l2l simulate``: what it lists, and that its options reach the images."""

import json

import pytest
from click.testing import CliRunner

from l2l_core.cli.main import main
from l2l_core.cli.simulate import command
from l2l_core.data.simulation import SPECIMENS
from l2l_core.images.reading import open_image


def run(*arguments):
    return CliRunner().invoke(command, [str(one) for one in arguments])


def test_the_help_has_a_line_for_each_specimen():
    lines = run("--help").output.splitlines()
    for name in SPECIMENS:
        found = [line for line in lines if line.split()[:1] == [name]]
        assert len(found) == 1, name
        assert len(found[0].split()) > 3, name


def test_options_reach_the_images(tmp_path):
    result = run(
        *("paxillin", "--out", tmp_path / "s", "--pairs", 1, "--size", 32, "--repeat"),
        *("--average", 8, "--drift", 150, "--format", "ome-zarr"),
    )
    assert result.exit_code == 0, result.output
    for folder in ("input", "input_repeat", "input_average", "benchmark_average", "truth"):
        assert str(tmp_path / "s" / folder) in result.output
        assert open_image(tmp_path / "s" / folder / "pair-0001.ome.zarr").info.shape == (32, 32)
    parameters = json.loads((tmp_path / "s" / "parameters.json").read_text())
    assert parameters["options"]["drift_nm"] == 150
    assert parameters["options"]["average_frames"] == 8
    assert len(parameters["pairs"][0]["drift_px"]) == 2


def test_without_options_a_specimen_keeps_its_own_size():
    assert SPECIMENS["filaments"].size == (256, 256)
    assert {one.size for name, one in SPECIMENS.items() if name != "filaments"} == {(512, 512)}


@pytest.mark.parametrize("arguments", [("--average", "1"), ("--drift", "-3"), ("--format", "png")])
def test_options_out_of_range_are_wrong_usage(tmp_path, arguments):
    assert run("actin", "--out", tmp_path / "s", *arguments).exit_code == 2


def test_images_that_do_not_fit_into_memory_are_refused(tmp_path, capsys):
    arguments = ["simulate", "actin", "--out", str(tmp_path / "out"), "--size", "100000000"]
    assert main(arguments) == 1
    assert "takes about 1,100,000,000 GB of memory" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
