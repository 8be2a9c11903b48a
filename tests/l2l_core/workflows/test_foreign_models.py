from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import l2l_core as l2l
from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_core.cli.main import main
from l2l_core.components.registry import registry
from l2l_core.errors import (
    ModelDamagedError,
    ModelError,
    ModelNotFoundError,
    OutputError,
    UnknownComponentError,
    UnsupportedModelError,
)
from l2l_core.models.model_file import (
    ModelRecord,
    NormalizationRecord,
    SideNormalization,
    read_model,
    write_model,
)
from l2l_core.workflows.foreign_models import export_model, import_model
from l2l_core.workflows.model import existing, find_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCALE = """\
    import json

    import numpy as np
    from l2l_core.components import (
        Geometry, ModelContent, ModelFormat, ModelFormatInfo, Restorer, RestorerInfo, hookimpl
    )

    @hookimpl
    def l2l_model_formats():
        yield ModelFormatInfo(
            name="factor", target="l2l_factor:FactorFile", summary="file factor.json"
        )

    @hookimpl
    def l2l_restorers():
        yield RestorerInfo(name="factor", target="l2l_factor:Factor", summary="Multiplies")

    class Factor(Restorer):
        def __init__(self, options, **where):
            super().__init__(options, **where)
            self.geometry = Geometry(axes=self.axes, channels_in=1, channels_out=1)

        def restore(self, batch):
            return {"mean": batch * self.factor}

        def load_state(self, state):
            self.factor = state["factor"]

    class FactorFile(ModelFormat):
        def recognizes(self, path):
            return (path / "factor.json").exists()

        def read(self, path, weights=""):
            factor = json.loads((path / "factor.json").read_text())
            return ModelContent(
                restorer="factor",
                options={},
                axes="YX",
                geometry=Geometry(axes="YX", channels_in=1, channels_out=1),
                state={"factor": np.float32(factor)},
                normalization={"input": {"spec": {"method": "none"}}, "output": "input"},
            )
"""


def care_record(**changes: Any) -> tuple[ModelRecord, dict[str, np.ndarray]]:
    network = CareNetwork(CareOptions(depth=1, kernel=3, first_filters=2), "YX")
    facts: dict[str, Any] = {
        "restorer": "care",
        "options": {"depth": 1, "kernel": 3, "first_filters": 2},
        "axes": "YX",
        "channels_in": 1,
        "channels_out": 1,
        "geometry": network.geometry(),
        "normalization": NormalizationRecord(output="input"),
    }
    return ModelRecord(**{**facts, **changes}), dict(network.initial_state(1))


@pytest.fixture
def care(tmp_path: Path) -> Path:
    """Return a CARE folder."""
    record, state = care_record()
    export_model(record, state, tmp_path / "care", format="csbdeep")
    return tmp_path / "care"


def test_format_of_a_third_party_is_read_wherever_a_model_is_asked_for(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install("l2l-factor", SCALE)
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "factor.json").write_text("3")
    with l2l.load_model(folder) as model:
        np.testing.assert_array_equal(model.restore(np.ones((4, 4)), "YX"), np.full((4, 4), 3.0))
        assert model.info.supplier == "l2l-factor 1.0"
        assert model.info.training == {"imported": {"format": "factor"}}
    assert import_model(folder, tmp_path / "own", format="factor") == find_record(folder)
    with pytest.raises(UnsupportedModelError, match="FactorFile only reads models"):
        export_model(*existing(folder), tmp_path / "out", format="factor")
    assert not (tmp_path / "out").exists()


def test_format_that_cannot_be_loaded_is_left_out(
    install: Callable[..., None], care: Path, tmp_path: Path
) -> None:
    install(
        "aaa",
        """
        from l2l_core.components import ModelFormatInfo, hookimpl

        @hookimpl
        def l2l_model_formats():
            yield ModelFormatInfo(name="aaa", target="nowhere:Format", summary="Broken")
        """,
    )
    assert find_record(care).restorer == "care"
    (tmp_path / "other").mkdir()
    with pytest.raises(ModelNotFoundError, match="no model"):
        l2l.load_model(tmp_path / "other")


