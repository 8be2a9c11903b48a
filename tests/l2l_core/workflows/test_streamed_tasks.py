"""What a worker does with what it is given, and what it says where it cannot."""

import numpy as np
import pytest
from attrs import evolve

from l2l_core.errors import UnfitWorkerError
from l2l_core.images import open_image
from l2l_core.images.measuring import Measuring
from l2l_core.models.model_file import write_model
from l2l_core.streaming.execution import Threads
from l2l_core.streaming.jobs import UnitItem
from l2l_core.streaming.ledger import Ledger
from l2l_core.streaming.measuring import BlockGroups, measure_image
from l2l_core.streaming.residents import release_residents
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restoration import RestoreOptions
from l2l_core.workflows.restore_places import Target
from l2l_core.workflows.streamed_plan import Facts, plan_image
from l2l_core.workflows.streamed_stores import prepare_store
from l2l_core.workflows.streamed_tasks import (
    ModelFacts,
    identity,
    lend,
    measure_group,
    model_of,
    restore_item,
    start_measuring,
    take_back,
    taken,
)


@pytest.fixture
def lent(toy):
    """Return a model that tasks find, and its facts."""
    model = toy(scope="dataset", tile=32)
    facts = ModelFacts.of(model)
    lend(facts, model)
    yield model, facts
    take_back(facts)


def planned(model, tmp_path, name, side, **options):
    """Return a job of which the store is there."""
    shape = (side, side) if isinstance(side, int) else side
    np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).normal(9, 3, shape))
    target = Target(tmp_path / f"{name}.npy", tmp_path / f"{name}.zarr")
    chosen = RestoreOptions(**options)
    job = plan_image(model, target, chosen)
    plan = Facts.of(model, chosen)
    prepare_store(
        job, "mean", plan.provenance_of(plan.of_image(target, job), job, "mean"), begun=False
    )
    return job


def test_a_small_image_does_not_make_the_tiles_of_the_next_one_small(lent, tmp_path):
    model, facts = lent
    context = {"model": facts, "options": RestoreOptions()}
    for number, side in enumerate((20, 150)):
        job = planned(model, tmp_path, f"image{number}", side)
        restore_item(context, UnitItem(number, 0, 0, job, model.numbers(model.measure(None))))
    assert {tile[2:] for tile in model.restorer.tiles[:1]} == {(20, 20)}
    assert {tile[2:] for tile in model.restorer.tiles[1:]} == {job.tile}


def test_a_tile_that_the_device_had_no_memory_for_is_not_tried_again(lent, tmp_path):
    model, facts = lent

    def before(batch):
        if batch.shape[-1] > 20:
            raise MemoryError

    model.restorer.before = before
    job = planned(model, tmp_path, "image", 150, unit=64)
    context = {"model": facts, "options": RestoreOptions()}
    asked = []
    whole = model.restorer.restore
    model.restorer.restore = lambda batch: asked.append(batch.shape[-1]) or whole(batch)
    for index in range(job.grid.count(0)):
        restore_item(context, UnitItem(0, 0, index, job, model.numbers(model.measure(None))))
        assert index == 0 or max(asked) <= 20
        asked.clear()
    model.restorer.before = lambda batch: None
    np.testing.assert_array_equal(
        open_image(tmp_path / "image.zarr").read(),
        model.restore(open_image(tmp_path / "image.npy").read()),
    )


def test_a_tile_that_fitted_a_strip_does_not_stop_at_a_square(toy, tmp_path):
    model = toy(scope="dataset", halo=8, tile=64)
    facts = ModelFacts.of(model)
    lend(facts, model)

    asked = []

    def before(batch):
        asked.append(batch[0, 0].size)
        if asked[-1] > 450:
            raise MemoryError

    model.restorer.before = before
    context = {"model": facts, "options": RestoreOptions()}
    for number, shape in enumerate(((10, 400), (200, 200))):
        job = planned(model, tmp_path, f"image{number}", shape)
        numbers = model.numbers(model.measure(None))
        asked.clear()
        for index in range(job.grid.count(0)):
            restore_item(context, UnitItem(number, 0, index, job, numbers))
        # Of the square no tile is tried that was too large for the strip.
        assert max(asked) > 450 if number == 0 else max(asked) <= 450
    take_back(facts)
    model.restorer.before = lambda batch: None
    np.testing.assert_array_equal(
        open_image(tmp_path / "image1.zarr").read(),
        model.restore(open_image(tmp_path / "image1.npy").read(), statistics="model"),
    )


