"""The pixels of several images as those of one, for statistics of a whole set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l_core.errors import DataError
from l2l_core.images.axes import reorder
from l2l_core.images.image import ArraySource, Image, ImageInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


class PooledImage(Image):
    """Several images of one number of channels, block after block; every pixel counts once.

    It has the axes CYX, where Y counts the blocks, whose X differ in length: good for whatever goes
    over :meth:`blocks`, and for nothing else.

    Parameters
    ----------
    images : sequence of Image
        At least one.
    name : str
        What a message calls them.
    """

    def __init__(self, images: Sequence[Image], name: str) -> None:
        counts = {image.info.sizes.get("C", 1) for image in images}
        if len(counts) != 1:
            raise DataError(f"{name} have {sorted(counts)} channels; expected one number for all")
        self._places = [
            (image, place) for image in images for place in image.blocks() if image.shape
        ]
        dtype = np.result_type(*(image.dtype for image in images))
        pixels = sum(int(np.prod(image.shape, dtype=object)) for image in images)
        shape = (counts.pop(), len(self._places), max(1, pixels // len(self._places)))
        info = ImageInfo(path=name, axes="CYX", shape=shape, dtype=dtype.name)
        super().__init__(info, ArraySource(np.empty(0, dtype)))

    def blocks(self, limit: int = 2**22) -> Iterator[dict[str, slice]]:
        """Yield the blocks of all images, one after the other."""
        for number, (_, place) in enumerate(self._places):
            channels = place.get("C", slice(0, 1))
            yield {"C": channels, "Y": slice(number, number + 1), "X": slice(0, None)}

    def read(self, **where: slice | int) -> NDArray[Any]:
        """Read one of the blocks, (C, 1, pixels)."""
        chosen = where["Y"]
        image, place = self._places[chosen.start if isinstance(chosen, slice) else chosen]
        others = "".join(axis for axis in image.axes if axis != "C")
        pixels = reorder(image.read(**place), image.axes, "C" + others)
        return pixels.reshape(len(pixels), 1, -1).astype(self.dtype, copy=False)
