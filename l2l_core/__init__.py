"""Label2label: restore cellular structures with networks trained on two labels of one structure.

::

    import l2l_core as l2l

    model = l2l.load_model("runs/actin/model")
    restored = model.restore(image, axes="YX")

Importing this package loads neither NumPy nor a framework; each name is imported when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l2l_core.components.factory import get
    from l2l_core.workflows.lazy import restore_lazy
    from l2l_core.workflows.model import Model, load_model
    from l2l_core.workflows.restore import restore_file
    from l2l_core.workflows.train import train

_HOMES = {
    "Model": "l2l_core.workflows.model",
    "get": "l2l_core.components.factory",
    "load_model": "l2l_core.workflows.model",
    "restore_file": "l2l_core.workflows.restore",
    "restore_lazy": "l2l_core.workflows.lazy",
    "train": "l2l_core.workflows.train",
}

__all__ = ["Model", "get", "load_model", "restore_file", "restore_lazy", "train"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("label2label")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return [*__all__, "__version__"]
