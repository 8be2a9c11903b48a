"""How far one image of a pair is displaced: in whole pixels by SSIM, or in parts of a pixel.

By similarity: label2label's correction of stage drift.  Both images are filtered with a Gaussian of
2 pixels and scaled from their 1st and 99th percentile to 0 and 1; 100 patches of 60 x 60 pixels
away from background are moved by up to 5 pixels each way, and the step of the highest mean SSIM
wins.

By phase: the normalised cross-correlation of the middle of one image with the other
(:func:`skimage.feature.match_template`) tells the whole pixels, and
:func:`skimage.registration.phase_cross_correlation`, upsampled and repeated on what both images
show until nothing is left to move, the rest.  Both see details alone
(:func:`l2l_core.images.appearance.details`): the diffuse background of two labels has nothing in
common, and would lead astray.

How sure a shift is comes from the details that do not fit.  At the shift found, the images are
expanded to first order in a further displacement; the least-squares estimate of that has a
covariance, for which 4 x 4 blocks of the image are taken as what is independent, so that noise,
structure of one label alone and unequal blur all count (the sandwich estimator for clusters, K.-Y.
Liang, S. L. Zeger, Biometrika 73, 13, 1986).  A whole-pixel shift adds the variance of rounding.
It is an error of a shift that is about right; whether it is, the rival peak says.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve
from scipy import ndimage

from l2l_core.data.shifts import Shift, overlapping
from l2l_core.errors import PairingError
from l2l_core.images.appearance import details

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Plane = NDArray[np.float64]

_SIGMA = 2.0
_BLOCKS = 4
_STEPS_PER_PIXEL = 100
_ROUNDS = 10
_SIDE_OF_FIRST_LOOK = 512
_LEAST_CORRELATION = 0.12
_APART = 4


def shift_by_similarity(
    reference: NDArray[Any],
    moving: NDArray[Any],
    *,
    search: int = 5,
    patch: int = 60,
    count: int = 100,
    seed: int = 1,
) -> Shift:
    """Return the whole-pixel shift of the highest mean SSIM of patches away from background.

    Parameters
    ----------
    reference, moving : ndarray, (Y, X)
        Of equal shape, any real dtype and units; NaN counts as the median.
    search : int
        Pixels that are tried along each axis, both ways.
    patch : int
        Side of a patch; ``patch - 2 * search`` pixels of it are compared, at least 11.
    count : int
        Patches, drawn at random with `seed`, with repetition where there are fewer places.

    Raises
    ------
    PairingError
        If the shapes differ, a patch does not fit, the best shift lies at the limit of the search,
        or the images do not correlate there.
    """
    fixed, moved = _filled(reference, moving)
    patch = max(patch, 2 * search + 11)
    if min(fixed.shape) < patch:
        raise PairingError(
            f"an image of {fixed.shape[0]} x {fixed.shape[1]} pixels holds no patch of {patch} x "
            f"{patch}, which a search of {search} pixels by SSIM compares; search less far, or "
            "align by phase"
        )
    fixed, moved = (_scaled(ndimage.gaussian_filter(one, _SIGMA)) for one in (fixed, moved))
    corners = _corners(fixed, patch, count, seed)
    scores = _patch_scores(_cut(fixed, corners, patch), _cut(moved, corners, patch), search)
    best = int(np.argmax(scores))
    y, x = (int(n) - search for n in np.unravel_index(best, scores.shape))
    if max(abs(y), abs(x)) == search:
        raise PairingError(
            f"the best shift by SSIM, {y} px along Y and {x} px along X, lies at the limit of the "
            f"search of {search} px, so a better one may lie beyond; search farther, up to "
            f"{(min(fixed.shape) - 11) // 2} px here, or see whether both images show one field"
        )
    shift = Shift(float(y), float(x), score=float(scores.max()), rival=_rival(scores))
    return _judged(reference, moving, shift, rounding=1.0)


def shift_by_phase(
    reference: NDArray[Any], moving: NDArray[Any], *, search: int | None = None
) -> Shift:
    """Return the shift at which two images correlate best, to a hundredth of a pixel.

    Parameters
    ----------
    reference, moving : ndarray, (Y, X)
        Of equal shape, any real dtype and units; NaN counts as the median.
    search : int, optional
        How far the shift may go along each axis, in pixels, a quarter of the shorter side at the
        most; 10 where it is left out, or that quarter where it is less.

    Raises
    ------
    PairingError
        If the shapes differ, the images are too small, the best shift lies at or beyond the limit
        of the search, or the images do not correlate there.
    """
    fixed, moved = _filled(reference, moving)
    shortest = min(fixed.shape)
    if shortest < 16:
        raise PairingError(
            f"an image of {fixed.shape[0]} x {fixed.shape[1]} pixels is too small to align; "
            "expected sides of 16 or more"
        )
    limit = min(10, shortest // 4) if search is None else search
    if limit > shortest // 4:
        raise PairingError(
            f"a search of {limit} px leaves less than half of the sides of an image of "
            f"{fixed.shape[0]} x {fixed.shape[1]} pixels to compare; search {shortest // 4} px at "
            "the most"
        )
    fixed, moved = details(fixed), details(moved)
    y, x, rival = _first_look(fixed, moved, limit)
    # So far the step may go before it has left the peak that was found at first.
    factor, rounding = _factor(fixed), 0.0
    for _ in range(_ROUNDS):
        step = _step(*overlapping(fixed, moved, "YX", Shift(y, x)))
        if max(map(abs, step)) > 1.5 * factor:
            rounding = float(factor)
            break
        y, x = y + step[0], x + step[1]
        if max(map(abs, step)) <= 1 / _STEPS_PER_PIXEL:
            break
    return _judged(reference, moving, Shift(y, x, method="phase", rival=rival), rounding)


def _filled(reference: NDArray[Any], moving: NDArray[Any]) -> tuple[Plane, Plane]:
    """Return both in float64, NaN filled; raise unless they can be compared."""
    if reference.ndim != 2 or reference.shape != moving.shape:
        raise PairingError(
            f"images of the shapes {reference.shape} and {moving.shape} cannot be aligned; "
            "expected two planes (Y, X) of equal sides"
        )
    filled = []
    for one in (reference, moving):
        plane = np.array(one, np.float64)
        known = np.isfinite(plane)
        if not known.any() or np.ptp(plane[known]) == 0:
            raise PairingError(
                "one of the images is constant or holds no finite pixel, so no shift can be told; "
                "expected images with structure"
            )
        plane[~known] = np.median(plane[known])
        filled.append(plane)
    return filled[0], filled[1]


def _scaled(plane: Plane) -> Plane:
    low, high = np.percentile(plane, [1.0, 99.0])
    if not high > low:
        low, high = plane.min(), plane.max()
    scaled: Plane = (plane - low) / (high - low)
    return scaled


def _corners(plane: Plane, patch: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return corners of patches whose middle, half as wide, holds a pixel above 0.4."""
    width = patch // 2
    brightest = ndimage.maximum_filter(plane, width, mode="constant")
    top = patch // 4 + width // 2
    rows, columns = (size - patch + 1 for size in plane.shape)
    places = np.argwhere(brightest[top : top + rows, top : top + columns] > 0.4)
    if not len(places):
        raise PairingError(
            "no patch of the image holds structure that stands out of its background, so no shift "
            "can be told by SSIM; align by phase, or look at the image"
        )
    chosen = np.random.default_rng(seed).choice(len(places), count, replace=len(places) < count)
    return places[chosen]


