"""A tiny third-party method exports itself; CARE is exported by its ONNX engine."""

import json

import numpy as np
import pytest

from l2l_core.cli.main import main
from l2l_core.components.factory import make_restorer
from l2l_core.components.options import unstructure
from l2l_core.config import NormalizerConfig
from l2l_core.errors import ComponentError, MissingDependencyError, ModelNotFoundError, OutputError
from l2l_core.images.normalization import Normalization
from l2l_core.models.model_file import (
    ModelRecord,
    NormalizationRecord,
    SideNormalization,
    write_model,
)
from l2l_core.workflows.export import export_after_training, export_onnx
from l2l_core.workflows.model import load_model

GAIN = """
    import numpy as np
    from l2l_core.components import Geometry, Restorer, RestorerInfo, hookimpl

    class Gain(Restorer):
        "Multiplies by one learnt number."

        def __init__(self, options, **around):
            super().__init__(options, **around)
            channels = self.channels_in
            self.geometry = Geometry(axes=self.axes, channels_in=channels, channels_out=channels)
            self.gain = np.float32(1)

        def restore(self, batch):
            return {"mean": batch * self.gain}

        def state(self):
            return {"gain": np.array(self.gain)}

        def load_state(self, state):
            self.gain = np.float32(state["gain"])

    class Exporting(Gain):
        def export_onnx(self):
            import onnx
            from onnx import TensorProto, helper

            sides = ["N", self.channels_in, *self.axes]
            float32 = TensorProto.FLOAT
            graph = helper.make_graph(
                [helper.make_node("Mul", ["image", "gain"], ["mean"])],
                "gain",
                [helper.make_tensor_value_info("image", float32, sides)],
                [helper.make_tensor_value_info("mean", float32, sides)],
                [helper.make_tensor("gain", float32, [], [float(self.gain)])],
            )
            opset = [helper.make_opsetid("", 13)]
            return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()

    class Failing(Gain):
        def export_onnx(self):
            raise RuntimeError("no exporter\\nfor this")

    @hookimpl
    def l2l_restorers():
        for name in ("gain", "exporting", "failing"):
            yield RestorerInfo(
                name=name, target=f"l2l_gain:{name.capitalize()}", summary="A factor"
            )
"""


def written(folder, name, engine="", options=None):
    restorer = make_restorer(name, engine, options, axes="YX", device="cpu")
    side = SideNormalization(
        spec=NormalizerConfig(scope="dataset"), numbers=Normalization((100.0,), (50.0,))
    )
    record = ModelRecord(
        restorer=name,
        supplier="label2label",
        options=unstructure(restorer.options),
        axes="YX",
        channels_in=1,
        channels_out=1,
        geometry=restorer.geometry,
        normalization=NormalizationRecord(input=side, target=side, output="target"),
    )
    state = restorer.state()
    if "gain" in state:
        state["gain"] = np.array(2.5, np.float32)
    return write_model(folder, record, state)


def run(path, image):
    """Return what ONNX Runtime makes of an image, and the metadata that it shows."""
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (mean,) = session.run(["mean"], {"image": image})
    return mean, session.get_modelmeta().custom_metadata_map


