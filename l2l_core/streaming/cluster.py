"""Run tasks on the processes of a dask cluster, here or on many computers.

There is no graph over all items: each is submitted by itself, a few for each worker, and forgotten
when it has come back.  A worker that is lost costs only what it was working at.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

from l2l_core.errors import ConfigError, MissingDependencyError, WorkersError
from l2l_core.streaming.dispatch import FETCH_SECONDS, POLL_SECONDS, Dispatch, Sent
from l2l_core.streaming.errands import Errand
from l2l_core.streaming.execution import GRACE_SECONDS, Outcome, Workers
from l2l_core.streaming.scheduler import address_of, check_versions, connected, quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from l2l_core.streaming.execution import Task
    from l2l_core.streaming.local_cluster import LocalCluster

    Notice = Callable[[str], None]

THREADS_PER_WORKER = 2
"""One unit is computed while the next is read and the last is written."""

PATIENCE_SECONDS = 300.0
"""For how long a run waits for the first worker, and for one to come back when all are gone."""

_WINDOW = 3
"""Items under way for each worker: a thread that ends finds its next one there."""

_LOOK_SECONDS = 1.0
_SILENT_SECONDS = 1.0
_CLOSE_SECONDS = 5.0


def _quiet(notice: str) -> None:
    """Say nothing."""


class Cluster(Workers):
    """The workers of one dask scheduler; made by :meth:`start` or :meth:`connect`.

    Parameters
    ----------
    client : distributed.Client
        Connected to the scheduler.
    name : str
        What the scheduler is called in messages.
    local : LocalCluster, optional
        The processes, where they are ours.
    patience : float
        Seconds for which a run waits for the first worker of a scheduler that is not ours, and for
        workers to come back when all are gone.
    grace : float
        Seconds for which an interrupted run waits for what is under way.
    notice : callable, optional
        Called with a sentence when workers are waited for, or are lost.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        local: LocalCluster | None = None,
        *,
        patience: float = PATIENCE_SECONDS,
        grace: float = GRACE_SECONDS,
        notice: Notice | None = None,
    ) -> None:
        self.client, self.local = client, local
        self._name, self._patience, self._grace = name, patience, grace
        self._notice = notice or _quiet
        self._stopped = False
        self._held = ExitStack()
        self._looked, self._alone_since = 0.0, 0.0
        self._connected = len(client.nthreads())

    @classmethod
    def start(cls, workers: int, *, timeout: float = 60.0, **options: Any) -> Self:
        """Start processes on this computer.

        Parameters
        ----------
        workers : int
            How many; each holds a model of its own.
        timeout : float
            Seconds within which one of them has to be ready.
        **options
            The keywords of the class.

        Raises
        ------
        ConfigError
            If there are to be none.
        MissingDependencyError
            If dask's distributed is not installed.
        WorkersError
            If none gets ready.
        """
        if workers < 1:
            raise ConfigError(f"got {workers} workers; expected at least 1")
        _require_distributed()
        from l2l_core.streaming.local_cluster import LocalCluster

        with ExitStack() as stack:
            stack.enter_context(quiet())
            local = LocalCluster(workers, THREADS_PER_WORKER)
            stack.callback(local.close)
            client = connected(local.address, timeout)
            stack.callback(_close, client)
            cluster = cls(client, "this computer", local, **options)
            cluster._wait_for_a_worker(timeout)
            cluster._held = stack.pop_all()
        return cluster

    @classmethod
    def connect(cls, address: str, timeout: float = 30.0, **options: Any) -> Self:
        """Use the workers of a scheduler that is running.

        Parameters
        ----------
        address : str
            Such as ``tcp://node7:8786``, or the path of a scheduler file, ``NAME.json``.
        timeout : float
            Seconds within which the scheduler has to answer; its first worker, which may wait in
            the queue of a cluster, has as long as the patience.
        **options
            The keywords of the class.

        Raises
        ------
        MissingDependencyError
            If dask's distributed is not installed.
        WorkersError
            If the scheduler does not answer, has no worker, or runs another version of this
            program.
        """
        _require_distributed()
        with ExitStack() as stack:
            stack.enter_context(quiet())
            # Nobody waits in silence for an address that was mistyped.
            (options.get("notice") or _quiet)(
                f"asking for the scheduler {address}; waiting up to {timeout:g} s for its answer"
            )
            address = address_of(address, timeout)
            client = connected(address, timeout)
            stack.callback(_close, client)
            cluster = cls(client, address, **options)
            cluster._wait_for_a_worker(cluster._patience)
            check_versions(client, address)
            cluster._held = stack.pop_all()
        return cluster

    @property
    def count(self) -> int:
        """How many workers there are at the moment."""
        return self._connected if self.local is None else self.local.count

    def describe(self) -> str:
        """Return how many workers there are, where, and where to watch them."""
        if self.local is None:
            who = f"{self.count} {'worker' if self.count == 1 else 'workers'} of {self._name}"
            link = ""
            # Without bokeh there is none.
            with suppress(KeyError, OSError):
                link = self.client.dashboard_link or ""
        else:
            who = f"{self.count} {'process' if self.count == 1 else 'processes'} on {self._name}"
            link = self.local.dashboard
        return f"{who}, dashboard {link}" if link else who

    def run(
        self, task: Task, context: Mapping[str, Any], items: Iterable[Any]
    ) -> Iterator[Outcome]:
        """Run a task on each item; see :meth:`Workers.run`.

        Raises
        ------
        WorkersError
            If all workers are gone for longer than the patience, or the scheduler is.
        """
        dispatch = Dispatch(self.client)
        source = iter(items)
        more = True
        try:
            while True:
                self._look()
                dispatch.send_again()
                while more and not self._stopped and dispatch.under_way < self._window:
                    try:
                        item = next(source)
                    except StopIteration:
                        more = False
                    else:
                        dispatch.send(Sent(Errand(task, context, item)))
                if not dispatch.under_way and not dispatch.send_a_suspect(
                    allowed=not self._stopped
                ):
                    return
                outcome = dispatch.next_outcome(POLL_SECONDS)
                if outcome is not None:
                    yield outcome
        except KeyboardInterrupt:
            yield from dispatch.last_outcomes(self._grace)
            raise
        finally:
            dispatch.cancel()

    def stop_taking(self) -> None:
        """Take no further items; see :meth:`Workers.stop_taking`."""
        self._stopped = True

    def close(self) -> None:
        """Let go of the scheduler, and end the processes that were started here."""
        self._stopped = True
        self._held.close()

    @property
    def _window(self) -> int:
        return _WINDOW * max(1, self._connected)

    def _wait_for_a_worker(self, timeout: float) -> None:
        began = time.monotonic()
        told = self.local is not None
        while not self._connected:
            waited = time.monotonic() - began
            if not told and waited > _SILENT_SECONDS:
                told = True
                self._notice(
                    f"{self._name} has no worker yet; waiting up to {timeout:g} s for the first"
                )
            if waited > timeout:
                raise WorkersError(
                    f"no worker of {self._name} was ready within {timeout:g} s; expected at least "
                    "one, see that they are running, or restore without a cluster"
                )
            time.sleep(POLL_SECONDS)
            self._count()

    def _look(self) -> None:
        """See from time to time who is there, and start anew who died."""
        if self.client.status not in ("running", "connecting"):
            raise WorkersError(
                f"the connection to the scheduler of {self._name} is lost; all that is finished "
                "is safe, give the same command again to go on"
            )
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS and self._connected:
            return
        self._looked = now
        self._count()
        if self._connected:
            self._alone_since = 0.0
            return
        self._alone_since = self._alone_since or now
        if now - self._alone_since > self._patience:
            raise WorkersError(
                f"no worker of {self._name} has been there for {self._patience:g} s; all that is "
                "finished is safe, start workers and give the same command again to go on"
            )

    def _count(self) -> None:
        """Count the workers, start ours anew where they died, and tell of others that are gone."""
        before, self._connected = self._connected, self._counted()
        if self.local is not None:
            for sentence in self.local.revive():
                self._notice(sentence)
        elif self._connected < before:
            self._notice(
                f"{before - self._connected} of {before} workers of {self._name} are gone; what "
                "they were working at is done anew"
            )

    def _counted(self) -> int:
        if self.client.status != "running":
            return 0
        with suppress(OSError, TimeoutError):
            return len(
                self.client.sync(self.client.scheduler.ncores, callback_timeout=FETCH_SECONDS)
            )
        return 0


def _close(client: Any) -> None:
    # What no longer answers need not be told.
    with suppress(OSError, RuntimeError):
        client.close(timeout=_CLOSE_SECONDS)


def _require_distributed() -> None:
    try:
        import distributed  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "working on a cluster needs dask's distributed, which is not installed; "
            "pip install 'label2label[distributed]'"
        ) from error
