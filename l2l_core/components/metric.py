"""The interface of a metric: one number for an image, usually against a reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Metric(ABC):
    """One number that says how good an image is.

    A subclass is a frozen attrs class whose attributes are its options.  Its record
    (:class:`~l2l_core.components.MetricInfo`) says whether it needs a reference and which
    direction is better.
    """

    @abstractmethod
    def __call__(
        self,
        image: NDArray[Any],
        reference: NDArray[Any] | None = None,
        *,
        data_range: float | None = None,
        mask: NDArray[np.bool_] | None = None,
        axes: str | None = None,
    ) -> float:
        """Return the metric of one image.

        Parameters
        ----------
        image : ndarray
            ([C,] [Z,] Y, X), any real dtype, any units.
        reference : ndarray, optional
            Of the same shape and units.
        data_range : float, optional
            Span of the intensities that the metric is relative to, in the image's units.
        mask : ndarray of bool, optional
            Pixels that count; all where it is left out.
        axes : str, optional
            Axes of `image`, such as ``"CYX"``; by default ``"YX"`` or ``"ZYX"`` by dimension.
            Channels are taken one by one and averaged.

        Returns
        -------
        float

        Raises
        ------
        ImageError
            If shapes differ, a reference or data range is needed and missing, or the axes do not
            fit.
        """

    def error_map(
        self,
        image: NDArray[Any],
        reference: NDArray[Any],
        *,
        mask: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64] | None:
        """Return where a plane differs from its reference; None, as here, for no such map.

        Parameters
        ----------
        image, reference : ndarray, (Y, X)
            Of one shape and in the same units, any real dtype.
        mask : ndarray of bool, (Y, X), optional
            Pixels that count; all where it is left out.

        Returns
        -------
        ndarray of float64, (Y, X), or None
            The larger, the more both differ there, in units of the reference; NaN where nothing
            counts.

        Raises
        ------
        ImageError
            If the shapes differ.
        """
        return None


class MergeableMetric(Metric):
    """A metric that also runs over an image in pieces, in any order and grouping.

    ``finish(add(add(start(), a), b))`` equals the metric of the whole image of which `a` and `b`
    are the parts, to floating-point accuracy; states of parts computed elsewhere add up by
    :meth:`merge`.
    """

    @abstractmethod
    def start(self) -> Any:
        """Return the state before any pixel was seen."""

    @abstractmethod
    def add(
        self,
        state: Any,
        image: NDArray[Any],
        reference: NDArray[Any] | None = None,
        *,
        mask: NDArray[np.bool_] | None = None,
    ) -> Any:
        """Return `state` with the pixels of one piece added; pieces are of any shape."""

    @abstractmethod
    def merge(self, one: Any, other: Any) -> Any:
        """Return the state of two sets of pieces together."""

    @abstractmethod
    def finish(self, state: Any, *, data_range: float | None = None) -> float:
        """Return the metric of all pixels that were added."""
