"""Which of two labels is the input and which the benchmark, and whether they can be learnt from.

The label of lower contrast is the input.  Contrasts are those of
:mod:`l2l_core.images.appearance`.  Labels go together where their details correlate
(:func:`l2l_core.images.appearance.details`), since each has a diffuse background of its own.  SSIM
and MS-SSIM (5 scales, weights and filter of the paper) are taken of the raw images, each scaled
from its 1st and 99th percentile to 0 and 1, with a data range of 1.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import asdict, define

from l2l_core.components.factory import get
from l2l_core.config_file import load_config
from l2l_core.errors import PairingError, StatisticsError
from l2l_core.images.appearance import contrast, details
from l2l_core.workflows.labelled_pairs import (
    labelled_pairs,
    one_label_each,
    plane_of,
    spread_planes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from l2l_core.data.pairs import Pair

LEAST_CORRELATION = 0.12
"""Details that correlate less have too little in common to learn one label from the other."""

MOST_CORRELATION = 0.95
"""Details that correlate more are those of one label rather than of two."""

LEAST_DIFFERENCE = 0.1
"""Michelson contrasts that differ less do not tell the input from the benchmark; in the paper they
differ by 0.4 and more."""

NUMBERS = (
    "michelson_a", "michelson_b", "rms_a", "rms_b",
    "correlation", "raw_correlation", "ssim", "ms_ssim",
)  # fmt: skip
"""What is measured of a pair, in the order in which it is shown."""

_PLANES = 5
_SIDE = 2048


@define(frozen=True)
class PairContrast:
    """What two images of one field say of each other, as means over the planes looked at.

    Parameters
    ----------
    name, a, b : str
        What the pair is called, and the paths of both images.
    planes : int
        How many planes were looked at.
    michelson_a, michelson_b, rms_a, rms_b : float
        Contrasts, 0 to 1.
    correlation, raw_correlation : float
        Pearson's coefficient of the details and of the raw images.
    ssim, ms_ssim : float
        Similarity over 1 and 5 scales.
    """

    name: str
    a: str
    b: str
    planes: int
    michelson_a: float
    michelson_b: float
    rms_a: float
    rms_b: float
    correlation: float
    raw_correlation: float
    ssim: float
    ms_ssim: float

    @property
    def difference(self) -> float:
        """Michelson contrast of B less that of A: above 0 where A is the input."""
        return self.michelson_b - self.michelson_a


@define(frozen=True)
class SetContrast:
    """The contrasts of a set of pairs, and what follows from them.

    Parameters
    ----------
    pairs : tuple of PairContrast
    notes : tuple of str
        What was left out or done otherwise on the way.
    """

    pairs: tuple[PairContrast, ...]
    notes: tuple[str, ...] = ()

    def mean(self, number: str) -> float:
        """Return the mean of one of :data:`NUMBERS` over the pairs."""
        return float(np.mean([getattr(pair, number) for pair in self.pairs]))

    def std(self, number: str) -> float:
        """Return its standard deviation over the pairs, with n - 1; 0 for a single pair."""
        values = [getattr(pair, number) for pair in self.pairs]
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    @property
    def difference(self) -> float:
        """Mean Michelson contrast of B less that of A."""
        return self.mean("michelson_b") - self.mean("michelson_a")

    @property
    def input(self) -> str:
        """``"a"`` or ``"b"``: the label of lower Michelson contrast."""
        return "a" if self.difference >= 0 else "b"

    @property
    def swapped(self) -> tuple[str, ...]:
        """Names of the pairs whose contrasts clearly say the opposite of the whole set."""
        sign = 1 if self.input == "a" else -1
        return tuple(
            pair.name for pair in self.pairs if sign * pair.difference < -LEAST_DIFFERENCE / 2
        )

    @property
    def advice(self) -> str:
        """One sentence: which label is the input and which the benchmark."""
        low, high = ("A", "B") if self.input == "a" else ("B", "A")
        lows, highs = f"michelson_{low.lower()}", f"michelson_{high.lower()}"
        return (
            f"take {low} as input and {high} as benchmark: their Michelson contrasts are "
            f"{self.mean(lows):.2f} and {self.mean(highs):.2f}"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against training on these pairs, a sentence each."""
        found = list(self.notes)
        correlation = self.mean("correlation")
        if correlation < LEAST_CORRELATION:
            found.append(
                f"the labels hardly correlate ({correlation:.2f} of their details, expected "
                f"{LEAST_CORRELATION} or more), so there is little to learn of one about the "
                "other; see whether the pairs belong together, and l2l data align"
            )
        else:
            found += self._lonely()
        if correlation > MOST_CORRELATION:
            found.append(
                f"the labels show the same (correlation {correlation:.2f} of their details), so a "
                "network learns to remove noise, and no background"
            )
        if abs(self.difference) < LEAST_DIFFERENCE:
            found.append(
                f"the Michelson contrasts differ by {abs(self.difference):.2f} only, expected "
                f"{LEAST_DIFFERENCE} or more, so they do not tell which label is the input; a "
                "network has little to gain from such a benchmark"
            )
        elif self.difference * (self.mean("rms_b") - self.mean("rms_a")) < 0:
            found.append(
                "the RMS contrast says the opposite of the Michelson contrast, so look at the "
                "images before you decide"
            )
        if self.swapped and abs(self.difference) >= LEAST_DIFFERENCE:
            found.append(
                f"the labels seem swapped in {len(self.swapped)} of {len(self.pairs)} pairs: "
                f"{_listed(self.swapped)}; see whether their files are in the right folder"
            )
        return tuple(found)

    def _lonely(self) -> list[str]:
        names = [pair.name for pair in self.pairs if pair.correlation < LEAST_CORRELATION]
        if not names:
            return []
        said = (
            f"the images hardly correlate in {len(names)} of {len(self.pairs)} pairs: "
            f"{_listed(names)}; see whether they belong together"
        )
        return [said]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "pairs": [{**asdict(pair), "difference": pair.difference} for pair in self.pairs],
            "mean": {number: self.mean(number) for number in NUMBERS},
            "std": {number: self.std(number) for number in NUMBERS},
            "difference": self.difference,
            "input": self.input,
            "benchmark": "b" if self.input == "a" else "a",
            "advice": self.advice,
            "swapped": list(self.swapped),
            "warnings": list(self.warnings),
        }


