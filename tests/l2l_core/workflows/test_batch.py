"""What is done is not done again, what was begun goes on, and nothing else is touched."""

import csv
import json
import shutil

import numpy as np
import pytest
import tifffile

from l2l_core.errors import ConfigError, OutputError
from l2l_core.images import open_image
from l2l_core.images.writing import write_image
from l2l_core.streaming.ledger import Ledger
from l2l_core.workflows.restoration import Silent
from l2l_core.workflows.restore import restore_file, restore_files

UNIT = 64


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 500, shape).astype(np.uint16)


@pytest.fixture
def image(tmp_path):
    """Return a mosaic of nine units."""
    path = tmp_path / "image.npy"
    np.save(path, noise(150, 170))
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.zarr"


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Broke(Exception):
    """Stands for whatever ends a process."""


def break_after(model, calls):
    """Let a method fail once it was called so often."""

    def before(batch):
        if len(model.restorer.tiles) >= calls:
            raise Broke

    model.restorer.before = before


@pytest.fixture
def broken(toy, image, out):
    """Return a model whose restoration of the image was ended when some units were done."""
    model = toy()
    break_after(model, 4)
    with pytest.raises(Broke):
        restore_file(model, image, out, unit=UNIT)
    model.restorer.before = lambda batch: None
    return model


def test_a_finished_restoration_is_left_alone_with_or_without_its_ledger(toy, image, out):
    model = toy()
    first = restore_file(model, image, out, unit=UNIT)
    assert (first.units, first.units_before, first.skipped) == (9, 0, False)
    before, calls = files_of(out), len(model.restorer.tiles)
    assert restore_file(model, image, out, unit=UNIT).skipped
    shutil.rmtree(out.with_name("out.zarr.l2l"))
    again = restore_file(model, image, out, unit=UNIT)
    assert (again.skipped, again.shape, again.axes) == (True, (150, 170), "YX")
    assert not out.with_name("out.zarr.l2l").exists()
    assert files_of(out) == before
    assert len(model.restorer.tiles) == calls
    assert not restore_file(model, image, out, unit=UNIT, restart=True).skipped
    assert len(model.restorer.tiles) == 2 * calls


def test_what_was_stopped_goes_on_and_computes_nothing_again(broken, toy, image, out, tmp_path):
    done = len(broken.restorer.tiles)
    assert json.loads((out / "zarr.json").read_text())["attributes"]["label2label"]["status"] == (
        "unfinished"
    )
    result = restore_file(broken, image, out, unit=UNIT)
    assert result.units == 9
    assert result.units_before == done
    assert len(broken.restorer.tiles) == 9
    whole = tmp_path / "whole.zarr"
    restore_file(toy(), image, whole, unit=UNIT)
    assert {n: c for n, c in files_of(out).items() if "c/" in n} == {
        n: c for n, c in files_of(whole).items() if "c/" in n
    }


def test_a_restoration_whose_store_is_gone_does_not_go_on(broken, image, out):
    shutil.rmtree(out)
    with pytest.raises(OutputError, match="is gone; bring it back, or begin anew with --restart"):
        restore_file(broken, image, out, unit=UNIT)
    assert restore_file(broken, image, out, unit=UNIT, restart=True).units == 9


def test_a_restoration_whose_ledger_is_gone_begins_anew(broken, image, out):
    shutil.rmtree(out.with_name("out.zarr.l2l"))
    result = restore_file(broken, image, out, unit=UNIT)
    assert (result.units, result.units_before) == (9, 0)


def changed_input(toy, image):
    np.save(image, noise(150, 170, seed=1))
    return toy(), {}


