"""``l2l compare``: what it prints; filters alone, so that nothing is trained."""

import json

import pytest

from l2l_core.cli.main import main


@pytest.fixture
def arguments(pairs, tmp_path):
    return [
        *("compare", "--out", str(tmp_path / "out"), "--metric", "nrmse,pearson"),
        *("--input", str(pairs / "input"), "--target", str(pairs / "benchmark")),
        *("--filter", "gaussian:sigma=1.5", "--filter", "median"),
    ]


def test_a_table_and_a_sentence_are_printed(arguments, tmp_path, capsys):
    assert main(arguments) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].split() == ["Method", "NRMSE", "↓", "Pearson", "↑"]
    assert [line.split()[0] for line in lines[1:4]] == ["input", "gaussian", "median"]
    assert sum(line.count(" *") for line in lines[1:4]) == 2
    assert "images: 4" in shown.out
    assert "No network was compared" in shown.out
    assert str(tmp_path / "out" / "report.html") in shown.out
    assert "method 2 of 2: median" in shown.err
    assert "compared on 4 images: " in shown.err
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    # The picture is tall, and its caption stands above it.
    assert page.index('<figcaption class="above">') < page.index("<img ")


def test_json_alone_is_printed_and_resumed(arguments, capsys):
    assert main(arguments) == 0
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 1
    assert "holds a comparison; go on with it by --resume" in capsys.readouterr().err
    assert main([*arguments, "--json", "--resume"]) == 0
    shown = capsys.readouterr()
    assert "method 1" not in shown.err
    found = json.loads(shown.out)
    assert [one["method"] for one in found["methods"]] == ["input", "gaussian:sigma=1.5", "median"]
    assert found["data_range"] == 1
    assert len(found["images"]) == 4


def test_wrong_usage_is_told_from_failure(arguments, capsys):
    assert main([*arguments, "--hold-out", "1"]) == 2
    assert main(["compare", "nowhere", "--out", "x"]) == 1
    assert "no model at nowhere" in capsys.readouterr().err
