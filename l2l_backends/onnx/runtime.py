"""ONNX Runtime: where and with how many threads it computes, and its failures as ours."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import onnxruntime
from attrs import define

from l2l_core.errors import DeviceError, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"

# Nothing is logged: whatever goes wrong is raised as well, and a batch that is too large is
# foreseen.
_SILENT = 4

# What the allocators of the CPU and of CUDA say, in exceptions of several types.
_OUT_OF_MEMORY = re.compile(
    r"failed to allocate memory|bad[ _]alloc|out of memory|smaller than requested bytes"
    r"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)


@define(frozen=True)
class Placement:
    """Where a session computes.

    Parameters
    ----------
    device : str
        As it was asked for: ``"auto"``, ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.
    gpu : int or None
        Number of the GPU to try, None for the CPU.
    """

    device: str
    gpu: int | None

    @property
    def words(self) -> str:
        """The device in words."""
        return f"CPU, {threads()} threads" if self.gpu is None else f"GPU {self.gpu}"


def find_placement(device: str = "auto") -> Placement:
    """Return where a device's name points to.

    Parameters
    ----------
    device : str
        ``"auto"`` (a GPU if this ONNX Runtime was built for one, else the CPU), ``"cpu"``,
        ``"gpu"`` (the first) or ``"gpu:N"``.

    Raises
    ------
    DeviceError
        If there is no such device.
    """
    built_for_gpu = _CUDA in onnxruntime.get_available_providers()
    if device in ("auto", "cpu"):
        return Placement(device, 0 if device == "auto" and built_for_gpu else None)
    match = re.fullmatch(r"gpu(?::(\d+))?", device)
    if match is None:
        raise DeviceError(f"device {device!r} is no device; expected 'auto', 'cpu' or 'gpu:N'")
    if not built_for_gpu:
        raise DeviceError(
            f"device {device!r} does not exist here: this ONNX Runtime "
            f"({onnxruntime.__version__}) was built for the CPU alone; choose another backend, "
            "the device 'cpu', or install onnxruntime-gpu in its place"
        )
    return Placement(device, int(match[1] or 0))


def threads() -> int:
    """Return how many threads a session takes: the cores of this process, or OMP_NUM_THREADS."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdecimal() and int(asked) else cores


def open_session(model: bytes, placement: Placement) -> Any:
    """Return a session that is ready to run a graph.

    Parameters
    ----------
    model : bytes
        The graph.
    placement : Placement
        Where it runs.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    DeviceError
        If a GPU is asked for by name and cannot be used.
    """
    onnxruntime.set_default_logger_severity(_SILENT)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    # A thread that waits by spinning takes the core from whoever else computes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if placement.gpu is None:
        return onnxruntime.InferenceSession(model, options, providers=[_CPU])
    # By default convolutions round their factors to 10 bits (TF32).
    cuda = (_CUDA, {"device_id": str(placement.gpu), "use_tf32": "0"})
    try:
        session = onnxruntime.InferenceSession(model, options, providers=[cuda, _CPU])
        used = session.get_providers()
    # Which type it is depends on what the driver says.
    except Exception as error:
        if placement.device == "auto" and not is_out_of_memory(error):
            return open_session(model, Placement("cpu", None))
        if is_out_of_memory(error):
            raise
        raise DeviceError(
            f"ONNX Runtime cannot use the device {placement.device!r}: {_first_line(error)}"
        ) from error
    if _CUDA not in used and placement.device != "auto":
        raise DeviceError(
            f"ONNX Runtime cannot use the device {placement.device!r}; see that the driver and "
            "the CUDA libraries that onnxruntime-gpu needs are installed, or use the device 'cpu'"
        )
    return session


def devices() -> list[str]:
    """Return what ONNX Runtime can compute on, in words."""
    gpu = ["gpu (CUDA)"] if _CUDA in onnxruntime.get_available_providers() else []
    return [*gpu, f"cpu ({threads()} threads; ONNX Runtime {onnxruntime.__version__})"]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a failure of ONNX Runtime, whatever its type, is want of memory."""
    return isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)) is not None


@contextmanager
def own_out_of_memory(what: str, placement: Placement) -> Iterator[None]:
    """Turn every way of ONNX Runtime to run out of memory into :class:`OutOfMemory`.

    Parameters
    ----------
    what : str
        What needed the memory, such as ``"a batch of shape (1, 1, 2048, 2048)"``.
    placement : Placement
        Where.
    """
    try:
        yield
    # Its exceptions have no common type below this one.
    except Exception as error:
        if isinstance(error, OutOfMemory) or not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"no memory left on {placement.words} for {what}: {_first_line(error)}"
        ) from None


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line), type(error).__name__)
