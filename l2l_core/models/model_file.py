"""A model on disk: ``model.json`` with all that is known of it, and ``weights.safetensors``.

Nothing in it can run code.  The JSON carries the hash of the weights and of itself, so that a
file that was cut short, swapped or edited is refused with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, evolve, field

from l2l_core.components.geometry import Geometry
from l2l_core.components.options import structure, unstructure
from l2l_core.config import ComponentConfig, NormalizerConfig
from l2l_core.errors import (
    ModelDamagedError,
    ModelNotFoundError,
    ModelVersionError,
    OptionsError,
    OutputError,
)
from l2l_core.images.normalization import Normalization
from l2l_core.images.replacing import present, replacing
from l2l_core.models import tensors as tensor_file
from l2l_core.models.facts import fingerprint, plain, to_json
from l2l_core.models.tensors import TensorRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT_VERSION = 2
"""Newest version of the folder's layout; older ones are read, newer ones refused.

Version 2 brought the chain.  A model without one is written as version 1, which says the same.
"""

FACTS = "model.json"
WEIGHTS = "weights.safetensors"

_REMEDY = "copy the model folder again from where it was trained"


@define(frozen=True, kw_only=True)
class SideNormalization:
    """How the images of one side, input or target, are normalised.

    Parameters
    ----------
    spec : NormalizerConfig
        The rule.
    numbers : Normalization, optional
        Offsets and scales over the training set; None where every image has its own.
    """

    spec: NormalizerConfig = NormalizerConfig()
    numbers: Normalization | None = None


@define(frozen=True, kw_only=True)
class NormalizationRecord:
    """Normalisation of input and target, and the units of what comes out.

    Parameters
    ----------
    input, target : SideNormalization
        Each side's own.
    output : {"target", "input", "normalized"}
        Units of a restoration.
    """

    input: SideNormalization = field(factory=SideNormalization)
    target: SideNormalization = field(factory=SideNormalization)
    output: Literal["target", "input", "normalized"] = "normalized"


@define(frozen=True, kw_only=True)
class ModelRecord:
    """All that ``model.json`` says of a model.

    Parameters
    ----------
    restorer : str
        Name of the method in the registry; any of its engines reads the weights.
    supplier : str
        Distribution and version that the method came from.
    options : dict
        The method's options as plain values.
    axes : str
        Spatial axes, ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int
        Numbers of channels.
    geometry : Geometry
        Halo, multiples and outputs, so that a plan needs no framework.
    normalization : NormalizationRecord
        Of input and target.
    training : dict
        Facts about the training: data, losses, epochs, seed, versions, ...
    appearance : dict
        What the training images looked like.
    chain : tuple of ComponentConfig
        Filters that follow whenever the model restores.
    tensors : dict
        Shape and dtype of every tensor; filled in when the model is written.
    weights_sha256 : str
        Of the weights' file; filled in when the model is written.
    sha256 : str
        Of all facts, the weights' hash among them: it names the model.  Filled in when the model
        is written.
    format_version : int
        Version of the layout; filled in when the model is written.
    """

    restorer: str
    axes: str
    channels_in: int
    channels_out: int
    geometry: Geometry
    supplier: str = ""
    options: dict[str, Any] = field(factory=dict)
    normalization: NormalizationRecord = field(factory=NormalizationRecord)
    training: dict[str, Any] = field(factory=dict)
    appearance: dict[str, Any] = field(factory=dict)
    chain: tuple[ComponentConfig, ...] = ()
    tensors: dict[str, TensorRecord] = field(factory=dict)
    weights_sha256: str = ""
    sha256: str = ""
    format_version: int = 1

    @property
    def without_chain(self) -> str:
        """What to say where the method is written without the filters that follow it."""
        names = ", ".join(step.name for step in self.chain)
        return f"what follows the model ({names}) is no part of it: the network alone is written"


def _to_facts(record: ModelRecord) -> dict[str, Any]:
    facts: dict[str, Any] = plain(unstructure(record))
    facts.pop("sha256")
    if not record.chain:
        facts.pop("chain")
    # What a reader checks first stands first.
    return {"format_version": facts.pop("format_version"), **facts}


def write_model(
    folder: str | Path, record: ModelRecord, state: dict[str, NDArray[Any]]
) -> ModelRecord:
    """Write a model; a former one in the same folder is replaced as a whole or not at all.

    Parameters
    ----------
    folder : path
        The model folder.
    record : ModelRecord
        What is known; tensors and hashes are filled in.
    state : dict of ndarray
        What :meth:`Restorer.state` gave.

    Returns
    -------
    ModelRecord
        As written.

    Raises
    ------
    OutputError
        If it cannot be written, or `folder` holds something else than a model.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / FACTS).exists() and _has_content(folder):
        raise OutputError(
            f"{folder} exists and is no model folder, so it is not replaced; choose another name"
        )
    with replacing(folder, "model") as new:
        new.mkdir()
        facts = _identified(record, state, tensor_file.save(new / WEIGHTS, state))
        (new / FACTS).write_text(to_json(facts), encoding="utf-8")
    return structure(facts, ModelRecord)


