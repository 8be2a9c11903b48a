"""Workers that cannot take part end the run at once, and say which machine it is."""

import platform

import numpy as np
import pytest
import zarr

from l2l_core.errors import UnfitWorkerError
from l2l_core.images.writing import write_image
from l2l_core.streaming.execution import Threads
from l2l_core.streaming.ledger import Ledger
from l2l_core.workflows.restoration import RestoreOptions, Silent
from l2l_core.workflows.restore_places import Target
from l2l_core.workflows.streamed import StreamedRun
from l2l_core.workflows.streamed_plan import Facts, plan_image
from l2l_core.workflows.streamed_tasks import ModelFacts, lend, take_back


class Blind(Threads):
    """Workers on a machine of which the disks are not those of the one that sends the work."""

    def __init__(self, place):
        super().__init__(1)
        self.place = place

    def run(self, task, context, items):
        for item in items:
            away = self.place.rename(self.place.with_name("away"))
            outcome = next(super().run(task, context, iter([item])))
            away.rename(self.place)
            yield outcome
            if self._stopped.is_set():
                return


class Old(Threads):
    """Workers to which a newer version sends the work."""

    def run(self, task, context, items):
        return super().run(task, {**context, "version": "99.0"}, items)


@pytest.fixture
def begun(toy, tmp_path):
    """Return a function that begins the restoration of an image of nine units."""
    ledgers = []

    def made(workers, model, *, whole=False):
        options = RestoreOptions(unit=64, axes="YX")
        plan, facts = Facts.of(model, options), ModelFacts.of(model)
        ledger = Ledger.open(tmp_path / "ledger", {"input": {}})
        lend(facts, model)
        ledgers.append((facts, ledger))
        jobs, files, images = {}, {}, {}
        if whole:
            files[0] = Target(tmp_path / "image.tif", tmp_path / "out.tif")
        else:
            target = Target(tmp_path / "image.zarr", tmp_path / "out.zarr")
            jobs[0] = plan_image(model, target, options)
            images[0] = plan.of_image(target, jobs[0])
        return StreamedRun(
            model=model,
            facts=facts,
            images=images,
            plan=plan,
            jobs=jobs,
            files=files,
            options=options,
            ledger=ledger,
            workers=workers,
            watcher=Silent(),
        )

    pixels = np.random.default_rng(0).integers(20, 500, (150, 170)).astype(np.uint16)
    zarr.create_array(str(tmp_path / "image.zarr"), data=pixels, chunks=(64, 64))
    write_image(tmp_path / "image.tif", pixels, "YX")
    yield made
    for facts, ledger in ledgers:
        take_back(facts)
        ledger.close()


@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_a_worker_that_does_not_see_the_image_ends_the_run_at_once(begun, toy, tmp_path, scope):
    with Blind(tmp_path / "image.zarr") as workers:
        run = begun(workers, toy(scope=scope))
        with pytest.raises(
            UnfitWorkerError,
            match=rf"worker on {platform.node()} .*image\.zarr.*same path.*0 of 9 units",
        ):
            run.restore()
    assert run.ledger.failures() == []


def test_a_worker_that_does_not_see_a_file_ends_the_batch_at_once(begun, toy, tmp_path):
    with Blind(tmp_path / "image.tif") as workers:
        run = begun(workers, toy(scope="dataset"), whole=True)
        with pytest.raises(UnfitWorkerError, match=r"image\.tif.*All machines need the same path"):
            run.restore()
    assert run.ledger.failures() == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_worker_without_the_plugin_ends_the_batch_at_once_and_no_image_is_blamed(
    whole, begun, toy
):
    # No model is lent, so that the worker has to load one of a plugin that is nowhere installed.
    with Threads(1) as workers:
        run = begun(workers, toy(scope="dataset"), whole=whole)
        take_back(run.facts)
        with pytest.raises(
            UnfitWorkerError, match=rf"worker on {platform.node()} .*Install l2l-toy==1\.0 there"
        ):
            run.restore()
    assert run.ledger.failures() == []


@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_a_worker_of_another_version_ends_the_run_at_once(begun, toy, scope):
    with Old(1) as workers:
        run = begun(workers, toy(scope=scope))
        with pytest.raises(
            UnfitWorkerError,
            match=rf"worker on {platform.node()} runs label2label .*made with 99\.0; install",
        ):
            run.restore()
    assert run.ledger.failures() == []


def test_a_late_worker_may_join_with_the_same_version(begun, toy):
    with Threads(1) as workers:
        run = begun(workers, toy(scope="dataset"))
        assert run.restore()[0].units == 9
