"""What a restoration is planned from, and what makes two of them one or different."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from l2l_core.errors import ImageError, TilingError
from l2l_core.images.image import Length
from l2l_core.images.writing import write_image
from l2l_core.workflows.restoration import RestoreOptions
from l2l_core.workflows.restore_places import Target
from l2l_core.workflows.streamed_plan import Facts, plan_image


@pytest.fixture
def plan(tmp_path):
    """Return a function that plans an array's restoration."""

    def planned(model, pixels, axes="YX", **options):
        write_image(tmp_path / "image.ome.zarr", pixels, axes, pixel_size={"X": Length(0.4)})
        # The time at which it is written counts.
        os.utime(tmp_path / "image.ome.zarr" / "0" / "zarr.json", ns=(0, 0))
        target = Target(tmp_path / "image.ome.zarr", tmp_path / "out.ome.zarr")
        chosen = RestoreOptions(**options)
        return plan_image(model, target, chosen), Facts.of(model, chosen), target

    return planned


def test_nothing_is_written(toy, plan, tmp_path):
    plan(toy(), np.ones((150, 170), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["image.ome.zarr"]


def test_the_layout_is_the_restorations(toy, plan):
    model = toy(outputs=("mean", "scale"), scale=2)
    job, _, _ = plan(model, np.ones((150, 170), np.uint8), unit=64, all_outputs=True, dtype="uint8")
    assert job.grid.levels[0].shape == (300, 340)
    assert (job.layout.dtype, job.dtype, job.layout.name) == ("uint8", "uint8", "out")
    assert job.layout.pixel_size["X"] == Length(0.2)
    assert [place.rpartition("/")[2] for place in job.stores.values()] == [
        "out.ome.zarr",
        "out_scale.ome.zarr",
    ]


def test_the_tile_fits_the_unit(toy, plan):
    job, _, _ = plan(toy(), np.ones((150, 170), np.uint8), unit=64)
    assert max(job.tile) <= 64 + 2 * 2
    asked, _, _ = plan(toy(), np.ones((150, 170), np.uint8), unit=64, tile=20)
    assert max(asked.tile) <= 20


def test_units_are_smaller_where_many_planes_become_one(toy, plan):
    model = toy(axes="ZYX", output_axes="YX")
    job, _, _ = plan(model, np.zeros((32, 1100, 1050), np.uint8), "ZYX")
    assert job.grid.levels[0].unit == (1024, 1024)


def test_a_new_axis_is_as_long_as_the_method_makes_it(toy, plan):
    model = toy(output_axes="ZYX")
    job, _, _ = plan(model, np.ones((150, 170), np.uint8), unit=64)
    assert (job.grid.axes, job.grid.levels[0].shape) == ("ZYX", (3, 150, 170))
    assert job.frame.lengths == {"Z": 3}


@pytest.mark.parametrize(
    ("axes", "shape", "halo", "unit"),
    [("YX", (150, 170), None, 170), ("ZYX", (3, 150, 70), (1, None, 1), 150)],
)
def test_a_method_of_the_whole_needs_a_unit_of_the_whole(axes, shape, halo, unit, toy, plan):
    model = toy(axes=axes, halo=halo)
    with pytest.raises(TilingError, match=f"--unit {unit} "):
        plan(model, np.ones(shape, np.uint8), axes, unit=unit - 1)


def test_along_z_a_method_may_look_at_the_whole(toy, plan):
    job, _, _ = plan(
        toy(axes="ZYX", halo=(None, 1, 1)), np.ones((5, 150, 70), np.uint8), "ZYX", unit=64
    )
    assert {unit.box[0] for unit in (job.grid.unit(0, i) for i in range(job.grid.count(0)))} == {
        (0, 5)
    }


def test_an_image_of_other_axes_is_named(toy, plan):
    with pytest.raises(ImageError, match=r"image\.ome\.zarr: .*works in ZYX"):
        plan(toy(axes="ZYX"), np.ones((150, 170), np.uint8))
    with pytest.raises(ImageError, match=r"image\.ome\.zarr: .*takes 2 channels"):
        plan(toy(channels_in=2), np.ones((150, 170), np.uint8))


def of(plan, model, pixels=None, **options):
    job, facts, target = plan(
        model, np.ones((90, 70), np.uint8) if pixels is None else pixels, **options
    )
    return facts.job(facts.of_image(target, job))


def test_one_plan_is_one_job_and_another_is_another(toy, plan):
    same = of(plan, toy(), unit=64)
    assert of(plan, toy(), unit=64) == same
    others = [
        of(plan, toy(), unit=72),
        of(plan, toy(), unit=64, dtype="uint16"),
        of(plan, toy(), unit=64, version="0.4"),
        of(plan, toy(), unit=64, compression="zstd"),
        of(plan, toy(), unit=64, statistics="model"),
        of(plan, toy(output="input"), unit=64),
        of(plan, toy(), np.ones((90, 72), np.uint8), unit=64),
    ]
    assert len({same, *others}) == 1 + len(others)


def test_whose_numbers_are_asked_for_or_the_default_is_one(toy, plan):
    assert of(plan, toy()) == of(plan, toy(), statistics="image")


def test_neither_where_the_model_lies_nor_which_software_it_is_changes_a_job(toy, plan):
    model = toy()
    same = of(plan, model)
    model.where = "elsewhere"
    assert of(plan, model) == same


def test_facts_are_plain_and_those_of_many_images_say_nothing_of_each(toy, plan):
    job, facts, target = plan(toy(), np.ones((90, 70), np.uint8))
    image = facts.of_image(target, job)
    one, none = facts.sections([image]), facts.sections([])
    assert json.loads(json.dumps(one)) == one
    assert (one["input"], one["grid"]) == (image["input"], image["grid"])
    assert none["model"] == one["model"]
    assert none["input"] == {}
    assert "levels" not in none["grid"]


def test_a_file_is_known_by_its_size_and_time(toy, plan, tmp_path):
    _, facts, target = plan(toy(), np.ones((90, 70), np.uint8))
    np.save(tmp_path / "a.npy", np.ones((3, 4)))
    file = evolve(target, source=tmp_path / "a.npy", out=tmp_path / "a.tif")
    image = facts.of_image(file, None)
    assert image["input"]["file"]["size"] == (tmp_path / "a.npy").stat().st_size
    assert image["grid"] == {"file": ".tif"}


def test_where_images_and_stores_lie_changes_no_job(toy, plan):
    job, facts, target = plan(toy(), np.ones((90, 70), np.uint8))
    same = facts.job(facts.of_image(target, job))
    moved = evolve(job, stores={"mean": "elsewhere.zarr"}, layout=evolve(job.layout, name="b"))
    assert facts.job(facts.of_image(target, moved)) == same
    assert facts.job(facts.of_image(evolve(target, source=Path("moved.zarr")), job)) == same
    # Elsewhere there are no times that tell images of the same metadata apart.
    urls = [evolve(target, source=f"memory://b/{name}.zarr") for name in "ab"]
    assert len({same, *(facts.job(facts.of_image(url, job)) for url in urls)}) == 3