def identified(record: ModelRecord, state: dict[str, NDArray[Any]]) -> ModelRecord:
    """Return a record with tensors and hashes filled in, as if the model had been written.

    A model that was read from elsewhere has the identity that it gets when it is written.

    Raises
    ------
    ModelError
        If a tensor is of a kind that a file cannot hold.
    """
    return structure(_identified(record, state, tensor_file.encode(state)[1]), ModelRecord)


def _identified(
    record: ModelRecord, state: dict[str, NDArray[Any]], weights_sha256: str
) -> dict[str, Any]:
    described = evolve(
        record,
        format_version=FORMAT_VERSION if record.chain else 1,
        tensors=tensor_file.describe(state),
        weights_sha256=weights_sha256,
    )
    facts = _to_facts(described)
    return {**facts, "sha256": fingerprint(facts)}


def _has_content(folder: Path) -> bool:
    return not folder.is_dir() or next(folder.iterdir(), None) is not None


def is_model(folder: str | Path) -> bool:
    """Whether there is a model in `folder`, damaged or not."""
    return (present(Path(folder)) / FACTS).is_file()


def read_record(folder: str | Path) -> ModelRecord:
    """Return what is known of a model, without its weights.

    Raises
    ------
    ModelNotFoundError
        If there is no model in `folder`.
    ModelVersionError
        If a newer version wrote it.
    ModelDamagedError
        If ``model.json`` was truncated or altered.
    """
    wanted, folder = Path(folder), present(Path(folder))
    path = folder / FACTS
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        if (folder / WEIGHTS).exists():
            raise ModelDamagedError(f"{path} is missing; {_REMEDY}") from None
        raise ModelNotFoundError(
            f"no model at {wanted}: there is no {FACTS}; expected a folder that training wrote"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelDamagedError(f"{path} cannot be read: {error}; {_REMEDY}") from error
    try:
        facts = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelDamagedError(
            f"{path} was truncated or altered: {error.msg} in line {error.lineno}; {_REMEDY}"
        ) from error
    return _from_facts(facts, path)


def _from_facts(facts: Any, path: Path) -> ModelRecord:
    version = facts.get("format_version") if isinstance(facts, dict) else None
    if not isinstance(version, int):
        raise ModelDamagedError(f"{path} has no format version; expected a model of label2label")
    # The version before the hash: a newer one may well be hashed in another way.
    if version > FORMAT_VERSION:
        raise ModelVersionError(
            f"{path} is of format version {version}, and this label2label reads versions up to "
            f"{FORMAT_VERSION}; upgrade it (pip install --upgrade label2label)"
        )
    expected = facts.pop("sha256", None)
    if fingerprint(facts) != expected:
        raise ModelDamagedError(f"{path} was altered: its facts do not match their hash; {_REMEDY}")
    try:
        return structure({**facts, "sha256": expected}, ModelRecord)
    except OptionsError as error:
        problems = "; ".join(str(error).splitlines())
        raise ModelDamagedError(f"{path}: {problems}; {_REMEDY}") from error


def read_model(folder: str | Path) -> tuple[ModelRecord, dict[str, NDArray[Any]]]:
    """Return what is known of a model, and its tensors.

    Parameters
    ----------
    folder : path
        The model folder.

    Returns
    -------
    ModelRecord, dict of ndarray

    Raises
    ------
    ModelNotFoundError, ModelVersionError
        As :func:`read_record`.
    ModelDamagedError
        If a file is missing, truncated or altered, or a tensor's name, shape or dtype differs.
    """
    record = read_record(folder)
    path = present(Path(folder)) / WEIGHTS
    state = tensor_file.load(path, record.tensors, record.weights_sha256, remedy=_REMEDY)
    return record, state