@pytest.mark.parametrize(
    ("change", "which"),
    [
        (changed_input, "the image is another or was written anew"),
        (lambda toy, image: (toy(output="input"), {}), "MODEL is not the one that it began with"),
        (
            lambda toy, image: (toy(), {"dtype": "uint16"}),
            "--dtype was float32 when it began and is uint16 now",
        ),
        (lambda toy, image: (toy(), {"unit": 72}), "--unit was 64 when it began and is 72 now"),
        (lambda toy, image: (toy(), {"version": "0.4"}), "--ome-zarr was not given"),
        (
            lambda toy, image: (toy(), {"statistics": "model"}),
            "--statistics was image when it began",
        ),
    ],
)
def test_what_changed_is_named_and_not_mixed(change, which, broken, toy, image, out):
    before = files_of(out)
    model, options = change(toy, image)
    with pytest.raises(OutputError, match=which) as failure:
        restore_file(model, image, out, **{"unit": UNIT, **options})
    assert str(failure.value).count("--restart") == 1
    assert files_of(out) == before
    result = restore_file(model, image, out, restart=True, **{"unit": UNIT, **options})
    assert (result.error, result.units_before) == ("", 0)


@pytest.fixture
def stuck(toy, image, out):
    """Return a model whose restoration was begun with uint16, and ended before its first unit."""
    model = toy()
    break_after(model, 0)
    with pytest.raises(Broke):
        restore_file(model, image, out, unit=UNIT, dtype="uint16")
    model.restorer.before = lambda batch: None
    return model


def test_nothing_is_pinned_before_a_unit_is_done(stuck, toy, image, out):
    assert open_image(out).dtype == np.uint16
    break_after(stuck, 0)
    for options in ({"unit": 72}, {"unit": 72, "version": "0.4"}):
        with pytest.raises(Broke):
            restore_file(stuck, image, out, **options)
    stuck.restorer.before = lambda batch: None
    result = restore_file(stuck, image, out, unit=UNIT)
    assert (result.error, result.units, result.units_before) == ("", 9, 0)
    np.testing.assert_array_equal(open_image(out).read(), toy().restore(noise(150, 170)))


def test_what_another_ledger_knows_of_is_not_taken_for_given_up(stuck, image, out, tmp_path):
    away = out.rename(tmp_path / "away.zarr")
    restore_file(stuck, image, out, unit=UNIT, ledger=tmp_path / "ledger")
    before = files_of(out)
    with pytest.raises(OutputError, match="give another --out, or --restart"):
        restore_file(stuck, image, out, unit=72)
    assert files_of(out) == before
    shutil.rmtree(away)


def test_a_label_in_what_was_given_up_stays(stuck, image, out):
    (out / "labels").mkdir()
    with pytest.raises(OutputError, match=r"out\.zarr is a restoration"):
        restore_file(stuck, image, out, unit=72)
    assert (out / "labels").exists()


def test_a_finished_restoration_of_something_else_is_not_replaced_unasked(toy, image, out):
    restore_file(toy(), image, out, unit=UNIT)
    shutil.rmtree(out.with_name("out.zarr.l2l"))
    before = files_of(out)
    with pytest.raises(OutputError, match=r"by another model, of another image.*--restart"):
        restore_file(toy(output="input"), image, out, unit=UNIT)
    assert files_of(out) == before


def test_an_image_changed_within_one_process_is_read_anew(toy, tmp_path):
    model, source = toy(), tmp_path / "image.zarr"
    for seed, shape in ((0, (70, 90)), (1, (90, 70))):
        shutil.rmtree(source, ignore_errors=True)
        write_image(source, noise(*shape, seed=seed), "YX")
        restore_file(model, source, tmp_path / "out.zarr", unit=UNIT, restart=True)
        np.testing.assert_array_equal(
            open_image(tmp_path / "out.zarr").read(), model.restore(noise(*shape, seed=seed))
        )


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("kind", ["file", "folder", "zarr"])
def test_what_is_not_ours_is_never_touched(kind, restart, toy, image, out):
    if kind == "file":
        out.write_text("mine")
    elif kind == "folder":
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    else:
        write_image(out, noise(8, 9), "YX")
    before = out.read_bytes() if kind == "file" else files_of(out)
    with pytest.raises(OutputError, match="no restoration that can be recognised"):
        restore_file(toy(), image, out, unit=UNIT, restart=restart)
    assert (out.read_bytes() if kind == "file" else files_of(out)) == before


