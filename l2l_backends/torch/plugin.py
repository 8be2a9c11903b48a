"""Hook implementations of the PyTorch engine; imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.components import OpsInfo, RestorerInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def l2l_ops() -> Iterator[OpsInfo]:
    """Yield the array operations on torch tensors."""
    yield OpsInfo(
        name="torch",
        target="l2l_backends.torch.ops:TorchOps",
        summary="PyTorch",
        frameworks={"torch"},
        requires=("torch",),
        install="label2label[torch]",
        devices="l2l_backends.torch.device:devices",
    )


@hookimpl
def l2l_restorers() -> Iterator[RestorerInfo]:
    """Yield the restorers that are trained and run with torch."""
    yield RestorerInfo(
        name="care",
        engine="torch",
        target="l2l_backends.torch.care:Care",
        summary="Content-aware restoration: a U-Net trained on pairs of images",
        supervision="paired",
        frameworks={"torch"},
        requires=("torch",),
        install="label2label[torch]",
    )