def test_care_is_written_with_all_that_another_software_must_know(tmp_path, capsys):
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    record = written(tmp_path / "model", "care", "onnx", {"depth": 1, "first_filters": 4})
    out = tmp_path / "new" / "care.onnx"
    assert main(["model", "export-onnx", str(tmp_path / "model"), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}: care, image (N, 1, Y, X) float32 -> mean\n"
    assert "how they are normalised" in said.err
    raw = np.random.default_rng(0).gamma(2, 40, (32, 48)).astype(np.float32)
    normalised = ((raw - 100) / 50).astype(np.float32)
    mean, metadata = run(out, normalised[None, None])
    expected = load_model(tmp_path / "model", backend="onnx", device="cpu").restore(raw, axes="YX")
    np.testing.assert_allclose(mean[0, 0] * 50 + 100, expected, rtol=1e-5, atol=1e-3)
    assert metadata["axes"] == "NCYX"
    assert metadata["model_sha256"] == record.sha256
    assert metadata["restorer"] == "care"
    assert metadata["software"].startswith("label2label ")
    assert json.loads(metadata["halo"]) == list(record.geometry.halo)
    assert json.loads(metadata["multiple"]) == [2, 2]
    assert json.loads(metadata["outputs"]) == ["mean"]
    normalization = json.loads(metadata["normalization"])
    assert normalization["input"]["numbers"] == {"offset": [100.0], "scale": [50.0]}
    assert normalization["target"]["spec"]["method"]
    assert "no measure of amounts" in metadata["note"]


def test_nothing_is_overwritten(tmp_path, capsys):
    out = tmp_path / "model.onnx"
    out.write_text("mine")
    with pytest.raises(OutputError, match="exists already, and is not replaced"):
        export_onnx(tmp_path / "model", out)
    assert main(["model", "export-onnx", str(tmp_path / "model"), "--out", str(out)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no model at"):
        export_onnx(tmp_path / "absent", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_without_onnx_the_message_names_the_extra(install, tmp_path):
    """The same situation as where onnx is missing, of a method that surely lacks something."""
    install(
        "l2l-lacking",
        """
        from l2l_core.components import RestorerInfo, hookimpl

        @hookimpl
        def l2l_restorers():
            common = dict(name="gain", summary="A factor")
            yield RestorerInfo(target="l2l_gain:Gain", **common)
            yield RestorerInfo(
                engine="onnx", target="l2l_gain:Gain", trains=False, requires="l2l_absent",
                install="l2l-lacking[onnx]", **common
            )
        """,
    )
    install("l2l-gain", GAIN.replace('("gain", ', "("))
    written(tmp_path / "model", "gain")
    with pytest.raises(MissingDependencyError, match=r"pip install 'l2l-lacking\[onnx\]'"):
        export_onnx(tmp_path / "model", tmp_path / "model.onnx")


def test_a_method_without_a_graph_says_so(install, tmp_path):
    install("l2l-gain", GAIN)
    written(tmp_path / "model", "gain")
    with pytest.raises(ComponentError, match="'gain' of label2label offers none"):
        export_onnx(tmp_path / "model", tmp_path / "model.onnx")
    assert list(tmp_path.glob("*.onnx")) == []


def test_a_stranger_exports_its_own_graph(install, tmp_path):
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    install("l2l-gain", GAIN)
    record = written(tmp_path / "model", "exporting")
    export_onnx(tmp_path / "model", tmp_path / "model.onnx")
    image = np.random.default_rng(0).normal(size=(2, 1, 5, 7)).astype(np.float32)
    mean, metadata = run(tmp_path / "model.onnx", image)
    np.testing.assert_array_equal(mean, image * np.float32(2.5))
    assert metadata["model_sha256"] == record.sha256


def test_at_the_end_of_training_a_method_writes_its_graph_where_it_can(install, tmp_path):
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    install("l2l-gain", GAIN)
    path, said = tmp_path / "model.onnx", []
    for name in ("gain", "failing", "exporting"):
        record = written(tmp_path / name, name)
        restorer = make_restorer(name, "", axes="YX", device="cpu")
        export_after_training(restorer, record, path, said.append)
        assert path.exists() == (name == "exporting")
    failed, wrote = said
    assert failed == (
        "the model cannot be written as an ONNX graph (RuntimeError: no exporter for this); it is "
        "whole without"
    )
    assert wrote == f"wrote the graph {path}"


def test_care_needs_no_graph_beside_its_model(tmp_path):
    """Its ONNX engine makes one whenever it is asked for, from the same weights."""
    pytest.importorskip("torch", reason="the torch engine is not installed")
    restorer = make_restorer("care", "torch", {"depth": 1, "first_filters": 2}, axes="YX")
    record = written(tmp_path / "model", "care", "torch", {"depth": 1, "first_filters": 2})
    said = []
    export_after_training(restorer, record, tmp_path / "model.onnx", said.append)
    assert said == []
    assert not (tmp_path / "model.onnx").exists()
