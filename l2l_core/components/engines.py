"""Which engine trains a restorer, where the configuration leaves it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.components.records import RestorerInfo
from l2l_core.components.registry import is_available, load, registry
from l2l_core.errors import ComponentError, UnknownComponentError

if TYPE_CHECKING:
    from l2l_core.components.discovery import Registration

TRAINING_ORDER = ("torch", "tensorflow")
"""Engines in the order in which ``backend = "auto"`` trains; others come after, by name."""


def for_training(name: str, backend: str = "auto") -> Registration:
    """Return the record of a restorer on the engine that trains it; imports no framework.

    Parameters
    ----------
    name : str
        Name of the restorer.
    backend : str, optional
        An engine, or ``"auto"`` for the first that is installed: torch, then tensorflow, then
        whatever else there is.

    Raises
    ------
    UnknownComponentError
        If there is no such restorer, or it does not train on this engine.
    ComponentError
        If it is a filter without training.
    MissingDependencyError
        If none of its engines is installed; names what to install.
    """
    records = registry().engines(name)
    trainable = [r for r in records if isinstance(r.info, RestorerInfo) and r.info.trains]
    if not trainable:
        raise ComponentError(
            f"restorer {name!r} is a filter without training; restore with it straight away, "
            f"giving {name!r} for the model"
        )
    trainable.sort(key=_rank)
    if backend != "auto":
        for registration in trainable:
            if _engine(registration) == backend:
                return registration
        engines = " or ".join(repr(_engine(r)) for r in trainable if _engine(r))
        if not engines:
            raise UnknownComponentError(
                f"restorer {name!r} needs no framework; got the backend {backend!r}, expected "
                "'auto'"
            )
        only = "only predicts" if any(_engine(r) == backend for r in records) else "does not train"
        raise UnknownComponentError(
            f"restorer {name!r} {only} on {backend!r}; it trains on {engines}, or on 'auto'"
        )
    for registration in trainable:
        if is_available(registration):
            return registration
    load(trainable[0])  # says what to install
    return trainable[0]


def _engine(registration: Registration) -> str:
    info = registration.info
    return info.engine if isinstance(info, RestorerInfo) else ""


def _rank(registration: Registration) -> tuple[int, str]:
    engine = _engine(registration)
    known = TRAINING_ORDER.index(engine) if engine in TRAINING_ORDER else len(TRAINING_ORDER)
    return known, engine
