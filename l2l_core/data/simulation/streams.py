"""One independent random generator for each purpose of a simulation, all from one seed.

With one generator for everything, a draw more in one place would change every pixel after it.
With a stream for each purpose, a further label or a second exposure leaves all others as they are.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve, field, validators

if TYPE_CHECKING:
    from numpy.random import Generator


@define(frozen=True)
class Streams:
    """The random streams of one simulated field.

    Parameters
    ----------
    seed : int
        Not negative.
    path : tuple of str
        What part of the simulation these streams are for; see :meth:`under`.
    """

    seed: int = field(validator=validators.ge(0))
    path: tuple[str, ...] = ()

    def under(self, part: str) -> Streams:
        """Return the streams of one part of the simulation, such as a label."""
        return evolve(self, path=(*self.path, part))

    def of(self, purpose: str) -> Generator:
        """Return a fresh generator for `purpose`; the same one for the same seed and path."""
        words = tuple(zlib.crc32(word.encode()) for word in (*self.path, purpose))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=words))


def pair_seeds(seed: int, pairs: int) -> tuple[int, ...]:
    """Return a seed for each of `pairs` fields; asking for more leaves the first as they are."""
    return tuple(int(word) for word in np.random.SeedSequence(seed).generate_state(pairs))