def _cut(plane: Plane, corners: NDArray[np.int64], patch: int) -> Plane:
    return np.stack([plane[y : y + patch, x : x + patch] for y, x in corners])


def _patch_scores(fixed: Plane, moved: Plane, search: int) -> Plane:
    """Return the mean SSIM of all patches, (2 search + 1, 2 search + 1), by shift along Y and X.

    Windows of 11 pixels, Gaussian of 1.5 pixels, whole windows alone, data range 1.
    """
    inner = fixed.shape[-1] - 2 * search
    radius = 5

    def windowed(stack: Plane) -> Plane:
        options: dict[str, Any] = {"sigma": 1.5, "truncate": radius / 1.5, "axes": (1, 2)}
        valid = slice(radius, -radius)
        smooth: Plane = ndimage.gaussian_filter(stack, **options)[:, valid, valid]
        return smooth

    one = fixed[:, search : search + inner, search : search + inner]
    mean, square = windowed(one), windowed(one * one)
    means, squares = windowed(moved), windowed(moved * moved)
    c1, c2 = 0.01**2, 0.03**2
    valid = inner - 2 * radius
    scores = np.empty((2 * search + 1,) * 2)
    for y, x in np.ndindex(*scores.shape):
        # Moving an image down shows what was above: the window goes up.
        top, left = 2 * search - y, 2 * search - x
        other = moved[:, top : top + inner, left : left + inner]
        there = (slice(None), slice(top, top + valid), slice(left, left + valid))
        product = mean * means[there]
        covariance = windowed(one * other) - product
        sums = mean * mean + means[there] ** 2
        variances = square + squares[there] - sums
        values = (2 * product + c1) * (2 * covariance + c2) / ((sums + c1) * (variances + c2))
        scores[y, x] = values.mean()
    return scores


def _factor(plane: Plane) -> int:
    return ceil(int(max(plane.shape)) / _SIDE_OF_FIRST_LOOK)


