"""Repeated cross-validation by image, never by patch: what a method does to images it never saw.

For each number of images and each repetition, so many images are drawn from all and divided into
folds.  What is held out of a fold is restored by what learnt from the others, and scored against
the benchmark.  All methods meet the same folds.

A fold that was finished is not trained again, and one that was stopped goes on where its run can.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.components.training import Events
from l2l_core.config_file import apply_overrides, parse_config, parse_toml, read_text, resolved
from l2l_core.errors import DataError, Interrupted, OptionsError
from l2l_core.models.facts import plain
from l2l_core.workflows.fold_images import (
    FoldImages,
    check_trainable,
    content_prints,
    open_images,
    own_images,
    refuse_copies,
    true_images,
)
from l2l_core.workflows.fold_methods import Method, find_methods, settings_of
from l2l_core.workflows.fold_plan import CrossValidation, claim, held
from l2l_core.workflows.fold_report import About, Files, write_results
from l2l_core.workflows.fold_scores import choose_metrics, refuse_tuning_by_truth
from l2l_core.workflows.fold_summary import Summary, summarize
from l2l_core.workflows.fold_work import Fold, FoldWork, Task
from l2l_core.workflows.folds import check_plan, default_repeats, draw_folds, scaled_epochs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from l2l_core.config import RunConfig
    from l2l_core.images.image import Image
    from l2l_core.workflows.fold_scores import ChosenMetric

__all__ = ["CrossValidated", "CrossValidation", "crossvalidate"]


@define(frozen=True)
class CrossValidated:
    """What a cross-validation came to.

    Parameters
    ----------
    files : Files
        What was written.
    summary : Summary
        Changes with their intervals, and paired tests.
    """

    files: Files
    summary: Summary


def crossvalidate(
    config: str | Path,
    out: str | Path,
    plan: CrossValidation | None = None,
    *,
    overrides: Sequence[str] = (),
    resume: bool = False,
    display: Events | None = None,
) -> CrossValidated:
    """Cross-validate the methods of a plan on the pairs of a configuration.

    Parameters
    ----------
    config : str or Path
        TOML file, as for training.
    out : str or Path
        Folder to make.
    plan : CrossValidation, optional
    overrides : sequence of str, optional
        Changes to the configuration, for all methods.
    resume : bool, optional
        Whether what is in the folder goes on.  Methods, numbers of images and repetitions may
        differ from those before; configuration, images, folds, seed and metrics may not.
    display : Events, optional
        Told what goes on.

    Returns
    -------
    CrossValidated

    Raises
    ------
    ConfigError, OptionsError
        If configuration, methods or metrics are wrong.
    DataError, ImageError
        If there are too few images for the folds, one is in two groups, or cannot be used.
    RunError
        If there is something in the folder that is not gone on with, or cannot be.
    OutputError
        If another process works at it, or the folder cannot be written.
    Interrupted
        If the user stopped it; says what is on disk.
    """
    plan = plan or CrossValidation()
    display = display or Events()
    work = _Work(Path(config), Path(out), plan, tuple(overrides), display)
    with held(Path(out), resume=resume):
        claim(Path(out), work.facts(), work.text, resume=resume)
        rows = work.rows()
        summary = summarize(rows, work.metrics)
        files = write_results(Path(out), rows, summary, work.about())
    display.message(f"wrote the report {files.report}")
    return CrossValidated(files, summary)


class _Work:
    """A cross-validation whose plan, methods and images are known to be sound."""

    def __init__(
        self,
        config: Path,
        out: Path,
        plan: CrossValidation,
        overrides: tuple[str, ...],
        display: Events,
    ) -> None:
        self.config, self.out, self.plan, self.display = config, out, plan, display
        self.overrides = overrides
        self.text = read_text(config)
        self.tables = apply_overrides(parse_toml(self.text, str(config)), overrides)
        self.settings = parse_config(self.tables, str(config))
        self.metrics: tuple[ChosenMetric, ...] = choose_metrics(
            plan.metrics, truth=bool(plan.truth)
        )
        self.methods = find_methods(
            self.tables,
            str(config),
            losses=plan.losses,
            variants=plan.variants,
            filters=plan.filters,
            train=plan.train,
        )
        self.base = config.resolve().parent
        self.images = open_images(self.settings, self.base)
        self.groups = len(self.images.groups)
        self.numbers = tuple(dict.fromkeys(plan.images)) or (self.groups,)
        check_plan(self.groups, self.numbers, plan.folds)
        if plan.repeats < 0:
            raise OptionsError(f"there are {plan.repeats} repeats; expected 1 or more, 0 for auto")
        self.own_images = {
            method.label: self._images_of(method) for method in self.methods if not method.filter
        }
        self.truths = self._truths()
        every = [self.images, *self.own_images.values()]
        self.prints = content_prints(every, self.truths)
        refuse_copies(every)
        # What no fold can train on is found before there is a folder, and before hours of others.
        self.tasks = list(self._tasks())
        for task in self.tasks:
            self._check(task)

    def _images_of(self, method: Method) -> FoldImages:
        """Return what a training learns from, whose targets may be its own."""
        settings = settings_of(method, self.tables, str(self.config))
        return own_images(self.images, settings, self.settings, self.base, method.label)

    def _truths(self) -> dict[tuple[str, str], Image]:
        """Return the truth of each pair by its group and name; nothing where there is none."""
        if not self.plan.truth:
            return {}
        if self.methods_tune:
            refuse_tuning_by_truth(self.metrics)
        return true_images(self.images, self.settings, self.base, self.plan.truth)

    @property
    def methods_tune(self) -> bool:
        """Whether a filter is tuned."""
        return any(method.grid for method in self.methods)

    def facts(self) -> dict[str, Any]:
        """Return what may not change while a cross-validation goes on."""
        base = self.base
        config = resolved(self.settings)
        # A free choice for a run, too.
        del config["restorer"]["device"]
        del config["data"]["contrast_sample"]
        if not config["restorer"]["chain"]:
            # Nor do those of before there were chains say so.
            del config["restorer"]["chain"]
        facts = {
            "config": config,
            "folds": self.plan.folds,
            "seed": self.plan.seed,
            "scale_epochs": self.plan.scale_epochs,
            "metrics": [one.label for one in self.metrics],
            "groups": [group.name for group in self.images.groups],
            "data": {
                Path(path).relative_to(base).as_posix()
                if Path(path).is_relative_to(base)
                else path: self.prints[path]
                for path in self._scored_paths()
            },
        }
        found: dict[str, Any] = plain(facts)
        return found

    def _scored_paths(self) -> Iterator[str]:
        """Yield the files that scores depend on, whatever the methods."""
        for group in self.images.groups:
            for pair in group.pairs:
                yield pair.input.info.path
                yield pair.target.info.path
        yield from (image.info.path for image in self.truths.values())

    def rows(self) -> list[dict[str, Any]]:
        """Work at all folds, and return the rows of all of them."""
        self._warn()
        tasks = self.tasks
        work = FoldWork(
            self.out, self.config, self.overrides, self.metrics, self.truths, self.display
        )
        found: list[dict[str, Any]] = []
        done = 0
        try:
            for task in tasks:
                rows = work.finished(task)
                if rows is None:
                    fold = task.fold
                    self.display.message(
                        f"{fold.images} images, repetition {fold.repeat}, fold {fold.number} of "
                        f"{self.plan.folds}: {task.method.label} ({done + 1} of {len(tasks)})"
                    )
                    rows = work.work(task)
                found += rows
                done += 1
        except (KeyboardInterrupt, Interrupted):
            raise Interrupted(
                f"Interrupted: {done} of {len(tasks)} folds are finished and safe in {self.out}. "
                "The same command with --resume goes on."
            ) from None
        return found

    def _check(self, task: Task) -> None:
        """Raise a DataError where a fold cannot be trained on, by the sizes of its images."""
        if task.settings is None:
            return
        try:
            check_trainable(task.learns.pairs, task.settings)
        except DataError as error:
            fold = task.fold
            raise DataError(
                f"{task.method.label} cannot be trained on fold {fold.number} of "
                f"{self.plan.folds}, with {fold.images} images: {error}"
            ) from error

    def _warn(self) -> None:
        """Tell what no check can find out."""
        starts = {task.settings.train.start_from for task in self.tasks if task.settings}
        for where in sorted(starts - {""}):
            self.display.message(
                f"training starts from the weights of {where}: where these have seen the images, "
                "nothing is held out of them"
            )

    def _tasks(self) -> Iterator[Task]:
        """Yield every method on every fold; nothing is read for it."""
        for number in self.numbers:
            settings = {method.label: self._settings(method, number) for method in self.methods}
            for fold in self._folds(number):
                for method in self.methods:
                    own = self.own_images.get(method.label, self.images)
                    learns = fold.training
                    if own is not self.images:
                        learns = own.training(fold.chosen, fold.out)
                    yield Task(fold, method, settings[method.label], learns)

    def _folds(self, number: int) -> Iterator[Fold]:
        for repeat in range(self.plan.repeats or default_repeats(self.groups, number)):
            parts = draw_folds(
                self.groups, number, self.plan.folds, repeat=repeat, seed=self.plan.seed
            )
            for index, out in enumerate(parts):
                chosen = tuple(i for part in parts if part is not out for i in part)
                yield Fold(
                    images=number,
                    repeat=repeat + 1,
                    number=index + 1,
                    chosen=chosen,
                    out=out,
                    training=self.images.training(chosen, out),
                    held=self.images.held(out),
                )

    def _settings(self, method: Method, number: int) -> RunConfig | None:
        """Return the configuration of a training with its epochs, None for a filter."""
        if method.filter:
            return None
        where = str(self.config)
        settings = settings_of(method, self.tables, where)
        if not self.plan.scale_epochs:
            return settings
        epochs = scaled_epochs(settings.train.epochs, self.groups, number)
        return settings_of(method, self.tables, where, [f"train.epochs={epochs}"])

    def about(self) -> About:
        """Return what a reader of the results has to know."""
        return About(
            config=self.text,
            overrides=self.overrides,
            folds=self.plan.folds,
            groups=self.groups,
            seed=self.plan.seed,
            trained=any(not method.filter for method in self.methods),
            epochs=self.settings.train.epochs if self.plan.scale_epochs else None,
            tuned_by=self.metrics[0].title if self.methods_tune else "",
        )
