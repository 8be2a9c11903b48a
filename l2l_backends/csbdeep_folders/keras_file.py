"""Keras weights in an HDF5 file: the layers and their tensors, without Keras.

Three layouts are read.  Keras 2 keeps a group for each layer, lists the layers in the attribute
``layer_names`` and the tensors of each in ``weight_names``; a whole model that was saved has the
same below ``model_weights``; Keras 3 numbers the variables below ``layers/<class>_<n>/vars``.
Nothing in the file is ever turned into an object: the description of the model that some files
carry is not looked at.

Format: https://docs.hdfgroup.org/hdf5/v1_14/, https://keras.io/api/models/model_saving_apis/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from l2l_core.errors import MissingDependencyError, ModelDamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_REMEDY = "copy the folder again from where it was trained"

_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
"""Where Keras 3, and the last releases of Keras 2, keep the layers of a ``.weights.h5`` file."""

ATTRIBUTE_LIMIT = 60_000
"""Bytes that HDF5 lets an attribute have, and some reserve; Keras splits a longer list of names."""


@define(frozen=True)
class StoredTensor:
    """One tensor in the open file; nothing is read before :meth:`read`.

    Parameters
    ----------
    name : str
        Path within the file.
    shape : tuple of int
        As the file says.
    dtype : numpy.dtype
        As the file says.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], NDArray[Any]] = field(repr=False)


@define(frozen=True)
class StoredLayer:
    """A layer with tensors, in the order in which the network computes.

    Parameters
    ----------
    name : str
        The layer's own where the file knows it, else that of its group.
    tensors : tuple of StoredTensor
        Kernel and bias, of a convolution.
    """

    name: str
    tensors: tuple[StoredTensor, ...]


@define(frozen=True)
class StoredWeights:
    """What is in a file of weights.

    Parameters
    ----------
    layers : tuple of StoredLayer
        Those with tensors.
    flipped : bool
        Whether kernels are convolved instead of correlated: Theano's files.
    """

    layers: tuple[StoredLayer, ...]
    flipped: bool


def h5py_module() -> Any:
    """Import h5py when it is needed: it takes longer than looking at a folder does.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            f"the weights of a CSBDeep folder are read with h5py, which cannot be imported "
            f"({error}); pip install h5py"
        ) from error
    return h5py


@contextmanager
def open_weights(path: Path) -> Iterator[StoredWeights]:
    """Open a file of weights and list its layers; tensors can be read while it is open.

    Raises
    ------
    ModelDamagedError
        If it is no HDF5 file, cut short, or laid out otherwise than Keras does.
    """
    h5py = h5py_module()
    try:
        with h5py.File(path, "r") as file:
            yield _contents(file, path)
    # h5py says OSError of what it cannot read, and now and then something else of broken tables.
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise ModelDamagedError(
            f"{path} cannot be read as an HDF5 file; it was cut short, damaged, or is something "
            f"else: {said}; {_REMEDY}"
        ) from error


def _contents(file: Any, path: Path) -> StoredWeights:
    root = file
    if "layer_names" not in _lists(file) and "model_weights" in file:
        root = _group(file, "model_weights", path)
    if "layer_names" in _lists(root):
        layers = [_listed_layer(root, name, path) for name in _names(root, "layer_names")]
    else:
        found = [name for name in _CONTAINERS if name in root]
        if not found:
            raise ModelDamagedError(
                f"{path} is an HDF5 file without layers of Keras: there is neither a list "
                f"'layer_names' nor a group 'layers'; got {_some(list(root))}, expected the "
                "weights that CSBDeep wrote"
            )
        container = _group(root, found[0], path)
        layers = [_numbered_layer(container, name, path) for name in sorted(container, key=_order)]
    return StoredWeights(
        tuple(layer for layer in layers if layer.tensors),
        flipped=_text(root.attrs.get("backend", "")) == "theano",
    )


def _order(name: str) -> tuple[str, int]:
    """Sort ``conv2d``, ``conv2d_2``, ``conv2d_10`` in this order."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if stem and number.isdigit() else (name, 0)


def _listed_layer(root: Any, name: str, path: Path) -> StoredLayer:
    group = _group(root, name, path)
    names = _names(group, "weight_names") if "weight_names" in _lists(group) else []
    return StoredLayer(name, tuple(_tensor(group, inner, path) for inner in names))


def _numbered_layer(container: Any, name: str, path: Path) -> StoredLayer:
    group = _group(container, name, path)
    if "vars" not in group:
        return StoredLayer(name, ())
    variables = _group(group, "vars", path)
    numbers = sorted(variables, key=lambda key: (len(key), key))
    own = _text(variables.attrs.get("name", "")) or name
    return StoredLayer(own, tuple(_tensor(variables, number, path) for number in numbers))


def _lists(group: Any) -> set[str]:
    """Return the names of a group's attributes, parts of a split list without their number."""
    return {re.sub(r"(?<=_names)\d+\Z", "", name) for name in group.attrs}


def _names(group: Any, attribute: str) -> list[str]:
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        count = sum(bool(re.fullmatch(rf"{attribute}\d+", name)) for name in group.attrs)
        parts = [group.attrs[f"{attribute}{number}"] for number in range(count)]
    return [_text(name) for part in parts for name in np.ravel(part)]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _group(parent: Any, name: str, path: Path) -> Any:
    found = _inside(parent, name, path)
    if not isinstance(found, h5py_module().Group):
        raise ModelDamagedError(f"{path}: {found.name} is no group of a layer; {_REMEDY}")
    return found


def _tensor(parent: Any, name: str, path: Path) -> StoredTensor:
    found = _inside(parent, name, path)
    if not isinstance(found, h5py_module().Dataset) or found.is_virtual or found.external:
        raise ModelDamagedError(f"{path}: {found.name} is no tensor within this file; {_REMEDY}")
    return StoredTensor(found.name.lstrip("/"), found.shape, found.dtype, lambda: found[()])


def _inside(parent: Any, name: str, path: Path) -> Any:
    """Return what a path within the file leads to, and follow no link out of the file."""
    h5py = h5py_module()
    found = parent
    for part in name.split("/"):
        kind = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if not isinstance(kind, h5py.HardLink):
            what = "is missing" if kind is None else "is a link to somewhere else"
            raise ModelDamagedError(
                f"{path}: {name!r} of {parent.name} is named and {what}; {_REMEDY}"
            )
        found = found[part]
    return found


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(map(repr, names[:most])) or "nothing"
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def write_weights(
    path: Path, layers: Sequence[tuple[str, Sequence[tuple[str, NDArray[np.float32]]]]]
) -> None:
    """Write layers as Keras 2 does, which Keras 3 reads as well.

    Parameters
    ----------
    path : Path
        The file.
    layers : sequence
        Each layer's name, and its tensors by name (``kernel``, ``bias``), in the order in which
        the network computes.
    """
    with h5py_module().File(path, "w") as file:
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.15.0"
        _write_names(file, "layer_names", [name for name, _ in layers])
        for name, tensors in layers:
            group = file.create_group(name)
            _write_names(group, "weight_names", [f"{name}/{inner}:0" for inner, _ in tensors])
            for inner, values in tensors:
                group.create_dataset(f"{name}/{inner}:0", data=values)


def _write_names(group: Any, attribute: str, names: Sequence[str]) -> None:
    encoded = np.array([name.encode() for name in names])
    parts = -(-encoded.nbytes // ATTRIBUTE_LIMIT)
    if parts <= 1:
        group.attrs[attribute] = encoded
        return
    for number, part in enumerate(np.array_split(encoded, parts)):
        group.attrs[f"{attribute}{number}"] = part
