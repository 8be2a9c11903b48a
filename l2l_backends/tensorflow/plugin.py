"""Hook implementations of the TensorFlow engine; imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.components import OpsInfo, RestorerInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def l2l_ops() -> Iterator[OpsInfo]:
    """Yield the array operations on TensorFlow's tensors."""
    yield OpsInfo(
        name="tensorflow",
        target="l2l_backends.tensorflow.ops:TensorFlowOps",
        summary="TensorFlow",
        frameworks={"tensorflow"},
        requires=("tensorflow",),
        install="label2label[tensorflow]",
        devices="l2l_backends.tensorflow.device:devices",
    )


@hookimpl
def l2l_restorers() -> Iterator[RestorerInfo]:
    """Yield the restorers that are trained and run with TensorFlow."""
    yield RestorerInfo(
        name="care",
        engine="tensorflow",
        target="l2l_backends.tensorflow.care:Care",
        summary="Content-aware restoration: a U-Net trained on pairs of images",
        supervision="paired",
        frameworks={"tensorflow"},
        requires=("tensorflow", "csbdeep"),
        install="label2label[tensorflow]",
    )
