"""Simulated specimens: labels of structures whose truth is known.

A specimen is laid out as cells and binding sites (:mod:`specimen` and a module for each kind of
structure), labels stain it, each with its own background (:mod:`labelling`), a microscope blurs the
light (:mod:`microscope`, :mod:`optics`) and a detector counts it (:mod:`camera`).
:mod:`experiment` holds the options of all of these together, :mod:`pairs` carries them out,
:mod:`specimens` has the sets of options that have a name.
"""

from l2l_core.data.simulation.experiment import SeparationOptions, SimulationOptions
from l2l_core.data.simulation.folder import WrittenPairs, write_pairs
from l2l_core.data.simulation.pairs import SimulatedPair, simulate_pair
from l2l_core.data.simulation.specimens import SPECIMENS

__all__ = [
    "SPECIMENS",
    "SeparationOptions",
    "SimulatedPair",
    "SimulationOptions",
    "WrittenPairs",
    "simulate_pair",
    "write_pairs",
]
