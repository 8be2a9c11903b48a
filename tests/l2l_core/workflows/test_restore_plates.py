"""A plate in is a plate out, and places elsewhere are places too."""

import uuid

import numpy as np
import pytest
import yaozarrs
import zarr

from l2l_core.errors import ImageError, OutputError
from l2l_core.images import open_image
from l2l_core.images.places import open_store
from l2l_core.images.writing import write_image
from l2l_core.images.zarr_collections import list_collection, open_plate
from l2l_core.workflows.restore import restore_file, restore_files

UNIT = 64
PIXELS = {path: number for number, path in enumerate(("A/1/0", "A/1/1", "B/2/0"))}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 500, shape).astype(np.uint16)


def group(place, version, attributes):
    old = version == "0.4"
    made = zarr.open_group(str(place), mode="a", zarr_format=2 if old else 3)
    made.attrs.put(
        attributes if old or not attributes else {"ome": {"version": version, **attributes}}
    )


def field(place, version, seed):
    """Write a field as the stores of others are: one level, a size, a name."""
    old = version == "0.4"
    scale = [{"type": "scale", "scale": [1.0, 0.2, 0.2]}]
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "nanometer"} for name in "yx"]
    multiscale = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    if old:
        multiscale["version"] = version
    group(place, version, {"multiscales": [multiscale]})
    options = {} if old else {"dimension_names": ["c", "y", "x"]}
    zarr.open_group(str(place), mode="a").create_array(
        "0", data=noise(1, 70, 90, seed=seed), **options
    )


@pytest.fixture(params=["0.4", "0.5"])
def plate(request, tmp_path):
    """Return a plate of two wells, one with two fields, and one well that is not there."""
    version, root = request.param, tmp_path / "plate.zarr"
    stated = {"version": version} if version == "0.4" else {}
    wells = [("A/1", 0, 0), ("A/2", 0, 1), ("B/2", 1, 1)]
    group(
        root,
        version,
        {
            "plate": {
                "name": "screen",
                "rows": [{"name": "A"}, {"name": "B"}],
                "columns": [{"name": "1"}, {"name": "2"}],
                "wells": [
                    {"path": path, "rowIndex": row, "columnIndex": column}
                    for path, row, column in wells
                ],
                **stated,
            }
        },
    )
    for well, names in (("A/1", ("0", "1")), ("B/2", ("0",))):
        group(root / well[0], version, {})
        group(root / well, version, {"well": {"images": [{"path": n} for n in names], **stated}})
        for name in names:
            field(root / well / name, version, PIXELS[f"{well}/{name}"])
    return root


def test_a_plate_is_restored_into_a_plate_with_one_ledger(plate, toy, tmp_path):
    model, out = toy(outputs=("mean", "scale")), tmp_path / "out.zarr"
    results = restore_files(model, [plate], out, unit=UNIT, all_outputs=True)
    found = {result.source.rpartition("plate.zarr/")[2]: result for result in results}
    assert found["A/2"].error == "there is no such well"
    assert not any(found[path].error for path in PIXELS)
    whole = {
        path: model.restore(noise(1, 70, 90, seed=seed), "CYX", outputs="all")
        for path, seed in PIXELS.items()
    }
    for name, place in (("mean", out), ("scale", tmp_path / "out_scale.zarr")):
        made = open_plate(place)
        assert [one.path for one in made.fields] == list(PIXELS)
        assert made.attributes["name"] == "screen"
        yaozarrs.validate_zarr_store(str(place))
        for path in PIXELS:
            restored = open_image(place / path)
            np.testing.assert_array_equal(restored.read(), whole[path][name])
            assert restored.info.pixel_size["X"].unit == "nanometer"
    assert (tmp_path / "out.zarr.l2l" / "summary.tsv").read_text().count("\trestored\t") == 3
    again = restore_files(model, [plate], out, unit=UNIT, all_outputs=True)
    assert [result.skipped for result in again] == [True, True, True, False]


def test_a_restored_plate_is_opened_by_another_program(plate, toy, tmp_path):
    reader = pytest.importorskip("ome_zarr.reader")
    from ome_zarr.io import parse_url

    restore_files(toy(), [plate], tmp_path / "out.zarr", unit=UNIT)
    nodes = list(reader.Reader(parse_url(str(tmp_path / "out.zarr")))())
    # Two rows of two wells; the largest well has two fields beside one another.
    assert nodes[0].data[0].shape[-2:][0] >= 2 * 70


