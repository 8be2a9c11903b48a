"""torch.compile where it works, and the plain module where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


class Compiled:
    """A callable that is compiled at its first call, and runs as it is if that fails.

    torch.compile needs a C++ compiler (on a GPU, Triton) that many laboratory computers lack;
    speed alone is no reason to end a run.

    Parameters
    ----------
    function : callable
        A module or function of tensors.
    announce : callable
        Told, in one sentence, if it cannot be compiled.
    **options
        For :func:`torch.compile`.
    """

    def __init__(
        self, function: Callable[..., Any], announce: Callable[[str], None], **options: Any
    ) -> None:
        self._plain = function
        self._announce = announce
        self._compiled: Callable[..., Any] | None = torch.compile(function, **options)

    def __call__(self, *args: Any) -> Any:
        """Return what the function returns."""
        if self._compiled is not None:
            try:
                return self._compiled(*args)
            except torch._dynamo.exc.TorchDynamoException as error:
                self._compiled = None
                reason = next((line for line in str(error).splitlines() if line.strip()), "")
                self._announce(
                    f"the network cannot be compiled here ({type(error).__name__}: {reason}); "
                    "going on without, which is slower and gives the same result"
                )
        return self._plain(*args)
