"""The interface of a model format: reading and writing the model folders of another software.

A format turns a foreign folder into the facts and tensors that a model of ours is made of, and
back.  Everything else (normalisation, tiles, files, engines) is as for any model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from l2l_core.components.geometry import Geometry
from l2l_core.errors import UnsupportedModelError

if TYPE_CHECKING:
    from pathlib import Path


@define(frozen=True, kw_only=True)
class ModelContent:
    """What a model is, as values that every format can give or take.

    Parameters
    ----------
    restorer : str
        Name of the restorer that reads the tensors.
    options : mapping
        Its options as plain values.
    axes : str
        Spatial axes, ``"YX"`` or ``"ZYX"``.
    channels_in, channels_out : int
        Numbers of channels.
    geometry : Geometry
        Halo, multiples and outputs.
    state : mapping of ndarray
        The restorer's tensors, in the layout of its :meth:`~l2l_core.components.Restorer.state`.
    normalization : mapping
        Plain values in the form of ``normalization`` in ``model.json``: ``input`` and ``target``
        with ``spec`` and ``numbers``, and ``output``, the units of a restoration; what is left
        out has its default.
    source : mapping
        Facts about where the model comes from, as plain values; kept with the model.
    """

    restorer: str
    options: Mapping[str, Any]
    axes: str
    channels_in: int = 1
    channels_out: int = 1
    geometry: Geometry
    state: Mapping[str, Any] = field(repr=False)
    normalization: Mapping[str, Any] = field(factory=dict)
    source: Mapping[str, Any] = field(factory=dict)


class ModelFormat(ABC):
    """Reads, and perhaps writes, the model folders of another software; made without arguments."""

    @abstractmethod
    def recognizes(self, path: Path) -> bool:
        """Whether a folder, or a file in it, looks like one of this format, damaged or not.

        Asked for every path that is no model of ours: looks at names alone, opens and imports
        nothing.

        Parameters
        ----------
        path : Path
            Exists.
        """

    @abstractmethod
    def read(self, path: Path, weights: str = "") -> ModelContent:
        """Read a model.

        Parameters
        ----------
        path : Path
            What :meth:`recognizes` was true of.
        weights : str, optional
            The file of weights, where there are several.

        Raises
        ------
        ModelDamagedError
            If a file is missing, damaged, or disagrees with another.
        UnsupportedModelError
            If it is a model that cannot be run here; says why.
        """

    def write(self, folder: Path, model: ModelContent) -> tuple[str, ...]:
        """Write a model into an empty folder.

        Parameters
        ----------
        folder : Path
            Exists and is empty; the caller moves it to its place when all went well, so its name
            is not the final one.
        model : ModelContent
            What to write.

        Returns
        -------
        tuple of str
            Sentences that the user must know to get the same restorations there.

        Raises
        ------
        UnsupportedModelError
            If the other software has no such model, or the format is only read.
        """
        raise UnsupportedModelError(
            f"{type(self).__name__} only reads models; it has nothing that writes them"
        )
