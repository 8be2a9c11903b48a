"""Which device TensorFlow computes on, and its out-of-memory errors as ours."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from attrs import define

from l2l_backends.tensorflow.loading import tf
from l2l_core.errors import DeviceError, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

# What TensorFlow says where it raises something else than a ResourceExhaustedError.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|OOM when allocating|could not create a memory|std::bad_alloc"
    r"|Allocation of .* exceeds|failed to allocate|CUDNN_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)


@define(frozen=True)
class Device:
    """A device by TensorFlow's name.

    Parameters
    ----------
    name : str
        ``"/CPU:0"`` or ``"/GPU:1"``.
    words : str
        For people.
    brain_floats : bool
        Whether its arithmetic in bfloat16 is fast.
    """

    name: str
    words: str
    brain_floats: bool = False

    @property
    def is_gpu(self) -> bool:
        """Whether it computes on its own, so that it should not be waited for."""
        return "GPU" in self.name


def gpus() -> list[Device]:
    """Return the GPUs that TensorFlow can use here; from now on it takes memory as it needs it."""
    found = []
    for number, physical in enumerate(tf.config.list_physical_devices("GPU")):
        # It fails where somebody else in this process uses the GPU, and has set what they want.
        with suppress(RuntimeError, ValueError):
            tf.config.experimental.set_memory_growth(physical, True)
        about = tf.config.experimental.get_device_details(physical)
        found.append(
            Device(
                f"/GPU:{number}",
                about.get("device_name", "GPU"),
                brain_floats=about.get("compute_capability", (0, 0)) >= (8, 0),
            )
        )
    return found


def cpu() -> Device:
    """Return the CPU."""
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return Device("/CPU:0", f"CPU, {threads} threads" if threads else "CPU, all threads")


def find_device(name: str = "auto") -> Device:
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
    if name == "cpu" or (name == "auto" and not available):
        return cpu()
    match = re.fullmatch(r"gpu(?::(\d+))?", "gpu" if name == "auto" else name)
    index = int(match[1] or 0) if match else None
    if index is None or index >= len(available):
        numbered = (f"gpu:{number} ({gpu.words})" for number, gpu in enumerate(available))
        known = ", ".join(["cpu", *numbered])
        what = "is no device" if index is None else "does not exist here"
        hint = ""
        if index is not None and not available:
            hint = (
                "; TensorFlow finds no GPU, so either there is none or this TensorFlow was "
                "installed without CUDA (pip install 'tensorflow[and-cuda]' brings it on Linux)"
            )
        raise DeviceError(f"device {name!r} {what}; expected 'auto' or one of {known}{hint}")
    return available[index]


def devices() -> list[str]:
    """Return all devices, each by the name that a configuration gives it and in words."""
    numbered = [f"gpu:{number} {gpu.words}" for number, gpu in enumerate(gpus())]
    return [*numbered, cpu().words.replace("CPU, ", "cpu (") + ")"]


@contextmanager
def own_out_of_memory(what: str, device: Device) -> Iterator[None]:
    """Turn every way of TensorFlow to run out of memory into :class:`OutOfMemory`.

    Parameters
    ----------
    what : str
        What needed the memory, such as ``"a batch of shape (1, 1, 2048, 2048)"``.
    device : Device
        Where.
    """
    try:
        yield
    except (tf.errors.OpError, MemoryError) as error:
        if isinstance(error, OutOfMemory):
            raise
        by_type = isinstance(error, tf.errors.ResourceExhaustedError | MemoryError)
        if not (by_type or _OUT_OF_MEMORY.search(str(error))):
            raise
        said = _first_sentence(error)
        failure = OutOfMemory(f"no memory left on {device.words} for {what}: {said}")
    else:
        return
    # Outside the except clause, whose traceback keeps the tensors alive that are to be freed.
    raise failure


def _first_sentence(error: BaseException) -> str:
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    about = next((line for line in text.splitlines() if _OUT_OF_MEMORY.search(line)), "")
    line = about or next((line for line in text.splitlines() if line.strip()), "")
    return line.strip().removeprefix("(0) ").split(" [Op:")[0]


@contextmanager
def exact(device: Device) -> Iterator[None]:
    """Compute on a device in all of float32.

    By default GPUs round the factors of float32 convolutions to 10 bits (TF32): then tiles differ
    from the whole image by 1e-3.
    """
    with tf.device(device.name):
        if not device.is_gpu:
            yield
            return
        before = tf.config.experimental.tensor_float_32_execution_enabled()
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            yield
        finally:
            tf.config.experimental.enable_tensor_float_32_execution(before)