def test_a_run_that_ends_does_not_take_the_model_from_another(toy):
    model = toy()
    first, second = ModelFacts.of(model), ModelFacts.of(model)
    lend(first, model)
    lend(second, model)
    take_back(first)
    with model_of(second) as lent:
        assert lent is model
    take_back(second)


def test_a_worker_holds_one_model_for_each_device(folder):
    with load_model(folder, device="cpu") as model:
        facts = evolve(ModelFacts.of(model), device="cpu")
    other = evolve(facts, device="auto")
    with model_of(facts) as one, model_of(other) as two:
        assert one is not two
    with model_of(evolve(facts, run="another")) as again:
        assert again is one


def test_numbers_taken_by_many_are_those_taken_in_memory(toy, tmp_path):
    pixels = np.random.default_rng(0).normal(100, 30, (3, 90, 70)).astype(np.float32)
    np.save(tmp_path / "image.npy", pixels)
    model = toy()
    target = Target(tmp_path / "image.npy", tmp_path / "out.zarr")
    options = RestoreOptions(axes="ZYX")
    job = plan_image(model, target, options)
    image = job.opened()
    for method in ("min_max", "percentile", "mean_std"):
        start = Measuring.start(image.dtype, 1, method=method, low=2, high=98, where="image")
        groups = BlockGroups.of(image, block=1000, group=3000)
        assert len(groups) > 3
        with (
            Threads() as workers,
            Ledger.open(tmp_path / method, {"input": {}}) as ledger,
        ):
            found = measure_image(
                start,
                groups,
                measure_group,
                workers,
                {"job": job},
                load=lambda: None,
                save=lambda facts, arrays, ledger=ledger: ledger.save_state("s", facts, arrays),
            )
        here = taken(start, image)
        assert found.offset == pytest.approx(here.offset, rel=1e-12)
        assert found.scale == pytest.approx(here.scale, rel=1e-12)
    exact = model.measure(pixels, "ZYX")
    assert taken(start_measuring(model, image, options), image) == exact


@pytest.fixture
def folder(trained, tmp_path):
    """Return a folder with a model that may be changed."""
    with load_model(trained.folder, device="cpu") as model:
        write_model(tmp_path / "model", model.info, model.restorer.state())
    yield tmp_path / "model"
    release_residents()


def test_a_worker_loads_the_model_once_and_no_other(folder):
    with load_model(folder, device="cpu") as model:
        facts = ModelFacts.of(model)
        with model_of(facts) as loaded:
            assert loaded is not model
            assert identity(loaded) == facts.identity
        with model_of(facts) as again:
            assert again is loaded
    other = evolve(facts, identity="another")
    with pytest.raises(UnfitWorkerError, match="found another model at"), model_of(other):
        pass


def test_a_worker_without_the_plugin_names_the_distribution(folder):
    with load_model(folder, device="cpu") as model:
        facts = ModelFacts.of(model)
        write_model(
            folder,
            evolve(model.info, restorer="stranger", supplier="l2l-stranger 2.0"),
            model.restorer.state(),
        )
    facts = evolve(facts, supplier="l2l-stranger 2.0")
    with (
        pytest.raises(UnfitWorkerError, match=r"cannot load .*Install l2l-stranger==2\.0 there"),
        model_of(facts),
    ):
        pass


def test_a_worker_that_does_not_see_the_model_says_where_it_looked(tmp_path):
    facts = ModelFacts(str(tmp_path / "none"), "torch", "cpu", "identity", "label2label 0.1.0")
    with (
        pytest.raises(UnfitWorkerError, match=r"none.*the same path on all machines"),
        model_of(facts),
    ):
        pass
