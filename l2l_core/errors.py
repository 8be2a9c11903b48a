"""Every failure that a user can cause or mend, as one tree under :class:`L2LError`.

A message is one sentence or two with up to five parts, where they exist: what is wrong, where,
what was got, what was expected, and the remedy.  The command line prints it after ``Error:``
and exits with 1; a programmer catches the class.
"""

from __future__ import annotations


class L2LError(Exception):
    """Root of all foreseeable failures; never raised itself."""


class ConfigError(L2LError, ValueError):
    """A run's configuration is wrong; the message lists every problem with its path."""


class ImageError(L2LError, ValueError):
    """An image's content, shape or axes do not fit the use."""


class ImageNotFoundError(ImageError, FileNotFoundError):
    """No image at this path."""


class ImageFormatError(ImageError):
    """An image file is damaged, or of a kind that cannot be read here."""


class DamagedChunksError(ImageError):
    """Chunks of an image cannot be decoded.

    Attributes
    ----------
    place : str
        Of the image.
    chunks : tuple of str
        All of them, by the keys of their files.
    """

    place: str = ""
    chunks: tuple[str, ...] = ()


class AxesError(ImageError):
    """Axes that do not fit the array or the method."""


class StatisticsError(ImageError):
    """An image gives no usable statistics: constant, empty, or NaN alone."""


class DataError(L2LError, ValueError):
    """A set of images cannot be paired, split or sampled."""


class PairingError(DataError):
    """Images without a partner, or partners that do not fit each other."""


class ComponentError(L2LError):
    """A component of the registry cannot be used."""


class UnknownComponentError(ComponentError, LookupError):
    """No component of this name; the message lists the known ones and the nearest."""


class ConflictingComponentsError(ComponentError):
    """Two distributions registered one key; neither is used until that is settled."""


class MissingDependencyError(ComponentError, ImportError):
    """A component is known, but a package that it stands on is not installed."""


class OptionsError(ComponentError, ValueError):
    """Options that the component's own ``Options`` class does not take."""


class ModelError(L2LError):
    """A model folder cannot be read or written."""


class ModelNotFoundError(ModelError, FileNotFoundError):
    """No model at this path."""


class ModelDamagedError(ModelError):
    """A model folder in which a file is missing, truncated or altered."""


class ModelVersionError(ModelError):
    """A model written by a newer version of the format."""


class UnsupportedModelError(ModelError):
    """A whole model of another software that cannot be run here, or one that it cannot run."""


class RunError(L2LError):
    """A run folder that exists, belongs to another run, or cannot go on."""


class TrainingDivergedError(L2LError):
    """The loss became NaN or infinite."""


class Interrupted(L2LError):
    """The user stopped the work; the message says what is safe on disk and how to go on."""


class OutOfMemory(L2LError, MemoryError):
    """A device has no memory left for a tile; the caller halves the tile and tries again."""


class TilingError(L2LError, ValueError):
    """A tile that is too small for the method's halo, or does not fit its axes."""


class DeviceError(L2LError):
    """A device that is asked for does not exist here."""


class WorkersError(L2LError):
    """A cluster that does not answer, or whose workers are gone; what they finished is safe."""


class UnfitWorkerError(L2LError):
    """A worker that cannot take part: another version, or it does not see the input."""


class OutputError(L2LError, OSError):
    """An output cannot be written; what was there before is still whole."""
