"""A unit writes its files and no others, and trusts nothing that a former attempt left."""

import numpy as np
import pytest
import zarr
from attrs import evolve

from l2l_core.components import Geometry, Padding, Restorer
from l2l_core.errors import ImageError, ImageFormatError, ImageNotFoundError
from l2l_core.images.guarding import Guard
from l2l_core.images.ome_zarr_pyramid import StoreLayout, create_store, open_levels
from l2l_core.images.pyramid import halve
from l2l_core.streaming.boxes import Numbers
from l2l_core.streaming.frame import Frame
from l2l_core.streaming.jobs import ImageJob, ImageSource
from l2l_core.streaming.unit_work import damage, input_box, pyramid_unit, restore_unit
from l2l_core.streaming.units import plan_grid

NONE = Numbers()


class Differences(Restorer):
    """Each pixel and its neighbour to the right, less the one to the left."""

    normalizes = False

    def __init__(self, outputs=("mean",), scale=1):
        super().__init__(None, axes="YX", channels_in=1, channels_out=1)
        self.geometry = Geometry(
            axes="YX", halo=1, multiple=2, padding=Padding("edge"), outputs=outputs, scale=scale
        )

    def restore(self, batch):
        wide = np.pad(batch, [(0, 0), (0, 0), (0, 0), (1, 1)], mode="edge")
        values = batch + wide[..., 2:] - wide[..., :-2]
        for axis, factor in enumerate(self.geometry.scale, start=2):
            values = values.repeat(factor, axis)
        return {name: values * (1 + n) for n, name in enumerate(self.geometry.outputs)}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


def expected(pixels, scale=1):
    wide = np.pad(pixels, [(0, 0), (1, 1)], mode="edge")
    values = pixels + wide[:, 2:] - wide[:, :-2]
    return values.repeat(scale, 0).repeat(scale, 1)


def made(folder, pixels, restorer, *, version="0.5", unit=64, dtype="float32"):
    """Return a job of which image and stores are there."""
    zarr.create_array(str(folder / "image.zarr"), data=pixels, chunks=(32, 32))
    frame = Frame("YX", pixels.shape, restorer.geometry)
    grid = plan_grid(
        frame.output_shape, "YX", inner="YX", side=unit, scale=frame.scale, sharded=version != "0.4"
    )
    layout = StoreLayout(
        "YX",
        dtype,
        tuple((level.shape, level.chunks, level.unit) for level in grid.levels),
        version=version,
    )
    stores = {name: str(folder / f"{name}.zarr") for name in restorer.geometry.outputs}
    for place in stores.values():
        create_store(place, layout)
    return ImageJob(
        source=ImageSource(str(folder / "image.zarr")),
        guard=Guard.of(folder / "image.zarr"),
        frame=frame,
        grid=grid,
        stores=stores,
        layout=layout,
        tile=(40, 40),
        dtype=dtype,
    )


def run(restorer, job):
    for index in range(job.grid.count(0)):
        restore_unit(restorer, job, job.grid.unit(0, index), NONE)
    for stage in range(1, job.grid.stages):
        for index in range(job.grid.count(stage)):
            pyramid_unit(job, job.grid.unit(stage, index))


def level(job, number, output="mean"):
    whole = tuple((0, side) for side in job.layout.levels[number][0])
    return open_levels(job.stores[output], job.layout).read(number, whole)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("scale", [1, 2])
def test_units_and_their_levels_are_those_of_the_whole(scale, version, tmp_path):
    restorer, pixels = Differences(("mean", "scale"), scale), noise(1100, 40)
    job = made(tmp_path, pixels, restorer, version=version, unit=192 * scale)
    run(restorer, job)
    whole = expected(pixels, scale)
    np.testing.assert_allclose(level(job, 0), whole, rtol=1e-6)
    np.testing.assert_array_equal(level(job, 0, "scale"), 2 * level(job, 0))
    for number in range(1, len(job.layout.levels)):
        np.testing.assert_array_equal(level(job, number), halve(level(job, number - 1), "YX"))


