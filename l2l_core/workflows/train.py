"""Train a restorer from a configuration into a run folder; a kill costs an epoch at most."""

from __future__ import annotations

import platform
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.components.discovery import OWN_DISTRIBUTION, Registration
from l2l_core.components.factory import get, make_restorer
from l2l_core.components.options import structure, unstructure
from l2l_core.components.registry import registry
from l2l_core.components.training import Events, FitReport, Schedule
from l2l_core.config_file import apply_overrides, parse_config, parse_toml, read_text, resolved
from l2l_core.data.training_set import TrainingSet, prepare
from l2l_core.errors import (
    ComponentError,
    DataError,
    Interrupted,
    L2LError,
    ModelError,
    OptionsError,
)
from l2l_core.models.model_file import (
    ModelRecord,
    NormalizationRecord,
    SideNormalization,
    is_model,
    read_model,
    read_record,
    write_model,
)
from l2l_core.models.run_folder import RunFolder, RunRecord
from l2l_core.workflows.engines import choose
from l2l_core.workflows.pair_contrast import swapped_labels
from l2l_core.workflows.run_events import RunEvents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l2l_core.components.restorer import Restorer
    from l2l_core.config import RunConfig
    from l2l_core.data.pairs import PairSet
    from l2l_core.models.checkpoints import Checkpoint

_PACKAGES = (OWN_DISTRIBUTION, "numpy", "torch", "tensorflow", "keras", "csbdeep")


@define(frozen=True)
class RunResult:
    """What a run came to.

    Parameters
    ----------
    folder : Path
        The run folder.
    model : Path
        The model in it.
    report : Path
        The report in it.
    fit : FitReport
        How training went.
    """

    folder: Path
    model: Path
    report: Path
    fit: FitReport


def train(
    config: str | Path,
    out: str | Path,
    *,
    resume: bool = False,
    overrides: Sequence[str] = (),
    pairs: PairSet | None = None,
    display: Events | None = None,
) -> RunResult:
    """Train on the pairs that a configuration names.

    Parameters
    ----------
    config : str or Path
        TOML file; paths in it start from its folder.
    out : str or Path
        Run folder to make.
    resume : bool, optional
        Whether a run that is there goes on; one that is not there begins.
    overrides : sequence of str, optional
        Changes to the configuration, ``"train.epochs=20"``; recorded in the run.
    pairs : PairSet, optional
        The part of the configuration's pairs that is trained on, such as a fold's; all by default.
    display : Events, optional
        Told what goes on.

    Returns
    -------
    RunResult

    Raises
    ------
    ConfigError
        Lists all that is wrong with the configuration.
    DataError, ImageError
        If the images cannot be used.
    RunError
        If there is a run in `out`, or it cannot go on.
    TrainingDivergedError
        If the loss is not finite.
    Interrupted
        If the user stopped it; says what is on disk.
    """
    display = display or Events()
    text = read_text(config)
    settings = parse_config(apply_overrides(parse_toml(text, str(config)), overrides), str(config))
    existing = _existing(Path(out), resume)
    engine = choose(
        settings.restorer.name, settings.restorer.backend, "train", device=settings.restorer.device
    )
    base = Path(config).resolve().parent
    data = prepare(settings, base, pairs=pairs, announce=display.message)
    if swapped := swapped_labels(data.appearance):
        display.message(swapped)
    record = RunRecord(
        config=resolved(settings),
        overrides=tuple(overrides),
        data=data.fingerprints,
        versions=_versions(),
        plugins=_plugins(settings, engine),
    )
    if existing is not None:
        existing.check(record)
    checkpoint = existing.load_checkpoint("last") if existing else None
    restorer = make_restorer(
        engine.info.name,
        engine.info.key[1],
        settings.restorer.options,
        axes=data.axes,
        channels_in=data.channels_in,
        channels_out=data.channels_out,
        device=settings.restorer.device,
    )
    with closing(restorer):
        # All that can be wrong is found before there is a folder, which would be in the way.
        _check_units(restorer, settings)
        if checkpoint is None:
            _start_from(restorer, settings, base, display)
        folder = existing or RunFolder.create(out, record, text)
        run = _Run(folder, settings, engine, data, display, restorer)
        if existing is not None and _is_done(folder, settings):
            return run.completed()
        return run.go(checkpoint, record)


