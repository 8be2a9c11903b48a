"""Hook implementations of the ONNX engine; imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.components import RestorerInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def l2l_restorers() -> Iterator[RestorerInfo]:
    """Yield the restorers that predict with ONNX Runtime."""
    yield RestorerInfo(
        name="care",
        engine="onnx",
        target="l2l_backends.onnx.care:Care",
        summary="Content-aware restoration: a U-Net trained on pairs of images",
        supervision="paired",
        trains=False,
        frameworks={"onnx"},
        requires=("onnx", "onnxruntime"),
        install="label2label[onnx]",
        devices="l2l_backends.onnx.runtime:devices",
    )
