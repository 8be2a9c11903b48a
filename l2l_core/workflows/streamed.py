"""Restore images unit by unit: planned, acknowledged in a ledger, and gone on with after a kill."""

from __future__ import annotations

import math
import time
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from l2l_core.errors import (
    ImageError,
    Interrupted,
    L2LError,
    OutputError,
    UnfitWorkerError,
    WorkersError,
)
from l2l_core.images.ome_zarr_creation import set_attributes
from l2l_core.images.places import as_place, name_of
from l2l_core.streaming.boxes import Numbers
from l2l_core.streaming.execution import Workers
from l2l_core.streaming.jobs import ImageJob, UnitItem
from l2l_core.streaming.ledger import Ledger
from l2l_core.streaming.scheduler import own_version
from l2l_core.streaming.windows import shown_ranges
from l2l_core.workflows.array_restoration import Model
from l2l_core.workflows.recognition import shape_of
from l2l_core.workflows.remarks import Remarks
from l2l_core.workflows.restoration import Display, Restored, RestoreOptions, Watcher
from l2l_core.workflows.restore_places import Target
from l2l_core.workflows.streamed_numbers import measured
from l2l_core.workflows.streamed_plan import Facts
from l2l_core.workflows.streamed_stores import prepare_store
from l2l_core.workflows.streamed_tasks import (
    ModelFacts,
    WholeItem,
    advice_on_damage,
    halve_item,
    numbers_of,
    restore_item,
    start_measuring,
    whole_item,
)
from l2l_core.workflows.worker_fitness import changed_here, gone_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from l2l_core.images.measuring import Measuring
    from l2l_core.images.normalization import Normalization
    from l2l_core.streaming.execution import Outcome


