"""From light to numbers: shot noise, read noise, gain and offset of a detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, validators

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray


@define(frozen=True, kw_only=True)
class CameraOptions:
    """A detector.

    Parameters
    ----------
    quantum_efficiency : float
        Electrons for a photon, above 0 and up to 1.  Light is given in detected photons, so this
        is 1 unless a camera's exposure is to be described by the photons that reach it.
    gain : float
        Grey levels (ADU) for an electron.
    offset : float
        Grey level (ADU) of no light.
    read_noise : float
        Standard deviation of the reading of a pixel, in electrons.
    bits : int
        Depth of the digitiser, 1 to 16; brighter pixels are cut off at ``2**bits - 1``.
    """

    quantum_efficiency: float = field(default=1.0, validator=[validators.gt(0), validators.le(1)])
    gain: float = field(default=20.0, validator=validators.gt(0))
    offset: float = field(default=100.0, validator=validators.ge(0))
    read_noise: float = field(default=0.5, validator=validators.ge(0))
    bits: int = field(default=16, validator=[validators.ge(1), validators.le(16)])


def expose(
    photons: NDArray[np.float32], options: CameraOptions, rng: Generator
) -> NDArray[np.uint16]:
    """Return one exposure of a scene.

    Parameters
    ----------
    photons : ndarray of float, any shape
        Photons expected in each pixel during the exposure, not negative.
    options : CameraOptions
    rng : numpy.random.Generator
        Each call with a generator draws a further noise realisation of the scene.

    Returns
    -------
    ndarray of uint16, same shape
        Grey levels (ADU): ``offset + gain * (Poisson(efficiency * photons) + Normal(0, read))``,
        rounded and cut off at 0 and at the digitiser's end.
    """
    electrons = rng.poisson(photons * np.float32(options.quantum_efficiency)).astype(np.float32)
    if options.read_noise:
        noise = rng.standard_normal(electrons.shape, dtype=np.float32)
        electrons += np.float32(options.read_noise) * noise
    levels = np.rint(np.float32(options.gain) * electrons + np.float32(options.offset))
    np.clip(levels, 0, 2**options.bits - 1, out=levels)
    return np.asarray(levels, np.uint16)


def average(
    photons: NDArray[np.float32], frames: int, options: CameraOptions, rng: Generator
) -> NDArray[np.float32]:
    """Return the mean of many exposures of a scene, drawn at once.

    Parameters
    ----------
    photons : ndarray of float, any shape
        Photons expected in each pixel during one exposure, not negative.
    frames : int
        How many exposures, at least 1.
    options : CameraOptions
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, same shape
        Mean grey level (ADU), cut off at 0 and at the digitiser's end.  Frames are summed before
        they are rounded, so the mean lacks the rounding of the single ones.
    """
    scale = np.float32(frames * options.quantum_efficiency)
    electrons = rng.poisson(photons * scale).astype(np.float32)
    if options.read_noise:
        noise = rng.standard_normal(electrons.shape, dtype=np.float32)
        electrons += np.float32(options.read_noise * np.sqrt(frames)) * noise
    levels = np.float32(options.gain / frames) * electrons + np.float32(options.offset)
    return np.asarray(np.clip(levels, 0, 2**options.bits - 1), np.float32)
