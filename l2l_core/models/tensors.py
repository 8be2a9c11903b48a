"""Arrays by name in one safetensors file, checked against what a record says of them.

https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from l2l_core.errors import ModelDamagedError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


@define(frozen=True)
class TensorRecord:
    """Shape and dtype of a tensor."""

    shape: tuple[int, ...]
    dtype: str


def describe(tensors: Mapping[str, NDArray[Any]]) -> dict[str, TensorRecord]:
    """Return the record of every tensor, by name in alphabetical order."""
    return {
        name: TensorRecord(tuple(np.shape(tensors[name])), np.asarray(tensors[name]).dtype.name)
        for name in sorted(tensors)
    }


def encode(tensors: Mapping[str, NDArray[Any]]) -> tuple[bytes, str]:
    """Return the content of a file of these tensors, and its SHA-256.

    Raises
    ------
    ModelError
        If a tensor is of a kind that a file cannot hold.
    """
    for name, tensor in tensors.items():
        if np.asarray(tensor).dtype.kind not in "biuf":
            raise ModelError(
                f"tensor {name!r} is of dtype {np.asarray(tensor).dtype}; expected numbers or "
                "booleans"
            )
    # safetensors writes the memory of an array that is not contiguous as if it were, without a
    # word; ascontiguousarray would turn a scalar into an array of one.
    content = safetensors.save({k: np.asarray(v, order="C") for k, v in tensors.items()})
    return content, hashlib.sha256(content).hexdigest()


def save(path: Path, tensors: Mapping[str, NDArray[Any]]) -> str:
    """Write tensors and return the SHA-256 of the file.

    Raises
    ------
    ModelError
        If a tensor is of a kind that a file cannot hold.
    OSError
        If the file cannot be written.
    """
    content, sha256 = encode(tensors)
    path.write_bytes(content)
    return sha256


def load(
    path: Path, records: Mapping[str, TensorRecord], sha256: str, *, remedy: str
) -> dict[str, NDArray[Any]]:
    """Read tensors and check the file's hash and every name, shape and dtype.

    Parameters
    ----------
    path : Path
        The file.
    records : mapping
        What must be in it, and nothing else.
    sha256 : str
        Of the file.
    remedy : str
        How a message ends.

    Raises
    ------
    ModelDamagedError
        If anything differs; says what.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelDamagedError(f"{path} is missing; {remedy}") from None
    except OSError as error:
        raise ModelDamagedError(f"{path} cannot be read: {error.strerror}; {remedy}") from error
    got = hashlib.sha256(content).hexdigest()
    if got != sha256:
        raise ModelDamagedError(
            f"{path} was truncated or altered: its {len(content)} bytes have the SHA-256 "
            f"{got[:12]}..., expected {sha256[:12]}...; {remedy}"
        )
    try:
        tensors: dict[str, NDArray[Any]] = safetensors.load(content)
    except SafetensorError as error:
        raise ModelDamagedError(f"{path} is no safetensors file: {error}; {remedy}") from error
    check(tensors, records, where=str(path), remedy=remedy)
    return tensors


def check(
    tensors: Mapping[str, NDArray[Any]],
    records: Mapping[str, TensorRecord],
    *,
    where: str,
    remedy: str,
) -> None:
    """Compare every name, shape and dtype.

    Raises
    ------
    ModelDamagedError
        Names all tensors that are missing, unknown or different.
    """
    found = describe(tensors)
    problems = [f"tensor {name!r} is missing" for name in records if name not in found]
    problems += [f"tensor {name!r} is not known" for name in found if name not in records]
    problems += [
        f"tensor {name!r} is {found[name].dtype} {found[name].shape}, expected "
        f"{record.dtype} {record.shape}"
        for name, record in records.items()
        if name in found and found[name] != record
    ]
    if problems:
        raise ModelDamagedError(f"{where}: {'; '.join(problems)}; {remedy}")
