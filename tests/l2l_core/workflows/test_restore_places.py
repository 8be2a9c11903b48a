"""Which images are meant, where each goes, and which places are refused."""

import numpy as np
import pytest

from l2l_core.errors import AxesError, DataError, ImageError, OutputError
from l2l_core.images import open_image
from l2l_core.images.writing import write_image
from l2l_core.workflows.restoration import RestoreOptions
from l2l_core.workflows.restore import restore_file, restore_files
from l2l_core.workflows.restore_places import (
    channel_number,
    find_targets,
    kept_names,
    output_places,
    suffix_of,
)

PLANE = np.arange(64, dtype=np.uint8).reshape(8, 8)
OPTIONS = RestoreOptions()


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    for name in ("a.zarr", "b.ome.zarr", "c.ome.tif", "d.png", "e.npy"):
        write_image(folder / name, PLANE, "YX")
    return folder


def outs(targets):
    return [str(target.out).rpartition("/")[2] for target in targets.images]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.zarr", ".zarr"),
        ("a.ome.zarr", ".ome.zarr"),
        ("A.OME.TIFF", ".ome.tiff"),
        ("s3://bucket/a.zarr", ".zarr"),
        ("folder", ""),
        ("2026.11", ""),
    ],
)
def test_the_suffix_says_the_format(name, suffix):
    assert suffix_of(name) == suffix


def test_names_are_kept_and_formats_that_cannot_hold_the_pixels_become_tiff(images, tmp_path):
    targets = find_targets([images], tmp_path / "out", OPTIONS)
    assert outs(targets) == ["a.zarr", "b.ome.zarr", "c.ome.tif", "d.ome.tif", "e.npy"]
    assert [target.is_store for target in targets.images] == [True, True, False, False, False]
    bytes_ = find_targets([images], tmp_path / "out", RestoreOptions(dtype="uint8"))
    assert outs(bytes_)[3] == "d.png"


def test_on_a_host_all_of_them_become_stores(images):
    targets = find_targets([images], "memory://bucket/out", OPTIONS)
    assert [target.out for target in targets.images] == [
        f"memory://bucket/out/{name}.zarr" for name in ("a", "b.ome", "c.ome", "d.ome", "e.ome")
    ]


def test_other_outputs_lie_beside_the_mean(toy, tmp_path):
    model = toy(outputs=("mean", "scale"))
    places = output_places(model, tmp_path / "a.ome.zarr", all_outputs=True)
    assert places == {"mean": tmp_path / "a.ome.zarr", "scale": tmp_path / "a_scale.ome.zarr"}
    assert list(output_places(model, tmp_path / "a.zarr", all_outputs=False)) == ["mean"]
    elsewhere = output_places(model, "memory://bucket/a.zarr", all_outputs=True)
    assert elsewhere["scale"] == "memory://bucket/a_scale.zarr"


@pytest.mark.parametrize(
    ("source", "out", "why"),
    [
        ("a.zarr", "a.zarr", "is the image itself"),
        ("a.zarr", "../images/a.zarr", "is the image itself"),
        ("a.zarr", "a.zarr/restored.zarr", "lies inside of the image"),
        ("a.zarr", "a.zarr/restored.tif", "lies inside of the image"),
        ("inner.zarr/a.zarr", "inner.zarr", "lies inside of .*; give another --out"),
    ],
)
def test_an_output_never_destroys_an_input(source, out, why, images):
    write_image(images / "inner.zarr" / "a.zarr", PLANE, "YX")
    with pytest.raises(OutputError, match=why):
        find_targets([images / source], images / out, OPTIONS)


def test_a_link_to_the_image_is_the_image(images):
    (images / "link.zarr").symlink_to(images / "a.zarr", target_is_directory=True)
    with pytest.raises(OutputError, match="is the image itself"):
        find_targets([images / "a.zarr"], images / "link.zarr", OPTIONS)
    with pytest.raises(OutputError, match="lies inside of the image"):
        find_targets([images / "a.zarr"], images / "link.zarr" / "out.zarr", OPTIONS)


