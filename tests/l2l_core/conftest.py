"""A small set of simulated pairs, a configuration for it, and a run trained on it."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from l2l_core.data.simulation import SPECIMENS, write_pairs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from l2l_core.workflows.train import RunResult

CONFIG = """\
    seed = 3

    [data]
    input = "{input}"
    target = "{target}"
    validation = 0.25

    [patches]
    shape = [16, 16]
    validation = 4

    [[augment]]
    name = "flip"

    [restorer]
    device = "cpu"
    options = {{ depth = 1, kernel = 3, first_filters = 4 }}

    [loss]
    name = "mae"

    [train]
    epochs = 2
    steps_per_epoch = 3
    batch_size = 2
    metrics = ["psnr"]
    """


def write_config(folder: Path, pairs: Path) -> Path:
    path = folder / "config.toml"
    filled = dedent(CONFIG).format(input=pairs / "input", target=pairs / "benchmark")
    path.write_text(filled, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with input/, benchmark/ and truth/, four fields of 48 x 52 pixels each."""
    folder = tmp_path_factory.mktemp("simulated") / "pairs"
    write_pairs("filaments", folder, 4, 5, evolve(SPECIMENS["filaments"], size=(48, 52)))
    return folder


@pytest.fixture(scope="session")
def configure(pairs: Path) -> Callable[[Path], Path]:
    """Return a function that writes a configuration for `pairs` into a folder."""
    return lambda folder: write_config(folder, pairs)


@pytest.fixture
def config(tmp_path: Path, pairs: Path) -> Path:
    """Return a configuration that trains a tiny network on `pairs` in a second or two."""
    return write_config(tmp_path, pairs)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, pairs: Path) -> RunResult:
    """Return a finished run; its folder must not be changed."""
    pytest.importorskip("torch", reason="training needs the torch engine, which is not installed")
    from l2l_core.workflows.train import train

    folder = tmp_path_factory.mktemp("trained")
    return train(write_config(folder, pairs), folder / "run")
