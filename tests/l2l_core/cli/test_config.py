from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import l2l_core.cli
from l2l_core.cli.config import PRESETS
from l2l_core.cli.main import main
from l2l_core.components.options import unstructure
from l2l_core.config import DataConfig, NormalizeConfig, RunConfig, TrainConfig
from l2l_core.config_file import parse_config, resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(l2l_core.cli.__file__).parent / "presets"


def leaves(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_written_and_is_sound(
    preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.toml"
    assert main(["config", "init", "--preset", preset, "-o", str(file)]) == 0
    assert f"l2l config check {file}" in capsys.readouterr().err
    assert main(["config", "check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file} is sound\n"


def test_the_presets_of_the_paper_are_its_settings() -> None:
    configs = {
        preset: parse_config((FOLDER / f"{preset}.toml").read_text(encoding="utf-8"), preset)
        for preset in PRESETS
        if preset not in ("default", "small")
    }
    assert {name: config.loss["target"].name for name, config in configs.items()} == {
        "actin": "ms_ssim",
        "tubulin": "ms_ssim",
        "caveolae": "ms_ssim",
        "paxillin": "mae",
        "separation": "mae",
        "noise2noise": "mae",
        "noise2clean": "mae",
        "probabilistic": "laplace",
    }
    for name, config in configs.items():
        *_, zoom, rotation = config.augment
        assert (zoom.name, rotation.name) == ("zoom", "rotate90"), name
        caveolae = name == "caveolae"
        factors = [0.8, 0.9, 1.1, 1.2] if caveolae else [0.5, 0.75, 1.25, 1.5]
        assert zoom.options["factors"] == factors
        assert config.patches.augmented * zoom.probability == 0.5
        assert config.augment[0].name == ("poisson_noise" if caveolae else "zoom")
        # What is written out beside the choices is what the paper took: CSBDeep's defaults.
        assert config.train == TrainConfig()
        assert config.normalize == NormalizeConfig()
        assert config.restorer.options == (
            {"probabilistic": True} if name == "probabilistic" else {}
        )


def test_every_preset_file_can_be_chosen() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(PRESETS)


def test_without_a_file_the_configuration_is_printed_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "init"]) == 0
    said = capsys.readouterr()
    assert parse_config(said.out, "stdout").data.input == "input"
    assert said.err == ""


def test_an_existing_file_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.toml"
    file.write_text("mine", encoding="utf-8")
    assert main(["config", "init", "-o", str(file)]) == 1
    assert "exists and is left as it is" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "mine"
    assert main(["config", "init", "-o", str(tmp_path / "no" / "run.toml")]) == 1
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_the_default_preset_tells_every_key_and_its_true_default() -> None:
    text = (FOLDER / "default.toml").read_text(encoding="utf-8")
    uncommented = re.sub(r"^# (?=\w+ = |\[\[augment\]\])", "", text, flags=re.MULTILINE)
    written = tomllib.loads(uncommented)
    (augmenter,) = written.pop("augment")
    assert set(augmenter) == {"name", "probability", "options"}
    loss = written.pop("loss")
    assert loss == {"name": "mae", "options": {}}
    del written["data"]["input"], written["data"]["target"]
    default = unstructure(RunConfig(data=DataConfig()))
    for side in ("select", "input_select", "target_select"):
        assert written["data"].pop(side) == {}
        del default["data"][side]
    del default["augment"], default["loss"], default["data"]["input"], default["data"]["target"]
    assert dict(leaves(written)) == dict(leaves(default))


def test_check_reports_every_problem_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[data]\ninput = "a"\n[train]\nepochs = 0\nbatch = 1\n', encoding="utf-8")
    assert main(["config", "check", str(file), "--set", "loss=maee"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    header, *lines = said.err.splitlines()
    assert header == f"Error: {file} has 3 problems:"
    assert [line.rpartition("@ ")[2] for line in lines] == ["train", "train.epochs", "loss"]


def test_check_warns_of_images_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / "there").mkdir(parents=True)
    np.save(project / "there" / "a.npy", np.zeros((4, 5)))
    file = project / "run.toml"
    file.write_text('[data]\ninput = ["there", "../noisy"]\ntarget = "there/b*.tif"\n')
    monkeypatch.chdir(tmp_path)
    assert main(["config", "check", "project/run.toml"]) == 0
    said = capsys.readouterr()
    assert said.out == "project/run.toml is sound\n"
    folder, glob = said.err.splitlines()
    assert folder == (
        f"warning: {tmp_path}/noisy: there is no such file or folder; check the path @ data.input"
    )
    assert glob.startswith(f"warning: {project}/there/b*.tif: no image matches; expected files")
    assert glob.endswith(" @ data.target")
    (project / "pairs.csv").write_text("input,target\n")
    file.write_text('[data]\ntable = "pairs.csv"\n')
    assert main(["config", "check", "project/run.toml"]) == 0
    assert capsys.readouterr().err == ""


def test_one_problem_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[data]\ninput = "a"\n[train]\nepochs = "3"\n', encoding="utf-8")
    assert main(["config", "check", str(file)]) == 1
    said = capsys.readouterr().err
    assert said == f"Error: {file}: got '3', expected a whole number @ train.epochs\n"


def test_show_writes_every_default_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[data]\ninput = "a"\n', encoding="utf-8")
    arguments = [str(file), "--set", "loss=ms_ssim", "--set", "train.epochs=7"]
    assert main(["config", "show", *arguments]) == 0
    shown = capsys.readouterr().out
    config = parse_config(shown, "shown")
    assert config.train.epochs == 7
    assert tomllib.loads(shown)["loss"]["target"]["options"]["sigma"] == 1.5
    assert main(["config", "show", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == resolved(config)