def test_a_second_process_is_refused(broken, image, out):
    folder = out.with_name("out.zarr.l2l")
    with (
        Ledger.open(folder, Ledger.read_manifest(folder)),
        pytest.raises(OutputError, match="another process"),
    ):
        restore_file(broken, image, out, unit=UNIT)


def test_no_permission_is_one_sentence(toy, image, tmp_path):
    (tmp_path / "folder").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match=r"folder.*--ledger"):
        restore_file(toy(), image, tmp_path / "folder" / "out.zarr", unit=UNIT)
    with pytest.raises(OutputError, match=r"folder.*out\.zarr"):
        restore_file(
            toy(), image, tmp_path / "folder" / "out.zarr", unit=UNIT, ledger=tmp_path / "ledger"
        )


# --- several images ---------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Return a folder of two stores, a TIFF, and what is no image."""
    place = tmp_path / "images"
    for number, name in enumerate(("a.ome.zarr", "b.zarr")):
        write_image(place / name, noise(70, 90 + number, seed=number), "YX")
    tifffile.imwrite(place / "c.tif", noise(40, 50, seed=2))
    (place / "d.tif").write_bytes(b"II*\0 no image")
    return place


def table_of(ledger):
    with (ledger / "summary.tsv").open(newline="") as file:
        return {row["out"].rpartition("/")[2]: row for row in csv.DictReader(file, delimiter="\t")}


def test_a_folder_is_one_batch_with_one_ledger_and_a_table(toy, folder, tmp_path):
    model, out = toy(), tmp_path / "out"
    results = restore_files(model, [folder], out, unit=UNIT)
    assert [bool(result.error) for result in results] == [False, False, False, True]
    assert "d.tif" in results[3].error
    assert sorted(path.name for path in out.iterdir()) == ["a.ome.zarr", "b.zarr", "c.tif"]
    for name in ("a.ome.zarr", "b.zarr", "c.tif"):
        expected = model.restore(open_image(folder / name).read())
        np.testing.assert_array_equal(open_image(out / name).read(), expected)
    ledger = tmp_path / "out.l2l"
    assert Ledger.summary(ledger).finished is False
    table = table_of(ledger)
    assert {name: row["state"] for name, row in table.items()} == {
        "a.ome.zarr": "restored",
        "b.zarr": "restored",
        "c.tif": "restored",
        "d.tif": "failed",
    }
    assert (table["a.ome.zarr"]["shape"], table["a.ome.zarr"]["units"]) == ("70x90", "4")
    assert "d.tif" in table["d.tif"]["error"]


def test_a_batch_run_again_does_what_was_added_or_mended_alone(toy, folder, tmp_path):
    model, out = toy(), tmp_path / "out"
    restore_files(model, [folder], out, unit=UNIT)
    before = {name: files_of(out / name) for name in ("a.ome.zarr", "b.zarr")}
    calls = len(model.restorer.tiles)
    write_image(folder / "0.zarr", noise(60, 60, seed=7), "YX")
    tifffile.imwrite(folder / "d.tif", noise(40, 50, seed=3))
    results = restore_files(model, [folder], out, unit=UNIT)
    assert {result.out.rpartition("/")[2]: result.skipped for result in results} == {
        "0.zarr": False,
        "a.ome.zarr": True,
        "b.zarr": True,
        "c.tif": True,
        "d.tif": False,
    }
    assert not any(result.error for result in results)
    assert {result.out.rpartition("/")[2]: result.to_dict()["shape"] for result in results} == {
        "0.zarr": [60, 60],
        "a.ome.zarr": [70, 90],
        "b.zarr": [70, 91],
        "c.tif": [40, 50],
        "d.tif": [40, 50],
    }
    assert {result.axes for result in results} == {"YX"}
    assert len(model.restorer.tiles) == calls + 2
    assert {name: files_of(out / name) for name in before} == before
    assert Ledger.summary(tmp_path / "out.l2l").finished
    assert all(result.skipped for result in restore_files(model, [folder], out, unit=UNIT))


