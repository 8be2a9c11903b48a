import subprocess
import sys

from l2l_backends.torch.plugin import l2l_restorers


def test_care_is_announced_for_torch():
    (care,) = (info for info in l2l_restorers() if info.name == "care")
    assert care.key == ("care", "torch")
    assert care.requires == ("torch",)
    assert care.install == "label2label[torch]"
    assert care.trains


def test_announcing_imports_no_framework():
    code = (
        "import sys; from l2l_backends.torch.plugin import l2l_restorers; list(l2l_restorers());"
        "sys.exit(any(name in sys.modules for name in ('torch', 'tensorflow', 'numpy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_description_and_training_loop_import_no_framework():
    code = (
        "import sys; import l2l_backends.care_network, l2l_backends.training.loop;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'tensorflow')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
