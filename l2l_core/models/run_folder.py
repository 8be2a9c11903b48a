"""A training run on disk, from which it goes on after a kill at any moment.

::

    config.toml      the configuration as it was given, byte for byte
    run.json         what it came to with all defaults and overrides, versions, data, status
    log.jsonl        one line an epoch
    checkpoints/     last, best: weights and training state, each replaced as a whole
    model/           the result
    report.html

A run is never overwritten.  It goes on only with the configuration and the data that it began
with.  Two settings may change, since a run that was planned so from the start would have come to
the same: ``train.epochs`` may be raised, which extends a run, and ``restorer.device`` is free.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, evolve, field

from l2l_core.components.options import structure, unstructure
from l2l_core.errors import OptionsError, OutputError, RunError
from l2l_core.images.replacing import replacing
from l2l_core.models.checkpoints import Checkpoint, Kind, load_checkpoint, save_checkpoint
from l2l_core.models.facts import plain, to_json

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from l2l_core.components.training import TrainingState

FORMAT_VERSION = 1

CONFIG, FACTS, LOG, MODEL, REPORT = (
    "config.toml",
    "run.json",
    "log.jsonl",
    "model",
    "report.html",
)
CHECKPOINTS = "checkpoints"

EPOCHS = "train.epochs"
FREE = frozenset({"restorer.device", "data.contrast_sample"})
"""Keys that training does not depend on."""

Status = Literal["running", "finished", "interrupted", "failed"]


@define(frozen=True, kw_only=True)
class RunRecord:
    """What ``run.json`` says.

    Parameters
    ----------
    config : dict
        The configuration with all defaults and overrides, as plain values.
    overrides : tuple of str
        Changes to the file's text, ``"train.epochs=20"``.
    data : dict
        For every image, by its path, what tells whether it changed.
    versions, plugins : dict
        Versions of packages, and of the distributions that plugins came from.
    status : {"running", "finished", "interrupted", "failed"}
        ``running`` is also what a killed run is left with.
    error : str
        Why it failed.
    result : dict
        What training came to.
    sessions : tuple of dict
        For each start of the run: when, from which epoch on, with which versions and overrides.
    """

    config: dict[str, Any]
    overrides: tuple[str, ...] = ()
    data: dict[str, Any] = field(factory=dict)
    versions: dict[str, str] = field(factory=dict)
    plugins: dict[str, str] = field(factory=dict)
    status: Status = "running"
    error: str = ""
    result: dict[str, Any] = field(factory=dict)
    sessions: tuple[dict[str, Any], ...] = ()
    format_version: int = FORMAT_VERSION


class RunFolder:
    """The folder of one run; :meth:`create` makes it and :meth:`open` finds it again.

    Attributes
    ----------
    path : Path
        The folder.
    record : RunRecord
        What ``run.json`` says.
    """

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path = path
        self.record = record

    @classmethod
    def create(cls, path: str | Path, record: RunRecord, config_text: str) -> Self:
        """Make the folder of a new run.

        Parameters
        ----------
        path : path
            A folder that does not exist, or is empty.
        record : RunRecord
            What is known at the start.
        config_text : str
            The configuration file, verbatim.

        Raises
        ------
        RunError
            If there is something in the folder.
        OutputError
            If it cannot be written.
        """
        path = Path(path)
        cls.refuse_existing(path)
        # Whole or not at all: what a kill leaves here is never half a run.
        with replacing(path, "run") as new:
            new.mkdir()
            (new / CONFIG).write_bytes(config_text.encode())
            (new / LOG).touch()
            (new / FACTS).write_text(_to_text(record), encoding="utf-8")
        return cls(path, record)

    @classmethod
    def refuse_existing(cls, path: str | Path) -> None:
        """Refuse a folder that a new run cannot have.

        Raises
        ------
        RunError
            If there is something in it.
        """
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            is_run = cls.exists(path)
            what = "holds a run" if is_run else "exists and is not empty"
            remedy = "go on with it by --resume, or " if is_run else ""
            raise RunError(f"{path} {what}; {remedy}choose another folder with --out")

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return a run that exists.

        Raises
        ------
        RunError
            If there is none, or its ``run.json`` is damaged or newer.
        """
        path = Path(path)
        try:
            facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
            version = facts["format_version"]
            newer = version > FORMAT_VERSION
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(
                f"there is no run in {path}: {FACTS} is missing; name the folder that training "
                "was started with"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path / FACTS} is damaged: {error}; begin the run anew") from error
        if newer:
            raise RunError(
                f"{path / FACTS} is of format version {version}, and this label2label reads "
                f"versions up to {FORMAT_VERSION}; upgrade it (pip install --upgrade label2label)"
            )
        try:
            return cls(path, structure(facts, RunRecord))
        except OptionsError as error:
            problems = "; ".join(str(error).splitlines())
            raise RunError(f"{path / FACTS} is damaged: {problems}; begin the run anew") from error

    @classmethod
    def exists(cls, path: str | Path) -> bool:
        """Whether there is a run in a folder."""
        return (Path(path) / FACTS).is_file()

    @property
    def model(self) -> Path:
        """Where the resulting model is."""
        return self.path / MODEL

    @property
    def report(self) -> Path:
        """Where the report is."""
        return self.path / REPORT

    @property
    def config_text(self) -> str:
        """The configuration file, verbatim."""
        return (self.path / CONFIG).read_bytes().decode()

    def check(self, now: RunRecord) -> None:
        """Compare configuration, overrides and data with those that the run began with.

        Raises
        ------
        RunError
            If the run cannot go on with them; names every key and image that differs.
        """
        problems = [*_config_changes(self.record, now), *_data_changes(self.record, now)]
        if problems:
            raise RunError(
                f"the run in {self.path} cannot go on: {'; '.join(problems)}. Put that back, or "
                "begin another run with another --out"
            )

    def update(self, **changes: Any) -> None:
        """Change what ``run.json`` says.

        Raises
        ------
        OutputError
            If it cannot be written; the former file is still whole.
        """
        record = evolve(self.record, **changes)
        with replacing(self.path / FACTS) as new:
            new.write_text(_to_text(record), encoding="utf-8")
        self.record = record

    def log(self, line: Mapping[str, Any]) -> None:
        """Append one line to the log, on the disk when this returns.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        text = json.dumps(plain(line), ensure_ascii=False) + "\n"
        try:
            with (self.path / LOG).open("ab") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"the log {self.path / LOG} cannot be written: {error.strerror}; make room and go "
                "on with --resume"
            ) from error

    def read_log(self) -> list[dict[str, Any]]:
        """Return the log's lines; one that a kill cut short is left out."""
        return list(self._lines())

    def truncate_log(self, epoch: int) -> None:
        """Take out the lines of epochs after `epoch`, which will be trained again."""
        kept = [line for line in self._lines() if line.get("epoch", 0) <= epoch]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept)
        with replacing(self.path / LOG) as new:
            new.write_text(text, encoding="utf-8")

    def _lines(self) -> Iterator[dict[str, Any]]:
        path = self.path / LOG
        # Not splitlines(): a text in JSON may hold what Unicode calls a separator of lines.
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(found, dict):
                yield found

    def save_checkpoint(
        self, kind: Kind, epoch: int, state: Mapping[str, NDArray[Any]], training: TrainingState
    ) -> None:
        """Write a checkpoint; the former of its kind is replaced as a whole or not at all.

        Parameters
        ----------
        kind : {"last", "best"}
            Which one.
        epoch : int
            After which epoch, counted from 1.
        state : mapping of ndarray
            What :meth:`Restorer.state` gave.
        training : TrainingState
            What :meth:`Restorer.training_state` gave.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        save_checkpoint(self._checkpoint(kind), kind, epoch, state, training)

    def load_checkpoint(self, kind: Kind) -> Checkpoint | None:
        """Return a checkpoint, None where no epoch was finished.

        Raises
        ------
        ModelDamagedError
            If one of its files was altered.
        """
        return load_checkpoint(self._checkpoint(kind))

    def _checkpoint(self, kind: Kind) -> Path:
        return self.path / CHECKPOINTS / kind


def _to_text(record: RunRecord) -> str:
    return to_json(plain(unstructure(record)))


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return nested tables as one, by the path of each key."""
    if isinstance(value, Mapping) and value:
        return {k: v for key in value for k, v in _flat(value[key], f"{path}.{key}").items()}
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return {k: v for i, x in enumerate(value) for k, v in _flat(x, f"{path}[{i}]").items()}
    return {path.removeprefix("."): value}