def test_a_batch_to_which_an_image_is_added_is_unfinished_until_it_is_restored(
    toy, folder, tmp_path
):
    model, out = toy(), tmp_path / "out"
    stores = [folder / "a.ome.zarr", folder / "b.zarr"]
    restore_files(model, stores, out, unit=UNIT)
    assert Ledger.summary(tmp_path / "out.l2l").finished
    write_image(folder / "e.zarr", noise(60, 60, seed=7), "YX")
    stores.append(folder / "e.zarr")
    break_after(model, len(model.restorer.tiles))
    with pytest.raises(Broke):
        restore_files(model, stores, out, unit=UNIT)
    assert not Ledger.summary(tmp_path / "out.l2l").finished
    model.restorer.before = lambda batch: None
    restore_files(model, stores, out, unit=UNIT)
    assert Ledger.summary(tmp_path / "out.l2l").finished


def test_images_come_out_in_the_order_in_which_they_are_given(toy, folder, tmp_path):
    model, out = toy(), tmp_path / "out"
    given = [folder / "b.zarr", folder / "c.tif"]
    restore_files(model, given, out, unit=UNIT)
    results = restore_files(model, [folder / "a.ome.zarr", *given], out, unit=UNIT)
    assert [result.out.rpartition("/")[2] for result in results] == [
        "a.ome.zarr",
        "b.zarr",
        "c.tif",
    ]


def test_a_changed_image_of_a_batch_is_named_and_the_others_are_restored(toy, folder, tmp_path):
    model, out = toy(), tmp_path / "out"
    (folder / "d.tif").unlink()
    restore_files(model, [folder], out, unit=UNIT)
    before = files_of(out / "a.ome.zarr")
    shutil.rmtree(folder / "a.ome.zarr")
    write_image(folder / "a.ome.zarr", noise(90, 70, seed=9), "YX")
    write_image(folder / "e.zarr", noise(60, 60, seed=7), "YX")
    results = restore_files(model, [folder], out, unit=UNIT)
    assert "is not what it was" in results[0].error
    assert [result.skipped for result in results] == [False, True, True, False]
    assert files_of(out / "a.ome.zarr") == before
    again = restore_files(model, [folder], out, unit=UNIT, restart=True)
    assert not any(result.error or result.skipped for result in again)
    np.testing.assert_array_equal(
        open_image(out / "a.ome.zarr").read(), model.restore(noise(90, 70, seed=9))
    )


def test_a_batch_that_was_killed_while_it_began_anew_begins_anew(toy, folder, tmp_path):
    restore_files(toy(), [folder], tmp_path / "out", unit=UNIT)
    ledger = tmp_path / "out.l2l"
    (ledger / "ledger.jsonl").write_bytes(b"")
    (ledger / "manifest.json").unlink()
    results = restore_files(toy(), [folder], tmp_path / "out", unit=UNIT)
    assert [result.skipped for result in results] == [True, True, True, False]


def test_a_batch_with_other_options_is_refused_as_a_whole(toy, folder, tmp_path):
    restore_files(toy(), [folder], tmp_path / "out", unit=UNIT)
    with pytest.raises(OutputError, match="--dtype was float32"):
        restore_files(toy(), [folder], tmp_path / "out", unit=UNIT, dtype="uint16")