def test_levels_of_later_stages(tmp_path):
    restorer, pixels = Differences(), noise(8300, 16)
    job = made(tmp_path, pixels, restorer, unit=1024)
    assert job.grid.stages > 1
    run(restorer, job)
    for number in range(1, len(job.layout.levels)):
        np.testing.assert_array_equal(level(job, number), halve(level(job, number - 1), "YX"))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_torn_file_is_neither_read_nor_kept(version, tmp_path):
    restorer, pixels = Differences(), noise(150, 100)
    job = made(tmp_path, pixels, restorer, version=version)
    run(restorer, job)
    files = sorted(path for path in (tmp_path / "mean.zarr" / "0").rglob("*") if path.is_file())
    chunks = [path for path in files if not path.name.startswith((".z", "zarr"))]
    before = {path: path.read_bytes() for path in chunks}
    for path in chunks:
        path.write_bytes(path.read_bytes()[:11])
    (chunks[0].parent / f"{chunks[0].name}.0123456789abcdef.partial").write_bytes(b"torn")
    run(restorer, job)
    assert {path: path.read_bytes() for path in chunks} == before
    assert not list((tmp_path / "mean.zarr").rglob("*.partial"))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_worker_that_comes_late_takes_nothing_away(version, tmp_path):
    seen = []

    class Watched(Differences):
        def restore(self, batch):
            seen.append(level(job, 0))
            return super().restore(batch)

    job = made(tmp_path, noise(150, 100), Watched(), version=version)
    run(Watched(), job)
    done = level(job, 0)
    seen.clear()
    run(Watched(), job)
    assert seen
    for pixels in seen:
        np.testing.assert_array_equal(pixels, done)
    # Nor does one that fails: its image is gone, and the unit is finished.
    (tmp_path / "image.zarr").rename(tmp_path / "away.zarr")
    with pytest.raises(ImageNotFoundError):
        restore_unit(Watched(), job, job.grid.unit(0, 0), NONE)
    np.testing.assert_array_equal(level(job, 0), done)


def test_a_unit_leaves_its_neighbours_alone(tmp_path):
    restorer, pixels = Differences(), noise(150, 100)
    job = made(tmp_path, pixels, restorer)
    restore_unit(restorer, job, job.grid.unit(0, 1), NONE)
    rows, columns = (slice(*ends) for ends in job.grid.unit(0, 1).box)
    written = level(job, 0)
    np.testing.assert_allclose(written[rows, columns], expected(pixels)[rows, columns], rtol=1e-6)
    written[rows, columns] = 0
    assert not written.any()


def test_integers_saturate_before_they_are_halved(tmp_path):
    restorer, pixels = Differences(), noise(600, 40) * 1000
    job = made(tmp_path, pixels, restorer, dtype="uint16")
    run(restorer, job)
    whole = np.rint(expected(pixels).clip(0, 65535)).astype(np.uint16)
    np.testing.assert_array_equal(level(job, 0), whole)
    np.testing.assert_array_equal(level(job, 1), halve(whole, "YX"))


def test_a_store_that_vanishes_while_it_is_restored_is_noticed_and_nothing_written(tmp_path):
    class Vanishing(Differences):
        def restore(self, batch):
            if (tmp_path / "image.zarr").exists():
                (tmp_path / "image.zarr").rename(tmp_path / "away.zarr")
            return super().restore(batch)

    restorer = Vanishing()
    job = made(tmp_path, noise(150, 100), restorer)
    with pytest.raises(ImageNotFoundError, match=r"image\.zarr.*vanished"):
        restore_unit(restorer, job, job.grid.unit(0, 0), NONE)
    assert not level(job, 0).any()


def test_damaged_chunks_of_a_unit_are_named(tmp_path):
    restorer = Differences()
    job = made(tmp_path, noise(300, 300), restorer)
    for name in ("0/0", "0/1", "1/0", "1/1", "2/0", "8/8"):
        (tmp_path / "image.zarr" / "c" / name).write_bytes(b"torn")
    with pytest.raises(ImageError, match=r"c/0/0, c/0/1, c/1/0 and 2 more cannot be decoded"):
        restore_unit(restorer, job, job.grid.unit(0, 0), NONE)
    assert not level(job, 0).any()


def test_a_store_that_is_another_by_now_is_not_called_damaged(tmp_path):
    job = made(tmp_path, noise(150, 100), Differences())
    metadata = tmp_path / "image.zarr" / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"fill_value": 0.0', '"fill_value": 1.0'))
    with pytest.raises(ImageError, match=r"fill_value in zarr\.json changed"):
        damage(job, {"Y": (0, 64)}, ImageFormatError("a chunk cannot be read"))


def test_damage_that_no_chunk_explains_is_what_the_reader_says(tmp_path):
    job = made(tmp_path, noise(150, 100), Differences())
    error = ImageFormatError("the disk cannot be read")
    assert damage(job, {"Y": (0, 64)}, error) is error


def test_a_box_with_its_halo_lies_within_the_image(tmp_path):
    job = made(tmp_path, noise(150, 100), Differences())
    assert input_box(job, ((0, 64), (64, 100))) == {"Y": (0, 104), "X": (24, 100)}
    scaled = made_scaled(tmp_path / "scaled")
    assert input_box(scaled, ((128, 256), (0, 64))) == {"Y": (24, 150), "X": (0, 72)}


def made_scaled(folder):
    folder.mkdir()
    return made(folder, noise(150, 100), Differences(scale=2), unit=128)


def test_another_image_at_the_same_place_is_opened_anew(tmp_path):
    restorer = Differences()
    job = made(tmp_path, noise(150, 100), restorer)
    first = job.opened()
    assert job.opened() is first
    other = evolve(job, guard=Guard(file={"size": 1, "mtime_ns": 1}))
    assert other.opened() is not first
