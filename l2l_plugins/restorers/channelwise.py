"""What the classical filters have in common: raw intensities, and each channel for itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from l2l_core.components import Geometry, Restorer
from l2l_core.errors import OptionsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Number = TypeVar("Number", int, float)


class ChannelwiseFilter(Restorer):
    """A filter without training that gives back as many channels as it gets.

    A subclass says how far it looks in :meth:`reach`, which is asked when it is made, with
    ``options`` and ``axes`` set.

    Attributes
    ----------
    name : str
        Name in the registry, for messages.

    Raises
    ------
    OptionsError
        If there are other channels out than in, or not as many numbers as axes.
    """

    normalizes = False
    name: ClassVar[str]

    def __init__(
        self, options: Any, *, axes: str, channels_in: int, channels_out: int, device: str = "auto"
    ) -> None:
        super().__init__(
            options, axes=axes, channels_in=channels_in, channels_out=channels_out, device=device
        )
        if channels_in != channels_out:
            raise OptionsError(
                f"restorer {self.name} filters each channel for itself; got {channels_in} in and "
                f"{channels_out} out, expected the same number"
            )
        self.geometry = Geometry(
            axes=axes, channels_in=channels_in, channels_out=channels_out, halo=self.reach()
        )

    @abstractmethod
    def reach(self) -> tuple[int | None, ...]:
        """Return the halo in pixels, one number for each axis; None for the whole axis."""

    def per_axis(self, option: str, value: Number | tuple[Number, ...]) -> tuple[Number, ...]:
        """Return an option as one number for each axis.

        Parameters
        ----------
        option : str
            Its name, for the message.
        value : number or tuple of number
            One number for all axes, or one for each.

        Raises
        ------
        OptionsError
            If there are others than one, or one for each axis.
        """
        given = value if isinstance(value, tuple) else (value,)
        numbers = given * len(self.axes) if len(given) == 1 else given
        if len(numbers) != len(self.axes):
            raise OptionsError(
                f"got {len(numbers)} numbers, expected one, or one for each of the axes "
                f"{self.axes} @ restorer {self.name}.{option}"
            )
        return numbers


def each_image(
    batch: NDArray[np.float32], filtered: Callable[[NDArray[np.float32]], NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Return a batch of which every channel of every image went through a function alone.

    Parameters
    ----------
    batch : ndarray
        (N, C, [Z,] Y, X) float32.
    filtered : callable
        Takes ([Z,] Y, X) float32 and returns the same shape.
    """
    restored = np.empty_like(batch)
    for index in np.ndindex(*batch.shape[:2]):
        restored[index] = filtered(batch[index])
    return {"mean": restored}
