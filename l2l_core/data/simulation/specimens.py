"""The specimens by name, each a set of options to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.data.simulation.actin import ActinOptions
from l2l_core.data.simulation.adhesions import AdhesionOptions
from l2l_core.data.simulation.camera import CameraOptions
from l2l_core.data.simulation.caveolae import CaveolaOptions
from l2l_core.data.simulation.experiment import SeparationOptions, SimulationOptions
from l2l_core.data.simulation.labelling import LabelOptions
from l2l_core.data.simulation.membrane import MembraneOptions
from l2l_core.data.simulation.microscope import ConfocalOptions, StedOptions
from l2l_core.data.simulation.microtubules import MicrotubuleOptions
from l2l_core.data.simulation.nucleus import NucleusOptions
from l2l_core.data.simulation.specimen import CellOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from l2l_core.data.simulation.experiment import ExperimentOptions

_SIZE = (512, 512)
_PHOTOMULTIPLIER = CameraOptions(gain=20.0, offset=100.0, read_noise=0.5)
_HYBRID_DETECTOR = CameraOptions(gain=1.0, offset=0.0, read_noise=0.0, bits=8)
"""Counts photons and nothing else; of a dim image the pixels are 0, 1 and rarely more."""

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

_TUBULIN = SimulationOptions(
    size=_SIZE,
    pixel_size_nm=100.0,
    cells=CellOptions(diameter_um=62.0, roughness=0.12, nucleus_um=14.0, crowding=3.4),
    structure=MicrotubuleOptions(density=0.012, length_um=22.0, centred=0.6, centre_um=1.0),
    optics=ConfocalOptions(),
    camera=_PHOTOMULTIPLIER,
    input=LabelOptions(
        photons=11.5,
        labels_per_um=60.0,
        patchiness=0.15,
        cytosol=8.0,
        nucleus=0.85,
        cytosol_spread=0.1,
        cytosol_um=1.5,
        puncta=0.18,
        puncta_photons=25.0,
        haze=1.4,
        out_of_focus=0.15,
        excitation_nm=638.0,
        emission_nm=680.0,
    ),
    benchmark=LabelOptions(
        photons=30.0,
        labels_per_um=40.0,
        patchiness=0.8,
        patch_um=0.4,
        cytosol=0.25,
        nucleus=0.5,
        puncta=0.05,
        puncta_photons=15.0,
        haze=0.1,
        out_of_focus=0.05,
        excitation_nm=488.0,
        emission_nm=520.0,
    ),
)

_CAVEOLAE = SimulationOptions(
    size=_SIZE,
    pixel_size_nm=10.0,
    cells=CellOptions(
        diameter_um=40.0, nucleus_um=12.0, crowding=0.1, organelles=0.22, organelle_um=0.4
    ),
    structure=CaveolaOptions(density=3.0, brightness_spread=0.6),
    optics=StedOptions(),
    camera=_HYBRID_DETECTOR,
    input=LabelOptions(
        photons=1.4,
        labels_per_um=60.0,
        patchiness=0.25,
        patch_um=0.08,
        cytosol=1.0,
        cytosol_spread=0.03,
        cytosol_um=0.3,
        puncta=0.6,
        puncta_photons=1.4,
        puncta_um=0.06,
        haze=0.0,
        excitation_nm=646.0,
        emission_nm=700.0,
    ),
    benchmark=LabelOptions(
        photons=2.5,
        labels_per_um=60.0,
        patchiness=0.25,
        patch_um=0.08,
        cytosol=0.0,
        puncta=0.15,
        puncta_photons=1.0,
        puncta_um=0.06,
        haze=0.0005,
        excitation_nm=591.0,
        emission_nm=625.0,
    ),
)

_PAXILLIN = SimulationOptions(
    size=_SIZE,
    pixel_size_nm=100.0,
    cells=CellOptions(
        diameter_um=54.0, roughness=0.18, nucleus_um=13.0, crowding=1.75, dome=0.1, pool_um=1.5
    ),
    structure=AdhesionOptions(
        rim=0.36,
        reach_um=1.8,
        inner=0.008,
        length_um=3.0,
        width_um=0.7,
        brightness_spread=0.2,
    ),
    optics=ConfocalOptions(),
    camera=_PHOTOMULTIPLIER,
    input=LabelOptions(
        photons=31.0,
        labels_per_um=60.0,
        patchiness=0.65,
        patch_um=1.5,
        cytosol=7.4,
        nucleus=0.6,
        cytosol_spread=0.27,
        cytosol_correlation=0.7,
        puncta=0.3,
        puncta_photons=28.0,
        haze=1.5,
        excitation_nm=638.0,
        emission_nm=680.0,
    ),
    benchmark=LabelOptions(
        photons=120.0,
        labels_per_um=120.0,
        patchiness=0.6,
        patch_um=1.5,
        cytosol=0.25,
        nucleus=0.6,
        cytosol_spread=0.3,
        cytosol_correlation=0.7,
        puncta=0.02,
        puncta_photons=10.0,
        haze=0.02,
        excitation_nm=488.0,
        emission_nm=520.0,
    ),
)

_NUCLEUS_MEMBRANE = SeparationOptions(
    size=_SIZE,
    pixel_size_nm=100.0,
    cells=CellOptions(diameter_um=36.0, roughness=0.2, nucleus_um=14.0, crowding=0.9, dome=0.5),
    optics=ConfocalOptions(),
    camera=_PHOTOMULTIPLIER,
    names=("nucleus", "membrane"),
    structures=(NucleusOptions(), MembraneOptions()),
    stains=(
        LabelOptions(
            photons=25.0,
            labels_per_um=400.0,
            patchiness=0.1,
            cytosol=0.6,
            puncta=0.0,
            haze=0.2,
            bleed_through=0.01,
            excitation_nm=488.0,
            emission_nm=600.0,
        ),
        LabelOptions(
            photons=12.0,
            labels_per_um=150.0,
            patchiness=0.3,
            cytosol=0.8,
            nucleus=0.8,
            puncta=0.05,
            puncta_photons=8.0,
            haze=0.2,
            bleed_through=0.01,
            excitation_nm=552.0,
            emission_nm=600.0,
        ),
    ),
)

SPECIMENS: Mapping[str, ExperimentOptions] = {
    "filaments": SimulationOptions(),
    "actin": _ACTIN,
    "tubulin": _TUBULIN,
    "caveolae": _CAVEOLAE,
    "paxillin": _PAXILLIN,
    "nucleus_membrane": _NUCLEUS_MEMBRANE,
}
"""The specimens by name: each is a set of options to start from."""
