"""What metrics of single planes have in common: channels and planes apart, and their mean."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from l2l_core.components import Metric
from l2l_core.errors import StatisticsError
from l2l_plugins.metrics.checks import Plane, checked_reference, planes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class PlanewiseMetric(Metric):
    """A metric that looks at each plane (Y, X) by itself; a stack has the mean of its planes.

    A plane of a stack of which the mask leaves nothing is passed over.
    """

    title: ClassVar[str]
    compares: ClassVar[bool] = True
    """Whether there has to be a reference; an instance may say otherwise."""

    def __call__(
        self,
        image: NDArray[Any],
        reference: NDArray[Any] | None = None,
        *,
        data_range: float | None = None,
        mask: NDArray[np.bool_] | None = None,
        axes: str | None = None,
    ) -> float:
        """Return the metric of one image; see :class:`l2l_core.components.Metric`."""
        # A metric of one image alone lets the image stand for the reference that it never sees.
        other = checked_reference(reference, self.title) if self.compares else image
        channels = planes(image, other, mask=mask, axes=axes, metric=self.title)
        values = [
            np.mean([self.of_plane(plane, data_range) for plane in single_planes(channel)])
            for channel in channels
        ]
        return float(np.mean(values))

    @abstractmethod
    def of_plane(self, plane: Plane, data_range: float | None) -> float:
        """Return the metric of one plane, of which at least one pixel counts.

        Parameters
        ----------
        plane : Plane
            (Y, X).
        data_range : float, optional
            As it was given, unchecked.
        """


def single_planes(channel: Plane) -> Iterator[Plane]:
    """Yield the planes (Y, X) of a channel (Y, X) or (Z, Y, X) of which any pixel counts."""
    if channel.image.ndim == 2:
        yield channel
        return
    for z in range(channel.image.shape[0]):
        mask = None if channel.mask is None else channel.mask[z]
        if mask is None or mask.any():
            yield Plane(channel.image[z], channel.reference[z], mask)


def filled(image: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Return an image whose pixels outside the mask are NaN."""
    return image if mask is None else np.where(mask, image, np.nan)


def counted(image: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Return the pixels of an image that count, in one row."""
    return image.ravel() if mask is None else image[mask]


def check_varies(
    image: NDArray[np.float64], mask: NDArray[np.bool_] | None, metric: str, what: str = "image"
) -> None:
    """Raise StatisticsError for a constant image, of which nothing can be measured."""
    pixels = counted(image, mask)
    if not pixels.max() > pixels.min():
        raise StatisticsError(
            f"{metric} got a constant {what}, {pixels[0]:g} in each of the {pixels.size} pixels "
            "that count; expected a picture with structure"
        )