def pair_contrast(
    a: str | Path,
    b: str | Path,
    *,
    sample: float = 0.1,
    axes: str | None = None,
    channel_a: int | None = None,
    channel_b: int | None = None,
    match: str = "",
) -> SetContrast:
    """Measure how two labels go together, over all pairs of two folders or of two files.

    Parameters
    ----------
    a, b : str or Path
        An image, a folder or a glob each; partners are matched by name.  The same twice where both
        labels are channels of each file.
    sample : float, optional
        Share of the pixels that counts as structure, the brightest ones; 0.01 for sparse puncta.
    axes : str, optional
        Axes of the images, where the files do not say.
    channel_a, channel_b : int, optional
        Channel of each, where the files hold several.
    match : str, optional
        Regular expression whose first group is what the names of two partners share.

    Returns
    -------
    SetContrast
        Of a stack or a movie up to five planes are looked at, evenly spaced, and of a wide plane
        the middle 2048 x 2048 pixels.

    Raises
    ------
    PairingError
        If a partner is missing or of another shape, a file holds several channels and none is
        named, or no pair has a plane with contrast.
    """
    return _of_pairs(
        labelled_pairs(a, b, axes=axes, channel_a=channel_a, channel_b=channel_b, match=match),
        sample,
    )


def config_contrast(
    config: str | Path, *, sample: float | None = None, overrides: Sequence[str] = ()
) -> SetContrast:
    """Measure how the two labels of a configuration go together: its input is A, its target B.

    Parameters
    ----------
    config : str or Path
        TOML file, as for training.
    sample : float, optional
        As of :func:`pair_contrast`; ``data.contrast_sample`` by default.
    overrides : sequence of str, optional
        Changes to the configuration.

    Raises
    ------
    ConfigError
        If there is something wrong with the configuration.
    PairingError
        As :func:`pair_contrast`.
    """
    data = load_config(config, overrides).data
    remedies = ("input_select = {c = 0} in [data]", "target_select = {c = 0} in [data]")
    pairs = one_label_each(data, Path(config).resolve().parent, remedies=remedies)
    return _of_pairs(pairs, data.contrast_sample if sample is None else sample)


