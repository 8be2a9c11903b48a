import pytest

from l2l_core.models.onnx_metadata import with_metadata


@pytest.mark.parametrize("length", [0, 1, 127, 128, 20_000, 3_000_000])
def test_the_onnx_package_reads_what_was_added(length):
    onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
    model = onnx.ModelProto(ir_version=8, producer_name="somebody")
    model.metadata_props.add(key="before", value="kept")
    added = {"note": "µ" * length, "k" * max(1, length % 300): "v"}
    read = onnx.load_from_string(with_metadata(model.SerializeToString(), added))
    assert {one.key: one.value for one in read.metadata_props} == {"before": "kept", **added}
    assert read.producer_name == "somebody"


def test_nothing_added_is_nothing_changed():
    assert with_metadata(b"\x08\x08", {}) == b"\x08\x08"