def test_a_batch_of_which_no_unit_is_done_binds_nobody(toy, folder, tmp_path):
    model, out = toy(), tmp_path / "out"
    (folder / "d.tif").unlink()
    break_after(model, 0)
    with pytest.raises(Broke):
        restore_files(model, [folder], out, unit=UNIT)
    model.restorer.before = lambda batch: None
    results = restore_files(model, [folder], out, unit=UNIT, dtype="uint16")
    assert not any(result.error or result.skipped for result in results)
    assert all(open_image(place).dtype == np.uint16 for place in out.iterdir())


def test_a_finished_batch_without_its_ledger_is_not_taken_for_given_up(toy, folder, tmp_path):
    model, out = toy(), tmp_path / "out"
    stores = [folder / "a.ome.zarr", folder / "b.zarr"]
    restore_files(model, stores, out, unit=UNIT)
    shutil.rmtree(tmp_path / "out.l2l")
    restore_files(model, stores, out, unit=UNIT)
    assert not Ledger.summary(tmp_path / "out.l2l").done
    before = files_of(out)
    results = restore_files(model, stores, out, unit=UNIT, dtype="uint16")
    assert all("--restart to replace it" in result.error for result in results)
    assert files_of(out) == before


def test_a_stopped_batch_goes_on(toy, folder, tmp_path):
    model, out = toy(), tmp_path / "out"
    (folder / "d.tif").unlink()
    break_after(model, 5)
    with pytest.raises(Broke):
        restore_files(model, [folder], out, unit=UNIT)
    model.restorer.before = lambda batch: None
    results = restore_files(model, [folder], out, unit=UNIT)
    assert len(model.restorer.tiles) == 4 + 4 + 1
    assert sum(result.units_before for result in results) == 5
    for name in ("a.ome.zarr", "b.zarr", "c.tif"):
        expected = model.restore(open_image(folder / name).read())
        np.testing.assert_array_equal(open_image(out / name).read(), expected)


@pytest.mark.parametrize("restart", [False, True])
def test_what_is_not_ours_in_a_batch_stays_and_the_others_are_restored(
    restart, toy, folder, tmp_path
):
    model, out = toy(), tmp_path / "out"
    (folder / "d.tif").unlink()
    write_image(out / "b.zarr", noise(8, 9), "YX")
    tifffile.imwrite(out / "c.tif", noise(8, 9))
    before = files_of(out)
    results = restore_files(model, [folder], out, unit=UNIT, restart=restart)
    assert [bool(result.error) for result in results] == [False, True, True]
    for result, name in zip(results[1:], ("b.zarr", "c.tif"), strict=True):
        assert f"{name} exists and is no restoration that can be recognised" in result.error
    assert {name: files_of(out)[name] for name in before} == before
    np.testing.assert_array_equal(
        open_image(out / "a.ome.zarr").read(),
        model.restore(open_image(folder / "a.ome.zarr").read()),
    )
    assert table_of(tmp_path / "out.l2l")["b.zarr"]["state"] == "failed"


def test_a_store_that_vanished_from_a_batch_is_told_of_and_the_others_are_restored(
    toy, folder, tmp_path
):
    model, out = toy(), tmp_path / "out"
    (folder / "d.tif").unlink()
    break_after(model, 5)
    with pytest.raises(Broke):
        restore_files(model, [folder], out, unit=UNIT)
    model.restorer.before = lambda batch: None
    shutil.rmtree(out / "a.ome.zarr")
    results = restore_files(model, [folder], out, unit=UNIT)
    assert "is gone; bring it back" in results[0].error
    assert [bool(result.error) for result in results] == [True, False, False]


def test_stores_are_made_when_their_turn_comes(toy, folder, tmp_path):
    model, seen = toy(), []
    model.restorer.before = lambda batch: seen.append((tmp_path / "out" / "b.zarr").exists())
    restore_files(model, [folder], tmp_path / "out", unit=16)
    assert seen[0] is False
    assert seen[-1] is True


