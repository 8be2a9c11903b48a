"""XLA where it works, and TensorFlow's own graph where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2l_backends.tensorflow.loading import tf

if TYPE_CHECKING:
    from collections.abc import Callable


class Compiled:
    """A function that XLA compiles at its first call, and that runs without if that fails.

    XLA needs parts of CUDA that TensorFlow itself runs without; speed alone is no reason to end a
    run.

    Parameters
    ----------
    function : callable
        Of tensors.
    announce : callable
        Told, in one sentence, if it cannot be compiled.
    """

    def __init__(self, function: Callable[..., Any], announce: Callable[[str], None]) -> None:
        self._plain = tf.function(function, autograph=False)
        self._compiled = tf.function(function, jit_compile=True, autograph=False)
        self._announce = announce

    def __call__(self, *args: Any) -> Any:
        """Return what the function returns."""
        if self._compiled is not None:
            try:
                return self._compiled(*args)
            except tf.errors.ResourceExhaustedError:
                raise
            except tf.errors.OpError as error:
                self._compiled = None
                lines = str(error.message).splitlines()
                reason = next((line.strip() for line in lines if line.strip()), "")
                self._announce(
                    f"XLA cannot compile the training step here ({type(error).__name__}: "
                    f"{reason}); going on without, which is slower and gives the same result"
                )
        return self._plain(*args)
