"""Hook implementation of the CSBDeep model format; imports neither h5py nor NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.components import ModelFormatInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def l2l_model_formats() -> Iterator[ModelFormatInfo]:
    """Yield the format of CSBDeep's CARE folders."""
    yield ModelFormatInfo(
        name="csbdeep",
        target="l2l_backends.csbdeep_folders.folder:CSBDeepFolder",
        summary="CARE folder of CSBDeep: config.json and Keras weights (.h5)",
    )