def test_a_plate_with_other_options_is_refused_and_made_anew_on_request(plate, toy, tmp_path):
    model, out = toy(), tmp_path / "out.zarr"
    restore_files(model, [plate], out, unit=UNIT)
    with pytest.raises(OutputError, match="--dtype was float32"):
        restore_files(model, [plate], out, unit=UNIT, dtype="uint16")
    results = restore_files(model, [plate], out, unit=UNIT, dtype="uint16", restart=True)
    assert [result.skipped for result in results] == [False] * 4
    assert open_image(out / "A/1/0").dtype == np.uint16
    assert [bool(result.error) for result in results] == [False, False, False, True]
    assert all(
        result.skipped or result.error
        for result in restore_files(model, [plate], out, unit=UNIT, dtype="uint16")
    )


def test_a_plate_of_which_no_unit_is_done_binds_nobody(plate, toy, tmp_path):
    model, out = toy(), tmp_path / "out.zarr"

    def fail(batch):
        raise RuntimeError("broken")

    model.restorer.before = fail
    with pytest.raises(RuntimeError, match="broken"):
        restore_files(model, [plate], out, unit=UNIT)
    model.restorer.before = lambda batch: None
    results = restore_files(model, [plate], out, unit=UNIT, dtype="uint16")
    assert [bool(result.error) for result in results] == [False, False, False, True]
    assert open_image(out / "A/1/0").dtype == np.uint16


def test_a_finished_plate_without_its_ledger_is_not_taken_for_given_up(plate, toy, tmp_path):
    model, out = toy(), tmp_path / "out.zarr"
    restore_files(model, [plate], out, unit=UNIT)
    (tmp_path / "out.zarr.l2l").rename(tmp_path / "lost")
    restore_files(model, [plate], out, unit=UNIT)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(OutputError, match="--restart to replace it"):
        restore_files(model, [plate], out, unit=UNIT, dtype="uint16")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_plate_that_is_not_ours_stays(plate, toy, tmp_path):
    out = tmp_path / "out.zarr"
    write_image(out, noise(8, 9), "YX")
    for restart in (False, True):
        with pytest.raises(OutputError, match="recognised"):
            restore_files(toy(), [plate], out, unit=UNIT, restart=restart)
    np.testing.assert_array_equal(open_image(out).read(), noise(8, 9))


def test_what_was_added_to_a_field_is_not_deleted_with_the_plate(plate, toy, tmp_path):
    out = tmp_path / "out.zarr"
    restore_files(toy(), [plate], out, unit=UNIT)
    (out / "A/1/0/labels").mkdir()
    with pytest.raises(OutputError, match=r"0/labels is not of the restoration .*out\.zarr"):
        restore_files(toy(), [plate], out, unit=UNIT, restart=True)
    (out / "A/1/0/labels").rmdir()
    field(out / "A/1/9", open_plate(plate).version, 5)
    with pytest.raises(OutputError, match=r"A/1/9 is not of the restoration"):
        restore_files(toy(), [plate], out, unit=UNIT, restart=True)


def add_to(place, version, kind, entries):
    """Name more in the metadata of a group, as the program of a microscope does."""
    attributes = zarr.open_group(str(place), mode="r").attrs.asdict()
    ome = attributes if version == "0.4" else attributes["ome"]
    for key, entry in entries.items():
        ome[kind][key].append(entry)
    zarr.open_group(str(place), mode="a").attrs.put(attributes)


