import numpy as np
import pytest

from l2l_core.components.factory import make_restorer
from l2l_core.errors import OptionsError
from l2l_core.testing.restorer_suite import RestorerSuite


class TestIdentity(RestorerSuite):
    component = ("identity", "")
    channels_in = 2
    channels_out = 2


class TestIdentityInVolumes(RestorerSuite):
    component = ("identity", "")
    axes = "ZYX"


def test_nothing_changes_and_nothing_is_shared():
    batch = np.random.default_rng(0).normal(size=(2, 1, 5, 7)).astype(np.float32)
    restored = make_restorer("identity", "", axes="YX").restore(batch)["mean"]
    np.testing.assert_array_equal(restored, batch)
    assert not np.shares_memory(restored, batch)


def test_as_many_channels_out_as_in():
    with pytest.raises(OptionsError, match="2 in and 1 out"):
        make_restorer("identity", "", axes="YX", channels_in=2, channels_out=1)
