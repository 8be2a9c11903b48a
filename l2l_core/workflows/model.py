"""From a folder, or the name of a filter, to a model that is ready to restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from l2l_core.components.factory import make_restorer
from l2l_core.errors import ModelDamagedError, ModelNotFoundError, UnknownComponentError
from l2l_core.models.model_file import WEIGHTS, is_model, read_model, read_record
from l2l_core.models.run_folder import RunFolder
from l2l_core.streaming.frame import counted
from l2l_core.workflows.array_restoration import Model
from l2l_core.workflows.chaining import chained
from l2l_core.workflows.engines import choose, info_of
from l2l_core.workflows.filters import filter_names, make_filter
from l2l_core.workflows.foreign_models import format_of, format_summaries, read_foreign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from l2l_core.components.restorer import Restorer
    from l2l_core.config import ComponentConfig
    from l2l_core.models.model_file import ModelRecord

__all__ = ["Model", "load_model"]


def load_model(
    where: str | Path,
    backend: str = "auto",
    device: str = "auto",
    *,
    then: Sequence[str | Mapping[str, Any] | ComponentConfig] = (),
) -> Model:
    """Load a model for restoring.

    Parameters
    ----------
    where : str or Path
        A model folder, a run folder, the folder of a CARE model of CSBDeep, or a filter without
        training by name, such as ``"gaussian"`` or ``"gaussian:sigma=1.5"``.
    backend : str, optional
        Engine that computes it; ``"auto"`` is the GPU's framework where there is a GPU, otherwise
        the first that is installed of ONNX, torch and TensorFlow.
    device : str, optional
        ``"auto"``, ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.
    then : sequence of str or mapping, optional
        Filters that follow, in this order, behind those that the model has itself:
        ``"binary_map:threshold=300"`` or ``{"name": "binary_map", "options": {...}}``.

    Returns
    -------
    Model

    Raises
    ------
    ModelNotFoundError
        If there is neither such a folder nor such a filter.
    ModelDamagedError, ModelVersionError
        If the folder was altered, or written by a newer version.
    UnsupportedModelError
        If it is another software's model that cannot be run here.
    ComponentError
        If the method or the engine is not installed.
    DeviceError
        If there is no such device.

    Examples
    --------
    >>> import numpy as np
    >>> blur = load_model("gaussian:sigma=1.5")
    >>> blur.restore(np.zeros((32, 32), np.uint16), axes="YX").dtype
    dtype('float32')
    >>> load_model("gaussian:sigma=1.5", then=["binary_map:threshold=300"]).units
    'as 1 where there is structure and 0 elsewhere'
    """
    model = _alone(where, backend, device)
    try:
        return chained(model, then)
    except Exception:
        model.close()
        raise


def _alone(where: str | Path, backend: str, device: str) -> Model:
    """Load a model without the filters that follow it."""
    found = read_any(where)
    if found is not None:
        return _ready(*found, backend, device)
    restorer, record = make_filter(str(where), backend, device)
    engine = info_of(choose(record.restorer, backend, device=device)).engine
    return Model(restorer, record, where=str(where), engine=engine)


def find_record(where: str | Path) -> ModelRecord:
    """Return what is known of a model or run folder, without its weights or any framework.

    Raises
    ------
    ModelNotFoundError, ModelDamagedError, ModelVersionError, UnsupportedModelError
        As :func:`load_model`.
    """
    folder = _model_folder(Path(where))
    if folder is not None:
        return read_record(folder)
    return existing(where)[0]


def existing(where: str | Path) -> tuple[ModelRecord, dict[str, NDArray[Any]]]:
    """Return what is known of a model, and its tensors; a filter's name is no such model.

    Raises
    ------
    ModelNotFoundError, ModelDamagedError, ModelVersionError, UnsupportedModelError
        As :func:`load_model`.
    """
    found = read_any(where)
    if found is None:
        raise ModelNotFoundError(
            f"no model at {where}: there is no such folder; expected a model or run folder"
        )
    record, state, place = found
    _check_numbers(record, place)
    return record, state


def read_any(where: str | Path) -> tuple[ModelRecord, dict[str, NDArray[Any]], str] | None:
    """Read the model that a path means, ours or another software's; None where it means none.

    Returns
    -------
    ModelRecord, dict of ndarray, str
        The last is where it was found.
    """
    path = Path(where)
    if (folder := _model_folder(path)) is not None:
        return *read_model(folder), str(folder)
    if (foreign := format_of(path)) is not None:
        return *read_foreign(path, foreign), str(path)
    _refuse_other_folders(path)
    return None


def _model_folder(path: Path) -> Path | None:
    """Return the folder of our model that a path means, None where it means none."""
    if path.name == "model.json" and path.is_file():
        return path.parent
    for folder in (path, path / "model"):
        # Weights alone are a model as well, a damaged one.
        if is_model(folder) or (folder / WEIGHTS).is_file():
            return folder
    return None


def _refuse_other_folders(path: Path) -> None:
    if RunFolder.exists(path):
        status = RunFolder.open(path).record.status
        raise ModelNotFoundError(
            f"the run in {path} has no model yet (it is {status!r}); let it finish, or go on with "
            "it by --resume"
        )
    if path.exists() and str(path) not in filter_names():
        raise ModelNotFoundError(
            f"no model at {path}: there is no model.json in it; expected a model or run folder "
            f"that training wrote, {format_summaries()}or a filter without training: "
            f"{', '.join(filter_names())}"
        )


def _ready(
    record: ModelRecord, state: dict[str, NDArray[Any]], where: str, backend: str, device: str
) -> Model:
    try:
        registration = choose(record.restorer, backend, "predict", device=device)
    except UnknownComponentError as error:
        if backend != "auto":
            raise
        raise UnknownComponentError(
            f"the model in {where} needs restorer {record.restorer!r} of {record.supplier}, which "
            f"is not installed here; install that package ({error})"
        ) from error
    engine = info_of(registration).engine
    restorer: Restorer = make_restorer(
        record.restorer,
        engine,
        record.options,
        axes=record.axes,
        channels_in=record.channels_in,
        channels_out=record.channels_out,
        device=device,
    )
    _check_numbers(record, where)
    restorer.load_state(state)
    return Model(restorer, record, where=where, engine=engine)


def _check_numbers(record: ModelRecord, where: str) -> None:
    """Refuse a record whose normalisation cannot be undone, before anything is computed."""
    sides = record.normalization
    if sides.output == "target" and sides.target.numbers is None:
        raise ModelDamagedError(
            f"the model in {where} gives the target's units and has no numbers of the target; "
            "train it again"
        )
    for name, side, count in (
        ("input", sides.input, record.channels_in),
        ("target", sides.target, record.channels_out),
    ):
        if side.numbers is not None and side.numbers.channels != count:
            raise ModelDamagedError(
                f"the model in {where} has {counted(count)} as {name} and numbers for "
                f"{side.numbers.channels}; train it again"
            )
