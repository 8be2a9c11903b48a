from __future__ import annotations

import json
import os
import zipfile

import h5py
import numpy as np
import pytest

from l2l_backends.care_network import CareNetwork, CareOptions
from l2l_backends.csbdeep_folders.folder import CSBDeepFolder
from l2l_core.components.model_format import ModelContent
from l2l_core.errors import ModelDamagedError, UnsupportedModelError

UNITS = {
    "input": {
        "spec": {"method": "percentile", "low": 2.0, "high": 99.8, "scope": "image"},
        "numbers": None,
    },
    "target": {"spec": {}, "numbers": None},
    "output": "input",
}


def read(folder, weights=""):
    return CSBDeepFolder().read(folder, weights)


def configure(folder, **changes):
    path = folder / "config.json"
    facts = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in facts.items() if v != "absent"}))


def assert_same(state, expected):
    assert state.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(state[name], values, err_msg=name)
        assert state[name].dtype == np.float32
        assert state[name].flags.c_contiguous


@pytest.mark.parametrize("layout", ["keras 2.2", "keras 2", "keras 3", "whole", "numbered"])
def test_layouts_of_all_releases_give_the_same_weights(folder, layers, state, write_h5, layout):
    write_h5(folder / "weights_best.h5", layers, layout)
    assert_same(read(folder).state, state)


def test_numbered_layers_without_names_are_taken_in_their_order(folder, layers, state, write_h5):
    nameless = [("", *tensors) for _, *tensors in layers]
    write_h5(folder / "weights_best.h5", nameless, "numbered")
    assert_same(read(folder).state, state)


def test_order_of_named_layers_in_the_file_does_not_matter(folder, layers, state, write_h5):
    write_h5(folder / "weights_best.h5", [*reversed(layers[:-2]), *layers[-2:]])
    assert_same(read(folder).state, state)


def test_list_of_layers_that_keras_split_is_put_together(folder, state):
    with h5py.File(folder / "weights_best.h5", "r+") as file:
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:3], names[3:]
    assert_same(read(folder).state, state)


def test_theanos_kernels_are_turned_round(folder, state):
    with h5py.File(folder / "weights_best.h5", "r+") as file:
        file.attrs["backend"] = b"theano"
    kernel = read(folder).state["middle.conv.0.kernel"]
    np.testing.assert_array_equal(kernel, state["middle.conv.0.kernel"][:, :, ::-1, ::-1])


@pytest.mark.parametrize("axes", ["XYC", "YXC", "CXY", "SYXC", "yxc"])
def test_kernels_are_transposed_to_the_axes_of_the_network(folder, layers, state, write_h5, axes):
    inverted = axes.upper().replace("S", "").replace("C", "") == "XY"
    if inverted:
        layers = [(name, kernel.swapaxes(0, 1), bias) for name, kernel, bias in layers]
        write_h5(folder / "weights_best.h5", layers)
    shape = [2, None, None] if axes.startswith("C") else [None, None, 2]
    configure(folder, axes=axes, unet_input_shape=shape)
    content = read(folder)
    assert content.axes == "YX"
    assert_same(content.state, state)


def test_content_is_the_network_of_the_settings(folder, network):
    content = read(folder)
    assert content.restorer == "care"
    assert content.options == {
        "depth": 1,
        "kernel": 3,
        "first_filters": 2,
        "residual": True,
        "last_activation": "linear",
        "probabilistic": True,
    }
    assert (content.channels_in, content.channels_out) == (2, 2)
    assert content.geometry == network.geometry()
    assert content.normalization["output"] == "input"
    assert content.source["weights"] == "weights_best.h5"


def test_settings_that_are_left_out_are_csbdeeps_defaults(tmp_path, write_h5):
    network = CareNetwork(CareOptions(), "YX")
    made = tmp_path / "care"
    made.mkdir()
    CSBDeepFolder().write(
        made,
        ModelContent(
            restorer="care", options={}, axes="YX", geometry=network.geometry(),
            state=network.initial_state(1), normalization=UNITS,
        ),
    )  # fmt: skip
    (made / "config.json").write_text('{"unet_n_depth": 2}')
    content = read(made)
    assert content.options["kernel"] == 5
    assert content.options["residual"] is True


# Which weights


def test_checkpoint_that_the_configuration_names_is_taken_whatever_was_written_last(
    folder, layers, state, write_h5
):
    other = [(name, kernel * 0, bias) for name, kernel, bias in layers]
    write_h5(folder / "weights_last.h5", other)
    os.utime(folder / "weights_best.h5", (0, 0))
    assert_same(read(folder).state, state)


