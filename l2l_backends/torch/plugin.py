"""Hook implementations of the PyTorch engine; imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.components import OpsInfo, hookimpl

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
    )
