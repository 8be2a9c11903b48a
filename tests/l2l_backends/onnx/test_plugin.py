import subprocess
import sys

from l2l_backends.onnx.plugin import l2l_restorers


def test_care_is_announced_for_prediction_alone():
    (care,) = l2l_restorers()
    assert care.key == ("care", "onnx")
    assert care.requires == ("onnx", "onnxruntime")
    assert care.install == "label2label[onnx]"
    assert not care.trains


def test_announcing_imports_no_framework():
    code = (
        "import sys; from l2l_backends.onnx.plugin import l2l_restorers; list(l2l_restorers());"
        "sys.exit(any(n in sys.modules for n in ('onnx', 'onnxruntime', 'torch', 'numpy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