def _of_pairs(pairs: Sequence[Pair], sample: float) -> SetContrast:
    if not 0 < sample < 1:
        raise StatisticsError(f"the sample is {sample:g} of the pixels; expected between 0 and 1")
    measured, notes = [], []
    for pair in pairs:
        one, said = _measure(pair, sample)
        notes += said
        if one is not None:
            measured.append(one)
    if not measured:
        raise PairingError(
            "no pair holds a plane in which both labels vary, so there is no contrast to measure; "
            "expected images with structure"
        )
    return SetContrast(tuple(measured), tuple(dict.fromkeys(notes)))


def swapped_labels(appearance: Mapping[str, Any]) -> str:
    """Return a sentence where inputs have the higher contrast of two labels, else nothing.

    Parameters
    ----------
    appearance : mapping
        That of a training set, see :class:`~l2l_core.data.training_set.TrainingSet`.  Images of
        several channels are no pair of labels, and nothing is said of them.
    """
    found = []
    for side in ("input", "target"):
        channels = appearance[side]["mean"]["channels"]
        michelson = channels[0]["contrast"]["michelson"] if len(channels) == 1 else None
        if michelson is None:
            return ""
        found.append(michelson)
    if found[0] - found[1] < LEAST_DIFFERENCE:
        return ""
    return (
        f"warning: the inputs have a higher Michelson contrast ({found[0]:.2f}) than the targets "
        f"({found[1]:.2f}); of two labels of one structure the one of lower contrast is the input, "
        "so see whether they are swapped (l2l data contrast)"
    )


def _measure(pair: Pair, sample: float) -> tuple[PairContrast | None, list[str]]:
    rows, notes = [], []
    for t, z in spread_planes(pair.input, _PLANES):
        planes = [plane_of(image, t, z, _SIDE) for image in (pair.input, pair.target)]
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                rows.append(_numbers(planes[0], planes[1], sample))
            notes += [str(one.message) for one in caught]
        except StatisticsError:
            continue
    if not rows:
        return None, [f"{pair.name}: left out, no plane of it varies in both labels"]
    means = np.mean(rows, axis=0)
    return (
        PairContrast(
            pair.name,
            pair.input.info.path,
            pair.target.info.path,
            len(rows),
            **{name: float(value) for name, value in zip(NUMBERS, means, strict=True)},
        ),
        notes,
    )


def _numbers(a: NDArray[Any], b: NDArray[Any], sample: float) -> tuple[float, ...]:
    """Return :data:`NUMBERS` of two planes."""
    one, two = contrast(a, sample=sample), contrast(b, sample=sample)
    known = np.isfinite(a) & np.isfinite(b)
    scaled, detailed = [], []
    for plane in (a, b):
        filled = np.where(known, plane.astype(np.float64), np.median(plane[known]))
        low, high = np.percentile(filled[known], [1.0, 99.0])
        # Contrast is taken of the filtered image; the raw one may be 0 to its 99th
        # percentile where counts are sparse.
        high = high if high > low else filled.max()
        scaled.append((filled - low) / (high - low))
        detailed.append(details(filled))
    options: dict[str, Any] = {"data_range": 1.0, "axes": "YX"}
    return (
        one.michelson,
        two.michelson,
        one.rms,
        two.rms,
        _correlation(detailed[0][known], detailed[1][known]),
        _correlation(a[known], b[known]),
        get("metric", "ssim")(*scaled, **options),
        get("metric", "ms_ssim", preset="paper-5")(*scaled, **options),
    )


def _correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown
