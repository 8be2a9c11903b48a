"""One worker process of a cluster on this computer.

Started as ``python -m l2l_core.streaming.worker_process ADDRESS NAME FOLDER THREADS``; it ends
when its standard input does, and so never outlives the program that started it.  Where not even a
word of farewell came in, it deletes the folder as well.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import threading
from pathlib import Path

_TRIES = 5


def main(address: str, name: str, folder: str, threads: str) -> None:
    """Work for a scheduler until the standard input ends.

    Parameters
    ----------
    address : str
        The scheduler's.
    name : str
        This worker's.
    folder : str
        For what the worker leaves lying about.
    threads : str
        How many tasks run at once.
    """
    threading.Thread(target=_end_with_the_input, args=(folder,), daemon=True).start()
    asyncio.run(_work(address, name, folder, int(threads)))


def _end_with_the_input(folder: str) -> None:
    if not sys.stdin.buffer.read():
        # The program was killed: nobody else is left to clear up after it.  Each worker tries, and
        # may be in another's way.
        for _ in range(_TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            if not Path(folder).exists():
                break
    # What is under way may be cut off anywhere; waiting for it would serve nobody.
    os._exit(0)


async def _work(address: str, name: str, folder: str, threads: int) -> None:
    from distributed import Worker

    logging.getLogger("distributed").setLevel(logging.ERROR)
    # Memory is bounded by the units in flight; a limit would pause a worker for good where a
    # framework keeps what it has once allocated.
    async with Worker(
        address,
        name=name,
        nthreads=threads,
        local_directory=folder,
        memory_limit=0,
        death_timeout=60,
    ) as worker:
        await worker.finished()


if __name__ == "__main__":
    main(*sys.argv[1:])