def test_named_checkpoint_of_another_name_is_taken(folder, layers, state, write_h5):
    (folder / "weights_best.h5").rename(folder / "mine.h5")
    write_h5(folder / "weights_best.h5", [(n, k * 0, b) for n, k, b in layers])
    configure(folder, train_checkpoint="mine.h5")
    assert_same(read(folder).state, state)


@pytest.mark.parametrize("name", ["weights_last.h5", "old.hdf5"])
def test_only_file_is_taken_where_the_named_one_is_absent(folder, state, name):
    (folder / "weights_best.h5").rename(folder / name)
    content = read(folder)
    assert_same(content.state, state)
    assert content.source["weights"] == name


def test_several_files_none_of_them_named_are_asked_about(folder, layers, state, write_h5):
    (folder / "weights_best.h5").rename(folder / "weights_last.h5")
    write_h5(folder / "weights_now.h5", layers)
    with pytest.raises(ModelDamagedError, match=r"weights_last\.h5, weights_now\.h5.*--weights"):
        read(folder)
    assert_same(read(folder, "weights_last.h5").state, state)
    assert_same(read(folder, str(folder / "weights_now.h5")).state, state)
    assert_same(read(folder / "weights_now.h5").state, state)


def test_weights_that_are_asked_for_and_absent_are_named_with_those_that_are_there(folder):
    with pytest.raises(ModelDamagedError, match=r"'other\.h5'.*has weights_best\.h5"):
        read(folder, "other.h5")


def test_folder_without_weights_says_what_the_configuration_names(folder):
    (folder / "weights_best.h5").unlink()
    with pytest.raises(ModelDamagedError, match=r"no file of weights.*names 'weights_best\.h5'"):
        read(folder)


# What is wrong with it


def test_missing_configuration_is_said(folder):
    (folder / "config.json").unlink()
    assert CSBDeepFolder().recognizes(folder)
    with pytest.raises(ModelDamagedError, match=r"config\.json is missing"):
        read(folder)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"n_dim": 2,', "is no JSON: .* in line 1"),
        ("[1, 2]", "holds a list"),
        ("\udcff", "cannot be read"),
        ("[" * 100_000, "is no JSON|cannot be read"),
    ],
)
def test_configuration_that_is_no_settings_is_refused(folder, text, match):
    (folder / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelDamagedError, match=match):
        read(folder)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"proj_axis": "Z"}, "ProjectionCARE model: .* onto a plane"),
        ({"n2v_perc_pix": 1.6}, "Noise2Void"),
        ({"n_rays": 32}, "StarDist"),
        ({"batch_norm": True}, "unknown model class: it has 'batch_norm'"),
        ({"axes": "TYXC", "n_dim": 3, "unet_input_shape": "absent"}, "looks along time"),
        ({"unet_n_depth": 9}, "beyond bounds"),
    ],
)
def test_model_of_another_class_is_refused_with_the_reason(folder, changes, match):
    configure(folder, **changes)
    with pytest.raises(UnsupportedModelError, match=match):
        read(folder)


def test_configuration_of_something_else_is_an_unknown_class(folder):
    (folder / "config.json").write_text('{"train_epochs": 3}')
    with pytest.raises(UnsupportedModelError, match="none of the settings of a CARE network"):
        read(folder)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"unet_kern_size": [3, 5]}, r"unet_kern_size is \[3, 5\], expected one odd integer"),
        ({"unet_kern_size": 4}, "unet_kern_size is 4"),
        ({"unet_n_depth": True}, "unet_n_depth is True, expected an integer"),
        ({"unet_last_activation": "tanh"}, "'tanh', expected 'linear' or 'relu'"),
        ({"n_channel_out": 3}, "unet_residual is true with 2 channels in and 3 out"),
        ({"axes": "YCX"}, "axes is 'YCX'"),
        ({"axes": "ZYXC"}, "axes is 'ZYXC', expected the 2 axes YX"),
        ({"axes": 7}, "axes is 7"),
        ({"n_dim": 4}, "n_dim is 4"),
        ({"unet_input_shape": [None, 2]}, r"unet_input_shape is \[None, 2\]"),
    ],
)
def test_impossible_settings_are_named(folder, changes, match):
    configure(folder, **changes)
    with pytest.raises(ModelDamagedError, match=match):
        read(folder)


