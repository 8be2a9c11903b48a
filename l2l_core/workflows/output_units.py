"""In whose units a restoration comes out: the numbers that are put back on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.errors import ModelError
from l2l_core.images.normalization import Normalization
from l2l_core.streaming.frame import counted

if TYPE_CHECKING:
    from l2l_core.components.geometry import Geometry
    from l2l_core.models.model_file import ModelRecord


UNITS = {
    "target": "in the units of the images it was trained to give",
    "input": "in the units of the image that goes in",
    "normalized": "normalised, without units",
}
"""What restorations come out as, in words."""


def put_back(
    record: ModelRecord, geometry: Geometry, before: Normalization | None
) -> Normalization | None:
    """Return the numbers to put back after what was taken away before.

    Parameters
    ----------
    record : ModelRecord
        Says whose units the model answers in.
    geometry : Geometry
        The restorer's.
    before : Normalization, optional
        What was taken away from the image.

    Returns
    -------
    Normalization or None
        None where the restoration stays as it is.

    Raises
    ------
    ModelError
        If the image's units cannot be put back on the channels that come out.
    """
    normalization = record.normalization
    if before is None or normalization.output == "normalized":
        return None
    if normalization.output == "target":
        return normalization.target.numbers
    count = geometry.channels_out
    if before.channels == count:
        return before
    if before.channels > 1:
        raise ModelError(
            f"the model gives {counted(count)} from {before.channels}, so none of them can "
            "come out in the input's units; train it with normalize.output = 'target'"
        )
    return Normalization(before.offset * count, before.scale * count)
