"""The specimens by name, each a set of options to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.data.simulation.actin import ActinOptions
from l2l_core.data.simulation.camera import CameraOptions
from l2l_core.data.simulation.experiment import SimulationOptions
from l2l_core.data.simulation.labelling import LabelOptions
from l2l_core.data.simulation.microscope import ConfocalOptions
from l2l_core.data.simulation.specimen import CellOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.data.simulation.experiment import ExperimentOptions

_SIZE = (512, 512)
_PHOTOMULTIPLIER = CameraOptions(gain=20.0, offset=100.0, read_noise=0.5)

_ACTIN = SimulationOptions(
    size=_SIZE,
    pixel_size_nm=100.0,
    cells=CellOptions(diameter_um=44.0, roughness=0.15, nucleus_um=14.0, crowding=1.4, dome=0.3),
    structure=ActinOptions(
        stress_fibres=0.0105,
        fibre_length_um=16.0,
        fibre_filaments=1.15,
        cortex=1.24,
        filopodia=0.04,
    ),
    optics=ConfocalOptions(),
    camera=_PHOTOMULTIPLIER,
    input=LabelOptions(
        photons=12.0,
        labels_per_um=15.0,
        patchiness=1.2,
        cytosol=4.9,
        nucleus=0.8,
        cytosol_spread=0.2,
        cytosol_um=4.0,
        puncta=0.42,
        puncta_photons=17.4,
        puncta_spread=0.5,
        haze=1.84,
        bleed_through=0.01,
        excitation_nm=488.0,
        emission_nm=518.0,
    ),
    benchmark=LabelOptions(
        photons=80.0,
        labels_per_um=60.0,
        patchiness=0.4,
        cytosol=0.12,
        nucleus=0.8,
        cytosol_spread=0.2,
        cytosol_um=1.5,
        puncta=0.05,
        puncta_photons=15.0,
        haze=0.05,
        excitation_nm=552.0,
        emission_nm=630.0,
    ),
)

SPECIMENS: Mapping[str, ExperimentOptions] = {
    "filaments": SimulationOptions(),
    "actin": _ACTIN,
}
"""The specimens by name: each is a set of options to start from."""