def test_all_impossible_settings_are_named_at_once(folder):
    configure(folder, unet_n_depth=0, unet_n_first="many")
    with pytest.raises(ModelDamagedError, match=r"unet_n_depth is 0.*unet_n_first is 'many'"):
        read(folder)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"unet_kern_size": 5},
            r"no_0/kernel:0' has the shape \(3, 3, 2, 2\), expected \(5, 5, 2, 2\).*and \d more",
        ),
        ({"unet_n_first": 4}, r"has the shape \(3, 3, 2, 2\), expected \(3, 3, 2, 4\)"),
        ({"unet_n_depth": 2}, "depth 2.*layer 'down_level_1_no_0' is missing"),
        ({"probabilistic": False}, "layer 'conv2d_1' is one too many"),
    ],
)
def test_settings_that_disagree_with_the_weights_name_the_tensor(folder, changes, match):
    configure(folder, **changes)
    with pytest.raises(ModelDamagedError, match=match):
        read(folder)


def test_missing_layer_is_named(folder, layers, write_h5):
    write_h5(folder / "weights_best.h5", layers[:2] + layers[3:])
    with pytest.raises(ModelDamagedError, match="layer 'middle_0' is missing"):
        read(folder)


def test_missing_last_layer_is_named(folder, layers, write_h5):
    write_h5(folder / "weights_best.h5", layers[:-1])
    with pytest.raises(ModelDamagedError, match="last layer 'conv2d_1' is missing"):
        read(folder)


def test_layer_that_is_one_too_many_is_named(folder, layers, write_h5):
    extra = ("batch_normalization_3", np.ones(2, np.float32), np.ones(2, np.float32))
    write_h5(folder / "weights_best.h5", [*layers, extra])
    with pytest.raises(ModelDamagedError, match="'batch_normalization_3' is one too many"):
        read(folder)


def test_layer_of_another_level_is_named(folder, layers, write_h5):
    write_h5(folder / "weights_best.h5", [*layers, ("down_level_4_no_0", *layers[0][1:])])
    with pytest.raises(ModelDamagedError, match="'down_level_4_no_0' belongs to no part"):
        read(folder)


def test_layer_that_is_there_twice_is_named(folder, layers, write_h5):
    write_h5(folder / "weights_best.h5", [*layers, ("middle_0_1", *layers[2][1:])])
    with pytest.raises(ModelDamagedError, match="'middle_0_1' is there a second time"):
        read(folder)


def test_layer_without_its_bias_is_named(folder, layers, write_h5):
    write_h5(folder / "weights_best.h5", [layers[0][:2], *layers[1:]])
    with pytest.raises(ModelDamagedError, match="'down_level_0_no_0' has 1 tensors, expected"):
        read(folder)


def test_tensor_of_whole_numbers_is_named(folder, layers, write_h5):
    name, kernel, bias = layers[0]
    write_h5(folder / "weights_best.h5", [(name, kernel.astype(int), bias), *layers[1:]])
    with pytest.raises(ModelDamagedError, match="kernel:0' is int64, expected float32"):
        read(folder)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.99])
def test_truncated_weights_are_refused(folder, share):
    path = folder / "weights_best.h5"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelDamagedError, match=r"weights_best\.h5 cannot be read as an HDF5"):
        read(folder)


def test_file_of_something_else_is_refused(folder):
    with h5py.File(folder / "weights_best.h5", "w") as file:
        file["image"] = np.zeros((4, 4))
    with pytest.raises(ModelDamagedError, match=r"without layers of Keras.*got 'image'"):
        read(folder)


@pytest.mark.parametrize("kind", ["external", "soft"])
def test_links_out_of_the_file_are_not_followed(folder, tmp_path, kind):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.zeros((3, 3, 2, 2), np.float32)
    inner = "down_level_0_no_0/down_level_0_no_0/kernel:0"
    with h5py.File(folder / "weights_best.h5", "r+") as file:
        del file[inner]
        other = str(tmp_path / "other.h5")
        file[inner] = (
            h5py.ExternalLink(other, "/secret") if kind == "external" else h5py.SoftLink("/x")
        )
    with pytest.raises(ModelDamagedError, match="is a link to somewhere else"):
        read(folder)


def test_tensor_outside_of_the_file_is_not_read(folder, tmp_path):
    inner = "down_level_0_no_0/down_level_0_no_0/bias:0"
    (tmp_path / "raw").write_bytes(b"12345678")
    with h5py.File(folder / "weights_best.h5", "r+") as file:
        del file[inner]
        file.create_dataset(inner, (2,), "f4", external=[(str(tmp_path / "raw"), 0, 8)])
    with pytest.raises(ModelDamagedError, match="is no tensor within this file"):
        read(folder)