def test_one_is_told_that_many_images_are_planned(toy, tmp_path):
    class Noting(Silent):
        def message(self, text):
            said.append(text)

    for number in range(101):
        np.save(tmp_path / f"{number}.npy", noise(4, 4, seed=number))
    for count in (100, 101):
        said = []
        sources = sorted(tmp_path.glob("*.npy"))[:count]
        restore_files(toy(), sources, tmp_path / f"{count}", progress=Noting())
        assert ("planning 101 images" in said) is (count == 101)


# --- beginning anew ---------------------------------------------------------------------------


def test_nothing_is_deleted_before_there_is_who_makes_it_anew(toy, image, out, tmp_path):
    restore_file(toy(), image, out, unit=UNIT)
    before = files_of(tmp_path)
    with pytest.raises(ConfigError, match="give one of the two"):
        restore_file(
            toy(), image, out, unit=UNIT, restart=True, workers=1, scheduler="tcp://nowhere:1"
        )
    assert files_of(tmp_path) == before
    assert restore_file(toy(), image, out, unit=UNIT).skipped


@pytest.mark.parametrize("name", ["labels/zarr.json", "notes.txt"])
def test_what_was_added_to_a_restoration_is_not_deleted_with_it(name, toy, image, out):
    restore_file(toy(), image, out, unit=UNIT)
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("{}")
    before = files_of(out)
    with pytest.raises(OutputError, match=rf"{name.partition('/')[0]} is not of the restoration"):
        restore_file(toy(), image, out, unit=UNIT, restart=True)
    assert files_of(out) == before
    (out / name).rename(out.with_name("moved"))
    if (out / "labels").exists():
        (out / "labels").rmdir()
    (out / ".zarr.json.0a1b.part").write_text("of a kill")
    assert restore_file(toy(), image, out, unit=UNIT, restart=True).units == 9


def test_a_link_to_a_restoration_stays_one(toy, image, out, tmp_path):
    (tmp_path / "disk").mkdir()
    place = tmp_path / "disk" / "store.zarr"
    restore_file(toy(), image, place, unit=UNIT)
    shutil.rmtree(tmp_path / "disk" / "store.zarr.l2l")
    out.symlink_to(place, target_is_directory=True)
    assert restore_file(toy(), image, out, unit=UNIT).skipped
    model = toy(output="input")
    assert restore_file(model, image, out, unit=UNIT, restart=True).units == 9
    assert out.is_symlink()
    np.testing.assert_array_equal(open_image(place).read(), model.restore(np.load(image)))


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("name", ["mine.tif", "mine.png", "mine.npy"])
def test_no_file_of_others_is_replaced(name, restart, toy, image, tmp_path):
    write_image(tmp_path / name, noise(8, 9), "YX")
    before = (tmp_path / name).read_bytes()
    with pytest.raises(OutputError, match=r"mine.* exists.*delete it yourself"):
        restore_file(toy(), image, tmp_path / name, dtype="uint16", restart=restart)
    assert (tmp_path / name).read_bytes() == before


def test_a_file_of_pixels_alone_is_replaced_where_the_ledger_knows_it(toy, tmp_path):
    source, out = tmp_path / "images", tmp_path / "out"
    source.mkdir()
    for number, name in enumerate("ab"):
        np.save(source / f"{name}.npy", noise(20, 30, seed=number))
    assert not any(result.error for result in restore_files(toy(), [source], out))
    np.save(source / "c.npy", noise(20, 30, seed=2))
    np.save(out / "c.npy", noise(20, 30, seed=3))
    before = (out / "c.npy").read_bytes()
    for _ in range(2):
        model = toy(output="input")
        results = restore_files(model, [source], out, restart=True)
        assert [bool(result.error) for result in results] == [False, False, True]
        assert "cannot say whether it is a restoration" in results[2].error
        np.testing.assert_array_equal(np.load(out / "a.npy"), model.restore(noise(20, 30)))
        assert (out / "c.npy").read_bytes() == before
    # One that was stopped before it came to them may begin anew once more.
    break_after(model, 0)
    with pytest.raises(Broke):
        restore_files(model, [source], out, restart=True)
    results = restore_files(toy(), [source], out, restart=True)
    assert [bool(result.error) for result in results] == [False, False, True]


