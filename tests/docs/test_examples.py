"""The two example plugins of docs/examples: listed, checked by the suites, trained and restored.

They are installed as packages of their own, as a stranger's would be; ``make test`` does that.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import numpy as np
import pytest
from attrs import evolve

from l2l_core.cli.main import main
from l2l_core.components.factory import get
from l2l_core.data.simulation import SPECIMENS, write_pairs
from l2l_core.images import open_image
from l2l_core.models.model_file import read_model, read_record
from l2l_core.testing import LossSuite, RestorerSuite

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def _missing() -> str:
    for name in ("l2l-log-cosh", "l2l-linear-filter"):
        try:
            version(name)
        except PackageNotFoundError:
            return f"the example plugin {name} is not installed; run the tests with: make test"
    return ""


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing() or "installed")

CONFIG = """\
    seed = 4

    [data]
    input = "pairs/input"
    target = "pairs/benchmark"
    validation = 0.25

    [patches]
    shape = [32, 32]
    validation = 4

    [[augment]]
    name = "rotate90"

    [restorer]
    name = "{restorer}"
    options = {{ {options} }}

    [loss]
    name = "{loss}"

    [train]
    epochs = {epochs}
    steps_per_epoch = 4
    batch_size = 2
    """

Job = tuple[int, str, str]


@pytest.fixture
def l2l(capsys: pytest.CaptureFixture[str]) -> Callable[..., Job]:
    """Return a function that runs a command and gives (status, stdout, stderr)."""

    def run(*arguments: object) -> Job:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with simulated pairs in ``pairs``."""
    made = tmp_path_factory.mktemp("examples")
    write_pairs("filaments", made / "pairs", 4, 5, evolve(SPECIMENS["filaments"], size=(64, 66)))
    return made


def write_config(folder: Path, name: str, **values: object) -> Path:
    path = folder / f"{name}.toml"
    text = dedent(CONFIG).format(**{"options": "", "epochs": 2, **values})
    path.write_text(text, encoding="utf-8")
    return path


class TestLogCosh(LossSuite):
    component = ("loss", "log_cosh")
    options = {"scale": 0.5}  # noqa: RUF012
    value_of_equal = 0.0


class TestLinearFilter(RestorerSuite):
    component = ("linear_filter", "")
    options = {"radius": 2}  # noqa: RUF012


class TestLinearFilterOfSeveralChannels(RestorerSuite):
    component = ("linear_filter", "")
    options = {"radius": 1}  # noqa: RUF012
    channels_in = 2
    channels_out = 3


class TestLinearFilterInVolumes(RestorerSuite):
    component = ("linear_filter", "")
    options = {"radius": 1}  # noqa: RUF012
    axes = "ZYX"


def test_both_are_listed_with_the_packages_that_they_come_from(l2l):
    status, out, errors = l2l("plugins", "list", "--json")
    assert status == 0, errors
    found = json.loads(out)
    components = {
        (one["kind"], one["name"]): (one["distribution"], one["available"])
        for one in found["components"]
    }
    assert components["loss", "log_cosh"] == ("l2l-log-cosh", True)
    assert components["restorer", "linear_filter"] == ("l2l-linear-filter", True)
    assert not [one for one in found["broken"] if one["distribution"].startswith("l2l-")]


@pytest.mark.parametrize("name", ["l2l-log-cosh", "l2l-linear-filter"])
def test_the_check_for_authors_finds_nothing_wrong(l2l, name):
    status, out, _ = l2l("plugins", "check", name)
    assert status == 0, out
    assert "BROKEN" not in out


def test_the_loss_is_quadratic_near_zero_and_linear_far_from_it():
    from l2l_core.ops import NumpyOps

    loss, target = get("loss", "log_cosh", scale=1.0), np.zeros((1, 1, 4, 4))
    near = loss(NumpyOps(), target, target + 0.01, channel_axis=1)
    far = loss(NumpyOps(), target, target + 1000.0, channel_axis=1)
    assert near == pytest.approx(0.5 * 0.01**2, rel=1e-3)
    assert far == pytest.approx(1000.0 - np.log(2.0), rel=1e-6)


def test_a_configuration_with_the_loss_trains_a_network_that_restores(l2l, folder):
    pytest.importorskip("torch", reason="care needs torch, which is not installed: make test")
    config = write_config(
        folder, "loss", restorer="care", options="depth = 1, first_filters = 4", loss="log_cosh"
    )
    run, out = folder / "run-loss", folder / "restored-loss.tif"
    status, _, errors = l2l("train", config, "--out", run, "--device", "cpu")
    assert status == 0, errors
    training = read_record(run / "model").training
    assert training["config"]["loss"]["target"] == {"name": "log_cosh", "options": {"scale": 1.0}}
    assert training["plugins"] == {"l2l-log-cosh": version("l2l-log-cosh")}
    image = folder / "pairs" / "input" / "pair-0001.ome.tif"
    status, _, errors = l2l("restore", run, image, "--out", out, "--device", "cpu")
    assert status == 0, errors
    assert np.isfinite(open_image(out).read()).all()


def test_a_configuration_with_the_restorer_trains_resumes_and_restores(l2l, folder):
    values = {"restorer": "linear_filter", "options": "radius = 2", "loss": "mse"}
    config = write_config(folder, "filter", epochs=4, **values)
    for name in ("whole", "resumed"):
        first = ["--set", "train.epochs=2"] if name == "resumed" else []
        status, _, errors = l2l("train", config, "--out", folder / name, *first)
        assert status == 0, errors
    status, _, errors = l2l(
        *("train", config, "--out", folder / "resumed", "--resume"),
        *("--set", "train.epochs=4"),
    )
    assert status == 0, errors
    assert "going on after epoch 2" in errors
    whole, resumed = (read_model(folder / name / "model")[1] for name in ("whole", "resumed"))
    np.testing.assert_array_equal(resumed["kernel"], whole["kernel"])
    assert np.abs(whole["kernel"]).max() > 0

    source = folder / "pairs" / "input" / "pair-0001.ome.tif"
    for name, tile in (("one", []), ("many", ["--tile", 24])):
        out = folder / f"{name}.tif"
        status, _, errors = l2l("restore", folder / "whole", source, "--out", out, *tile)
        assert status == 0, errors
    one, many = (open_image(folder / f"{name}.tif").read() for name in ("one", "many"))
    np.testing.assert_allclose(many, one, rtol=1e-5, atol=1e-5 * one.std())


def test_the_filter_brings_held_out_images_closer_to_the_benchmark(l2l, folder):
    values = {"restorer": "linear_filter", "loss": "mse"}
    config = write_config(folder, "better", **values)
    status, _, errors = l2l("train", config, "--out", folder / "better")
    assert status == 0, errors
    fresh = folder / "fresh"
    write_pairs("filaments", fresh, 1, 99, evolve(SPECIMENS["filaments"], size=(64, 66)))
    image = fresh / "input" / "pair-0001.ome.tif"
    benchmark = fresh / "benchmark" / image.name
    l2l("restore", folder / "better", image, "--out", folder / "better.tif")
    scores = []
    for one in (image, folder / "better.tif"):
        _, out, _ = l2l(
            *("evaluate", one, "--reference", benchmark, "--metrics", "nrmse"),
            *("--fit-gain", "--json"),
        )
        scores.append(json.loads(out)["metrics"]["nrmse"]["mean"])
    assert scores[1] < scores[0]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.py")), ids=lambda path: path.name)
def test_an_example_is_short_enough_to_be_read_at_once(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
