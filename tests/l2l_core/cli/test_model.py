from __future__ import annotations

from l2l_core.cli.model import _normalized
from l2l_core.config import NormalizerConfig
from l2l_core.images.normalization import Normalization
from l2l_core.models.model_file import SideNormalization


def test_whose_numbers_normalise_is_said_in_words():
    numbers = Normalization((2.0,), (100.0,))
    each, all_images = (NormalizerConfig(low=1, scope=scope) for scope in ("image", "dataset"))
    assert _normalized(SideNormalization(spec=each)) == "percentiles 1 and 99.8 of each image"
    assert _normalized(SideNormalization(spec=each, numbers=numbers)) == (
        "percentiles 1 and 99.8 of each image; over the training set (x - 2) / 100"
    )
    assert _normalized(SideNormalization(spec=all_images, numbers=numbers)) == (
        "percentiles 1 and 99.8 of all training images: (x - 2) / 100"
    )
