"""Damage, change and full disks: named, survived where that is possible, and never mixed in."""

import json
import resource
import shutil
import signal
from contextlib import contextmanager

import numpy as np
import pytest
import zarr

from l2l_core.errors import ImageError, OutputError
from l2l_core.images import open_image
from l2l_core.streaming.ledger import Ledger
from l2l_core.workflows.chained_model import ChainedModel
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restoration import Silent
from l2l_core.workflows.restore import restore_file, restore_files

UNIT = 64
CHUNK = 16


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 500, shape).astype(np.uint16)


def stored(place, pixels, **options):
    """Write a plain zarr array, of which files can be damaged one by one."""
    array = zarr.create_array(
        str(place),
        shape=pixels.shape,
        dtype=pixels.dtype,
        chunks=(CHUNK,) * pixels.ndim,
        fill_value=7,
        **options,
    )
    array[...] = pixels
    return place


@pytest.fixture
def image(tmp_path):
    """Return a mosaic of nine units in chunks of a quarter of their side."""
    return stored(tmp_path / "image.zarr", noise(150, 170))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.zarr"


@pytest.fixture
def filter_(toy):
    """Return a model that takes what the model knows, so that no image has to be measured."""
    return toy(scope="dataset")


def open_units(out):
    return [unit for unit, _ in Ledger.summary(out.with_name("out.zarr.l2l")).failures()]


def test_a_chunk_that_is_missing_is_the_fill_value(filter_, image, out):
    (image / "c" / "4" / "4").unlink()
    assert not restore_file(filter_, image, out, unit=UNIT).error
    pixels = noise(150, 170)
    pixels[64:80, 64:80] = 7
    np.testing.assert_array_equal(open_image(out).read(), filter_.restore(pixels))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_damaged_chunk_costs_its_unit_alone_until_it_is_repaired(version, filter_, image, out):
    chunk = image / "c" / "5" / "5"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2])
    result = restore_file(filter_, image, out, unit=UNIT, version=version)
    assert "image.zarr" in result.error
    assert "c/5/5 cannot be decoded" in result.error
    assert "1 of 9 units" in result.error
    assert result.units == 8
    # The chunk lies within the halo of no other unit.
    assert open_units(out) == [(0, 0, 4)]
    attributes = json.loads((out / ("zarr.json" if version == "0.5" else ".zattrs")).read_text())
    made = attributes["attributes"] if version == "0.5" else attributes
    assert made["label2label"]["status"] == "unfinished"
    restored = open_image(out).read()
    expected = filter_.restore(noise(150, 170))
    assert not restored[64:128, 64:128].any()
    restored[64:128, 64:128] = expected[64:128, 64:128]
    np.testing.assert_array_equal(restored, expected)

    again = restore_file(filter_, image, out, unit=UNIT, version=version)
    assert (again.units_before, "c/5/5" in again.error) == (8, True)
    chunk.write_bytes(whole)
    calls = len(filter_.restorer.tiles)
    repaired = restore_file(filter_, image, out, unit=UNIT, version=version)
    assert (repaired.error, repaired.units, repaired.units_before) == ("", 9, 8)
    assert len(filter_.restorer.tiles) == calls + 1
    np.testing.assert_array_equal(open_image(out).read(), expected)
    assert open_units(out) == []


def test_a_chunk_that_several_units_need_is_told_of_once(filter_, image, out):
    class Noting(Silent):
        def pixels(self, title, total, before):
            return self

        def __call__(self, pixels):
            pass

        def close(self):
            pass

        def message(self, text):
            said.append(text)

    said = []
    # On the corner where four units meet, and within one of them.
    for key in (("4", "4"), ("5", "5")):
        chunk = image.joinpath("c", *key)
        chunk.write_bytes(chunk.read_bytes()[:50])
    result = restore_file(filter_, image, out, unit=UNIT, progress=Noting())
    assert result.units == 5
    damage = [text for text in said if "cannot be decoded" in text]
    for key in ("c/4/4", "c/5/5"):
        assert sum(text.count(key) for text in damage) == 1
    reasons = dict(Ledger.summary(out.with_name("out.zarr.l2l")).failures()).values()
    assert all("c/4/4 cannot" in why or "c/4/4, c/5/5 cannot" in why for why in reasons)


