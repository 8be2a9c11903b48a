"""Content-aware restoration (CARE) with ONNX Runtime: prediction alone, the fastest on a CPU.

Weigert et al. 2018, Nature Methods 15, 1090, https://doi.org/10.1038/s41592-018-0216-7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_backends.care_restorer import CareRestorer
from l2l_backends.onnx.graph import INPUT, care_graph
from l2l_backends.onnx.runtime import find_placement, open_session, own_out_of_memory
from l2l_core.errors import OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from l2l_backends.care_network import CareOptions


class Care(CareRestorer):
    """The CARE U-Net on ONNX Runtime; a new one has random weights.

    Parameters
    ----------
    options : CareOptions
        The network.
    axes : str
        ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int
        Numbers of channels.
    device : str, optional
        ``"auto"``, ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.

    Raises
    ------
    DeviceError
        If there is no such device.
    """

    def __init__(
        self,
        options: CareOptions,
        *,
        axes: str,
        channels_in: int,
        channels_out: int,
        device: str = "auto",
    ) -> None:
        super().__init__(
            options, axes=axes, channels_in=channels_in, channels_out=channels_out, device=device
        )
        self._placement = find_placement(device)
        self._weights = self.network.initial_state(seed=0)
        # Opened when it is first needed: an export needs none.
        self._session: Any = None

    def restore(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Restore a batch (N, C, [Z,] Y, X) float32; see :meth:`Restorer.restore`."""
        self.check_shape(batch.shape)
        names = list(self.network.outputs)
        try:
            with own_out_of_memory(f"a batch of shape {batch.shape}", self._placement):
                if self._session is None:
                    self._session = open_session(self.export_onnx(), self._placement)
                outputs = self._session.run(names, {INPUT: batch})
        except OutOfMemory:
            # A session keeps what it was given; the next, smaller batch begins afresh.
            self._session = None
            raise
        return dict(zip(names, outputs, strict=True))

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return the canonical weights; see :mod:`l2l_backends.care_network`."""
        return {name: array.copy() for name, array in self._weights.items()}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over canonical weights; see :meth:`Restorer.load_state`."""
        self.network.check(state)
        # In the order of the network, so that one model is always one file.
        self._weights = {name: np.array(state[name], order="C") for name in self.network.tensors}
        self._session = None

    def export_onnx(self) -> bytes:
        """Return the network as an ONNX graph; see :meth:`Restorer.export_onnx`."""
        content: bytes = care_graph(self.network, self._weights).SerializeToString()
        return content

    def close(self) -> None:
        """Give the memory back."""
        self._session = None
        self._weights = {}