def test_tensor_that_is_named_and_absent_is_said(folder):
    with h5py.File(folder / "weights_best.h5", "r+") as file:
        del file["middle_0/middle_0/bias:0"]
    with pytest.raises(ModelDamagedError, match="'middle_0/bias:0' of /middle_0 is named and is"):
        read(folder)


def test_exported_saved_model_says_what_to_give_instead(folder):
    saved = folder / "TF_SavedModel.zip"
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("saved_model.pb", b"")
    read(folder)  # beside config.json and weights it does no harm
    (folder / "weights_best.h5").unlink()
    for place in (folder, saved):
        with pytest.raises(UnsupportedModelError, match=r"SavedModel .* give the folder that it"):
            read(place)
    (folder / "config.json").unlink()
    assert CSBDeepFolder().recognizes(folder)
    with pytest.raises(UnsupportedModelError, match="SavedModel"):
        read(folder)


def test_other_archive_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("care/config.json", b"{}")
    with pytest.raises(UnsupportedModelError, match=r"model\.zip is an archive; unpack it"):
        read(tmp_path / "model.zip")


def test_only_what_looks_like_a_care_folder_is_recognised(folder, tmp_path):
    assert CSBDeepFolder().recognizes(folder)
    assert CSBDeepFolder().recognizes(folder / "weights_best.h5")
    (tmp_path / "image.tif").write_bytes(b"")
    assert not CSBDeepFolder().recognizes(tmp_path)
    assert not CSBDeepFolder().recognizes(tmp_path / "image.tif")


# Writing


@pytest.mark.parametrize("axes", ["YX", "ZYX"])
@pytest.mark.parametrize("probabilistic", [False, True])
@pytest.mark.parametrize(("channels_in", "channels_out"), [(1, 1), (2, 2), (2, 1)])
def test_what_is_written_is_read_again(tmp_path, axes, probabilistic, channels_in, channels_out):
    options = {"depth": 2, "kernel": 3, "first_filters": 2, "residual": channels_in == channels_out,
               "last_activation": "relu", "probabilistic": probabilistic}  # fmt: skip
    network = CareNetwork(CareOptions(**options), axes, channels_in, channels_out)
    content = ModelContent(
        restorer="care", options=options, axes=axes, channels_in=channels_in,
        channels_out=channels_out, geometry=network.geometry(), state=network.initial_state(3),
        normalization={**UNITS, "output": "input" if channels_in == channels_out else "normalized"},
    )  # fmt: skip
    assert CSBDeepFolder().write(tmp_path, content) == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "weights_best.h5"]
    again = read(tmp_path)
    assert_same(again.state, content.state)
    assert again.options == options
    assert (again.axes, again.channels_in, again.channels_out) == (axes, channels_in, channels_out)
    assert again.normalization["output"] == content.normalization["output"]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"restorer": "gan"}, "none for restorer 'gan'"),
        ({"options": {"kernel": 9}}, "kernel 9 and the depth 2; CSBDeep 0.8.2 predicts with"),
        ({"options": {"depth": 6}}, "depth 6"),
    ],
)
def test_what_csbdeep_cannot_run_is_not_written(tmp_path, changes, match):
    network = CareNetwork(CareOptions(), "YX")
    facts = {"restorer": "care", "options": {}, "axes": "YX", "geometry": network.geometry(),
             "state": {}, "normalization": UNITS}  # fmt: skip
    with pytest.raises(UnsupportedModelError, match=match):
        CSBDeepFolder().write(tmp_path, ModelContent(**{**facts, **changes}))
    assert not list(tmp_path.iterdir())


def test_network_so_deep_that_its_names_fill_an_attribute_is_split(tmp_path, monkeypatch, state):
    from l2l_backends.csbdeep_folders import keras_file

    monkeypatch.setattr(keras_file, "ATTRIBUTE_LIMIT", 64)
    bias = np.ones(1, np.float32)
    layers = [(f"layer_{number}", [("kernel", bias), ("bias", bias)]) for number in range(20)]
    keras_file.write_weights(tmp_path / "w.h5", layers)
    with keras_file.open_weights(tmp_path / "w.h5") as stored:
        assert [layer.name for layer in stored.layers] == [name for name, _ in layers]
