"""Microscopes by their physics: how wide the point spread function is for a dye.

Widths are full widths at half maximum of Gaussians, in nm in the specimen, perpendicular to the
optical axis.  The Airy pattern of an objective of numerical aperture NA is 0.51 * wavelength / NA
wide.  A confocal microscope sees the product of the laser's focus and of what the pinhole lets
through; STED divides the width of the focus by sqrt(1 + I / Isat) (Westphal & Hell, Phys. Rev.
Lett. 94, 143903, 2005).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import sqrt

from attrs import define, field, validators

from l2l_core.data.simulation.optics import FWHM_PER_SIGMA

_FOCUS = 0.51
_AIRY = 1.22
"""Diameter of the Airy disc in units of wavelength / NA."""


class MicroscopeOptions(ABC):
    """Options of a microscope; a subclass is a frozen attrs class that knows how it blurs."""

    @abstractmethod
    def width_nm(self, excitation_nm: float, emission_nm: float) -> float:
        """Return the full width at half maximum of the point spread function for a dye, in nm."""


@define(frozen=True, kw_only=True)
class OpticsOptions(MicroscopeOptions):
    """The microscope, as far as it blurs: the same for every dye.

    Parameters
    ----------
    fwhm_nm : float
        Full width at half maximum of the Gaussian point spread function, in nm in the specimen;
        about 250 for a confocal microscope, 60 for STED.
    """

    fwhm_nm: float = field(default=250.0, validator=validators.gt(0))

    def width_nm(self, excitation_nm: float, emission_nm: float) -> float:
        """Return ``fwhm_nm``, whatever the dye."""
        return self.fwhm_nm


@define(frozen=True, kw_only=True)
class ConfocalOptions(MicroscopeOptions):
    """A confocal laser scanning microscope.

    Parameters
    ----------
    numerical_aperture : float
        Of the objective.
    pinhole_airy : float
        Diameter of the pinhole, in Airy discs of the emission; 0 for the closed limit.
    aberration : float
        How many times wider the point spread function is than that of an ideal objective, for
        reasons such as the mounting medium; at least 1.
    """

    numerical_aperture: float = field(default=1.4, validator=[validators.gt(0), validators.lt(1.8)])
    pinhole_airy: float = field(default=1.0, validator=validators.ge(0))
    aberration: float = field(default=1.25, validator=validators.ge(1))

    def width_nm(self, excitation_nm: float, emission_nm: float) -> float:
        """Return the width of the laser's focus times the detection through the pinhole, in nm."""
        laser = _FOCUS * excitation_nm / self.numerical_aperture
        emission = _FOCUS * emission_nm / self.numerical_aperture
        pinhole = self.pinhole_airy * _AIRY * emission_nm / self.numerical_aperture
        # A disc of diameter d has the variance d^2 / 16 along each axis.
        detection = sqrt(emission**2 + (FWHM_PER_SIGMA * pinhole / 4) ** 2)
        return self.aberration / sqrt(1 / laser**2 + 1 / detection**2)


@define(frozen=True, kw_only=True)
class StedOptions(ConfocalOptions):
    """A confocal microscope with a beam that depletes the rim of its focus.

    Parameters
    ----------
    numerical_aperture, pinhole_airy, aberration : float
        As of :class:`ConfocalOptions`.
    depletion : float
        Intensity of the depletion beam's crest, in saturation intensities of the dye; 0 is
        confocal, 10 makes the focus 3.3 times narrower.
    """

    depletion: float = field(default=10.0, validator=validators.ge(0))

    def width_nm(self, excitation_nm: float, emission_nm: float) -> float:
        """Return the width of the focus that is left, in nm."""
        confocal = super().width_nm(excitation_nm, emission_nm)
        return confocal / sqrt(1 + self.depletion)
