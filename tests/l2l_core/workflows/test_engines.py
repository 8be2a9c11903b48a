import subprocess
import sys

import pytest

from l2l_core.components import RestorerInfo
from l2l_core.components import registry as registry_module
from l2l_core.components.discovery import Registration
from l2l_core.components.registry import Registry
from l2l_core.errors import ComponentError, MissingDependencyError, UnknownComponentError
from l2l_core.workflows import engines


def engine(engine_name, *, requires=(), name="net", supervision="paired", **values):
    info = RestorerInfo(
        name=name,
        engine=engine_name,
        target="nowhere:Net",
        summary="A network",
        supervision=supervision,
        requires=requires,
        install=f"label2label[{engine_name}]",
        **values,
    )
    return Registration(info, "label2label", "1.0", "label2label")


def known(monkeypatch, *registrations):
    """Have the registry hold these restorers and no others."""
    found = Registry(registrations, (), {})
    monkeypatch.setattr(registry_module, "registry", lambda: found)
    monkeypatch.setattr(engines, "registry", lambda: found)
    monkeypatch.setattr("l2l_core.components.engines.registry", lambda: found)


ABSENT = ("surely_not_installed",)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def chosen(*args, **kwargs):
    return engines.choose(*args, **kwargs).info.engine


@pytest.mark.usefixtures("no_gpu")
def test_on_a_cpu_the_first_of_onnx_torch_and_tensorflow_predicts(monkeypatch):
    known(monkeypatch, engine("tensorflow"), engine("torch"), engine("onnx", trains=False))
    assert chosen("net") == "onnx"
    known(monkeypatch, engine("tensorflow"), engine("torch"), engine("onnx", requires=ABSENT))
    assert chosen("net") == "torch"
    known(monkeypatch, engine("tensorflow"), engine("torch", requires=ABSENT))
    assert chosen("net") == "tensorflow"


def test_on_a_gpu_its_framework_predicts(monkeypatch):
    known(monkeypatch, engine("tensorflow"), engine("torch"), engine("onnx", trains=False))
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    assert chosen("net") == "torch"
    assert chosen("net", device="cpu") == "onnx"
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    assert chosen("net", device="gpu:1") == "torch"


def test_torch_trains_before_tensorflow(monkeypatch):
    known(monkeypatch, engine("tensorflow"), engine("torch"), engine("onnx", trains=False))
    assert chosen("net", purpose="train") == "torch"
    known(monkeypatch, engine("tensorflow"), engine("torch", requires=ABSENT))
    assert chosen("net", purpose="train") == "tensorflow"


@pytest.mark.usefixtures("no_gpu")
def test_an_engine_of_a_third_party_comes_last_and_no_framework_first(monkeypatch):
    known(monkeypatch, engine("jax"), engine("torch"))
    assert chosen("net") == "torch"
    known(monkeypatch, engine("jax"), engine(""))
    assert chosen("net") == ""


def test_an_engine_by_its_name(monkeypatch):
    known(monkeypatch, engine("tensorflow"), engine("torch"))
    assert chosen("net", "tensorflow") == "tensorflow"
    assert chosen("net", "tensorflow", "train") == "tensorflow"


def test_an_unknown_backend_names_the_known_ones(monkeypatch):
    known(monkeypatch, engine("tensorflow"), engine("torch"))
    with pytest.raises(
        UnknownComponentError,
        match=r"no backend is called 'trch', did you mean 'torch'\? Known: auto, tensorflow, torch",
    ):
        engines.choose("net", "trch")


def test_a_backend_that_this_restorer_does_not_have(monkeypatch):
    known(monkeypatch, engine("torch"), engine("tensorflow", name="other"))
    with pytest.raises(UnknownComponentError, match="'net' does not run on 'tensorflow'; it runs"):
        engines.choose("net", "tensorflow")


@pytest.mark.parametrize("purpose", ["predict", "train"])
def test_a_backend_that_is_not_installed_names_the_extra(monkeypatch, purpose):
    known(monkeypatch, engine("torch", requires=ABSENT))
    for backend in ("torch", "auto"):
        with pytest.raises(
            MissingDependencyError,
            match=r"surely_not_installed.*not installed.*pip install .*label2label\[torch\]",
        ):
            engines.choose("net", backend, purpose)


def test_no_backend_for_a_filter():
    assert chosen("gaussian") == ""
    with pytest.raises(ComponentError, match="'gaussian' needs no framework"):
        engines.choose("gaussian", "torch")
    with pytest.raises(ComponentError, match="without training"):
        engines.choose("gaussian", purpose="train")


def test_an_engine_that_only_predicts_is_not_trained(monkeypatch):
    known(monkeypatch, engine("torch"), engine("onnx", trains=False))
    with pytest.raises(ComponentError, match="only predicts"):
        engines.choose("net", "onnx", "train")


def test_an_unknown_restorer_is_suggested():
    with pytest.raises(UnknownComponentError, match="did you mean 'gaussian'"):
        engines.choose("gausian")


def test_hidden_devices_are_no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert not engines.has_gpu()


def test_choosing_imports_no_framework():
    script = (
        "import sys; from l2l_core.workflows import engines; engines.choose('care', 'auto');"
        "assert not {'torch', 'tensorflow', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