def test_a_damaged_chunk_that_is_in_the_way_of_the_statistics_is_named(toy, image, out):
    chunk = image / "c" / "5" / "5"
    chunk.write_bytes(chunk.read_bytes()[:50])
    with pytest.raises(
        ImageError, match=r"c/5/5 cannot be decoded.*every pixel.*--statistics model, with --rest"
    ):
        restore_file(toy(), image, out, unit=UNIT)
    one = restore_file(toy(), image, out.with_name("one.zarr"))
    assert "--statistics model, with --restart" in one.error
    result = restore_file(toy(), image, out, unit=UNIT, statistics="model", restart=True)
    assert result.units == 8


def test_a_damaged_chunk_of_floats_costs_what_follows_a_model_its_unit_alone(
    filter_, tmp_path, out
):
    pixels = noise(150, 170).astype(np.float32)
    source = stored(tmp_path / "float.zarr", pixels)
    chunk = source / "c" / "2" / "2"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:50])
    model = ChainedModel(filter_, [load_model("gaussian:sigma=1")])
    result = restore_file(model, source, out, unit=UNIT)
    assert (result.units, "c/2/2 cannot be decoded" in result.error) == (8, True)
    chunk.write_bytes(whole)
    assert not restore_file(model, source, out, unit=UNIT).error
    np.testing.assert_array_equal(open_image(out).read(), model.restore(pixels))


def test_what_stands_in_for_pixels_behind_a_model_is_taken_once_the_image_is_repaired(
    filter_, tmp_path, out
):
    pixels = noise(150, 170).astype(np.float32)
    pixels[140, 160] = np.nan
    source = stored(tmp_path / "float.zarr", pixels)
    chunk = source / "c" / "2" / "2"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:50])
    model = ChainedModel(filter_, [load_model("gaussian:sigma=1")])
    # Neither the damaged unit nor the one with a pixel without a value can be had so far.
    result = restore_file(model, source, out, unit=UNIT)
    assert (result.units, open_units(out)) == (7, [(0, 0, 0), (0, 0, 8)])
    chunk.write_bytes(whole)
    assert not restore_file(model, source, out, unit=UNIT).error
    np.testing.assert_allclose(open_image(out).read(), model.restore(pixels), rtol=1e-6)


def test_a_damaged_chunk_of_floats_costs_a_filter_its_unit_alone(tmp_path, out):
    pixels = noise(150, 170).astype(np.float32)
    # What stands in for it is the mean of the whole image, damaged part and all.
    pixels[10, 10] = np.nan
    source = stored(tmp_path / "float.zarr", pixels)
    chunk = source / "c" / "5" / "5"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:50])
    with load_model("gaussian:sigma=1") as model:
        result = restore_file(model, source, out, unit=UNIT)
        assert result.units == 7
        failures = dict(Ledger.summary(out.with_name("out.zarr.l2l")).failures())
        assert "mean of the whole image" in failures[0, 0, 0]
        assert "c/5/5 cannot be decoded" in failures[0, 0, 4]
        chunk.write_bytes(whole)
        assert not restore_file(model, source, out, unit=UNIT).error
        np.testing.assert_allclose(open_image(out).read(), model.restore(pixels), rtol=1e-6)


def test_a_damaged_image_of_several_does_not_stop_the_others(filter_, image, tmp_path):
    other = stored(tmp_path / "other.zarr", noise(70, 90))
    chunk = image / "c" / "5" / "5"
    chunk.write_bytes(chunk.read_bytes()[:50])
    results = restore_files(filter_, [image, other], tmp_path / "both", unit=UNIT)
    assert ["c/5/5" in result.error for result in results] == [True, False]
    assert results[1].units == 4


@pytest.mark.parametrize("when", ["before", "behind"])
def test_a_store_that_vanishes_under_way_is_not_restored_as_nothing(when, filter_, image, out):
    away = image.with_name("away.zarr")

    def vanish(batch):
        if len(filter_.restorer.tiles) == 3 and image.exists():
            image.rename(away)

    filter_.restorer.before = vanish
    with pytest.raises(ImageError, match=r"image\.zarr.*vanished.*safe on the disk"):
        restore_file(filter_, image, out, unit=UNIT)
    away.rename(image)
    filter_.restorer.before = lambda batch: None
    done = len(Ledger.summary(out.with_name("out.zarr.l2l")).done)
    result = restore_file(filter_, image, out, unit=UNIT)
    assert result.units_before == done < 9
    np.testing.assert_array_equal(open_image(out).read(), filter_.restore(noise(150, 170)))


