from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from l2l_core.components import Loss, Restorer
from l2l_core.components.factory import get, make_restorer, options_class
from l2l_core.errors import OptionsError, UnknownComponentError
from l2l_core.ops import NumpyOps

if TYPE_CHECKING:
    from collections.abc import Callable

    Install = Callable[..., None]

PLUGIN = """
    from attrs import define, field, validators
    from l2l_core.components import (
        Geometry, Loss, LossInfo, Restorer, RestorerInfo, hookimpl, masked_mean,
    )

    @define(frozen=True)
    class Scaled(Loss):
        scale: float = field(default=1.0, validator=validators.gt(0))

        def __call__(self, ops, target, prediction, *, channel_axis, mask=None):
            return self.scale * masked_mean(ops, ops.abs(target - prediction), mask)

    @define(frozen=True)
    class GainOptions:
        gain: float = 1.0

    class Gain(Restorer):
        Options = GainOptions

        def __init__(self, options, **where):
            super().__init__(options, **where)
            self.geometry = Geometry(axes=self.axes, channels_out=self.channels_out)

        def restore(self, batch):
            return {"mean": batch * self.options.gain}

    @hookimpl
    def l2l_losses():
        yield LossInfo(name="scaled", target="l2l_third:Scaled", summary="Scaled error")

    @hookimpl
    def l2l_restorers():
        yield RestorerInfo(name="gain", target="l2l_third:Gain", summary="A gain")
"""


def test_a_third_partys_loss_is_made_by_name_with_its_options(install: Install) -> None:
    install("l2l-third", PLUGIN)
    loss = get("loss", "scaled", scale=3)
    assert isinstance(loss, Loss)
    target = np.zeros((1, 1, 4, 4), np.float32)
    assert loss(NumpyOps(), target, target + 2, channel_axis=1) == pytest.approx(6.0)


def test_options_that_a_component_does_not_take_are_refused_with_its_name(
    install: Install,
) -> None:
    install("l2l-third", PLUGIN)
    with pytest.raises(OptionsError) as raised:
        get("loss", "scaled", scale="3", scal=1)
    assert "got '3', expected a number @ loss scaled.scale" in str(raised.value)
    assert "unknown key 'scal', did you mean 'scale'? @ loss scaled" in str(raised.value)


def test_a_restorer_is_made_with_its_axes_channels_and_options(install: Install) -> None:
    install("l2l-third", PLUGIN)
    restorer = make_restorer("gain", "", {"gain": 2}, axes="ZYX", channels_out=2)
    assert isinstance(restorer, Restorer)
    assert (restorer.axes, restorer.channels_in, restorer.channels_out) == ("ZYX", 1, 2)
    assert restorer.options == options_class("gain", "")(gain=2.0)
    with pytest.raises(OptionsError, match="@ restorer gain"):
        make_restorer("gain", "", {"gian": 2}, axes="YX")


def test_a_restorer_is_not_made_without_axes() -> None:
    with pytest.raises(OptionsError, match="make_restorer"):
        get("restorer", "gaussian")


def test_ops_are_made_without_options() -> None:
    assert isinstance(get("ops", "numpy"), NumpyOps)


def test_an_unknown_kind_or_name_is_said() -> None:
    with pytest.raises(UnknownComponentError, match="did you mean 'metric'"):
        get("metrics", "psnr")
    with pytest.raises(UnknownComponentError, match="did you mean 'mae'"):
        get("loss", "maee")


def test_outputs_are_the_mean_unless_a_restorer_says_otherwise(install: Install) -> None:
    install("l2l-third", PLUGIN)
    restorer = make_restorer("gain", "", axes="YX")
    assert type(restorer).outputs_of(restorer.options) == restorer.geometry.outputs == ("mean",)
