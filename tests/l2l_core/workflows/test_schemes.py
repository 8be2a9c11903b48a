"""Each training scheme from its preset to a scored restoration, by the commands that a user types.

Networks of four filters learn for two steps from three small images.
"""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from attrs import evolve

from l2l_core.cli.main import main
from l2l_core.data.simulation import SPECIMENS, write_pairs
from l2l_core.images.reading import open_image
from l2l_core.models.model_file import read_record

pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")

SMALL = (
    "patches.shape=[48, 48]", "patches.validation=4", "data.validation=0.3",
    "train.epochs=1", "train.steps_per_epoch=2", "train.batch_size=2",
    "restorer.options.kernel=3", "restorer.options.first_filters=4",
)  # fmt: skip


SIZE = (112, 112)
SIZES = {"caveolae": (288, 288)}
"""Puncta are sparse, and a small field may hold none."""


@dataclass
class Scheme:
    preset: str
    specimen: str
    target: str = "benchmark"
    loss: str = "mae"
    channels: tuple[str, ...] = ("input",)


SCHEMES = (
    Scheme("actin", "actin", loss="ms_ssim"),
    Scheme("tubulin", "tubulin", loss="ms_ssim"),
    Scheme("caveolae", "caveolae", loss="ms_ssim"),
    Scheme("paxillin", "paxillin"),
    Scheme("separation", "nucleus_membrane", channels=("nucleus", "membrane")),
    Scheme("noise2noise", "actin", target="input_repeat"),
    Scheme("noise2clean", "actin", target="input_average"),
    Scheme("probabilistic", "actin", loss="laplace"),
)


@pytest.fixture(scope="module")
def specimens(tmp_path_factory):
    """Return a function that gives the folder of a specimen's pairs."""
    folder = tmp_path_factory.mktemp("specimens")

    def made(name):
        if not (folder / name).exists():
            options = evolve(
                SPECIMENS[name], size=SIZES.get(name, SIZE), repeat=True, average_frames=4
            )
            write_pairs(name, folder / name, 3, 7, options)
        return folder / name

    return made


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.preset)
def test_a_preset_trains_and_what_it_restores_is_scored(scheme, specimens, tmp_path, capsys):
    pairs = specimens(scheme.specimen)
    config, run = str(tmp_path / "run.toml"), str(tmp_path / "run")
    assert main(["config", "init", "--preset", scheme.preset, "-o", config]) == 0
    places = (f"data.input={pairs / 'input'}", f"data.target={pairs / scheme.target}")
    changes = [part for one in (*places, *SMALL) for part in ("--set", one)]
    assert main(["train", config, "--out", run, *changes]) == 0
    # Each scheme takes the label of lower contrast, or the noisier image, as its input.
    assert "warning" not in capsys.readouterr().err

    source = pairs / "input" / "pair-0001.ome.tif"
    restored = tmp_path / "restored.ome.tif"
    arguments = ["restore", run, str(source), "--out", str(restored), "--all-outputs"]
    assert main(arguments) == 0
    found = open_image(restored)
    assert found.info.channel_names == scheme.channels
    assert found.info.sizes.get("C", 1) == len(scheme.channels)
    assert {axis: found.info.sizes[axis] for axis in "YX"} == dict(
        zip("YX", SIZES.get(scheme.specimen, SIZE), strict=True)
    )
    assert found.info.pixel_size == open_image(source).info.pixel_size
    pixels = found.read()
    assert np.isfinite(pixels).all()
    assert np.ptp(pixels) > 0

    capsys.readouterr()
    reference = str(pairs / scheme.target / source.name)
    metrics = ["--metrics", "nrmse,pearson", "--json"]
    assert main(["evaluate", str(restored), "--reference", reference, *metrics]) == 0
    assert json.loads(capsys.readouterr().out)

    record = read_record(tmp_path / "run" / "model")
    assert record.training["config"]["loss"]["target"]["name"] == scheme.loss
    assert (record.channels_in, record.channels_out) == (1, len(scheme.channels))
    scale = tmp_path / "restored_scale.ome.tif"
    assert scale.exists() == (scheme.preset == "probabilistic")
    if scale.exists():
        assert open_image(scale).read().min() > 0


def test_labels_that_are_swapped_train_with_a_warning(specimens, tmp_path, capsys):
    pairs = specimens("actin")
    config = str(tmp_path / "run.toml")
    assert main(["config", "init", "--preset", "paxillin", "-o", config]) == 0
    capsys.readouterr()
    places = (f"data.input={pairs / 'benchmark'}", f"data.target={pairs / 'input'}")
    changes = [part for one in (*places, *SMALL) for part in ("--set", one)]
    assert main(["train", config, "--out", str(tmp_path / "run"), *changes]) == 0
    said = capsys.readouterr().err
    assert "warning: the inputs have a higher Michelson contrast" in said
    assert "see whether they are swapped" in said
    assert (tmp_path / "run" / "model").is_dir()
