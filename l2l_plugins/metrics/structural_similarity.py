"""SSIM and MS-SSIM as metrics: the arithmetic of the losses, in float64 on NumPy."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import define, field, validators

from l2l_core.components import Metric
from l2l_core.errors import ImageError
from l2l_core.ops import NumpyOps
from l2l_plugins.losses.structural_similarity import MsSsimLoss, SsimLoss
from l2l_plugins.metrics.checks import checked_range, planes

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Similarity(Metric):
    """What both have in common: each channel as a batch of one image, and the average."""

    title = "SSIM"

    @abstractmethod
    def _loss(self, data_range: float) -> SsimLoss | MsSsimLoss:
        """Return the loss whose arithmetic this is, for a data range."""

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
        loss = self._loss(checked_range(data_range, self.title))
        values = []
        for plane in planes(image, reference, mask=mask, axes=axes, metric=self.title):
            one, two, kept = plane.image, plane.reference, plane.mask
            if kept is not None:
                # No window that counts holds these pixels; a NaN in them must not spread.
                one, two = np.where(kept, one, 0.0), np.where(kept, two, 0.0)
            index, weights = loss.index(
                NumpyOps(),
                two[None, None],
                one[None, None],
                channel_axis=1,
                mask=None if kept is None else kept[None, None],
                whole_windows=True,
            )
            for scale, weight in enumerate(weights):
                if not weight.item() > 0:
                    raise ImageError(
                        f"{self.title} got a mask that holds no whole window of "
                        f"{loss.window.size} pixels at scale {scale + 1}; expected a mask of "
                        "larger patches, or a smaller filter_size"
                    )
            values.append(index.item())
        return float(np.mean(values))


@define(frozen=True)
class Ssim(_Similarity):
    """Structural similarity, 1 for equal images, -1 for opposite ones.

    The mean over all windows that lie within the image, and within the mask where there is one.
    Equals ``skimage.metrics.structural_similarity`` with ``gaussian_weights=True``, ``sigma=1.5``
    and ``use_sample_covariance=False``.  Symmetric.  The data range has to be given.

    Parameters
    ----------
    filter_size : int, optional
        Taps of the Gaussian window, odd.
    sigma : float, optional
        Its standard deviation in pixels.
    k1, k2 : float, optional
        Stabilise dark and flat regions, as shares of the data range.

    References
    ----------
    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13, 2004.
    """

    title = "SSIM"

    filter_size: int = 11
    sigma: float = field(default=1.5, validator=validators.gt(0))
    k1: float = field(default=0.01, validator=validators.gt(0))
    k2: float = field(default=0.03, validator=validators.gt(0))

    def __attrs_post_init__(self) -> None:
        """Check the options as the loss does."""
        self._loss(1.0)

    def _loss(self, data_range: float) -> SsimLoss:
        return SsimLoss(
            filter_size=self.filter_size,
            sigma=self.sigma,
            k1=self.k1,
            k2=self.k2,
            data_range=data_range,
        )


@define(frozen=True)
class MsSsim(_Similarity):
    """Multi-scale structural similarity, 1 for equal images, -1 for opposite ones.

    Options, scales that do not fit, odd sides and negative terms are those of the loss, see
    :class:`l2l_plugins.losses.structural_similarity.MsSsimLoss`.  Symmetric.  The data range has
    to be given.

    Parameters
    ----------
    scales : int, optional
        1 to 5; 3 unless `preset` or `weights` say otherwise.
    weights : list of float, optional
        One exponent for each scale, finest first.
    preset : {"", "paper-3", "paper-5"}, optional
        Weights and filter of the paper's settings.
    filter_size : int, optional
        Taps of the Gaussian window, odd; 11 unless `preset` says otherwise.
    sigma : float, optional
        Its standard deviation in pixels.
    k1, k2 : float, optional
        Stabilise dark and flat regions, as shares of the data range.

    References
    ----------
    Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image quality
    assessment", Asilomar Conference on Signals, Systems and Computers, 2003.
    """

    title = "MS-SSIM"

    scales: int | None = None
    weights: tuple[float, ...] | None = None
    preset: Literal["", "paper-3", "paper-5"] = ""
    filter_size: int | None = None
    sigma: float = field(default=1.5, validator=validators.gt(0))
    k1: float = field(default=0.01, validator=validators.gt(0))
    k2: float = field(default=0.03, validator=validators.gt(0))

    def __attrs_post_init__(self) -> None:
        """Check the options as the loss does."""
        self._loss(1.0)

    def _loss(self, data_range: float) -> MsSsimLoss:
        return MsSsimLoss(
            scales=self.scales,
            weights=self.weights,
            preset=self.preset,
            filter_size=self.filter_size,
            sigma=self.sigma,
            k1=self.k1,
            k2=self.k2,
            data_range=data_range,
        )