def test_a_folder_is_not_restored_into_itself(images):
    with pytest.raises(OutputError, match="is the image itself"):
        find_targets([images], images, OPTIONS)


@pytest.mark.parametrize("suffix", [".zarr", ".tif"])
def test_the_outputs_beside_the_mean_are_no_image_either(suffix, toy, images):
    """Not even one that is a restoration, which may be replaced otherwise."""
    model, source = toy(outputs=("mean", "scale")), images / f"x_scale{suffix}"
    restore_file(model, images / "a.zarr", source)
    before = open_image(source).read()
    with pytest.raises(OutputError, match="is the image itself"):
        restore_file(model, source, images / f"x{suffix}", all_outputs=True, restart=True)
    np.testing.assert_array_equal(open_image(source).read(), before)


def test_an_output_beside_one_mean_is_not_the_mean_of_another(toy, images, tmp_path):
    for name in ("x.zarr", "x_scale.zarr"):
        write_image(images / name, PLANE, "YX")
    sources = [images / "x.zarr", images / "x_scale.zarr"]
    model = toy(outputs=("mean", "scale"))
    with pytest.raises(DataError, match=r"would both be .*x_scale\.zarr"):
        restore_files(model, sources, tmp_path / "out", all_outputs=True)
    assert not (tmp_path / "out").exists()
    assert not any(one.error for one in restore_files(model, sources, tmp_path / "out"))


def test_a_url_is_compared_as_one():
    with pytest.raises(OutputError, match="is the image itself"):
        find_targets(["memory://b/a.zarr"], "memory://b/a.zarr", OPTIONS)
    with pytest.raises(OutputError, match="lies inside"):
        find_targets(["memory://b/a.zarr"], "memory://b/a.zarr/out.zarr", OPTIONS)


@pytest.mark.parametrize("place", ["a.zarr", "a.zarr/ledger", "out.zarr", "out.zarr/ledger"])
def test_a_ledger_lies_in_no_image(place, toy, images):
    with pytest.raises(OutputError, match="give --ledger a folder beside it"):
        restore_file(toy(), images / "a.zarr", images / "out.zarr", ledger=images / place)
    assert not (images / "out.zarr").exists()
    assert not (images / "a.zarr" / "ledger").exists()


def test_nothing_to_restore(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image"):
        find_targets([tmp_path / "empty"], tmp_path / "out", OPTIONS)
    with pytest.raises(DataError, match="no such file"):
        find_targets([tmp_path / "none.zarr"], tmp_path / "out.zarr", OPTIONS)


def test_a_channel_by_name_or_number(tmp_path, images):
    write_image(
        tmp_path / "two.zarr", np.stack([PLANE, PLANE]), "CYX", channel_names=("dna", "actin")
    )
    image = open_image(tmp_path / "two.zarr")
    assert [channel_number(image, text) for text in ("dna", "actin", "0", "1")] == [0, 1, 0, 1]
    with pytest.raises(ImageError, match="no channel '2'; it has 2, 0 to 1, called dna, actin"):
        channel_number(image, "2")
    with pytest.raises(AxesError, match="leave --channel out"):
        channel_number(open_image(images / "a.zarr"), "0")


def test_channels_that_a_network_made_are_called_as_its_targets_were(tmp_path):
    write_image(
        tmp_path / "two.tif", np.stack([PLANE, PLANE]), "CYX", channel_names=("dna", "actin")
    )
    image = open_image(tmp_path / "two.tif")

    def learnt(*names):
        return {"target": {"mean": {"channels": [{"name": name} for name in names]}}}

    assert kept_names(image, (2, 8, 8), "CYX", learnt("nucleus", "rim")) == ("nucleus", "rim")
    # Names that were unknown, or not the same in all images.
    for names in ((None, None), (["a", "b"], "rim"), ("one",)):
        assert kept_names(image, (2, 8, 8), "CYX", learnt(*names)) == ("dna", "actin")
    assert kept_names(image, (2, 8, 8), "CYX", {}) == ("dna", "actin")
    assert kept_names(image, (8, 8), "YX", learnt("one")) is None
