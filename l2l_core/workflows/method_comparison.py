"""Networks, losses and filters on one data set: one table, one page, and who beats whom.

What is compared are whole methods, on images that nothing has trained on.
:mod:`l2l_core.workflows.comparison` is something else: it holds the restoration of one network
against Gaussian filters, plane by plane, for the report of its run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.components.training import Events
from l2l_core.config_file import resolved
from l2l_core.data.fingerprints import fingerprint
from l2l_core.data.pairs import channel_count
from l2l_core.errors import DataError, ImageError, Interrupted, OptionsError
from l2l_core.models.facts import plain
from l2l_core.reports.content import BENCHMARK, TRUTH
from l2l_core.workflows.compared_images import (
    ComparedImages,
    given_images,
    held_out_images,
    prints_of,
    refuse_trained,
    validation_images,
)
from l2l_core.workflows.compared_plan import MethodComparison
from l2l_core.workflows.compared_report import About, Files, write_results
from l2l_core.workflows.compared_sources import read_sources
from l2l_core.workflows.compared_summary import Summary, summarize
from l2l_core.workflows.compared_work import ComparedWork, Contestant, Row
from l2l_core.workflows.fold_images import (
    FoldImages,
    check_trainable,
    own_images,
    pixel_print,
    refuse_copies,
)
from l2l_core.workflows.fold_methods import Method, settings_of
from l2l_core.workflows.fold_plan import claim, held

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from l2l_core.data.pairs import Pair
    from l2l_core.images.image import Image

__all__ = ["MethodComparison", "MethodsCompared", "compare_methods"]

_NAMED = 8


@define(frozen=True)
class MethodsCompared:
    """What a comparison came to.

    Parameters
    ----------
    files : Files
        What was written.
    summary : Summary
        Means with their intervals, tests, and sentences.
    about : About
        What a reader has to know.
    """

    files: Files
    summary: Summary
    about: About


def compare_methods(
    sources: Sequence[str | Path],
    out: str | Path,
    plan: MethodComparison | None = None,
    *,
    overrides: Sequence[str] = (),
    resume: bool = False,
    display: Events | None = None,
) -> MethodsCompared:
    """Compare networks and filters on images that nothing has trained on.

    Parameters
    ----------
    sources : sequence of str or Path
        At most one configuration (``.toml``), which is trained with every loss and variant, and
        folders of finished runs or models, which only restore.
    out : str or Path
        Folder to make.
    plan : MethodComparison, optional
    overrides : sequence of str, optional
        Changes to the configuration, for all methods.
    resume : bool, optional
        Whether what is in the folder goes on.  Methods may differ from those before; images and
        metrics may not.
    display : Events, optional
        Told what goes on.

    Returns
    -------
    MethodsCompared

    Raises
    ------
    ConfigError, OptionsError
        If the configuration, methods or metrics are wrong, or there is nothing to compare.
    ModelError
        If there is no model where a run should be.
    DataError, ImageError
        If there are too few images, something was trained on one of them, or they do not fit.
    RunError
        If there is something in the folder that is not gone on with, or cannot be.
    OutputError
        If another process works at it, or the folder cannot be written.
    Interrupted
        If the user stopped it; says what is on disk.
    """
    work = _Work(sources, Path(out), plan or MethodComparison(), overrides, display or Events())
    with held(Path(out), resume=resume, what="comparison"):
        claim(Path(out), work.facts(), work.given.text, resume=resume, what="comparison")
        rows = work.rows()
        summary = summarize(rows, work.metrics)
        about = work.about(rows)
        files = write_results(Path(out), rows, summary, work.images, about)
    work.display.message(f"wrote the report {files.report}")
    return MethodsCompared(files, summary, about)


class _Work:
    """A comparison whose methods and images are known to be sound."""

    def __init__(
        self,
        sources: Sequence[str | Path],
        out: Path,
        plan: MethodComparison,
        overrides: Sequence[str],
        display: Events,
    ) -> None:
        self.out, self.plan, self.display = out, plan, display
        self.overrides = tuple(overrides)
        self.given = given = read_sources(sources, plan, overrides)
        self.config, self.settings, self.every = given.config, given.settings, given.every
        self.runs, self.metrics = given.runs, given.metrics
        self.trained, self.filters = given.trained, given.filters
        self.images = self._images()
        self.own = {one.label: self._own(one) for one in self.trained}
        self._refuse_unfit()
        self._refuse_seen()
        self.tunes_on = self._tunes_on()
        self._hashes: dict[str, str] = {}
        self.contestants = tuple(self._contestants())

    def _images(self) -> ComparedImages:
        plan = self.plan
        # From the current folder, wherever the configuration lies.
        truth = str(Path(plan.truth).resolve()) if plan.truth else ""
        if plan.input:
            return given_images(plan.input, plan.target, truth, self.settings, self.runs)
        if plan.target:
            raise OptionsError("--target names benchmarks of other images; give these with --input")
        if self.every is None or self.settings is None:
            return validation_images(self.runs, truth)
        return held_out_images(
            self.every, self.settings, self.given.base, truth, plan.hold_out, plan.seed
        )

    def _own(self, method: Method) -> FoldImages:
        """Return what a training learns from, whose targets may be its own."""
        if self.every is None or self.settings is None:
            raise DataError("nothing trains without a configuration")
        settings = settings_of(method, self.given.tables, str(self.config))
        return own_images(self.every, settings, self.settings, self.given.base, method.label)

    def _refuse_unfit(self) -> None:
        """Refuse images that a network does not take, before anything is done."""
        for run in self.runs:
            run.check(self.images.pairs)
        if not self.trained or not self.plan.input:
            return
        for one in self.trained:
            deep = len(settings_of(one, self.given.tables, str(self.config)).patches.shape) == 3
            flat = [pair.input for pair in self.images.pairs if "Z" not in pair.input.axes]
            if deep and flat:
                raise ImageError(
                    f"{one.label!r} is trained on volumes (patches.shape has three sides), and "
                    f"{flat[0].info.path} has the axes {flat[0].axes}; compare on volumes"
                )
        for side in ("input", "target"):
            learnt = channel_count((getattr(one, side) for one in self._configured()), side)
            given = channel_count((getattr(one, side) for one in self.images.pairs), side)
            if learnt != given:
                raise ImageError(
                    f"the {side}s of {self.config} have {learnt} channels, and those to compare on "
                    f"{given}; select the same with data.{side}_select = {{c = ...}}"
                )

    def _configured(self) -> list[Pair]:
        """Return all pairs of the configuration, with every target that something learns from."""
        every = [self.every, *self.own.values()] if self.every else []
        return [pair for one in every for pair in self._all_of(one)]

    def _refuse_seen(self) -> None:
        """Refuse images that something was trained on."""
        pairs = self.images.pairs
        if not self.images.validated:
            for run in self.runs:
                seen = {**run.prints, **prints_of(run.pairs or ())}
                refuse_trained(pairs, seen, str(run.where))
        if self.every is None:
            return
        every = [self.every, *self.own.values()]
        if self.images.out:
            refuse_copies(every)
            return
        if not self.trained and not any(one.grid for one in self.filters):
            # It only says what is taken of the images.
            return
        without = "; without --input images of it are held out" if self.trained else ""
        refuse_trained(pairs, prints_of(self._configured()), str(self.config), others=without)

    def _tunes_on(self) -> tuple[Pair, ...]:
        """Return what filters are tuned on: images that train, none that is compared on."""
        if not any(one.grid for one in self.filters):
            return ()
        if self.every is not None:
            chosen = self.images.chosen or range(len(self.every.groups))
            return self.every.training(chosen, self.images.out).pairs
        for run in self.runs:
            if found := run.training(all_of_it=not self.images.validated):
                self.display.message(f"filters are tuned on what {run.where} was trained on")
                return found
        raise DataError(
            "tune=true chooses options by the images that train, and none can be found by the "
            "records of the runs; give the configuration with --no-training, run from the folder "
            "that its images are named from, or give the filter's options"
        )

    def _contestants(self) -> list[Contestant]:
        tuned = self._contents(self.tunes_on)
        found = [
            Contestant("filter", one, content=tuned if one.grid else ()) for one in self.filters
        ]
        # What cannot be restored with is found before hours go into training.
        found += [Contestant("network", Method(run.label), run=run) for run in self.runs]
        for one in self.trained:
            learns = None
            if self.images.out:
                learns = self.own[one.label].training(self.images.chosen, self.images.out)
            settings = settings_of(one, self.given.tables, str(self.config))
            pairs = learns.pairs if learns else self._all_of(self.own[one.label])
            try:
                check_trainable(pairs, settings)
            except DataError as error:
                raise DataError(f"{one.label} cannot be trained: {error}") from error
            content = self._contents(pairs)
            found.append(Contestant("network", one, settings, learns, content=content))
        return found

    @staticmethod
    def _all_of(images: FoldImages) -> list[Pair]:
        return [pair for group in images.groups for pair in group.pairs]

    def _contents(self, pairs: Iterable[Pair]) -> tuple[str, ...]:
        """Return what tells the content of the files of some pairs."""
        images = [image for pair in pairs for image in (pair.input, pair.target)]
        return tuple(sorted({self._content(image) for image in images}))

    def _content(self, image: Image) -> str:
        path = image.info.path
        if path not in self._hashes:
            self._hashes[path] = fingerprint(Path(path))["sha256"]
        return self._hashes[path]

    def facts(self) -> dict[str, Any]:
        """Return what may not change while a comparison goes on."""
        config = resolved(self.settings) if self.settings else None
        if config:
            # A free choice for a run, too.
            del config["restorer"]["device"]
        truths = self.images.truths
        found: dict[str, Any] = plain(
            {
                "config": config,
                "metrics": [one.label for one in self.metrics],
                # By content and not by path: the same images may lie elsewhere later.
                "images": [
                    {
                        "name": pair.name,
                        "input": self._content(pair.input),
                        "target": self._content(pair.target),
                        "truth": self._content(truths[pair.group, pair.name]) if truths else None,
                        # The same file may give other channels or planes.
                        "pixels": [pixel_print(pair.input), pixel_print(pair.target)],
                    }
                    for pair in self.images.pairs
                ],
            }
        )
        return found

    def rows(self) -> list[Row]:
        """Work at all methods, and return the rows of all of them."""
        work = ComparedWork(
            self.out,
            self.config,
            self.overrides,
            self.metrics,
            self.images,
            self.tunes_on,
            self.display,
        )
        found: list[Row] = []
        done, count = 0, len(self.contestants)
        self.display.message(f"compared on {_listed([one.name for one in self.images.pairs])}")
        try:
            found += work.input_rows()
            for one in self.contestants:
                rows = work.finished(one)
                if rows is None:
                    label = one.method.label
                    self.display.message(f"method {done + 1} of {count}: {label}")
                    rows = work.work(one)
                found += rows
                done += 1
        except (KeyboardInterrupt, Interrupted):
            raise Interrupted(
                f"Interrupted: {done} of {count} methods are finished and safe in {self.out}. "
                "The same command with --resume goes on."
            ) from None
        return _told_apart(found)

    def about(self, rows: Sequence[Row]) -> About:
        """Return what a reader of the results has to know."""
        remarks = list(self.images.remarks)
        unknown = [str(run.where) for run in self.runs if not run.prints]
        if unknown:
            remarks.append(
                f"What {', '.join(unknown)} was trained on is not recorded, so nothing can tell "
                "whether it has seen these images."
            )
        settings = [one.settings or (one.run and one.run.settings) for one in self.contestants]
        starts = {one.train.start_from for one in settings if one}
        remarks += [
            f"Training started from the weights of {where}: where these have seen the images, "
            "nothing is new to the network."
            for where in sorted(starts - {""})
        ]
        return About(
            config=self.given.text,
            overrides=self.overrides,
            sentence=self.images.sentence,
            trained=tuple(one.label for one in self.trained),
            learnt=len(self.images.chosen) or len(self.every.groups if self.every else ()),
            tuned_on=len(self.tunes_on),
            remarks=tuple(remarks),
            methods={row["title"]: _made(row) for row in rows if row["kind"] != "input"},
        )


def _told_apart(rows: Sequence[Row]) -> list[Row]:
    """Return rows with titles that name one method each: two filters may be tuned to be one."""
    methods: dict[str, set[str]] = {BENCHMARK: {BENCHMARK}, TRUTH: {TRUTH}}
    for row in rows:
        methods.setdefault(row["title"], set()).add(f"{row['kind']} {row['method']}")
    return [
        {**row, "title": f"{row['title']} [{row['method']}]"}
        if len(methods[row["title"]]) > 1
        else row
        for row in rows
    ]


def _made(row: Row) -> str:
    """Return in words how a method came about."""
    if row["kind"] == "filter":
        options = ", ".join(f"{key} = {value}" for key, value in row["options"].items())
        return f"filter; {options or 'no options'}"
    if "epochs" in row:
        return f"trained here; best epoch {row['best_epoch']} of {row['epochs']} ({row['run']})"
    return f"trained before ({row['run']})"


def _listed(names: Sequence[str]) -> str:
    """Return how many images there are, and the names of the first."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} image{'s' * (len(names) != 1)}: {', '.join(names[:_NAMED])}{more}"
