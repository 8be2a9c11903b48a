"""Images: axes, reading, writing, statistics and normalisation.

Nothing here imports tifffile, zarr or Pillow before a file of theirs is opened.
"""

from __future__ import annotations

from l2l_core.images.axes import AXES, guess_axes, parse_axes, reorder, spatial
from l2l_core.images.image import Image, ImageInfo, Length, Source, from_array
from l2l_core.images.normalization import Normalization, average, measure
from l2l_core.images.percentiles import PercentileSearch
from l2l_core.images.reading import list_images, open_image
from l2l_core.images.statistics import ChannelStatistics, Moments, summarize
from l2l_core.images.writing import cast, write_image

__all__ = [
    "AXES",
    "ChannelStatistics",
    "Image",
    "ImageInfo",
    "Length",
    "Moments",
    "Normalization",
    "PercentileSearch",
    "Source",
    "average",
    "cast",
    "from_array",
    "guess_axes",
    "list_images",
    "measure",
    "open_image",
    "parse_axes",
    "reorder",
    "spatial",
    "summarize",
    "write_image",
]