def test_a_store_that_changes_under_way_stops_the_run(filter_, image, out):
    def change(batch):
        if len(filter_.restorer.tiles) == 3:
            document = json.loads((image / "zarr.json").read_text())
            document["fill_value"] = 9
            (image / "zarr.json").write_text(json.dumps(document))

    filter_.restorer.before = change
    with pytest.raises(ImageError, match=r"image\.zarr.*fill_value in zarr\.json changed"):
        restore_file(filter_, image, out, unit=UNIT)
    filter_.restorer.before = lambda batch: None
    with pytest.raises(OutputError, match=r"fill_value in zarr\.json"):
        restore_file(filter_, image, out, unit=UNIT)


def test_an_image_of_several_that_vanishes_is_told_of_and_the_others_go_on(
    filter_, image, tmp_path
):
    other = stored(tmp_path / "other.zarr", noise(70, 90))

    def vanish(batch):
        if len(filter_.restorer.tiles) == 3:
            shutil.rmtree(image, ignore_errors=True)

    filter_.restorer.before = vanish
    results = restore_files(filter_, [image, other], tmp_path / "both", unit=UNIT)
    assert "vanished" in results[0].error
    assert "units could not be restored" not in results[0].error
    assert (results[1].error, results[1].units) == ("", 4)


@contextmanager
def full_disk(limit):
    """Let no file grow beyond `limit` bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_stops_the_run_and_the_next_goes_on(tmp_path, out):
    pixels = np.zeros((150, 170), np.float32)
    pixels[64:] = np.random.default_rng(0).normal(size=(86, 170))
    np.save(tmp_path / "image.npy", pixels)
    with load_model("identity") as model:
        with (
            full_disk(9000),
            pytest.raises(OutputError, match=r"out\.zarr: level 0 cannot be written .* goes on"),
        ):
            restore_file(model, tmp_path / "image.npy", out, unit=UNIT, compression="none")
        assert Ledger.summary(out.with_name("out.zarr.l2l")).done.count(0, 0) >= 3
        result = restore_file(model, tmp_path / "image.npy", out, unit=UNIT, compression="none")
        assert result.units_before >= 3
        np.testing.assert_array_equal(open_image(out).read(), pixels)
    assert not list(out.rglob("*.partial"))


def test_a_pyramid_that_was_not_begun_is_made_by_the_next_run(filter_, tmp_path, out):
    source = stored(tmp_path / "long.zarr", noise(4200, 20))
    chunk = source / "c" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:50])
    result = restore_file(filter_, source, out, unit=1024)
    assert result.units == 4
    assert not np.asarray(zarr.open_array(str(out / "4"), mode="r")).any()
    chunk.write_bytes(whole)
    assert not restore_file(filter_, source, out, unit=1024).error
    top = np.asarray(zarr.open_array(str(out / "4"), mode="r"))
    whole = filter_.restore(noise(4200, 20))
    assert top.mean() == pytest.approx(whole.mean(), rel=0.01)
    assert top[0].mean() == pytest.approx(whole[:16].mean(), rel=0.01)


def test_pixels_that_were_rewritten_are_read_anew_by_the_next_run(filter_, image, tmp_path):
    restore_file(filter_, image, tmp_path / "before.zarr", unit=UNIT)
    zarr.open_array(str(image), mode="r+")[...] = noise(150, 170, seed=1)
    restore_file(filter_, image, tmp_path / "after.zarr", unit=UNIT)
    np.testing.assert_array_equal(
        open_image(tmp_path / "after.zarr").read(), filter_.restore(noise(150, 170, seed=1))
    )


def test_a_run_goes_on_with_another_tile(filter_, image, out):
    chunk = image / "c" / "5" / "5"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:50])
    assert restore_file(filter_, image, out, unit=UNIT, tile=32).units == 8
    chunk.write_bytes(whole)
    result = restore_file(filter_, image, out, unit=UNIT, tile=16)
    assert (result.error, result.units_before) == ("", 8)
    np.testing.assert_array_equal(open_image(out).read(), filter_.restore(noise(150, 170)))