def test_what_is_added_to_a_plate_is_added_to_its_restoration(plate, toy, tmp_path):
    model, out = toy(), tmp_path / "out.zarr"
    version = open_plate(plate).version
    restore_files(model, [plate], out, unit=UNIT)
    calls = len(model.restorer.tiles)
    stated = {"version": version} if version == "0.4" else {}
    field(plate / "B/2/7", version, 5)
    add_to(plate / "B/2", version, "well", {"images": {"path": "7"}})
    group(plate / "C", version, {})
    group(plate / "C/1", version, {"well": {"images": [{"path": "0"}], **stated}})
    field(plate / "C/1/0", version, 6)
    well = {"path": "C/1", "rowIndex": 2, "columnIndex": 0}
    add_to(plate, version, "plate", {"rows": {"name": "C"}, "wells": well})
    results = restore_files(model, [plate], out, unit=UNIT)
    assert [result.skipped for result in results] == [True, True, True, False, False, False]
    assert len(model.restorer.tiles) == calls + 2 * 4
    made = open_plate(out)
    assert [one.path for one in made.fields] == [*PIXELS, "B/2/7", "C/1/0"]
    assert made.missing == {}
    assert dict(made.attributes["wells"][-1]) == well
    yaozarrs.validate_zarr_store(str(out))
    np.testing.assert_array_equal(
        open_image(out / "C/1/0").read(), model.restore(noise(1, 70, 90, seed=6), "CYX")
    )
    # What the source has no more stays.
    before = made.attributes
    (plate / "C/1").rename(tmp_path / "taken away")
    restore_files(model, [plate], out, unit=UNIT)
    assert open_plate(out).attributes == before


def test_a_plate_needs_a_store_to_go_into(plate, toy, tmp_path):
    with pytest.raises(OutputError, match=r"holds 3 images; give --out a name that ends in \.zarr"):
        restore_files(toy(), [plate], tmp_path / "out.tif")


def test_a_plate_of_another_version(plate, toy, tmp_path):
    out = tmp_path / "out.zarr"
    restore_files(toy(), [plate], out, unit=UNIT, version="0.5")
    assert open_plate(out).version == "0.5"
    assert open_image(out / "A/1/0").info.format == "OME-Zarr 0.5"


def test_a_well_alone_is_restored_into_a_well(plate, toy, tmp_path):
    results = restore_files(toy(), [plate / "A" / "1"], tmp_path / "well.zarr", unit=UNIT)
    assert not any(result.error for result in results)
    assert list_collection(tmp_path / "well.zarr").paths == ("0", "1")


# --- elsewhere --------------------------------------------------------------------------------


@pytest.fixture
def memory():
    return f"memory://{uuid.uuid4().hex}"


def test_a_url_goes_in_and_out(memory, toy, tmp_path):
    source, out = f"{memory}/image.zarr", f"{memory}/out.ome.zarr"
    array = zarr.create_array(
        open_store(source, "a"), shape=(150, 170), dtype="uint16", chunks=(32, 32)
    )
    array[...] = noise(150, 170)
    model = toy(outputs=("mean", "scale"))
    with pytest.raises(OutputError, match=r"not on this computer.*--ledger"):
        restore_file(model, source, out, unit=UNIT)
    options = {"unit": UNIT, "all_outputs": True, "ledger": tmp_path / "ledger"}
    assert restore_file(model, source, out, **options).units == 9
    whole = model.restore(noise(150, 170), outputs="all")
    np.testing.assert_array_equal(open_image(out).read(), whole["mean"])
    np.testing.assert_array_equal(open_image(f"{memory}/out_scale.ome.zarr").read(), whole["scale"])
    assert restore_file(model, source, out, **options).skipped
    assert not restore_file(model, source, out, restart=True, **options).skipped


def test_a_url_goes_into_a_file_here(memory, toy, tmp_path):
    source = f"{memory}/image.zarr"
    array = zarr.create_array(open_store(source, "a"), shape=(50, 60), dtype="uint16")
    array[...] = noise(50, 60)
    model = toy()
    result = restore_file(model, source, tmp_path / "out.tif")
    assert (result.error, result.source) == ("", source)
    np.testing.assert_array_equal(
        open_image(tmp_path / "out.tif").read(), model.restore(noise(50, 60))
    )
    assert restore_file(model, source, tmp_path / "out.tif").skipped
    array[0, 0] = 1
    batch = restore_files(model, [source], tmp_path / "here", unit=UNIT)
    assert batch[0].out == str(tmp_path / "here" / "image.zarr")


def test_a_file_elsewhere_is_refused_in_one_sentence(memory, toy, tmp_path):
    np.save(tmp_path / "image.npy", noise(50, 60))
    with pytest.raises(OutputError, match=r"out\.tif.*\.zarr"):
        restore_file(toy(), tmp_path / "image.npy", f"{memory}/out.tif")


def test_a_url_of_nothing_is_refused(memory, toy, tmp_path):
    with pytest.raises(ImageError, match=r"none\.zarr"):
        restore_file(toy(), f"{memory}/none.zarr", tmp_path / "out.zarr")
