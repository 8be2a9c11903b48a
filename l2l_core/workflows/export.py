"""Write a model as one ONNX file, for other software; the file says what images it expects."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l_core.components.factory import make_restorer
from l2l_core.components.options import unstructure
from l2l_core.components.registry import load, registry
from l2l_core.errors import ComponentError, OutputError
from l2l_core.images.replacing import replacing
from l2l_core.models.facts import plain
from l2l_core.models.onnx_metadata import with_metadata
from l2l_core.workflows.engines import choose, info_of
from l2l_core.workflows.model import existing
from l2l_core.workflows.restoration import NOT_A_MEASUREMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from l2l_core.components.discovery import Registration
    from l2l_core.components.restorer import Restorer
    from l2l_core.models.model_file import ModelRecord


def export_onnx(where: str | Path, out: str | Path) -> ModelRecord:
    """Write a model as an ONNX file.

    The graph takes normalised images and gives normalised restorations; how to normalise, and
    what the sides must be, stands in its metadata.

    Parameters
    ----------
    where : path
        A model folder, a run folder, or another software's model.
    out : path
        The file to write; it must not exist.

    Returns
    -------
    ModelRecord
        What is known of the model.

    Raises
    ------
    ModelNotFoundError, ModelDamagedError, ModelVersionError
        If there is no model to read.
    ComponentError
        If the method cannot be written as a graph.
    MissingDependencyError
        If what writes it is not installed; names what to install.
    OutputError
        If there is something at `out`, or it cannot be written.
    """
    path = Path(out)
    if path.exists():
        raise OutputError(f"{path} exists already, and is not replaced; choose another name")
    record, state = existing(where)
    restorer: Restorer = make_restorer(
        record.restorer,
        info_of(_exporter(record.restorer)).engine,
        record.options,
        axes=record.axes,
        channels_in=record.channels_in,
        channels_out=record.channels_out,
        device="cpu",
    )
    try:
        restorer.load_state(state)
        if not write_graph(restorer, record, path):
            raise ComponentError(
                f"the model in {where} cannot be written as an ONNX graph: restorer "
                f"{record.restorer!r} of {record.supplier} offers none"
            )
    finally:
        restorer.close()
    return record


def write_graph(restorer: Restorer, record: ModelRecord, path: Path) -> bool:
    """Write what a restorer exports, with what is known of it; False where it exports nothing.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    content = restorer.export_onnx()
    if content is None:
        return False
    with replacing(path) as temporary:
        temporary.write_bytes(with_metadata(content, _facts(record)))
    return True


def export_after_training(
    restorer: Restorer, record: ModelRecord, path: Path, announce: Callable[[str], None]
) -> None:
    """Write the graph of a method that offers one, unless its ONNX engine makes it at any time.

    The model is safe on the disk by then; an export that fails is told and no more.
    """
    if any(info_of(found).engine == "onnx" for found in registry().engines(record.restorer)):
        return
    try:
        if write_graph(restorer, record, path):
            announce(f"wrote the graph {path}")
            if record.chain:
                announce(record.without_chain)
    # Foreign code, and a framework's exporter, may fail in any way.
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        announce(f"the model cannot be written as an ONNX graph ({reason}); it is whole without")


def _exporter(name: str) -> Registration:
    for registration in registry().engines(name):
        if info_of(registration).engine == "onnx":
            load(registration)  # says what to install
            return registration
    return choose(name, device="cpu")


def _facts(record: ModelRecord) -> dict[str, str]:
    """Return what another software must know, each fact as a text or as JSON."""
    geometry = record.geometry
    facts: dict[str, Any] = {
        "software": f"label2label {version('label2label')}",
        "restorer": record.restorer,
        "supplier": record.supplier,
        "model_sha256": record.sha256,
        "axes": f"NC{geometry.axes}",
        "output_axes": f"NC{geometry.output_axes}",
        "channels_in": geometry.channels_in,
        "channels_out": geometry.channels_out,
        "outputs": geometry.outputs,
        "halo": geometry.halo,
        "multiple": geometry.multiple,
        "scale": geometry.scale,
        "padding": unstructure(geometry.padding),
        "normalization": unstructure(record.normalization),
        "options": record.options,
        "note": NOT_A_MEASUREMENT,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
        for key, value in facts.items()
    }
