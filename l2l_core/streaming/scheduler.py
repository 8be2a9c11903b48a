"""Reach a dask scheduler, and see that those behind it run this program too."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.errors import WorkersError

if TYPE_CHECKING:
    from collections.abc import Iterator


_LOOK_SECONDS = 0.25


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from stderr what dask tells of each connection; we say in a sentence what matters."""
    import distributed  # noqa: F401 - its handlers are made when it is imported

    # One handler, which dask gives to the loggers of all packages that it stands on.
    handlers = [(each, each.level) for each in logging.getLogger("distributed").handlers]
    for handler, _ in handlers:
        handler.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)


def address_of(scheduler: str, timeout: float) -> str:
    """Return the address of a scheduler that is named by it, or by its scheduler file.

    Parameters
    ----------
    scheduler : str
        An address, or the path of the file that ``dask scheduler --scheduler-file`` writes.
    timeout : float
        Seconds within which the file has to be there: the scheduler may have been started just
        now.

    Raises
    ------
    WorkersError
        If it is not, or is no such file.
    """
    if "://" in scheduler or not scheduler.lower().endswith(".json"):
        return scheduler
    until = time.monotonic() + timeout
    problem: Exception
    while True:
        try:
            return str(json.loads(Path(scheduler).expanduser().read_text())["address"])
        # A scheduler that is about to write it has perhaps made it already.
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = error
        why = "is not there" if isinstance(problem, FileNotFoundError) else "names no scheduler"
        if time.monotonic() > until:
            raise WorkersError(
                f"the scheduler file {scheduler} {why} after {timeout:g} s; expected what 'dask "
                "scheduler --scheduler-file' writes, in a folder that all machines share"
            ) from problem
        time.sleep(_LOOK_SECONDS)


def connected(address: str, timeout: float) -> Any:
    """Return a client of a scheduler.

    Parameters
    ----------
    address : str
        Such as ``tcp://node7:8786``.
    timeout : float
        Seconds within which the scheduler has to answer.

    Returns
    -------
    distributed.Client

    Raises
    ------
    WorkersError
        If nothing answers there, or something else than a scheduler.
    """
    import distributed

    open_client: Any = distributed.Client
    try:
        # A client may wait for ever on something that listens and says nothing.
        with ThreadPoolExecutor(1) as beside:
            beside.submit(asyncio.run, _greet(address, timeout)).result()
        return open_client(address, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise WorkersError(
            f"no dask scheduler answers at {address!r} within {timeout:g} s; see that it is "
            "running and can be reached from here, expected an address such as tcp://node7:8786"
        ) from error
    # What a wrong address leads to depends on what is wrong with it.
    except Exception as error:
        raise WorkersError(
            f"the dask scheduler {address!r} cannot be used: {type(error).__name__}: {error}; "
            "expected an address such as tcp://node7:8786"
        ) from error


async def _greet(address: str, timeout: float) -> None:
    """Open a connection and close it."""
    import distributed
    from distributed.comm.core import connect

    security: Any = distributed.Security
    connect_to: Any = connect
    arguments = security().get_connection_args("client")
    comm = await asyncio.wait_for(connect_to(address, timeout=timeout, **arguments), timeout)
    await comm.close()


def check_versions(client: Any, address: str) -> None:
    """See that scheduler and workers run the version of this program that runs here.

    Parameters
    ----------
    client : distributed.Client
        Of the scheduler.
    address : str
        What the scheduler is called in messages.

    Raises
    ------
    WorkersError
        If one of them has another version, or none.
    """
    here = own_version()
    try:
        there = {"its scheduler": client.run_on_scheduler(own_version)}
        there |= {f"its worker {name}": found for name, found in client.run(own_version).items()}
    # Without the program there, its function cannot be loaded, in one of several ways.
    except Exception as error:
        raise WorkersError(
            f"the workers of {address} cannot run label2label: {type(error).__name__}: {error}; "
            f"install label2label {here} on them and on their scheduler"
        ) from error
    for who, found in there.items():
        if found != here:
            raise WorkersError(
                f"{address}: {who} runs label2label {found}; expected {here} as here, install one "
                "version everywhere"
            )


def own_version() -> str:
    """Return the version of this program where this runs."""
    return metadata.version("label2label")


def let_go(key: str, client: str, dask_scheduler: Any = None) -> bool:
    """Have a scheduler forget a result, so that it is never made again; runs on the scheduler.

    A scheduler that loses a worker makes again whatever lay there and is still asked for, also
    what the client has read already.  What comes after must not be overwritten by that.

    Parameters
    ----------
    key : str
        Of the task.
    client : str
        Who asked for it.
    dask_scheduler : distributed.Scheduler
        Given by dask.

    Returns
    -------
    bool
        False where it is being made again, or that failed; then it is not forgotten.
    """
    task = dask_scheduler.tasks.get(key)
    if task is None:
        return True
    if task.state != "memory":
        return False
    dask_scheduler.client_releases_keys(keys=[key], client=client)
    return True
