"""Images that share a ledger: planned together, done one by one, told of in one table."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from l2l_core.errors import L2LError, OutputError
from l2l_core.images.places import Place, as_place, child, exists
from l2l_core.streaming.execution import Workers, make_workers
from l2l_core.streaming.jobs import ImageJob
from l2l_core.streaming.ledger import Ledger
from l2l_core.workflows.model import Model
from l2l_core.workflows.recognition import known_files, refuse_foreign_files, shape_of
from l2l_core.workflows.restoration import Execution, Restored, RestoreOptions, Watcher
from l2l_core.workflows.restore_places import (
    Target,
    Targets,
    output_places,
    refuse_ledger_inside,
)
from l2l_core.workflows.streamed import StreamedRun
from l2l_core.workflows.streamed_plan import Facts, former_jobs, plan_image
from l2l_core.workflows.streamed_stores import (
    check_store,
    is_finished,
    make_collection,
    refuse_foreign,
    remove_abandoned,
    remove_store,
)
from l2l_core.workflows.streamed_tasks import ModelFacts, lend, take_back
from l2l_core.workflows.summary import write_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEDGER_SUFFIX = ".l2l"

_MANY = 100
"""Images whose planning takes so long that one wants to be told."""


@define
class Batch:
    """One or many images and their ledger.

    Parameters
    ----------
    model : Model
    targets : Targets
    out : Path or str
        What the ledger lies beside.
    options : RestoreOptions
    execution : Execution
    progress : Watcher
    """

    model: Model
    targets: Targets
    out: Place
    options: RestoreOptions
    execution: Execution
    progress: Watcher
    _facts: Facts = field(init=False)
    _images: dict[int, dict[str, Any]] = field(factory=dict)
    _jobs: dict[int, ImageJob] = field(factory=dict)
    _files: dict[int, Target] = field(factory=dict)
    _results: dict[int, Restored] = field(factory=dict)
    _order: list[int] = field(factory=list)
    _made: frozenset[str] = frozenset()

    def __attrs_post_init__(self) -> None:
        self._facts = Facts.of(self.model, self.options)

    def restore(self) -> list[Restored]:
        """Restore what is not restored yet, and return what became of each image.

        Raises
        ------
        L2LError
            If it cannot go on, or the only image cannot be restored.
        """
        self._plan()
        folder = self._folder()
        single = self._is_single
        if single and not self.execution.restart and not folder.exists() and self._finished(0):
            return [self._skipped(0)]
        with ExitStack() as stack:
            workers = None
            if self.execution.restart:
                # Nothing is deleted before all that is needed to make it anew is there.
                self._refuse_foreign(folder)
                if self._jobs or self._files:
                    workers = self._make_workers()
                    stack.callback(workers.close)
            manifest = self._facts.sections([self._images[0]] if single else [])
            ledger = Ledger.open(folder, manifest, restart=self.execution.restart)
            stack.enter_context(ledger)
            self._note_place(ledger)
            if self.execution.restart:
                for place in self._outs():
                    remove_store(place)
            self._forget(ledger)
            if not single:
                self._number(ledger)
            self._make_collections()
            self._leave_what_is_done(ledger)
            self._check_stores(ledger)
            if self._jobs or self._files:
                self._run(ledger, workers or self._make_workers())
            elif not any(result.error for result in self._results.values()):
                ledger.finish()
            results = [self._results[number] for number in self._order]
            results += [
                Restored(place, "", error=why) for place, why in self.targets.missing.items()
            ]
            if not single:
                write_summary(folder, results)
        return results

    @property
    def _is_single(self) -> bool:
        return len(self.targets.images) == 1 and not self.targets.collections

    def _make_workers(self) -> Workers:
        return make_workers(
            self.execution.workers, self.execution.scheduler, notice=self.progress.message
        )

    # --- what is there already -----------------------------------------------------------------

    def _outs(self) -> list[Place]:
        """Return all stores that are made, a plate once for all that is in it."""
        numbered = enumerate(self.targets.images)
        jobs = [self._jobs[n] for n, target in numbered if target.root is None and n in self._jobs]
        alone = [as_place(place) for job in jobs for place in job.stores.values()]
        roots = [
            place
            for collection, out in self.targets.collections
            if self._goes_on(out)
            for place in self._roots(out)
        ]
        return [*alone, *roots]

    def _refuse_foreign(self, folder: Path) -> None:
        """Leave images out whose restoration would replace what is not ours."""
        self._made = known_files(folder)
        for _, out in self.targets.collections:
            with self._leaving_out(*self._within(out)):
                for place in self._roots(out):
                    refuse_foreign(place)
        for number, target in enumerate(self.targets.images):
            with self._leaving_out(number):
                if number in self._files:
                    places = target.outputs(self.model, all_outputs=self.options.all_outputs)
                    known = self._name(target) in self._made
                    refuse_foreign_files(map(Path, places.values()), known=known)
                elif number in self._jobs and target.root is None:
                    for store in self._jobs[number].stores.values():
                        refuse_foreign(as_place(store))

    def _forget(self, ledger: Ledger) -> None:
        """Clear away what was begun here otherwise, and given up before a unit of it was done."""
        jobs = former_jobs(ledger)
        if ledger.former is not None:
            self._made |= {note["out"] for note in ledger.former.notes("image") if note["made"]}
        for place in self._outs() if jobs else ():
            paths = [path for one, out in self.targets.collections for path in one.paths]
            remove_abandoned(place, jobs, paths)

    def _make_collections(self) -> None:
        facts = {"job": self._facts.job({})}
        for collection, out in self.targets.collections:
            if self._goes_on(out):
                with self._leaving_out(*self._within(out)):
                    for place in self._roots(out):
                        make_collection(collection, place, self.options.version, facts)

    def _check_stores(self, ledger: Ledger) -> None:
        """Leave images out whose place is taken, or whose store vanished."""
        for index, number in enumerate(self._order):
            if number not in self._jobs:
                continue
            job, begun = self._jobs[number], ledger.done.count(number, 0) > 0
            with self._leaving_out(index):
                for output in job.stores:
                    facts = self._facts.provenance_of(self._images[number], job, output)
                    check_store(job, output, facts, begun=begun)

    @contextmanager
    def _leaving_out(self, *indices: int) -> Iterator[None]:
        """Make an error the result of some images of many; the others are restored all the same."""
        try:
            yield
        except OutputError as error:
            if len(indices) == len(self.targets.images):
                raise
            for index in indices:
                number, target = self._order[index], self.targets.images[index]
                self._jobs.pop(number, None)
                self._files.pop(number, None)
                self._results[number] = Restored(
                    str(target.source), str(target.out), error=str(error)
                )

    def _within(self, root: Place) -> list[int]:
        return [index for index, target in enumerate(self.targets.images) if target.root == root]

    def _goes_on(self, root: Place) -> bool:
        return any(self._order[index] in self._jobs for index in self._within(root))

    def _roots(self, out: Place) -> Iterable[Place]:
        """Return the places of the outputs of a plate, or the like."""
        return output_places(self.model, out, all_outputs=self.options.all_outputs).values()

    def _name(self, target: Target) -> str:
        """Return what the ledger calls an image, wherever it and the restorations are moved."""
        if isinstance(target.out, Path):
            return target.out.relative_to(self.out).as_posix()
        return target.out.removeprefix(str(self.out)).lstrip("/")

    def _note_place(self, ledger: Ledger) -> None:
        """Note where the restorations are; a ledger may move with them, and not serve two.

        Raises
        ------
        OutputError
            If those that it is of are still elsewhere.
        """
        noted, here = [note["out"] for note in ledger.notes("place")][-1:], str(self.out)
        if noted == [here]:
            return
        for former in map(as_place, noted):
            images = [child(former, note["out"]) for note in ledger.notes("image")]
            if any(exists(place) for place in images or [former]):
                raise OutputError(
                    f"the ledger {ledger.folder} is of {former}, which is still there, and not of "
                    f"{here}; give another --ledger"
                )
        ledger.note("place", out=here)

    # --- the plan ------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Plan each image; one of many that cannot be restored is told of, and left out."""
        alone = len(self.targets.images) == 1
        self._order = list(range(len(self.targets.images)))
        if len(self._order) > _MANY:
            self.progress.message(f"planning {len(self._order)} images")
        for number, target in enumerate(self.targets.images):
            try:
                job = None
                if target.is_store:
                    job = plan_image(self.model, target, self.options)
                self._images[number] = self._facts.of_image(target, job)
            except L2LError as error:
                if alone:
                    raise
                self._results[number] = Restored(
                    str(target.source), str(target.out), error=str(error)
                )
                continue
            if job is None:
                self._files[number] = target
            else:
                self._jobs[number] = job

    def _folder(self) -> Path:
        """Return the folder of the ledger: beside a local output, or where the user says."""
        if self.execution.ledger is not None:
            folder = Path(self.execution.ledger).expanduser()
            refuse_ledger_inside(folder, self.targets)
            return folder
        if not isinstance(self.out, Path):
            raise OutputError(
                f"{self.out} is not on this computer, and the ledger, which says what of it is "
                "done, has to be; give --ledger a folder that is still there after a crash"
            )
        if not self.out.name:
            raise OutputError(f"{self.out} has nothing beside it; give --ledger a folder")
        return self.out.with_name(self.out.name + LEDGER_SUFFIX)

    def _number(self, ledger: Ledger) -> None:
        """Give each image of many the number that it has had in the ledger, or a new one."""
        known = {note["out"]: note for note in ledger.notes("image")}
        old = (self._images, self._jobs, self._files, self._results)
        self._images, self._jobs, self._files, self._results = {}, {}, {}, {}
        following = len(known)
        for place, target in enumerate(self.targets.images):
            name = self._name(target)
            noted = known.get(name)
            made = name in self._made or bool(noted and noted["made"])
            number = noted["number"] if noted else following
            self._order[place] = number
            if noted is None:
                following += 1
            if place in old[3]:
                self._results[number] = old[3][place]
                # An image that could not be read yet keeps its number, and no facts.
                if noted is None:
                    ledger.note("image", number=number, out=name, job="", made=made)
                continue
            image = old[0][place]
            job = self._facts.job(image)
            # A file of which nothing is there was perhaps broken, and is mended now.
            untouched = place in old[2] and (number, 0, 0) not in ledger.done
            if noted is None or not noted["job"] or (untouched and noted["job"] != job):
                ledger.note("image", number=number, out=name, job=job, made=made)
            elif noted["job"] != job:
                self._results[number] = Restored(
                    str(target.source),
                    str(target.out),
                    error="the image or the way it is cut into units is not what it was when its "
                    "restoration began; bring the former one back, or begin anew with --restart",
                )
                continue
            self._images[number] = image
            if place in old[1]:
                self._jobs[number] = old[1][place]
            else:
                self._files[number] = old[2][place]

    def _finished(self, number: int) -> bool:
        job = self._jobs.get(number)
        if job is None:
            return False
        image = self._facts.job(self._images[number])
        return all(is_finished(as_place(place), image) for place in job.stores.values())

    def _skipped(self, number: int) -> Restored:
        job = self._jobs[number]
        return Restored(
            source=job.source.place,
            out=job.stores["mean"],
            shape=job.grid.levels[0].shape,
            axes=job.grid.axes,
            skipped=True,
            units=job.grid.count(0),
            units_before=job.grid.count(0),
        )

    def _leave_what_is_done(self, ledger: Ledger) -> None:
        for number in list(self._jobs):
            job = self._jobs[number]
            begun = ledger.done.count(number, 0)
            if (begun == job.grid.count(0) or not begun) and self._finished(number):
                self._results[number] = self._skipped(number)
                del self._jobs[number]
        for number, target in list(self._files.items()):
            if (number, 0, 0) in ledger.done and exists(target.out):
                shape, axes = shape_of(target.out)
                self._results[number] = Restored(
                    str(target.source), str(target.out), shape, axes, skipped=True
                )
                del self._files[number]

    def _run(self, ledger: Ledger, workers: Workers) -> None:
        with workers:
            facts = ModelFacts.of(self.model)
            lend(facts, self.model)
            try:
                self.progress.message(workers.describe())
                run = StreamedRun(
                    model=self.model,
                    facts=facts,
                    images=self._images,
                    plan=self._facts,
                    jobs=self._jobs,
                    files=self._files,
                    options=self.options,
                    ledger=ledger,
                    workers=workers,
                    watcher=self.progress,
                    restart=self.execution.restart,
                )
                self._results.update(run.restore())
            finally:
                take_back(facts)
