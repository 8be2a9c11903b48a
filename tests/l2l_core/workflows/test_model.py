from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from l2l_core.components.factory import make_restorer
from l2l_core.config import NormalizerConfig
from l2l_core.errors import (
    ComponentError,
    ModelDamagedError,
    ModelNotFoundError,
    OptionsError,
    UnknownComponentError,
)
from l2l_core.images.normalization import Normalization
from l2l_core.models.model_file import (
    ModelRecord,
    NormalizationRecord,
    SideNormalization,
    write_model,
)
from l2l_core.models.run_folder import RunFolder, RunRecord
from l2l_core.workflows.engines import choose
from l2l_core.workflows.model import load_model

OPTIONS = {"depth": 1, "kernel": 3, "first_filters": 4}


def network():
    pytest.importorskip("torch")
    return make_restorer("care", "torch", OPTIONS, axes="YX", device="cpu")


def record(restorer):
    return ModelRecord(
        restorer="care",
        supplier="label2label 0.1.0",
        options=OPTIONS,
        axes="YX",
        channels_in=1,
        channels_out=1,
        geometry=restorer.geometry,
        normalization=NormalizationRecord(
            input=SideNormalization(spec=NormalizerConfig(method="mean_std")),
            target=SideNormalization(numbers=Normalization((100.0,), (10.0,))),
            output="target",
        ),
    )


@pytest.fixture
def folder(tmp_path):
    restorer = network()
    write_model(tmp_path / "run" / "model", record(restorer), restorer.state())
    return tmp_path / "run"


PIXELS = np.random.default_rng(0).normal(50, 5, size=(37, 45)).astype(np.float32)


def test_a_model_folder_a_run_folder_and_a_file_name_one_model(folder):
    models = [load_model(w) for w in (folder, str(folder / "model"), folder / "model/model.json")]
    results = [model.restore(PIXELS, "YX") for model in models]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    numbers = (PIXELS - PIXELS.mean()) / PIXELS.std()
    padded = np.pad(numbers, ((0, 1), (0, 1)), mode="reflect")
    expected = 100 + 10 * network().restore(padded[None, None])["mean"][0, 0, :37, :45]
    np.testing.assert_allclose(results[0], expected, rtol=1e-4)
    assert models[0].engine == choose("care").info.engine
    assert models[0].info.tensors


def test_tiles_of_a_network_are_exact(folder):
    model = load_model(folder, device="cpu")
    pixels = np.random.default_rng(0).normal(50, 5, size=(90, 101))
    whole = model.restore(pixels, "YX")
    tiled = model.restore(pixels, "YX", tile=36)
    assert np.abs(tiled - whole).max() <= 1e-5 * whole.std()


def test_a_missing_pixel_reaches_no_further_than_the_networks_field(folder):
    model = load_model(folder, device="cpu")
    pixels = np.random.default_rng(0).normal(50, 5, size=(64, 65)).astype(np.float32)
    broken = pixels.copy()
    broken[30, 31] = np.nan
    numbers = model.info.normalization.input.spec
    assert numbers.method == "mean_std"
    filled = broken.copy()
    filled[30, 31] = np.nanmean(broken.astype(np.float64))
    halo = model.geometry.lattice_halo[0] + model.geometry.multiple[0]
    restored, expected = model.restore(broken, "YX", tile=24), model.restore(filled, "YX")
    away = np.ones(pixels.shape, bool)
    away[30 - halo : 31 + halo, 31 - halo : 32 + halo] = False
    assert np.argwhere(np.isnan(restored)).tolist() == [[30, 31]]
    assert away.any()
    np.testing.assert_allclose(restored[away], expected[away], rtol=1e-3)


def test_nothing_there():
    with pytest.raises(ModelNotFoundError, match=r"no model at 'runs/actn': .*gaussian, identity"):
        load_model("runs/actn")
    with pytest.raises(ModelNotFoundError, match="did you mean 'gaussian'"):
        load_model("gausian")
    with pytest.raises(ModelNotFoundError, match="'care' has to be trained first"):
        load_model("care")
    with pytest.raises(FileNotFoundError):
        load_model(Path("nowhere"))


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"there is no model.json in it; expected a model"):
        load_model(tmp_path)
    (tmp_path / "weights.pt").touch()
    with pytest.raises(ModelNotFoundError, match=r"weights.pt: there is no model.json"):
        load_model(tmp_path / "weights.pt")