# --- places -----------------------------------------------------------------------------------


def test_how_a_place_is_spelt_does_not_matter(broken, image, out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    result = restore_file(broken, "image.npy", "below/../out.zarr", unit=UNIT)
    assert (result.error, result.units) == ("", 9)
    assert result.units_before > 0
    assert restore_file(broken, image, "out.zarr", unit=UNIT).skipped
    assert result.out == str(out)


def test_a_restoration_goes_on_where_it_was_moved_to(broken, image, out, tmp_path):
    (tmp_path / "disk").mkdir()
    moved = tmp_path / "disk" / "renamed.zarr"
    out.rename(moved)
    out.with_name("out.zarr.l2l").rename(moved.with_name("renamed.zarr.l2l"))
    result = restore_file(broken, image, moved, unit=UNIT)
    assert (result.error, result.units) == ("", 9)
    assert len(broken.restorer.tiles) == 9
    image = image.rename(tmp_path / "disk" / "image.npy")
    last = tmp_path / "disk" / "last.zarr"
    moved.rename(last)
    moved.with_name("renamed.zarr.l2l").rename(last.with_name("last.zarr.l2l"))
    assert restore_file(broken, image, last, unit=UNIT).skipped


def test_a_batch_goes_on_where_it_was_moved_to(toy, folder, tmp_path):
    model = toy()
    (folder / "d.tif").unlink()
    restore_files(model, [folder], tmp_path / "out", unit=UNIT)
    calls = len(model.restorer.tiles)
    (tmp_path / "out").rename(tmp_path / "moved")
    (tmp_path / "out.l2l").rename(tmp_path / "moved.l2l")
    assert all(r.skipped for r in restore_files(model, [folder], tmp_path / "moved", unit=UNIT))
    assert len(model.restorer.tiles) == calls


def test_a_ledger_does_not_serve_two_restorations(broken, image, out, tmp_path):
    ledger, other = out.with_name("out.zarr.l2l"), tmp_path / "other.zarr"
    with pytest.raises(OutputError, match=r"out\.zarr, which is still there"):
        restore_file(broken, image, other, unit=UNIT, ledger=ledger)
    assert not other.exists()


def test_another_image_with_the_same_metadata_is_not_taken_for_it(toy, tmp_path, out):
    write_image(tmp_path / "a.zarr", noise(70, 90), "YX")
    shutil.copytree(tmp_path / "a.zarr", tmp_path / "b.zarr", copy_function=shutil.copy)
    restore_file(toy(), tmp_path / "a.zarr", out, unit=UNIT)
    with pytest.raises(OutputError, match="the image is another or was written anew"):
        restore_file(toy(), tmp_path / "b.zarr", out, unit=UNIT)


@pytest.mark.parametrize("where", [".", ".."])
def test_a_folder_that_is_named_by_where_one_is(where, toy, folder, tmp_path, monkeypatch):
    here = tmp_path / "here" / "below"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    place = (here / where).resolve()
    results = restore_files(toy(), [folder], where, unit=UNIT)
    assert results[0].out == str(place / "a.ome.zarr")
    assert (place.parent / f"{place.name}.l2l" / "summary.tsv").exists()


def test_one_image_and_then_a_folder_of_it_is_not_done_twice(toy, folder, tmp_path):
    model, out = toy(), tmp_path / "out"
    (folder / "d.tif").unlink()
    restore_files(model, [folder / "a.ome.zarr"], out, unit=UNIT)
    assert (tmp_path / "out" / "a.ome.zarr.l2l").is_dir()
    calls = len(model.restorer.tiles)
    results = restore_files(model, [folder], out, unit=UNIT)
    assert [result.skipped for result in results] == [True, False, False]
    assert len(model.restorer.tiles) == calls + 5
