"""A checkpoint of a training run: weights and training state, replaced as a whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from attrs import define
from numpy.typing import NDArray

from l2l_core.components.options import structure, unstructure
from l2l_core.components.training import TrainingState
from l2l_core.errors import ModelDamagedError, OptionsError
from l2l_core.images.replacing import present, replacing
from l2l_core.models import tensors as tensor_file
from l2l_core.models.facts import fingerprint, plain, to_json
from l2l_core.models.tensors import TensorRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["last", "best"]

_FACTS, _WEIGHTS, _TRAINING = "checkpoint.json", "weights.safetensors", "training.safetensors"


@define(frozen=True, eq=False)
class Checkpoint:
    """Weights and training state after an epoch.

    Parameters
    ----------
    epoch : int
        Counted from 1.
    state : dict of ndarray
        The model's tensors.
    training : TrainingState
        What training goes on with.
    """

    epoch: int
    state: dict[str, NDArray[Any]]
    training: TrainingState


@define(frozen=True)
class _CheckpointRecord:
    epoch: int
    facts: dict[str, Any]
    weights: dict[str, TensorRecord]
    weights_sha256: str
    arrays: dict[str, TensorRecord]
    arrays_sha256: str


def save_checkpoint(
    folder: Path,
    kind: Kind,
    epoch: int,
    state: Mapping[str, NDArray[Any]],
    training: TrainingState,
) -> None:
    """Write a checkpoint into `folder`; see :meth:`RunFolder.save_checkpoint`."""
    with replacing(folder, f"checkpoint {kind!r}") as new:
        new.mkdir()
        record = _CheckpointRecord(
            epoch,
            # Not every number of an optimiser is finite, and none may become null.
            plain(training.facts, finite=False),
            tensor_file.describe(state),
            tensor_file.save(new / _WEIGHTS, state),
            tensor_file.describe(training.arrays),
            tensor_file.save(new / _TRAINING, training.arrays),
        )
        facts = unstructure(record)
        text = to_json({**facts, "sha256": fingerprint(facts)})
        (new / _FACTS).write_text(text, encoding="utf-8")


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in `folder`; see :meth:`RunFolder.load_checkpoint`."""
    folder = present(folder)
    if not folder.exists():
        return None
    remedy = f"begin the run anew, or restore the folder {folder} from a copy"
    path = folder / _FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        expected = facts.pop("sha256")
        if fingerprint(facts) != expected:
            raise ValueError("its facts do not match their hash")
        record = structure(facts, _CheckpointRecord)
    except (OSError, ValueError, KeyError, AttributeError, OptionsError) as error:
        raise ModelDamagedError(f"{path} is damaged: {error}; {remedy}") from error
    state = tensor_file.load(
        folder / _WEIGHTS, record.weights, record.weights_sha256, remedy=remedy
    )
    arrays = tensor_file.load(
        folder / _TRAINING, record.arrays, record.arrays_sha256, remedy=remedy
    )
    return Checkpoint(record.epoch, state, TrainingState(arrays, record.facts))
