"""Which device torch computes on, and its out-of-memory errors as ours."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from l2l_core.errors import DeviceError, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

# What torch's allocators say where they raise a bare RuntimeError: the CPU's, oneDNN's, Metal's.
_OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|Cannot allocate memory"
    r"|could not create a memory|std::bad_alloc",
    re.IGNORECASE,
)


def gpus() -> list[torch.device]:
    """Return the GPUs that torch can use here: CUDA's (or ROCm's), else Apple's."""
    if torch.cuda.is_available():
        return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [torch.device("mps")] if torch.backends.mps.is_available() else []


def find_device(name: str = "auto") -> torch.device:
    """Return the device of a name.

    Parameters
    ----------
    name : str
        ``"auto"`` (the first GPU, else the CPU), ``"cpu"``, ``"gpu"`` (the first) or ``"gpu:N"``.

    Raises
    ------
    DeviceError
        If there is no such device; names those that exist.
    """
    available = gpus()
    if name == "auto":
        return available[0] if available else torch.device("cpu")
    if name == "cpu":
        return torch.device("cpu")
    match = re.fullmatch(r"gpu(?::(\d+))?", name)
    index = int(match[1] or 0) if match else None
    if index is None or index >= len(available):
        numbered = (f"gpu:{number} ({describe(gpu)})" for number, gpu in enumerate(available))
        known = ", ".join(["cpu", *numbered])
        what = "is no device" if index is None else "does not exist here"
        hint = ""
        if index is not None and not available:
            hint = (
                "; torch finds no GPU, so either there is none or this torch was built for the "
                f"CPU alone (it is version {torch.__version__})"
            )
        raise DeviceError(f"device {name!r} {what}; expected 'auto' or one of {known}{hint}")
    return available[index]


def describe(device: torch.device) -> str:
    """Return a device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    return f"CPU, {torch.get_num_threads()} threads"


def devices() -> list[str]:
    """Return all devices, each by the name that a configuration gives it and in words."""
    return [
        *(f"gpu:{number} {describe(gpu)}" for number, gpu in enumerate(gpus())),
        f"cpu ({torch.get_num_threads()} threads)",
    ]


@contextmanager
def own_out_of_memory(what: str, device: torch.device) -> Iterator[None]:
    """Turn every way of torch to run out of memory into :class:`OutOfMemory`.

    Parameters
    ----------
    what : str
        What needed the memory, such as ``"a batch of shape (1, 1, 2048, 2048)"``.
    device : torch.device
        Where; its cached blocks are given back.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        by_type = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if isinstance(error, OutOfMemory) or not (by_type or _OUT_OF_MEMORY.search(str(error))):
            raise
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        failure = OutOfMemory(f"no memory left on {describe(device)} for {what}: {said}")
    else:
        return
    # Outside the except clause, whose traceback keeps the tensors alive that are to be freed.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    raise failure
