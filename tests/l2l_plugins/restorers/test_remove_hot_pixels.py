import numpy as np
import pytest

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.testing.restorer_suite import RestorerSuite


class TestRemoveHotPixels(RestorerSuite):
    component = ("remove_hot_pixels", "")
    # So low that many a pixel of the suite's images is hot, and the halo is really looked at.
    options = {"threshold": 0.05, "floor": 0.0}  # noqa: RUF012


class TestRemoveHotPixelsInVolumes(RestorerSuite):
    component = ("remove_hot_pixels", "")
    axes = "ZYX"
    options = {"threshold": 0.05, "size": 3, "floor": 0.0}  # noqa: RUF012
    channels_in = 2
    channels_out = 2


def test_a_hot_column_of_a_camera_goes_from_every_plane():
    stack = np.random.default_rng(0).poisson(50, (1, 1, 4, 20, 22)).astype(np.float32)
    stack[0, 0, :, 8, 9] = 4000
    restored = make_restorer("remove_hot_pixels", "", {}, axes="ZYX").restore(stack)["mean"]
    assert restored[0, 0, :, 8, 9].max() < 100
    changed = restored != stack
    assert changed.sum() == 4


@pytest.mark.parametrize(
    "options", [{"size": 4}, {"size": 1}, {"threshold": 0}, {"floor": -1}], ids=str
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(OptionsError, match="remove_hot_pixels"):
        make_restorer("remove_hot_pixels", "", options, axes="YX")
