"""Run one task over many items, a few at a time, on threads here or on a cluster's processes.

Nothing is planned ahead: items are taken one by one as there is room for them, so that a million
units cost no more memory than ten.  What goes wrong with an item comes out as that item's
outcome; the others go on.
"""

from __future__ import annotations

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

from attrs import define, field

from l2l_core.errors import ConfigError

Task = Callable[[Mapping[str, Any], Any], Any]
"""A function of a module, of the context that all items share, in plain values, and of an item."""

DEFAULT_THREADS = 3
"""One unit is read, one computed, one written: that keeps one device busy."""

GRACE_SECONDS = 10.0
"""For how long an interrupted run waits for what is under way."""

_POLL_SECONDS = 0.5
"""A wait without an end cannot be interrupted everywhere."""


@define(frozen=True)
class Outcome:
    """What became of one item.

    Attributes
    ----------
    item : object
        The item as it was given.
    result : object
        What the task returned; None where it failed.
    error : Exception or None
        Why it failed.
    worker : str
        Who worked at it.
    seconds : float
        How long the task took, on the worker.
    """

    item: Any
    result: Any = None
    error: Exception | None = None
    worker: str = ""
    seconds: float = 0.0


class Workers(ABC):
    """Whoever runs tasks; a context manager, which lets go of them at its end."""

    def __enter__(self) -> Self:
        """Return these workers."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Let go of the workers."""
        self.close()

    @property
    @abstractmethod
    def count(self) -> int:
        """How many tasks' worth of workers there are at the moment."""

    @abstractmethod
    def describe(self) -> str:
        """Return one line that says who works, and where to watch."""

    @abstractmethod
    def run(
        self, task: Task, context: Mapping[str, Any], items: Iterable[Any]
    ) -> Iterator[Outcome]:
        """Run a task on each item.

        Parameters
        ----------
        task : callable
            A function of a module, which workers elsewhere can import.
        context : mapping of str to object
            What all items share, in plain values.
        items : iterable
            Taken from as there is room, never all at once; plain values too.

        Yields
        ------
        Outcome
            One for each item that was taken, in the order in which they end.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts: nothing new is begun, what ends within some seconds still
            comes out, and then the interrupt goes on.
        """

    @abstractmethod
    def stop_taking(self) -> None:
        """Take no further items; those under way still come out.  This cannot be undone."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the workers; safe to call again."""


class Threads(Workers):
    """Threads of this process, which share one resident model and its device.

    Parameters
    ----------
    threads : int
        How many items are under way at the most, and so how much memory is in use.
    grace : float
        Seconds for which an interrupted run waits for what is under way.
    """

    def __init__(self, threads: int = DEFAULT_THREADS, *, grace: float = GRACE_SECONDS) -> None:
        if threads < 1:
            raise ConfigError(f"got {threads} threads; expected at least 1")
        self._threads, self._grace = threads, grace
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._crew: list[threading.Thread] = []
        self._stopped = threading.Event()

    @property
    def count(self) -> int:
        """How many threads there are."""
        return self._threads

    def describe(self) -> str:
        """Return how many threads work here."""
        return f"{self._threads} {'thread' if self._threads == 1 else 'threads'} on this computer"

    def run(
        self, task: Task, context: Mapping[str, Any], items: Iterable[Any]
    ) -> Iterator[Outcome]:
        """Run a task on each item; see :meth:`Workers.run`."""
        self._start()
        course = _Course(task, context)
        source = iter(items)
        more = True
        try:
            while True:
                # One waits, so that a thread that ends has its next; what is ready and not yet
                # fetched counts too, so that nothing piles up.
                while more and course.under_way <= self._threads and not self._stopped.is_set():
                    try:
                        item = next(source)
                    except StopIteration:
                        more = False
                    else:
                        self._waiting.put(_Job(course, item))
                        course.under_way += 1
                if not course.under_way:
                    return
                yield course.next_outcome()
        except KeyboardInterrupt:
            course.given_up.set()
            yield from course.last_outcomes(self._grace)
            raise
        finally:
            course.given_up.set()

    def stop_taking(self) -> None:
        """Take no further items; see :meth:`Workers.stop_taking`."""
        self._stopped.set()

    def close(self) -> None:
        """End the threads, waiting some seconds for one that is still at work."""
        self._stopped.set()
        until = time.monotonic() + self._grace
        for _ in self._crew:
            self._waiting.put(None)
        for thread in self._crew:
            thread.join(max(0.0, until - time.monotonic()))
        self._crew = []

    def _start(self) -> None:
        if self._crew or self._stopped.is_set():
            return
        # A program that ends does not wait for these: what they leave behind is begun anew.
        self._crew = [
            threading.Thread(
                target=_work, args=(self._waiting,), name=f"thread {number + 1}", daemon=True
            )
            for number in range(self._threads)
        ]
        for thread in self._crew:
            thread.start()


@define(eq=False)
class _Course:
    """One call of run: its jobs under way and their outcomes."""

    task: Task
    context: Mapping[str, Any]
    outcomes: queue.SimpleQueue[Outcome | None] = field(factory=queue.SimpleQueue)
    given_up: threading.Event = field(factory=threading.Event)
    under_way: int = 0

    def next_outcome(self) -> Outcome:
        while True:
            try:
                outcome = self.outcomes.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            self.under_way -= 1
            if outcome is not None:
                return outcome

    def last_outcomes(self, grace: float) -> Iterator[Outcome]:
        until = time.monotonic() + grace
        while self.under_way:
            try:
                outcome = self.outcomes.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return
            self.under_way -= 1
            if outcome is not None:
                yield outcome


@define(frozen=True, eq=False)
class _Job:
    course: _Course
    item: Any

    def do(self) -> None:
        course = self.course
        if course.given_up.is_set():
            course.outcomes.put(None)
            return
        worker = threading.current_thread().name
        start = time.monotonic()
        try:
            result = course.task(course.context, self.item)
        # Whatever a task raises is what became of its item; a thread that ends would end the run.
        except BaseException as error:
            failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
            outcome = Outcome(self.item, None, failure, worker, time.monotonic() - start)
        else:
            outcome = Outcome(self.item, result, None, worker, time.monotonic() - start)
        course.outcomes.put(outcome)


def _work(waiting: queue.SimpleQueue[_Job | None]) -> None:
    while (job := waiting.get()) is not None:
        job.do()
        # A thread that waits holds no result.
        del job


def make_workers(
    workers: int | None = None,
    scheduler: str | None = None,
    *,
    notice: Callable[[str], None] | None = None,
) -> Workers:
    """Return who runs the tasks of a restoration.

    Parameters
    ----------
    workers : int, optional
        Start a cluster of so many processes on this computer.
    scheduler : str, optional
        Address of a running dask scheduler, such as ``tcp://node7:8786``.
    notice : callable, optional
        Called with a sentence when workers of a cluster are lost.

    Returns
    -------
    Workers
        Threads of this process where nothing is asked for.

    Raises
    ------
    ConfigError
        If both are given, or the number makes no sense.
    MissingDependencyError
        If a cluster is asked for and dask's distributed is not installed.
    WorkersError
        If the scheduler or its workers do not answer.
    """
    if workers is not None and scheduler is not None:
        raise ConfigError(
            f"got {workers} workers to start here and the scheduler {scheduler!r}, which has "
            "workers of its own; give one of the two"
        )
    if scheduler is not None:
        from l2l_core.streaming.cluster import Cluster

        return Cluster.connect(scheduler, notice=notice)
    if workers is not None:
        from l2l_core.streaming.cluster import Cluster

        return Cluster.start(workers, notice=notice)
    return Threads()
