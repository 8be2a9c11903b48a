"""What a worker of a cluster is sent to do, and what it brings back, errors included."""

from __future__ import annotations

import copy
import time
import traceback
from collections.abc import Mapping
from typing import Any

from attrs import define

from l2l_core import errors
from l2l_core.errors import L2LError
from l2l_core.streaming.execution import Task

_KNOWN_EVERYWHERE = ("builtins", errors.__name__)
"""Modules whose errors a process can load whatever plugins it has."""


@define(frozen=True)
class Errand:
    """One task on one item, as it travels to a worker."""

    task: Task
    context: Mapping[str, Any]
    item: Any


@define(frozen=True)
class Answer:
    """What came of an errand, as it travels back.

    Attributes
    ----------
    result : object
        What the task returned.
    error : Exception or None
        What it raised, as :func:`portable` leaves it.
    trace : str
        Where it was raised, as Python prints it.
    worker : str
        The worker's name.
    seconds : float
        How long the task took.
    """

    result: Any
    error: Exception | None
    trace: str
    worker: str
    seconds: float


class RemoteTrace(Exception):
    """Where an error was raised in another process, as text; the cause of that error here."""

    def __str__(self) -> str:
        """Return the traceback on lines of its own."""
        return f'\n"""\n{self.args[0]}"""'


def run_errand(errand: Errand) -> Answer:
    """Do an errand on the worker of which this is a thread, whatever becomes of it.

    Parameters
    ----------
    errand : Errand
        What to do.

    Returns
    -------
    Answer
        With the error where the task raised one; nothing is raised from here.
    """
    from distributed import get_worker

    worker = str(get_worker().name)
    start = time.monotonic()
    try:
        result = errand.task(errand.context, errand.item)
    # Whatever a task raises is what became of its item.
    except BaseException as error:
        trace = "".join(traceback.format_exception(error))
        return Answer(None, portable(error), trace, worker, time.monotonic() - start)
    return Answer(result, None, "", worker, time.monotonic() - start)


def portable(error: BaseException) -> Exception:
    """Return an error that any process can load: the same, or the nearest that says the same.

    Parameters
    ----------
    error : BaseException
        Of any class, of a plugin or a framework for example.

    Returns
    -------
    Exception
        The error itself where its class is Python's or this project's; else the class of
        :mod:`l2l_core.errors` that it stands for, or a RuntimeError that names its class.
    """
    kind = type(error)
    if isinstance(error, Exception) and kind.__module__ in _KNOWN_EVERYWHERE:
        try:
            # Copying goes the way of the wire: by class, arguments and attributes.
            if str(copy.deepcopy(error)) == str(error):
                return error
        except Exception:  # noqa: S110 - an error that cannot travel is described instead
            pass
    for ancestor in kind.__mro__:
        if issubclass(ancestor, L2LError) and ancestor.__module__ == errors.__name__:
            return ancestor(str(error))
    return RuntimeError(f"{kind.__qualname__}: {error}")


def returned(answer: Answer) -> Exception | None:
    """Return the error of an answer, which tells as its cause where it was raised."""
    if answer.error is not None and answer.trace:
        answer.error.__cause__ = RemoteTrace(answer.trace)
    return answer.error