def test_a_run_that_is_not_finished(tmp_path):
    RunFolder.create(tmp_path / "run", RunRecord(config={}), "")
    with pytest.raises(ModelNotFoundError, match=r"has no model yet .*'running'.*--resume"):
        load_model(tmp_path / "run")


def test_weights_without_facts_are_a_damaged_model(folder):
    (folder / "model" / "model.json").unlink()
    with pytest.raises(ModelDamagedError, match=r"model.json is missing"):
        load_model(folder)


def test_weights_of_another_network_are_refused(folder):
    restorer = network()
    other = evolve(record(restorer), options={**OPTIONS, "first_filters": 8})
    write_model(folder / "model", other, restorer.state())
    with pytest.raises(ModelDamagedError):
        load_model(folder)


def test_a_method_that_is_not_installed_names_its_package(folder):
    restorer = network()
    other = evolve(record(restorer), restorer="stranger", supplier="l2l-stranger 2.0")
    write_model(folder / "model", other, restorer.state())
    with pytest.raises(
        UnknownComponentError, match=r"'stranger' of l2l-stranger 2.0.*not installed"
    ):
        load_model(folder)


@pytest.mark.parametrize(
    ("target", "message"),
    [(None, "no numbers of the target"), (Normalization((0, 0), (1, 1)), "numbers for 2")],
)
def test_a_model_whose_units_cannot_be_restored(folder, target, message):
    restorer = network()
    sides = NormalizationRecord(target=SideNormalization(numbers=target), output="target")
    broken = evolve(record(restorer), normalization=sides)
    write_model(folder / "model", broken, restorer.state())
    with pytest.raises(ModelDamagedError, match=message):
        load_model(folder)


def test_a_filter_by_name():
    model = load_model("gaussian")
    assert model.info.options == {"sigma": 2.0, "truncate": 4.0}
    assert model.geometry.halo == (8, 8)
    assert load_model("gaussian:sigma=1.5").geometry.halo == (6, 6)
    assert load_model("gaussian: sigma = [1, 2.5], truncate = 2").geometry.halo == (2, 5)


def test_a_filter_with_three_sigmas_works_in_volumes():
    model = load_model("gaussian:sigma=[1, 2, 2]")
    assert model.geometry.axes == "ZYX"


def test_a_folder_comes_before_a_filter_and_any_other_file_of_that_name_does_not(
    folder, monkeypatch
):
    monkeypatch.chdir(folder.parent)
    folder.rename(folder.parent / "identity")
    assert load_model("identity").info.restorer == "care"
    (folder.parent / "gaussian").mkdir()
    assert load_model("gaussian").info.restorer == "gaussian"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gaussian:sigma=-1", r"got -1.*0 or more.*sigma"),
        ("gaussian:sigma='wide'", "sigma"),
        ("gaussian:sgma=1", "unknown key 'sgma', did you mean 'sigma'"),
        ("gaussian:sigma=", "cannot be read.*such as sigma=1.5"),
        ("gaussian:sigma=1}\nother={a=1", "key=value pairs alone"),
        ("gaussian:sigma=__import__('os')", "cannot be read"),
        ("gaussian:sigma=[1,2,3,4]", "got 4 numbers"),
        ("identity:strength=1", "unknown key 'strength'"),
    ],
)
def test_options_that_a_filter_does_not_take(spec, message):
    with pytest.raises(OptionsError, match=message):
        load_model(spec)


def test_a_filter_has_no_backend():
    with pytest.raises(ComponentError, match="needs no framework"):
        load_model("gaussian", backend="torch")


def test_a_backend_that_does_not_exist(folder):
    with pytest.raises(UnknownComponentError, match="no backend is called 'jax'"):
        load_model(folder, backend="jax")