_MISSING = object()

_LATER: dict[str, Any] = {"restorer.chain": []}
"""Keys that a run of an earlier version has not written down, and what they meant to it."""


def _config_changes(began: RunRecord, now: RunRecord) -> Iterator[str]:
    old, new = _flat(plain(began.config)), _flat(plain(now.config))
    for key in sorted(old.keys() | new.keys()):
        was, is_now = old.get(key, _LATER.get(key, _MISSING)), new.get(key, _MISSING)
        if was == is_now or key in FREE:
            continue
        if key == EPOCHS and isinstance(is_now, int) and isinstance(was, int) and is_now > was:
            if _overrides(began, EPOCHS) and not _overrides(now, EPOCHS):
                yield (
                    f"it began with --set {EPOCHS}={was}, which is not given now; give it again, "
                    "or a larger number"
                )
            continue
        lower = " (it may be raised, not lowered)" if key == EPOCHS else ""
        yield f"{key} is {_said(is_now)} now and was {_said(was)} when it began{lower}"


def _overrides(record: RunRecord, key: str) -> bool:
    return any(override.partition("=")[0].strip() == key for override in record.overrides)


def _said(value: Any) -> str:
    return "not set" if value is _MISSING else json.dumps(value, ensure_ascii=False)


def _data_changes(began: RunRecord, now: RunRecord) -> Iterator[str]:
    old, new = plain(began.data), plain(now.data)
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            yield f"the image {path} is gone"
        elif path not in old:
            yield f"the image {path} is new"
        elif _content(old[path]) != _content(new[path]):
            yield f"the image {path} was changed"


def _content(facts: Any) -> Any:
    """Return what tells whether an image changed: not its date where all of it was hashed."""
    if isinstance(facts, Mapping) and facts.get("hashed") == "content":
        return {key: value for key, value in facts.items() if key != "modified"}
    return facts
