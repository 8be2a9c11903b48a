"""Models of other software: found by their files, read as if they were ours, and written back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from l2l_core.components.model_format import ModelContent
from l2l_core.components.options import structure, unstructure
from l2l_core.components.registry import load, registry
from l2l_core.errors import ComponentError, ModelError, OutputError
from l2l_core.images.replacing import replacing
from l2l_core.models.facts import plain
from l2l_core.models.model_file import ModelRecord, NormalizationRecord, identified, write_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from l2l_core.components.discovery import Registration
    from l2l_core.components.model_format import ModelFormat


def format_of(path: Path) -> Registration | None:
    """Return the format that recognises a path, None where none does or nothing is there."""
    if not path.exists():
        return None
    for registration in registry().of_kind("model_format"):
        # A format that cannot be loaded hides no other one; l2l plugins check says what it lacks.
        try:
            known = _made(registration).recognizes(path)
        except (ComponentError, OSError):
            continue
        if known:
            return registration
    return None


def format_summaries() -> str:
    """Return the formats in words, to go on with after a comma."""
    return "".join(f"a {f.info.summary}, " for f in registry().of_kind("model_format"))


def read_foreign(
    path: Path, registration: Registration, weights: str = ""
) -> tuple[ModelRecord, dict[str, NDArray[Any]]]:
    """Read a model of another software.

    Parameters
    ----------
    path : Path
        Its folder.
    registration : Registration
        The format.
    weights : str, optional
        The file of weights that is meant, where there are several.

    Returns
    -------
    ModelRecord, dict of ndarray
        With the identity that it has once it is written as a model of ours.

    Raises
    ------
    ModelDamagedError, UnsupportedModelError, MissingDependencyError
        As the format finds it.
    """
    content = _made(registration).read(path, weights)
    state = dict(content.state)
    imported = {"format": registration.info.name, **content.source}
    record = ModelRecord(
        restorer=content.restorer,
        supplier=f"{registration.distribution} {registration.version}".strip(),
        options=dict(content.options),
        axes=content.axes,
        channels_in=content.channels_in,
        channels_out=content.channels_out,
        geometry=content.geometry,
        normalization=structure(dict(content.normalization), NormalizationRecord),
        training={"imported": plain(imported)},
    )
    return identified(record, state), state


def import_model(
    path: str | Path, out: str | Path, *, format: str, weights: str = ""
) -> ModelRecord:
    """Read a model of another software and write it as one of ours.

    Parameters
    ----------
    path : path
        Its folder.
    out : path
        The model folder to write; a former model there is replaced, anything else is not.
    format : str
        Name of the format, such as ``"csbdeep"``.
    weights : str, optional
        The file of weights that is meant, where there are several.

    Raises
    ------
    ModelError
        If it cannot be read, or there is nothing at `path`.
    OutputError
        If it cannot be written.
    """
    path = Path(path)
    registration = registry().find("model_format", format)
    if not path.exists():
        raise ModelError(f"there is nothing at {path}; expected a {registration.info.summary}")
    record, state = read_foreign(path, registration, weights)
    return write_model(out, record, state)


def export_model(
    record: ModelRecord, state: dict[str, NDArray[Any]], out: str | Path, *, format: str
) -> tuple[str, ...]:
    """Write a model of ours as a folder of another software.

    Parameters
    ----------
    record : ModelRecord
        What is known of it.
    state : dict of ndarray
        Its tensors.
    out : path
        A folder that does not exist yet, or is empty.
    format : str
        Name of the format.

    Returns
    -------
    tuple of str
        What the user must know to get the same restorations there.

    Raises
    ------
    UnsupportedModelError
        If the other software has no such model.
    OutputError
        If there is something at `out`, or it cannot be written.
    """
    out = Path(out)
    made = _made(registry().find("model_format", format))
    if out.exists() and not (out.is_dir() and next(out.iterdir(), None) is None):
        raise OutputError(f"{out} exists already, and is not replaced; choose another name")
    content = ModelContent(
        restorer=record.restorer,
        options=record.options,
        axes=record.axes,
        channels_in=record.channels_in,
        channels_out=record.channels_out,
        geometry=record.geometry,
        state=state,
        normalization=plain(unstructure(record.normalization)),
        source=record.training.get("imported", {}),
    )
    with replacing(out, f"{format} model") as new:
        new.mkdir()
        return made.write(new, content)


def _made(registration: Registration) -> ModelFormat:
    return cast("ModelFormat", load(registration)())
