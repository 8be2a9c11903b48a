"""The restorer that leaves an image as it is: what everything around a restorer costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2l_core.components import Geometry, Restorer
from l2l_core.errors import OptionsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Identity(Restorer):
    """Returns a copy of its input."""

    normalizes = False

    def __init__(
        self, options: Any, *, axes: str, channels_in: int, channels_out: int, device: str = "auto"
    ) -> None:
        super().__init__(
            options, axes=axes, channels_in=channels_in, channels_out=channels_out, device=device
        )
        if channels_in != channels_out:
            raise OptionsError(
                f"restorer identity gives back the channels that it gets; got {channels_in} in and "
                f"{channels_out} out, expected the same number"
            )
        self.geometry = Geometry(axes=axes, channels_in=channels_in, channels_out=channels_out)

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return a copy of `batch`, (N, C, [Z,] Y, X) float32 in any units."""
        return {"mean": batch.copy()}
