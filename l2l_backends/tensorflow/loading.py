"""TensorFlow, imported once and in silence: ``from l2l_backends.tensorflow.loading import tf``.

TensorFlow's libraries write to the file descriptor of standard error while they are loaded, before
any of its settings has an effect.  What they write then is held back; whatever else is written
meanwhile, and everything if the import fails, comes out afterwards.
"""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from l2l_core.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG_LINE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]\d{4} [\d:. ]+ *\d+ [\w.]+:\d+\]"
)

_SETTINGS = {
    # Of TensorFlow's own log: fatal errors alone.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_CPP_MAX_VLOG_LEVEL": "0",
    "AUTOGRAPH_VERBOSITY": "0",
    # Memory as it is needed, also on GPUs that this engine was never asked for.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold back what is written to the file descriptor of standard error, but for log lines."""
    try:
        stream = os.dup(2)
    except OSError:  # a process without standard error, such as a desktop application
        yield
        return
    with ExitStack() as stack:
        stack.callback(os.close, stream)
        kept = stack.enter_context(tempfile.TemporaryFile())
        sys.stderr.flush()
        os.dup2(kept.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(stream, 2)
            kept.seek(0)
            for line in kept.readlines():
                if failed or not _LOG_LINE.match(line):
                    os.write(2, line)


@contextmanager
def _keras_on_tensorflow() -> Iterator[None]:
    """Have Keras, which TensorFlow imports, run on TensorFlow, whatever the user's settings."""
    wanted = {"KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "0"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _as_many_threads_as_asked_for() -> None:
    # OMP_NUM_THREADS is what clusters set; TensorFlow has a pool of its own.
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads) > 0:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", threads)


def _loaded() -> Any:
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    _as_many_threads_as_asked_for()
    # Keras draws from Python's global generator while it is loaded.
    state = random.getstate()
    with _held_back(), _keras_on_tensorflow(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
        import tensorflow
    random.setstate(state)
    if keras.config.backend() != "tensorflow":
        raise MissingDependencyError(
            f"Keras was loaded in this process with the backend {keras.config.backend()!r}, and "
            "cannot change it; the engine 'tensorflow' needs 'tensorflow'. Set "
            "KERAS_BACKEND=tensorflow before Python starts, or use another backend"
        )
    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


tf = _loaded()
"""The module ``tensorflow``."""