def _first_look(fixed: Plane, moved: Plane, limit: int) -> tuple[float, float, float]:
    """Return the whole-pixel shift along Y and X of the highest correlation, and its rival.

    Large images are binned first.
    """
    from skimage.feature import match_template

    factor = _factor(fixed)
    small = [_binned(one, factor) for one in (fixed, moved)]
    reach = min(ceil(limit / factor), min(small[0].shape) // 4)
    inner = small[1][reach:-reach, reach:-reach]
    scores: Plane = match_template(small[0], inner)  # type: ignore[no-untyped-call]
    best = np.unravel_index(int(np.argmax(scores)), scores.shape)
    y, x = (float((int(n) - reach) * factor) for n in best)
    if scores[best] < _least(fixed):
        raise _unlike(float(scores[best]), _least(fixed))
    if max(abs(y), abs(x)) >= reach * factor:
        raise PairingError(
            f"the best shift by phase, {y:.0f} px along Y and {x:.0f} px along X, lies at the "
            f"limit of the search of {limit} px, so a better one may lie beyond; search farther, "
            f"up to {min(fixed.shape) // 4} px here, or see whether both images show one field"
        )
    return y, x, _rival(scores)


def _rival(scores: Plane) -> float:
    """Return the highest score away from the peak, as a share of the peak; 0 or more."""
    peak = np.unravel_index(int(np.argmax(scores)), scores.shape)
    rows, columns = np.indices(scores.shape)
    away = np.maximum(abs(rows - peak[0]), abs(columns - peak[1])) > _APART
    if not away.any():
        return 0.0
    return max(0.0, float(scores[away].max() / scores[peak]))


def _binned(plane: Plane, factor: int) -> Plane:
    rows, columns = (size // factor for size in plane.shape)
    cut = plane[: rows * factor, : columns * factor]
    binned: Plane = cut.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    return binned


def _window(shape: tuple[int, ...]) -> Plane:
    """Return a weight that is 1 in the middle half and falls to 0 at the border."""
    from scipy.signal.windows import tukey

    window: Plane = tukey(shape[0], 0.5)[:, None] * tukey(shape[1], 0.5)[None, :]
    return window


def _step(fixed: Plane, moved: Plane) -> tuple[float, float]:
    from skimage.registration import phase_cross_correlation

    window = _window(fixed.shape)
    pair = [(one - np.average(one, weights=window)) * window for one in (fixed, moved)]
    # Without whitening: the fine detail of two labels is noise of each, and would outvote the rest.
    shift: Sequence[float] = phase_cross_correlation(  # type: ignore[no-untyped-call]
        *pair, upsample_factor=_STEPS_PER_PIXEL, normalization=None
    )[0]
    return float(shift[0]), float(shift[1])


def _least(plane: Plane) -> float:
    """Return the correlation that details have to reach to be those of one field."""
    # Noise after a Gaussian of 1 pixel has about so many independent values; of two such images
    # some shift correlates by chance.
    independent = plane.size / (4 * np.pi)
    return max(_LEAST_CORRELATION, min(0.5, 5 / sqrt(independent)))


def _unlike(correlation: float, least: float) -> PairingError:
    return PairingError(
        f"the images do not correlate at any shift of the search: {correlation:.2f} at best, "
        f"expected at least {least:.2f}; see whether both show one field and overlap, or search "
        "farther"
    )


def _judged(
    reference: NDArray[Any], moving: NDArray[Any], shift: Shift, rounding: float = 0.0
) -> Shift:
    """Return a shift with its correlation and errors; raise where the images do not correlate.

    `rounding` is the step in pixels that the shift is rounded to.
    """
    fixed, moved = overlapping(*_filled(reference, moving), "YX", shift)
    one, two = details(fixed), details(moved)
    varied = min(np.ptp(one), np.ptp(two)) > 0
    correlation = float(np.corrcoef(one.ravel(), two.ravel())[0, 1]) if varied else 0.0
    if correlation < _least(fixed):
        raise _unlike(correlation, _least(fixed))
    y_error, x_error = (sqrt(error**2 + rounding**2 / 12) for error in _errors(one, two))
    return evolve(shift, correlation=correlation, y_error=y_error, x_error=x_error)


def _errors(fixed: Plane, moved: Plane) -> tuple[float, float]:
    """Return the standard errors of a shift along Y and X, of details; the module tells how."""
    window = _window(fixed.shape) ** 2
    one, two = (plane - np.average(plane, weights=window) for plane in (fixed, moved))
    gain = np.sum(window * one * two) / np.sum(window * two * two)
    slopes = np.array(np.gradient(gain * two))
    pull = window * slopes * (one - gain * two)
    blocks = np.array(
        [
            [part.sum() for rows in np.array_split(each, _BLOCKS) for part in _columns(rows)]
            for each in pull
        ]
    )
    blocks -= blocks.mean(axis=1, keepdims=True)
    bread = np.linalg.pinv(np.einsum("iyx,jyx->ij", window * slopes, slopes))
    count = _BLOCKS**2
    covariance = bread @ (blocks @ blocks.T) @ bread * count / (count - 1)
    variances = np.maximum(np.diag(covariance), 0.0)
    return float(sqrt(variances[0])), float(sqrt(variances[1]))


def _columns(rows: Plane) -> list[Plane]:
    return np.array_split(rows, _BLOCKS, axis=1)
