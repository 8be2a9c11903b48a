"""A scheduler in this process and worker processes beside it, on one computer."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from attrs import define

from l2l_core.errors import WorkersError

if TYPE_CHECKING:
    from collections.abc import Mapping

_STARTS = 3
"""A worker that ends so often before it was ready will not get ready."""

_END_SECONDS = 3.0

_COUNTED = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


@define(eq=False)
class _Process:
    number: int
    popen: subprocess.Popen[bytes]
    log: IO[bytes] | None
    ready: bool = False
    failed_starts: int = 0

    @property
    def name(self) -> str:
        return f"worker {self.number}"


class LocalCluster:
    """Worker processes that are started anew when they die.

    Parameters
    ----------
    workers : int
        How many processes.
    threads : int
        How many tasks each runs at once.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self._threads = threads
        self._processes: list[_Process] = []
        with ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix="l2l-workers-", ignore_cleanup_errors=True)
            self._folder = Path(stack.enter_context(folder))
            self._scheduler = _scheduler(self._folder)
            stack.callback(self._scheduler.close, timeout=_END_SECONDS)
            stack.callback(self._end_processes)
            self._environment = _environment(workers, os.environ)
            for number in range(1, workers + 1):
                self._processes.append(self._started(number))
            self._stack = stack.pop_all()

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(self._scheduler.scheduler_address)

    @property
    def dashboard(self) -> str:
        """Where to watch; empty where bokeh is not installed."""
        return str(self._scheduler.dashboard_link)

    @property
    def count(self) -> int:
        """How many processes there are meant to be."""
        return len(self._processes)

    @property
    def pids(self) -> dict[str, int]:
        """The process of each worker, by the worker's name."""
        return {process.name: process.popen.pid for process in self._processes}

    def revive(self) -> list[str]:
        """Start those anew that have died.

        Returns
        -------
        list of str
            A sentence for each that died.

        Raises
        ------
        WorkersError
            If a worker ends again and again before it is ready.
        """
        known = {worker.name for worker in list(self._scheduler.scheduler.workers.values())}
        for process in self._processes:
            process.ready = process.ready or process.name in known
        return [
            self._revived(process)
            for process in self._processes
            if process.popen.poll() is not None
        ]

    def close(self) -> None:
        """End the processes and the scheduler; nothing is left behind."""
        self._stack.close()

    def _revived(self, process: _Process) -> str:
        ending = _ending(process.popen.returncode)
        _let_go(process)
        process.failed_starts = 0 if process.ready else process.failed_starts + 1
        if process.failed_starts >= _STARTS:
            raise WorkersError(
                f"{process.name} on this computer ended {_STARTS} times before it was ready: it "
                f"{ending}{self._last_words(process)}; restore with fewer workers, or without"
            )
        new = self._started(process.number)
        process.popen, process.log, process.ready = new.popen, new.log, False
        return f"{process.name} {ending} and is started again; what it was working at is done anew"

    def _started(self, number: int) -> _Process:
        debugging = os.environ.get("L2L_DEBUG", "") not in ("", "0")
        log = None if debugging else self._log(number).open("wb")
        arguments = [self.address, f"worker {number}", str(self._folder), str(self._threads)]
        popen = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-P", "-m", "l2l_core.streaming.worker_process", *arguments],
            stdin=subprocess.PIPE,
            stdout=log or subprocess.DEVNULL,
            stderr=log,
            env=self._environment,
            # An interrupt is for the program that hands out the work alone.
            start_new_session=True,
        )
        return _Process(number, popen, log)

    def _log(self, number: int) -> Path:
        return self._folder / f"worker-{number}.log"

    def _last_words(self, process: _Process) -> str:
        if process.log is None:
            return ""
        lines = self._log(process.number).read_text(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f", and said {said[-1]!r}" if said else ""

    def _end_processes(self) -> None:
        for process in self._processes:
            if process.popen.stdin and not process.popen.stdin.closed:
                # A worker that has ended already hears no more.
                with suppress(OSError):
                    process.popen.stdin.write(b"farewell")
                    process.popen.stdin.close()
        until = time.monotonic() + _END_SECONDS
        for process in self._processes:
            try:
                process.popen.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.popen.kill()
            _let_go(process)


def _let_go(process: _Process) -> None:
    process.popen.wait()
    if process.popen.stdin:
        process.popen.stdin.close()
    if process.log is not None:
        process.log.close()


def _ending(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


def _scheduler(folder: Path) -> Any:
    import distributed

    start: Any = distributed.LocalCluster
    return start(
        n_workers=0,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=False,
        # Whoever hands out the work counts how often it has killed a worker.
        scheduler_kwargs={"allowed_failures": 0, "local_directory": str(folder)},
    )


def _environment(workers: int, here: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker, which shares the cores with the others."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    threads = str(max(1, cores // workers))
    # Looking a hundred times a second at what each thread does is for the dashboard alone.
    ours = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
    # What can be imported here can be imported there, and nothing else that lies about.
    ours["PYTHONPATH"] = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**dict.fromkeys(_COUNTED, threads), **here, **ours}
