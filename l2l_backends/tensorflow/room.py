"""Whether there is memory for a batch, asked before TensorFlow asks for it.

On a CPU a convolution of TensorFlow that gets no memory ends the whole process with a
segmentation fault instead of an error, so the error has to come before.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from l2l_backends.care_network import CareNetwork
    from l2l_backends.tensorflow.device import Device

# Numbers for each pixel and each filter of the first level. Measured: 5.6 in prediction, where what
# is largest is a concatenation and its parts; training keeps what every layer gave.
PREDICTION = 7
TRAINING = 20


class Room:
    """Memory for batches on a device; more than once was enough is asked for each time.

    Parameters
    ----------
    network : CareNetwork
        What the batches go through.
    device : Device
        Where; on a GPU nothing is asked, since there TensorFlow raises errors.
    numbers : int
        `PREDICTION` or `TRAINING`.
    """

    def __init__(self, network: CareNetwork, device: Device, numbers: int) -> None:
        self._each = 4 * numbers * network.options.first_filters
        self._asks = not device.is_gpu
        self._enough = 0

    @contextmanager
    def for_batch(self, shape: Sequence[int]) -> Iterator[None]:
        """Compute a batch inside this.

        Parameters
        ----------
        shape : sequence of int
            (N, C, [Z,] Y, X).

        Raises
        ------
        MemoryError
            If the process cannot have the memory.
        """
        pixels = shape[0] * prod(shape[2:])
        # TensorFlow keeps its memory, so a batch no larger than one before needs no more.
        if self._asks and pixels > self._enough:
            np.empty(self._each * pixels, np.uint8)
        yield
        self._enough = max(self._enough, pixels)
