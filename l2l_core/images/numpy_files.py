"""NumPy's .npy: pixels, mapped, and nothing about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from l2l_core.errors import ImageFormatError
from l2l_core.images.image import Image, ImageInfo
from l2l_core.images.layout import settle

if TYPE_CHECKING:
    from numpy.typing import NDArray


@frozen
class NumpySource:
    """Pixels of an .npy file.

    Parameters
    ----------
    path : Path
    ndim : int
    """

    path: Path
    ndim: int

    @property
    def chunks(self) -> tuple[int, ...]:
        """No block is better than another."""
        return (1,) * self.ndim

    def read(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return a copy of the pixels at `index`, in the machine's byte order."""
        mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return np.array(mapped[index], mapped.dtype.newbyteorder("="))


def open_npy(path: Path, *, axes: str | None = None) -> Image:
    """Open an .npy file; one of pickled objects is refused.

    Raises
    ------
    ImageFormatError
        If it is damaged, or holds anything but numbers.
    AxesError
        If it has more than two axes and none are given, or they do not fit.
    """
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ImageFormatError(
            f"{path}: this is no whole .npy file of numbers ({error}); save it again with "
            "numpy.save"
        ) from error
    wrong = not isinstance(mapped, np.ndarray) or mapped.dtype.kind not in "biuf"
    # Beyond 64 bits what a number means depends on the machine.
    if wrong or mapped.dtype.itemsize > 8:
        raise ImageFormatError(
            f"{path}: expected an array of real numbers of at most 64 bits; save one with "
            "numpy.save"
        )
    layout = settle("?" * mapped.ndim, mapped.shape, axes, str(path))
    info = ImageInfo(
        path=str(path),
        axes=layout.axes,
        shape=layout.shape,
        dtype=mapped.dtype.newbyteorder("=").name,
        format="NumPy",
    )
    return Image(info, layout.wrap(NumpySource(path, mapped.ndim)))
