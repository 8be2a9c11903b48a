"""What is compared, and on what."""

from __future__ import annotations

from attrs import define

METRICS = (
    "nrmse",
    "ssim",
    "ms_ssim:preset='paper-3'",
    "ms_ssim:preset='paper-5'",
    "michelson_contrast",
)
"""What is scored where nothing is asked for."""

TRUTH_METRICS = ("structure_precision", "structure_recall", "hallucination_rate")
"""What is scored besides where there is a truth."""


@define(frozen=True, kw_only=True)
class MethodComparison:
    """What is compared, and on what.

    Parameters
    ----------
    losses, variants, filters : tuple of str
        Methods, see :func:`~l2l_core.workflows.fold_methods.find_methods`.
    train : bool
        Whether the configuration is trained at all; without training it only says where images
        are, and what of them is taken.
    input, target, truth : str
        Folder, glob or file each: images that nothing is trained on, their benchmarks, and their
        truth; from the current folder.  Without `input`, images of the configuration are held out,
        or those are taken that all runs validated on.
    hold_out : float
        Share of the configuration's images (groups) that is held out.
    seed : int
        Of that draw; training has the configuration's own.
    metrics : tuple of str
        By name, with options as in ``"ms_ssim:preset='paper-5'"``; the first one tunes filters and
        chooses which images are shown.  :data:`METRICS` by default, and :data:`TRUTH_METRICS` with
        a truth.
    """

    losses: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    train: bool = True
    input: str = ""
    target: str = ""
    truth: str = ""
    hold_out: float = 0.2
    seed: int = 1
    metrics: tuple[str, ...] = ()
