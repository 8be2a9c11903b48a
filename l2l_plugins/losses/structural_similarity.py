"""Losses that compare the structure of two images: SSIM, and MS-SSIM over several scales.

Against the mean absolute error they give sharper restorations; the fewer the scales, the sharper,
and the more structure is invented.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, field, validators

from l2l_core.components import Loss, masked_mean
from l2l_core.ops import spatial_axes
from l2l_plugins.losses.shapes import check_shapes
from l2l_plugins.losses.similarity import Window, combined, similarity_terms, usable_scales

if TYPE_CHECKING:
    from collections.abc import Iterable

    from l2l_core.ops import Ops

_THREE = (0.2096, 0.4659, 0.3245)
_FIVE = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_DEFAULT_SIZE = 11

PRESETS: dict[str, tuple[tuple[float, ...], int]] = {
    "paper-3": (_THREE, 11),
    "paper-5": (_FIVE, 7),
}
"""Weights of the scales and filter size of the settings that label2label was published with.

Five scales take the weights of Wang et al. (2003), and a filter of 7, the largest odd one that fits
into the fifth scale, 8 pixels, of a patch of 128.
"""


def _is_odd(instance: Any, attribute: Any, value: int | None) -> None:
    if value is not None and (value < 1 or value % 2 == 0):
        raise ValueError(f"got {attribute.name} = {value}, expected an odd number of at least 1")


def _as_tuple(value: Iterable[float] | None) -> tuple[float, ...] | None:
    return None if value is None else tuple(value)


def _are_exponents(instance: Any, attribute: Any, value: tuple[float, ...] | None) -> None:
    if value is not None and (not 1 <= len(value) <= 5 or min(value) <= 0):
        raise ValueError(f"got weights = {list(value)}, expected 1 to 5 numbers above 0")


@define(frozen=True)
class SsimLoss(Loss):
    """One minus the structural similarity (SSIM), averaged over pixels, channels and images.

    Only windows that lie within the image count, as if its border were cropped.  Value 0 for equal
    images, up to 2 for opposite ones.  A mask weighs each window by its own weighted mean.

    Parameters
    ----------
    filter_size : int, optional
        Taps of the Gaussian window, odd.  Along an axis that is shorter, the largest odd number
        that fits.
    sigma : float, optional
        Its standard deviation in pixels.
    k1, k2 : float, optional
        Stabilise dark and flat regions, as shares of `data_range`.
    data_range : float, optional
        Span of the intensities; 1 for normalised images.

    References
    ----------
    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13, 2004.
    """

    filter_size: int = field(default=_DEFAULT_SIZE, validator=_is_odd)
    sigma: float = field(default=1.5, validator=validators.gt(0))
    k1: float = field(default=0.01, validator=validators.gt(0))
    k2: float = field(default=0.03, validator=validators.gt(0))
    data_range: float = field(default=1.0, validator=validators.gt(0))

    @property
    def window(self) -> Window:
        """Gaussian window and constants."""
        return Window(
            self.filter_size,
            self.sigma,
            (self.k1 * self.data_range) ** 2,
            (self.k2 * self.data_range) ** 2,
        )

    def __call__(
        self, ops: Ops, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the loss of a batch; see :class:`l2l_core.components.Loss`."""
        index, weights = self.index(ops, target, prediction, channel_axis=channel_axis, mask=mask)
        return _averaged(ops, 1.0 - index, weights)

    def index(
        self,
        ops: Ops,
        target: Any,
        prediction: Any,
        *,
        channel_axis: int,
        mask: Any = None,
        whole_windows: bool = False,
    ) -> tuple[Any, list[Any]]:
        """Return the SSIM of every image and channel, (N, C), and their weights in a list of one.

        Parameters are those of :func:`l2l_plugins.losses.similarity.similarity_terms`.
        """
        check_shapes(ops, target, prediction, channel_axis=channel_axis)
        terms, weights = similarity_terms(
            ops,
            target,
            prediction,
            window=self.window,
            scales=1,
            channel_axis=channel_axis,
            mask=mask,
            whole_windows=whole_windows,
        )
        return terms[0], weights