def _existing(out: Path, resume: bool) -> RunFolder | None:
    """Return the run to go on with, None where a new one begins.

    A folder that is taken is refused here, before the images are opened and measured.
    """
    if resume and RunFolder.exists(out):
        return RunFolder.open(out)
    RunFolder.refuse_existing(out)
    return None


def _is_done(folder: RunFolder, settings: RunConfig) -> bool:
    record = folder.record
    return (
        record.status == "finished"
        and record.config["train"]["epochs"] == settings.train.epochs
        and is_model(folder.model)
    )


def _check_units(restorer: Restorer, settings: RunConfig) -> None:
    """Refuse a model whose restorations could not come out in the units that are asked for."""
    ends = restorer.channels_in, restorer.channels_out
    if settings.normalize.output == "input" and ends[0] not in (1, ends[1]):
        raise DataError(
            f"the inputs have {ends[0]} channels and the targets {ends[1]}, so a restoration has "
            "no channel whose units it could come out in; set normalize.output = 'target'"
        )


def _start_from(restorer: Restorer, settings: RunConfig, base: Path, display: Events) -> None:
    where = settings.train.start_from
    if not where:
        return
    path = base / where
    record, state = read_model(path / "model" if RunFolder.exists(path) else path)
    mine = {
        "restorer": settings.restorer.name,
        "axes": restorer.axes,
        "channels_in": restorer.channels_in,
        "channels_out": restorer.channels_out,
        "options": unstructure(restorer.options),
    }
    for key, wanted in mine.items():
        got = getattr(record, key)
        if got != wanted:
            raise ModelError(
                f"training cannot start from {path}: its {key} is {got!r} and this "
                f"configuration's is {wanted!r}; make them equal, or leave start_from out"
            )
    restorer.load_state(state)
    display.message(f"starting from the weights of {path}")


