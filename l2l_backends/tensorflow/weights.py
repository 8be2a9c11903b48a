"""The canonical weights in TensorFlow's variables, and out of them.

See :mod:`l2l_backends.care_network` for the layout; Keras keeps kernels as ([kz,] ky, kx, in, out).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def to_canonical(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return a kernel as (out, in, [kz,] ky, kx), or a bias, as a C-contiguous copy."""
    return np.array(np.moveaxis(array, (-1, -2), (0, 1)) if array.ndim > 1 else array, order="C")


def from_canonical(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return a kernel as ([kz,] ky, kx, in, out), or a bias, as a C-contiguous copy."""
    return np.array(np.moveaxis(array, (0, 1), (-1, -2)) if array.ndim > 1 else array, order="C")


def weights(variables: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Return the canonical arrays of variables by canonical names, as copies."""
    return {name: to_canonical(variable.numpy()) for name, variable in variables.items()}


def load_weights(variables: Mapping[str, Any], state: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy canonical arrays into variables by canonical names; they were checked before."""
    for name, variable in variables.items():
        variable.assign(from_canonical(np.asarray(state[name])))