@define(frozen=True)
class MsSsimLoss(Loss):
    """One minus the multi-scale structural similarity (MS-SSIM), averaged over channels and images.

    Patches that are too small for all scales are compared at fewer: those at which the filter
    still fits into Y and X, their weights divided by their sum, which is said once.  So any patch
    will do; one smaller than the filter itself is compared at one scale with a smaller filter.
    In stacks the filter narrows along a short Z, and Z is halved with Y and X down to one plane.
    The last pixel of a side that is odd at some scale is left out of the next: every pixel of the
    smaller image is then a mean of real ones.

    Where a scale's term is negative the product of powers is continued smoothly, see
    :func:`l2l_plugins.losses.similarity.combined`: value and gradient are finite for every pair of
    images, and the gradient leads away from opposite ones.  0 for equal images, up to 2.

    Parameters
    ----------
    scales : int, optional
        1 to 5; 3 unless `preset` or `weights` say otherwise.
    weights : list of float, optional
        One exponent for each scale, finest first, instead of the published ones: the paper's for 3
        scales and fewer, those of Wang et al. (2003) for more, divided by their sum where only the
        first ones are taken.
    preset : {"", "paper-3", "paper-5"}, optional
        Weights and filter of the paper's settings; what else is given must agree.
    filter_size : int, optional
        Taps of the Gaussian window, odd; 11 unless `preset` says otherwise.
    sigma : float, optional
        Its standard deviation in pixels.
    k1, k2 : float, optional
        Stabilise dark and flat regions, as shares of `data_range`.
    data_range : float, optional
        Span of the intensities; 1 for normalised images.

    References
    ----------
    Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image quality
    assessment", Asilomar Conference on Signals, Systems and Computers, 2003.
    """

    scales: int | None = field(
        default=None, validator=validators.optional([validators.ge(1), validators.le(5)])
    )
    weights: tuple[float, ...] | None = field(
        default=None, converter=_as_tuple, validator=_are_exponents
    )
    preset: Literal["", "paper-3", "paper-5"] = field(
        default="", validator=validators.in_(("", *PRESETS))
    )
    filter_size: int | None = field(default=None, validator=_is_odd)
    sigma: float = field(default=1.5, validator=validators.gt(0))
    k1: float = field(default=0.01, validator=validators.gt(0))
    k2: float = field(default=0.03, validator=validators.gt(0))
    data_range: float = field(default=1.0, validator=validators.gt(0))

    def __attrs_post_init__(self) -> None:
        """Refuse numbers of scales that contradict each other."""
        count = len(self.exponents)
        if self.scales not in (None, count):
            origin = "weights" if self.weights is not None else f"preset {self.preset!r}"
            raise ValueError(
                f"got scales = {self.scales} and {count} scales in {origin}; leave one of them out"
            )
        if self.preset and self.weights is not None:
            raise ValueError(f"got weights and preset {self.preset!r}; leave one of them out")

    @property
    def exponents(self) -> tuple[float, ...]:
        """Exponent of each scale that is asked for, finest first."""
        if self.weights is not None:
            return self.weights
        if self.preset:
            return PRESETS[self.preset][0]
        scales = 3 if self.scales is None else self.scales
        published = _THREE if scales <= len(_THREE) else _FIVE
        return published if scales == len(published) else _normalised(published[:scales])

    @property
    def window(self) -> Window:
        """Gaussian window and constants."""
        size = self.filter_size
        if size is None:
            size = PRESETS[self.preset][1] if self.preset else _DEFAULT_SIZE
        return Window(
            size,
            self.sigma,
            (self.k1 * self.data_range) ** 2,
            (self.k2 * self.data_range) ** 2,
        )

    def __call__(
        self, ops: Ops, target: Any, prediction: Any, *, channel_axis: int, mask: Any = None
    ) -> Any:
        """Return the loss of a batch; see :class:`l2l_core.components.Loss`."""
        index, weights = self.index(ops, target, prediction, channel_axis=channel_axis, mask=mask)
        return _averaged(ops, 1.0 - index, weights)

    def index(
        self,
        ops: Ops,
        target: Any,
        prediction: Any,
        *,
        channel_axis: int,
        mask: Any = None,
        whole_windows: bool = False,
    ) -> tuple[Any, list[Any]]:
        """Return the MS-SSIM of every image and channel, (N, C), and their weights by scale.

        Parameters are those of :func:`l2l_plugins.losses.similarity.similarity_terms`.
        """
        check_shapes(ops, target, prediction, channel_axis=channel_axis)
        shape = ops.shape(target)
        sides = tuple(shape[axis] for axis in spatial_axes(len(shape), channel_axis))
        window, exponents = self.window, self.exponents
        scales = usable_scales(sides, len(exponents), window.size)
        if scales < len(exponents) or min(sides[-2:]) < window.size:
            _say_what_fits(sides, len(exponents), scales, window.size)
        if scales < len(exponents):
            exponents = _normalised(exponents[:scales])
        terms, weights = similarity_terms(
            ops,
            target,
            prediction,
            window=window,
            scales=scales,
            channel_axis=channel_axis,
            mask=mask,
            whole_windows=whole_windows,
        )
        return combined(ops, terms, exponents), weights


def _normalised(weights: tuple[float, ...]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def _averaged(ops: Ops, values: Any, weights: list[Any]) -> Any:
    """Return the mean over images and channels, each as heavy as its mask at the finest scale."""
    return masked_mean(ops, values, weights[0] if weights else None)


@cache
def _say_what_fits(sides: tuple[int, ...], wanted: int, scales: int, size: int) -> None:
    """Warn about too small an image; once for each combination, since results are cached."""
    shape = " x ".join(str(side) for side in sides)
    needed = size << (wanted - 1)
    fitting = min(sides[-2:]) >> (wanted - 1)
    fitting -= 1 - fitting % 2
    smaller = f", or filter_size = {fitting}" if fitting >= 3 else ""
    used = f"{scales} scale{'s' if scales > 1 else ''}"
    filtered = "" if min(sides[-2:]) >= size else " and a smaller filter"
    warnings.warn(
        f"MS-SSIM with {wanted} scales and a filter of {size} pixels needs Y and X of at least "
        f"{needed} pixels and got {shape}: it uses {used}{filtered}, weights divided by their sum; "
        f"to choose yourself, take larger patches, scales = {scales}{smaller}",
        stacklevel=4,
    )
