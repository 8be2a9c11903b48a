"""Simulated experiments: a specimen, its labels, a microscope and a detector, as options."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from attrs import define, field, validators

from l2l_core.data.simulation.camera import CameraOptions
from l2l_core.data.simulation.filaments import FilamentOptions
from l2l_core.data.simulation.labelling import LabelOptions
from l2l_core.data.simulation.microscope import MicroscopeOptions, OpticsOptions
from l2l_core.data.simulation.optics import MIN_FWHM_PIXELS, Grid
from l2l_core.data.simulation.specimen import CellOptions, StructureOptions
from l2l_core.errors import DataError

_INPUT = LabelOptions(
    photons=10.0,
    labels_per_um=15.0,
    patchiness=0.5,
    cytosol=7.0,
    nucleus=1.5,
    cytosol_spread=0.25,
    cytosol_um=1.2,
    puncta=0.2,
    puncta_photons=12.0,
    puncta_spread=0.5,
    haze=1.2,
)
_BENCHMARK = LabelOptions(
    photons=60.0,
    labels_per_um=60.0,
    patchiness=0.35,
    cytosol=0.3,
    nucleus=1.0,
    cytosol_spread=0.2,
    cytosol_um=1.5,
    puncta=0.04,
    puncta_photons=20.0,
    puncta_spread=0.5,
    haze=0.05,
)


@define(frozen=True, kw_only=True)
class ExperimentOptions(ABC):
    """What every simulated experiment has.

    Parameters
    ----------
    size : (int, int)
        Pixels along Y and X.
    pixel_size_nm : float
        Side of a pixel in the specimen, in nm.
    cells, optics, camera
        Options of the parts.
    drift_nm : float
        Between input and benchmark the stage moves by up to this much along Y and along X, either
        way, in nm; 0 for images that are taken at once.
    repeat : bool
        Whether the input is exposed a second time, as noise2noise needs it.
    average_frames : int
        Of how many exposures a mean is taken for input and benchmark; 0 for none.
    """

    size: tuple[int, int] = field(default=(256, 256))
    pixel_size_nm: float = field(default=120.0, validator=validators.gt(0))
    cells: CellOptions = field(factory=CellOptions)
    optics: MicroscopeOptions = field(factory=OpticsOptions)
    camera: CameraOptions = field(factory=CameraOptions)
    drift_nm: float = field(default=0.0, validator=validators.ge(0))
    repeat: bool = False
    average_frames: int = field(default=0, validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 16:
            raise DataError(
                f"cannot simulate a field of {self.size} pixels; expected two sides (Y, X) of at "
                "least 16"
            )
        narrowest = 1000 * min(self.fwhm_um(label) for label in self.labels)
        if narrowest < MIN_FWHM_PIXELS * self.pixel_size_nm:
            raise DataError(
                f"the point spread function of {narrowest:.4g} nm is too narrow for "
                f"pixels of {self.pixel_size_nm:g} nm; expected at least {MIN_FWHM_PIXELS} pixels: "
                "choose smaller pixels or a wider point spread function"
            )

    @property
    @abstractmethod
    def labels(self) -> tuple[LabelOptions, ...]:
        """All labels of the specimen."""

    def fwhm_um(self, label: LabelOptions) -> float:
        """Return the width of the point spread function for the dye of a label, in micrometres."""
        return self.optics.width_nm(label.excitation_nm, label.emission_nm) / 1000

    @property
    def grid(self) -> Grid:
        """The pixels to draw on."""
        widest = max(self.fwhm_um(label) for label in self.labels)
        pixel_um = self.pixel_size_nm / 1000
        return Grid(self.size, pixel_um, margin=int(np.ceil(3 * widest / pixel_um)))


@define(frozen=True, kw_only=True)
class SimulationOptions(ExperimentOptions):
    """One structure under two labels.

    The defaults are those of the specimen ``filaments``, tuned so that both labels have the
    contrasts of the paper's actin images.

    Parameters
    ----------
    size, pixel_size_nm, cells, optics, camera, drift_nm, repeat, average_frames
        As of every experiment, see :class:`ExperimentOptions`.
    structure : StructureOptions
        What both labels bind to.
    input, benchmark : LabelOptions
        The label of lower and that of higher contrast.
    """

    structure: StructureOptions = field(factory=FilamentOptions)
    input: LabelOptions = _INPUT
    benchmark: LabelOptions = _BENCHMARK

    @property
    def labels(self) -> tuple[LabelOptions, ...]:
        """Both labels, that of the input first."""
        return self.input, self.benchmark


@define(frozen=True, kw_only=True)
class SeparationOptions(ExperimentOptions):
    """Two structures, both in the input's one image, and each in an image of the benchmark.

    Parameters
    ----------
    size, pixel_size_nm, cells, optics, camera, drift_nm, repeat, average_frames
        As of every experiment, see :class:`ExperimentOptions`.
    structures : tuple of StructureOptions
        One for each channel of the benchmark.
    stains : tuple of LabelOptions
        What binds to each of them.
    names : tuple of str
        What the channels of the benchmark are called.
    """

    structures: tuple[StructureOptions, ...]
    stains: tuple[LabelOptions, ...]
    names: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        numbers = len(self.structures), len(self.stains), len(self.names)
        if len(set(numbers)) > 1 or not self.names:
            raise DataError(
                "cannot superpose {} structures under {} stains with {} names; expected one stain "
                "and one name for each of at least one structure".format(*numbers)
            )
        super().__attrs_post_init__()

    @property
    def labels(self) -> tuple[LabelOptions, ...]:
        """The stains."""
        return self.stains
