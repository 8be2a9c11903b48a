import pytest

from l2l_core.errors import OutputError
from l2l_core.images import open_image
from l2l_core.workflows import demo as module
from l2l_core.workflows.demo import commands, demo


@pytest.fixture
def small(monkeypatch):
    """Make the demo's set small; everything else is as it is for users."""
    pytest.importorskip("torch", reason="the demo trains, and no engine that trains is installed")
    monkeypatch.setattr(module, "TRAIN_PAIRS", 4)
    monkeypatch.setattr(module, "HELD_OUT_PAIRS", 2)
    shorter = module.CONFIG.replace("steps_per_epoch = 50", "steps_per_epoch = 2")
    monkeypatch.setattr(module, "CONFIG", shorter)


def test_the_demo_ends_with_restorations_a_report_and_a_picture(small, tmp_path):
    result = demo(tmp_path / "demo", epochs=1)
    page = result.report.read_text(encoding="utf-8")
    assert "truth" in page.lower()
    assert "data:image/png" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert result.picture.read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "demo" / "restored").iterdir())) == 2
    assert {row.reference for row in result.comparison.rows} == {"benchmark", "truth"}
    restored = open_image(next((tmp_path / "demo" / "restored").iterdir()))
    assert restored.info.metadata["provenance"]["restorer"] == "care"
    before = (result.run.model / "weights.safetensors").stat().st_mtime_ns
    assert demo(tmp_path / "demo", epochs=1).run.fit == result.run.fit
    assert (result.run.model / "weights.safetensors").stat().st_mtime_ns == before


def test_the_demo_leaves_a_folder_of_something_else_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years of work", encoding="utf-8")
    with pytest.raises(OutputError, match="choose another folder"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_commands_name_the_seeds_that_were_used(tmp_path):
    assert any("--seed 1" in line for line in commands(tmp_path))
