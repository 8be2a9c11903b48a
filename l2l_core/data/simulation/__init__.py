"""Simulated specimens: two labels of one structure whose truth is known.

A specimen is laid out as cells and binding sites (:mod:`specimen`), two labels stain it, each with
its own background (:mod:`labelling`), a microscope blurs the light (:mod:`optics`) and a detector
counts it (:mod:`camera`).  :mod:`pairs` puts these together.
"""

from l2l_core.data.simulation.folder import WrittenPairs, write_pairs
from l2l_core.data.simulation.pairs import (
    SPECIMENS,
    SimulatedPair,
    SimulationOptions,
    simulate_pair,
)

__all__ = [
    "SPECIMENS",
    "SimulatedPair",
    "SimulationOptions",
    "WrittenPairs",
    "simulate_pair",
    "write_pairs",
]
