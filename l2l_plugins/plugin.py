"""Hook implementations of the built-in methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l2l_core.components import (
    AugmenterInfo,
    LossInfo,
    MetricInfo,
    OpsInfo,
    RestorerInfo,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def l2l_restorers() -> Iterator[RestorerInfo]:
    """Yield the built-in restorers that need neither training nor a framework."""
    yield RestorerInfo(
        name="identity",
        target="l2l_plugins.restorers.identity:Identity",
        summary="The image as it is, to measure what everything around a restorer costs",
        supervision="none",
    )
    yield RestorerInfo(
        name="gaussian",
        target="l2l_plugins.restorers.gaussian:Gaussian",
        summary="Gaussian filter, the baseline that a network has to beat",
        supervision="none",
    )
    yield RestorerInfo(
        name="median",
        target="l2l_plugins.restorers.median:Median",
        summary="Median filter, against single bright or dark pixels",
        supervision="none",
    )
    yield RestorerInfo(
        name="remove_hot_pixels",
        target="l2l_plugins.restorers.remove_hot_pixels:RemoveHotPixels",
        summary="Removal of hot pixels of a detector, nothing else",
        supervision="none",
    )
    yield RestorerInfo(
        name="nonlocal_means",
        target="l2l_plugins.restorers.nonlocal_means:NonlocalMeans",
        summary="Non-local means, against noise where patterns repeat",
        supervision="none",
        requires=("skimage",),
        install="scikit-image",
    )
    yield RestorerInfo(
        name="rolling_ball",
        target="l2l_plugins.restorers.rolling_ball:RollingBall",
        summary="Rolling ball, against a background wider than the structure",
        supervision="none",
        requires=("skimage",),
        install="scikit-image",
    )
    yield RestorerInfo(
        name="white_top_hat",
        target="l2l_plugins.restorers.white_top_hat:WhiteTopHat",
        summary="White top-hat, which keeps what is bright and narrow",
        supervision="none",
    )
    yield RestorerInfo(
        name="clahe",
        target="l2l_plugins.restorers.clahe:Clahe",
        summary="Contrast limited adaptive histogram equalisation, for even contrast",
        supervision="none",
        requires=("skimage",),
        install="scikit-image",
    )
    yield RestorerInfo(
        name="binary_map",
        target="l2l_plugins.restorers.binary_map:BinaryMap",
        summary="Map of the structure in a restored image, without small objects",
        supervision="none",
    )
    yield RestorerInfo(
        name="distance_map",
        target="l2l_plugins.restorers.distance_map:DistanceMap",
        summary="Distance of every pixel to the nearest structure",
        supervision="none",
    )
    yield RestorerInfo(
        name="chain",
        target="l2l_plugins.restorers.chain:Chain",
        summary="Filters one after the other",
        supervision="none",
    )


@hookimpl
def l2l_losses() -> Iterator[LossInfo]:
    """Yield the built-in losses."""
    yield LossInfo(
        name="mae",
        target="l2l_plugins.losses.pixelwise:MeanAbsoluteError",
        summary="Mean absolute error (L1)",
    )
    yield LossInfo(
        name="mse",
        target="l2l_plugins.losses.pixelwise:MeanSquaredError",
        summary="Mean squared error (L2)",
    )
    yield LossInfo(
        name="charbonnier",
        target="l2l_plugins.losses.pixelwise:Charbonnier",
        summary="Mean absolute error, smooth at zero",
    )
    yield LossInfo(
        name="laplace",
        target="l2l_plugins.losses.pixelwise:Laplace",
        summary="Likelihood of a mean and a scale in every pixel, for probabilistic networks",
    )
    yield LossInfo(
        name="ssim",
        target="l2l_plugins.losses.structural_similarity:SsimLoss",
        summary="One minus the structural similarity (SSIM)",
    )
    yield LossInfo(
        name="ms_ssim",
        target="l2l_plugins.losses.structural_similarity:MsSsimLoss",
        summary="One minus the structural similarity over 1 to 5 scales (MS-SSIM)",
    )
    yield LossInfo(
        name="sum",
        target="l2l_plugins.losses.weighted_sum:WeightedSum",
        summary="Weighted sum of any losses",
    )


@hookimpl
def l2l_augmenters() -> Iterator[AugmenterInfo]:
    """Yield the built-in augmenters."""
    yield AugmenterInfo(
        name="rotate90",
        target="l2l_plugins.augmenters.geometric:Rotate90",
        summary="Rotation by 0, 90, 180 or 270 degrees in the YX plane",
    )
    yield AugmenterInfo(
        name="flip",
        target="l2l_plugins.augmenters.geometric:Flip",
        summary="Mirror images along the spatial axes",
    )
    yield AugmenterInfo(
        name="zoom",
        target="l2l_plugins.augmenters.geometric:Zoom",
        summary="Magnification in the YX plane by one of several factors",
    )
    yield AugmenterInfo(
        name="poisson_noise",
        target="l2l_plugins.augmenters.intensity:PoissonNoise",
        summary="Shot noise on the input",
    )
    yield AugmenterInfo(
        name="gaussian_noise",
        target="l2l_plugins.augmenters.intensity:GaussianNoise",
        summary="Camera noise on the input",
    )
    yield AugmenterInfo(
        name="intensity_jitter",
        target="l2l_plugins.augmenters.intensity:IntensityJitter",
        summary="Random contrast and brightness of the input",
    )


@hookimpl
def l2l_metrics() -> Iterator[MetricInfo]:
    """Yield the built-in metrics."""
    yield MetricInfo(
        name="psnr",
        target="l2l_plugins.metrics.pixelwise:Psnr",
        summary="Peak signal-to-noise ratio in dB",
        data_range="needed",
        unit="dB",
    )
    yield MetricInfo(
        name="nrmse",
        target="l2l_plugins.metrics.pixelwise:Nrmse",
        summary="Root mean squared error over the reference's root mean square",
        higher_is_better=False,
    )
    yield MetricInfo(
        name="ssim",
        target="l2l_plugins.metrics.structural_similarity:Ssim",
        summary="Structural similarity",
        data_range="needed",
    )
    yield MetricInfo(
        name="ms_ssim",
        target="l2l_plugins.metrics.structural_similarity:MsSsim",
        summary="Structural similarity over 1 to 5 scales",
        data_range="needed",
    )
    yield MetricInfo(
        name="si_psnr",
        target="l2l_plugins.metrics.pixelwise:SiPsnr",
        summary="PSNR in dB after the best gain and offset",
        data_range="reference",
        unit="dB",
    )
    yield MetricInfo(
        name="pearson",
        target="l2l_plugins.metrics.pixelwise:Pearson",
        summary="Pearson's correlation coefficient",
    )
    yield MetricInfo(
        name="micro_ssim",
        target="l2l_plugins.metrics.micro_ssim:MicroSsim",
        summary="Structural similarity after background and brightness were matched",
        requires=("microssim",),
        install="label2label[microssim]",
    )
    yield MetricInfo(
        name="michelson_contrast",
        target="l2l_plugins.metrics.contrasts:MichelsonContrast",
        summary="How far the brightest pixels stand above the rest, after a Gaussian filter",
        needs_reference=False,
    )
    yield MetricInfo(
        name="rms_contrast",
        target="l2l_plugins.metrics.contrasts:RmsContrast",
        summary="Standard deviation of the scaled intensities, after a Gaussian filter",
        needs_reference=False,
    )
    yield MetricInfo(
        name="contrast_gain",
        target="l2l_plugins.metrics.contrasts:ContrastGain",
        summary="Michelson contrast of the image over that of the reference",
    )
    yield MetricInfo(
        name="frc_resolution",
        target="l2l_plugins.metrics.fourier_ring_correlation:FrcResolution",
        summary="Resolution by Fourier ring correlation of two repeats, or of one image's halves",
        higher_is_better=False,
        unit="px",
    )
    yield MetricInfo(
        name="decorrelation_resolution",
        target="l2l_plugins.metrics.decorrelation:DecorrelationResolution",
        summary="Resolution of one image by decorrelation analysis",
        needs_reference=False,
        higher_is_better=False,
        unit="px",
    )
    yield MetricInfo(
        name="line_width",
        target="l2l_plugins.metrics.line_width:LineWidth",
        summary="Median full width at half maximum of profiles across ridges",
        needs_reference=False,
        higher_is_better=False,
        unit="px",
    )
    yield MetricInfo(
        name="rse",
        target="l2l_plugins.metrics.error_maps:ResolutionScaledError",
        summary="Resolution-scaled error: what differs after the blur that fits best",
        higher_is_better=False,
        data_range="reference",
    )
    yield MetricInfo(
        name="rsp",
        target="l2l_plugins.metrics.error_maps:ResolutionScaledPearson",
        summary="Resolution-scaled Pearson coefficient: correlation after the blur that fits best",
    )
    yield MetricInfo(
        name="structure_precision",
        target="l2l_plugins.metrics.structure:StructurePrecision",
        summary="Share of the restored structure that is real; the reference is the truth",
        needs_truth=True,
    )
    yield MetricInfo(
        name="structure_recall",
        target="l2l_plugins.metrics.structure:StructureRecall",
        summary="Share of the true structure that was found; the reference is the truth",
        needs_truth=True,
    )
    yield MetricInfo(
        name="hallucination_rate",
        target="l2l_plugins.metrics.structure:HallucinationRate",
        summary="Share of the restored objects that are invented; the reference is the truth",
        higher_is_better=False,
        needs_truth=True,
    )
    yield MetricInfo(
        name="background_suppression",
        target="l2l_plugins.metrics.background:BackgroundSuppression",
        summary="How dark the image is where the truth has no structure",
        needs_truth=True,
    )


@hookimpl
def l2l_ops() -> Iterator[OpsInfo]:
    """Yield the array operations that need no framework."""
    yield OpsInfo(
        name="numpy",
        target="l2l_core.ops:NumpyOps",
        summary="NumPy, the reference of all frameworks",
    )
