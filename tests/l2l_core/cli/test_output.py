from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from l2l_core.cli.main import main
from l2l_core.cli.output import say_json

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_numbers_that_json_has_not_become_null(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"a": [math.inf, 1.5], "b": {"c": (math.nan, "inf")}})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.5], "b": {"c": [None, "inf"]}}


def test_equal_images_are_scored_in_json_though_their_psnr_is_infinite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).random((40, 40)))
    arguments = ["evaluate", str(path), "--reference", str(path), "--metrics", "psnr", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["reference"] == str(path)