def test_export_and_import_give_the_same_model_again(care: Path, tmp_path: Path) -> None:
    record, state = care_record()
    imported = import_model(care, tmp_path / "again", format="csbdeep")
    assert imported == find_record(care)
    assert (imported.options["depth"], imported.geometry) == (1, record.geometry)
    _, again = read_model(tmp_path / "again")
    for name, values in state.items():
        np.testing.assert_array_equal(again[name], values)


def test_import_replaces_a_model_and_nothing_else(care: Path, tmp_path: Path) -> None:
    import_model(care, tmp_path / "model", format="csbdeep")
    import_model(care, tmp_path / "model", format="csbdeep")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("")
    with pytest.raises(OutputError, match="is no model folder"):
        import_model(care, tmp_path / "other", format="csbdeep")


def test_import_from_nowhere_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing at .*config\.json and Keras weights"):
        import_model(tmp_path / "none", tmp_path / "model", format="csbdeep")
    with pytest.raises(UnknownComponentError, match="no model_format is called 'csbdep'"):
        import_model(tmp_path, tmp_path / "model", format="csbdep")


def test_damaged_folder_leaves_no_model_behind(care: Path, tmp_path: Path) -> None:
    (care / "config.json").write_text("{")
    with pytest.raises(ModelDamagedError, match="no JSON"):
        import_model(care, tmp_path / "model", format="csbdeep")
    assert not (tmp_path / "model").exists()


def test_export_overwrites_nothing_and_leaves_nothing_half_done(care: Path, tmp_path: Path) -> None:
    record, state = care_record()
    with pytest.raises(OutputError, match="exists already"):
        export_model(record, state, care, format="csbdeep")
    with pytest.raises(UnsupportedModelError, match="depth 6"):
        export_model(
            care_record(options={"depth": 6})[0], state, tmp_path / "new", format="csbdeep"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["care"]


def test_model_whose_units_cannot_be_put_back_is_not_exported(tmp_path: Path) -> None:
    write_model(tmp_path / "model", *care_record(normalization=NormalizationRecord(
        input=SideNormalization(), output="target")))  # fmt: skip
    with pytest.raises(ModelDamagedError, match="no numbers of the target"):
        existing(tmp_path / "model")


def test_folder_of_anything_else_is_still_no_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ModelNotFoundError, match=r"no model\.json in it.*CARE folder of CSBDeep"):
        l2l.load_model(tmp_path)


def test_commands_import_show_and_export(
    care: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", "info", str(care)]) == 0
    assert "imported from" in capsys.readouterr().out
    assert main(["model", "info", str(care), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["training"]["imported"]["format"] == "csbdeep"
    (care / "weights_best.h5").rename(care / "mine.h5")
    (care / "weights_last.h5").write_bytes(b"")
    into = ["--out", str(tmp_path / "model")]
    assert main(["model", "import-csbdeep", str(care), *into]) == 1
    assert "--weights FILE" in capsys.readouterr().err
    assert main(["model", "import-csbdeep", str(care), *into, "--weights", "mine.h5"]) == 0
    assert "from mine.h5" in capsys.readouterr().out
    back = tmp_path / "back"
    assert main(["model", "export-csbdeep", str(tmp_path / "model"), "--out", str(back)]) == 0
    assert sorted(path.name for path in back.iterdir()) == ["config.json", "weights_best.h5"]


def test_export_of_a_model_with_units_of_its_own_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(
        tmp_path / "model", *care_record(normalization=NormalizationRecord(output="normalized"))
    )
    out = str(tmp_path / "care")
    assert main(["model", "export-csbdeep", str(tmp_path / "model"), "--out", out]) == 0
    assert "predict.py" in capsys.readouterr().err
    assert (tmp_path / "care" / "predict.py").is_file()


def test_own_format_is_listed() -> None:
    names = [found.info.name for found in registry().of_kind("model_format")]
    assert names == ["csbdeep"]
