"""What is cross-validated and how, and the folder that holds it from its beginning to its end."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.errors import RunError
from l2l_core.images.replacing import replacing
from l2l_core.models.facts import to_json
from l2l_core.streaming.ledger_folder import LOCK_NAMES, hold
from l2l_core.workflows.fold_scores import DEFAULT_METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT_VERSION = 1
PLAN, CONFIG = "plan.json", "config.toml"


@define(frozen=True, kw_only=True)
class CrossValidation:
    """What is cross-validated, and how.

    Parameters
    ----------
    folds : int
        Into how many parts the images that were drawn are divided.
    images : tuple of int
        How many images (groups) are drawn; all, once, where it is empty.
    repeats : int
        Cross-validations for each number of images; 0 for more of them the fewer the images, see
        :func:`~l2l_core.workflows.folds.default_repeats`.
    seed : int
        Of draws and folds; training has the configuration's own.
    losses, variants, filters : tuple of str
        Methods, see :func:`~l2l_core.workflows.fold_methods.find_methods`.
    metrics : tuple of str
        By name, with options as in ``"ms_ssim:preset='paper-5'"``; the first one tunes filters.
    truth : str
        Folder, glob or file of true images, paired with the inputs like targets, for metrics that
        need them; nothing learns from them.
    train : bool
        Whether anything is trained at all.
    scale_epochs : bool
        Whether ``train.epochs`` is meant for all images, and is lowered in proportion to what is
        drawn; as it stands for any number otherwise.
    """

    folds: int = 8
    images: tuple[int, ...] = ()
    repeats: int = 0
    seed: int = 1
    losses: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    metrics: tuple[str, ...] = DEFAULT_METRICS
    truth: str = ""
    train: bool = True
    scale_epochs: bool = True


def claim(
    out: Path,
    facts: Mapping[str, Any],
    config: str,
    *,
    resume: bool,
    what: str = "cross-validation",
) -> None:
    """Make the folder of a cross-validation, or see to it that it is that of this one.

    Parameters
    ----------
    out : Path
    facts : mapping
        What may not change while it goes on, in JSON's own types.
    config : str
        The configuration, verbatim; none is written where it is empty.
    resume : bool
        Whether what is there goes on.
    what : str, optional
        What messages call it.

    Raises
    ------
    RunError
        If there is something in the folder that is not gone on with, or cannot be.
    """
    _refuse_taken(out, resume, what)
    path = out / PLAN
    now = {"format_version": FORMAT_VERSION, **facts}
    if not path.is_file():
        for name, text in ((CONFIG, config), (PLAN, to_json(now))):
            if not text:
                continue
            with replacing(out / name) as new:
                new.write_text(text, encoding="utf-8")
        return
    try:
        began: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}; begin anew with another --out") from error
    changed = [key for key in now if began.get(key) != now[key]]
    if changed:
        verb = "differs" if changed == ["config"] else "differ"
        keys = ", ".join(_changed_keys(began.get("config"), now.get("config")))
        raise RunError(
            f"the {what} in {out} cannot go on: {', '.join(changed)} {verb} from what it began "
            f"with; put that back{f' ({keys})' if keys else ''}, or begin another one with "
            "another --out"
        )


def _changed_keys(began: Any, now: Any, path: str = "") -> Iterator[str]:
    """Yield the keys of a configuration that differ, each with what it was."""
    if isinstance(began, dict) and isinstance(now, dict):
        for key in sorted(began.keys() | now.keys()):
            yield from _changed_keys(began.get(key), now.get(key), f"{path}.{key}")
    elif began != now and path:
        was = "not set" if began is None else f"= {json.dumps(began, ensure_ascii=False)}"
        yield f"{path.removeprefix('.')} {was}"


@contextmanager
def held(out: Path, *, resume: bool, what: str = "cross-validation") -> Iterator[None]:
    """Hold the folder of a cross-validation, so that no other process works at it.

    Parameters
    ----------
    out, resume, what
        As :func:`claim` takes them.

    Raises
    ------
    RunError
        If there is something in the folder that is not gone on with; nothing is written there.
    OutputError
        If another process holds it, or it cannot be written.
    """
    _refuse_taken(out, resume, what)
    lock = hold(out, f"the {what} in", "--out")
    try:
        yield
    finally:
        lock.release()


def _refuse_taken(out: Path, resume: bool, what: str) -> None:
    begun = (out / PLAN).is_file()
    if (begun and resume) or not out.exists():
        return
    # A lock is none of its content.
    if not out.is_dir() or any(path.name not in LOCK_NAMES for path in out.iterdir()):
        holds = f"holds a {what}" if begun else "is not empty"
        remedy = "go on with it by --resume, or " if begun else ""
        raise RunError(f"{out} {holds}; {remedy}choose another folder with --out")