@define
class StreamedRun:
    """One run over the images of a ledger.

    Parameters
    ----------
    model : Model
    facts : ModelFacts
        What workers load.
    plan : Facts
    images : dict of int to dict
        What decides about each image, by its number in the ledger.
    jobs : dict of int to ImageJob
        Images that are streamed, by their number in the ledger.
    files : dict of int to Target
        Images that are restored as a whole.
    options : RestoreOptions
    ledger : Ledger
    workers : Workers
    watcher : Watcher
    restart : bool
        Whether files that are there already are made anew.
    """

    model: Model
    facts: ModelFacts
    plan: Facts
    images: dict[int, dict[str, Any]]
    jobs: dict[int, ImageJob]
    files: dict[int, Target]
    options: RestoreOptions
    ledger: Ledger
    workers: Workers
    watcher: Watcher
    restart: bool = False
    _numbers: dict[int, Numbers] = field(factory=dict)
    _broken: dict[int, str] = field(factory=dict)
    _spans: dict[int, tuple[float, float]] = field(factory=dict)
    _before: dict[int, int] = field(factory=dict)
    _whole: dict[int, Restored] = field(factory=dict)
    _stored: set[int] = field(factory=set)
    _remarks: Remarks = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._remarks = Remarks(self.watcher.message)
        # What another run read of an image that was rewritten since is not read by this one.
        self.jobs = {
            number: evolve(job, source=evolve(job.source, run=self.facts.run))
            for number, job in self.jobs.items()
        }

    def restore(self) -> dict[int, Restored]:
        """Restore what is not done yet, and return what became of each image.

        Raises
        ------
        OutputError
            If an output cannot be written; what was acknowledged is safe.
        L2LError
            If the method fails whatever the unit.
        Interrupted
            If the user stopped it.
        """
        self._before = {number: self.ledger.done.count(number, 0) for number in self.jobs}
        try:
            for noted in self.ledger.notes("numbers"):
                self._numbers[noted["image"]] = Numbers.from_dict(noted)
            for number, job in self.jobs.items():
                if number not in self._numbers:
                    self._take_numbers(number, job)
            self._restore_units()
            self._restore_files()
            self._halve()
        except KeyboardInterrupt:
            raise Interrupted(
                f"stopped; {self._standing()} safe on the disk. Run the same command again to go on"
            ) from None
        for number, job in self.jobs.items():
            self._finish(number, job)
        if all(self._is_done(number) for number in (*self.jobs, *self.files)):
            self.ledger.finish()
        return {number: self._result(number) for number in sorted((*self.jobs, *self.files))}

    def _standing(self) -> str:
        total = sum(job.grid.count(0) for job in self.jobs.values()) + len(self.files)
        done = sum(self.ledger.done.count(n, 0) for n in (*self.jobs, *self.files))
        return f"{done} of {total} units are"

    # --- the numbers of each image -----------------------------------------------------------

    def _take_numbers(self, number: int, job: ImageJob) -> None:
        """Take the numbers of an image of many units before the first of them; once."""
        try:
            image = job.opened()
            start = start_measuring(self.model, image, self.options)
            if start is not None and job.grid.count(0) == 1:
                # The worker that restores its only unit takes them.
                return
            take = None if start is None else partial(self._measured, number, job, start)
            self._note_numbers(number, numbers_of(self.model, image, take))
        except (ImageError, UnfitWorkerError) as error:
            changed = changed_here(job)
            if isinstance(error, UnfitWorkerError) and changed is None:
                raise self._told(error) from error
            if changed is None and not self.model.restorer.normalizes:
                # A filter needs its mean for pixels without a value alone; it is not noted, so
                # that the next run, which may find the image repaired, looks for it again.
                self._numbers[number] = self.model.numbers(None, (math.nan,))
                self.watcher.message(str(error))
                return
            if len(self.jobs) + len(self.files) == 1:
                raise (changed or error) from error
            self._broken[number] = str(changed or error)

    def _measured(self, number: int, job: ImageJob, start: Measuring) -> Normalization:
        state, advice = f"statistics-{number}", advice_on_damage(self.model)
        return measured(
            job,
            start,
            advice,
            self.ledger,
            state,
            workers=self.workers,
            watcher=self.watcher,
            tell=self._remarks.tell_of_filling,
        )

    def _note_numbers(self, number: int, numbers: Numbers) -> None:
        self._numbers[number] = numbers
        if numbers.known:  # otherwise the next run, which may find the image repaired, takes them
            self.ledger.note("numbers", image=number, **numbers.to_dict())
        if numbers.before is not None and len(self.jobs) == 1:
            self.watcher.message(f"0 and 1 of the method are {numbers.describe()}")

    # --- units ---------------------------------------------------------------------------------

    def _restore_units(self) -> None:
        whole = {n: job for n, job in self.jobs.items() if n not in self._broken}
        total = sum(job.pixels for job in whole.values())
        done = sum(job.pixels_done(self.ledger.done, n) for n, job in whole.items())
        if done < total:
            self._run(restore_item, self._open_units(0), self._title(), total, done)

    def _open_units(self, stage: int) -> Iterator[UnitItem]:
        """Yield the units of a stage that are not done, made one by one."""
        for number, job in self.jobs.items():
            if stage >= job.grid.stages or not self._ready(number, job, stage):
                continue
            for index in range(job.grid.count(stage)):
                if number in self._broken:
                    break
                if (number, stage, index) not in self.ledger.done and self._prepared(number, job):
                    yield UnitItem(number, stage, index, job, self._numbers.get(number))

    def _prepared(self, number: int, job: ImageJob) -> bool:
        """Make the stores of an image before its first unit; whether they could be made."""
        if number in self._stored:
            return True
        try:
            for output in job.stores:
                facts = self.plan.provenance_of(self.images[number], job, output)
                prepare_store(job, output, facts, begun=self._before[number] > 0)
        except OutputError as error:
            if len(self.jobs) + len(self.files) == 1:
                raise
            self._broken[number] = str(error)
            return False
        self._stored.add(number)
        return True

    def _ready(self, number: int, job: ImageJob, stage: int) -> bool:
        """Whether all units of the stages before are done."""
        if number in self._broken:
            return False
        return all(
            self.ledger.done.count(number, before) == job.grid.count(before)
            for before in range(stage)
        )

    def _halve(self) -> None:
        for stage in range(1, max((job.grid.stages for job in self.jobs.values()), default=1)):
            waiting = [
                j
                for n, j in self.jobs.items()
                if stage < j.grid.stages and self._ready(n, j, stage)
            ]
            level = 3 * stage
            total = sum(prod(job.grid.levels[level].shape) for job in waiting)
            self._run(halve_item, self._open_units(stage), f"pyramid above level {level}", total, 0)

    def _restore_files(self) -> None:
        how = (self.options.axes, self.options.level)
        items = [
            # One that cannot be opened will tell why when it has its turn.
            WholeItem(n, str(file.source), str(file.out), prod(shape_of(file.source, *how)[0]))
            for n, file in self.files.items()
        ]
        if items:
            total = sum(item.pixels for item in items)
            self._run(whole_item, items, self._title(), total, 0)

    def _title(self) -> str:
        count = len(self.jobs) + len(self.files)
        if count > 1:
            return f"{count} images"
        places = [job.source.place for job in self.jobs.values()]
        places += [str(file.source) for file in self.files.values()]
        return name_of(as_place(places[0]))

    def _run(self, task: Any, items: Any, title: str, total: int, before: int) -> None:
        """Run a task over units, note what becomes of each, and stop where all would fail."""
        context = {
            "model": self.facts,
            "options": self.options,
            "restart": self.restart,
            "version": own_version(),
        }
        display = self.watcher.pixels(title, total, before)
        fatal: Exception | None = None
        try:
            for outcome in self.workers.run(task, context, items):
                error = self._as_seen_here(outcome)
                if error is None:
                    self._acknowledge(outcome, display)
                elif self._is_units_own(outcome.item, error):
                    why = str(error) or "this machine has not enough memory for it"
                    self.ledger.fail(outcome.item.key, why)
                    if news := self._remarks.of_failure(outcome.item.image, error, why):
                        display.message(news)
                elif fatal is None:
                    fatal = error
                    self.workers.stop_taking()
        except WorkersError as error:
            fatal = error
        finally:
            display.close()
        if fatal is not None:
            raise self._told(fatal) from fatal

    def _acknowledge(self, outcome: Outcome, display: Display) -> None:
        item, result = outcome.item, outcome.result or {}
        if "numbers" in result:
            self._note_numbers(item.image, result["numbers"])
        self._remarks.tell_of(result)
        if "restored" in result:
            self._whole[item.image] = result["restored"]
        pixels, now = item.pixels, time.monotonic()
        began, _ = self._spans.get(item.image, (now - outcome.seconds, now))
        self._spans[item.image] = (began, now)
        seconds = round(outcome.seconds, 3)
        self.ledger.acknowledge(item.key, seconds=seconds, worker=outcome.worker, pixels=pixels)
        display(pixels)

    def _as_seen_here(self, outcome: Outcome) -> Exception | None:
        """Return why an item failed: that its image changed, where that is seen from here too."""
        item, error = outcome.item, outcome.error
        if not isinstance(error, (ImageError, UnfitWorkerError)):
            return error
        if isinstance(item, WholeItem):
            return gone_here(item.source) or error
        changed = changed_here(item.job)
        if changed is not None:
            # All units of an image that changed would fail alike.
            self._broken[item.image] = str(changed)
        return changed or error

    def _is_units_own(self, item: Any, error: Exception) -> bool:
        """Whether the others can go on: a chunk is damaged, or one image of many is broken."""
        if isinstance(error, UnfitWorkerError):
            # That worker would spoil all that is left, and faster than others can restore it.
            return False
        if isinstance(item, WholeItem):
            return isinstance(error, (L2LError, MemoryError))
        if item.image in self._broken:
            return len(self.jobs) + len(self.files) > 1
        # Where workers died, it brought down whoever tried it; the others did not.
        return isinstance(error, (ImageError, WorkersError))

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, OutputError) or not isinstance(error, L2LError):
            return error
        return type(error)(
            f"{error} ({self._standing()} safe on the disk; the same command goes on from there)"
        )

    # --- the end -------------------------------------------------------------------------------

    def _is_done(self, number: int) -> bool:
        if number in self.files:
            return (number, 0, 0) in self.ledger.done
        job = self.jobs[number]
        return self._ready(number, job, job.grid.stages)

    def _finish(self, number: int, job: ImageJob) -> None:
        """Say in the stores that they are complete, and what viewers may show from and to."""
        # Where no unit was open any more, what a kill left of a store is still to be cleared away.
        if not self._is_done(number) or not self._prepared(number, job):
            return
        for output, place in job.stores.items():
            provenance = self.plan.provenance_of(self.images[number], job, output)
            numbers = self._numbers.get(number)
            set_attributes(
                as_place(place),
                provenance={
                    **provenance,
                    "status": "finished",
                    "statistics": numbers.to_dict() if numbers else None,
                },
                windows=shown_ranges(place, job.layout),
            )

    def _result(self, number: int) -> Restored:
        failures = [(unit, why) for unit, why in self.ledger.failures() if unit[0] == number]
        if number in self.files:
            file = self.files[number]
            if number in self._whole:
                return self._whole[number]
            why = failures[0][1] if failures else "was not restored"
            return Restored(str(file.source), str(file.out), error=why)
        job = self.jobs[number]
        began, ended = self._spans.get(number, (0.0, 0.0))
        return Restored(
            source=job.source.place,
            out=job.stores["mean"],
            shape=job.grid.levels[0].shape,
            axes=job.grid.axes,
            seconds=ended - began,
            error=self._error(number, job, failures),
            units=self.ledger.done.count(number, 0),
            units_before=self._before[number],
        )

    def _error(self, number: int, job: ImageJob, failures: list[Any]) -> str:
        if number in self._broken:
            return self._broken[number]
        if not failures:
            return ""
        count = job.grid.count(0)
        return (
            f"{len(failures)} of {count} units could not be restored and stay open: "
            f"{failures[0][1]}"
        )