class _Run:
    """One start of a run: a restorer, and what is written while it trains."""

    def __init__(
        self,
        folder: RunFolder,
        settings: RunConfig,
        engine: Registration,
        data: TrainingSet,
        display: Events,
        restorer: Restorer,
    ) -> None:
        self.folder, self.settings, self.engine, self.data = folder, settings, engine, data
        self.display, self.restorer = display, restorer

    def completed(self) -> RunResult:
        """Return what a finished run came to, with the report that a kill left out."""
        self.display.message(f"the run in {self.folder.path} was finished before")
        if not self.folder.report.exists():
            self.report(read_record(self.folder.model))
        return self.result(structure(self.folder.record.result, FitReport))

    def go(self, checkpoint: Checkpoint | None, record: RunRecord) -> RunResult:
        """Train from the last checkpoint, or from the start, to the end."""
        epoch = checkpoint.epoch if checkpoint else 0
        if checkpoint is not None:
            self.restorer.load_state(checkpoint.state)
            self.display.message(f"going on after epoch {epoch}")
        self.folder.truncate_log(epoch)
        started = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "from_epoch": epoch,
            "versions": record.versions,
            "overrides": list(record.overrides),
        }
        self.folder.update(
            status="running",
            error="",
            config=record.config,
            overrides=record.overrides,
            sessions=(*self.folder.record.sessions, started),
        )
        events = RunEvents(self.folder, self.display, epoch)
        try:
            fit = self.restorer.fit(
                self.data.samples,
                self.data.validation,
                losses={
                    role: get("loss", one.name, **one.options)
                    for role, one in self.settings.loss.items()
                },
                metrics=_metrics(self.settings),
                schedule=_schedule(self.settings),
                seed=self.settings.seed,
                events=events,
                resume=checkpoint.training if checkpoint else None,
            )
            self._write(fit)
        except KeyboardInterrupt:
            self.folder.update(status="interrupted")
            raise Interrupted(self._safe(events)) from None
        except L2LError as error:
            self.folder.update(status="failed", error=str(error))
            raise
        return self.result(fit)

    def result(self, fit: FitReport) -> RunResult:
        """Return what the run came to."""
        return RunResult(self.folder.path, self.folder.model, self.folder.report, fit)

    def _write(self, fit: FitReport) -> None:
        if not isinstance(fit, FitReport):
            raise ComponentError(
                f"{type(self.restorer).__name__}.fit() returned a {type(fit).__name__}; expected a "
                "FitReport"
            )
        best = self.folder.load_checkpoint("best")
        # A kill can leave a best one of an epoch that was trained again, on a GPU to another end.
        if best is not None and best.epoch == fit.best_epoch:
            state = best.state
        else:
            state = self.restorer.state()
        self.restorer.load_state(state)
        model = write_model(self.folder.model, self._model_record(fit), state)
        self.folder.update(status="finished", result={**unstructure(fit)})
        self.display.message(f"wrote the model {self.folder.model}")
        from l2l_core.workflows.export import export_after_training

        graph = self.folder.path / "model.onnx"
        export_after_training(self.restorer, model, graph, self.display.message)
        self.report(model)

    def report(self, model: ModelRecord) -> None:
        """Write what the model makes of the validation images."""
        from l2l_core.workflows.run_report import write_run_report

        write_run_report(self.folder, model, self.data, display=self.display)

    def _model_record(self, fit: FitReport) -> ModelRecord:
        normalize, data = self.settings.normalize, self.data
        return ModelRecord(
            restorer=self.engine.info.name,
            supplier=f"{self.engine.distribution} {self.engine.version}",
            options=unstructure(self.restorer.options),
            axes=data.axes,
            channels_in=data.channels_in,
            channels_out=data.channels_out,
            geometry=self.restorer.geometry,
            normalization=NormalizationRecord(
                input=SideNormalization(spec=normalize.input, numbers=data.input_normalization),
                target=SideNormalization(spec=normalize.target, numbers=data.target_normalization),
                output=normalize.output,
            ),
            training={
                "engine": self.engine.info.key[1],
                "fit": unstructure(fit),
                "config": resolved(self.settings),
                "overrides": list(self.folder.record.overrides),
                "pairs": len(data.pairs.pairs),
                "split": data.split.sentence,
                "versions": _versions(),
                "plugins": dict(self.folder.record.plugins),
            },
            appearance=data.appearance,
            chain=self.settings.restorer.chain,
        )

    def _safe(self, events: RunEvents) -> str:
        folder = self.folder.path
        if events.epoch:
            kept = f"everything up to epoch {events.epoch} is safe in {folder}"
        else:
            kept = f"no epoch was finished; the run folder {folder} is whole"
        return f"Interrupted: {kept}. The same command with --resume goes on."


def _schedule(settings: RunConfig) -> Schedule:
    plain = unstructure(settings.train)
    return structure({key: plain[key] for key in unstructure(Schedule())}, Schedule)


def _metrics(settings: RunConfig) -> dict[str, Any]:
    chosen = _metric_configs(settings).items()
    return {name: get("metric", name, **options) for name, options in chosen}


def _metric_configs(settings: RunConfig) -> dict[str, dict[str, Any]]:
    """Return the options of each metric that is logged, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for one in settings.train.metrics:
        name, options = (one, {}) if isinstance(one, str) else (one.name, one.options)
        if name in found:
            raise OptionsError(f"the metric {name!r} is listed twice @ train.metrics; once will do")
        found[name] = options
    return found


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _plugins(settings: RunConfig, engine: Registration) -> dict[str, str]:
    """Return the distributions, other than ours, that this run's components come from."""
    known = registry()
    used = [engine]
    used += [known.find("loss", one.name) for one in settings.loss.values()]
    used += [known.find("augmenter", one.name) for one in settings.augment]
    used += [known.engines(step.name)[0] for step in settings.restorer.chain]
    used += [known.find("metric", name) for name in _metric_configs(settings)]
    return {one.distribution: one.version for one in used if not one.own}
