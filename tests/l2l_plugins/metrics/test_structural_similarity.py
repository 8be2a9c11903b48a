import numpy as np
import pytest
from skimage.metrics import structural_similarity

from l2l_core.components.factory import get
from l2l_core.errors import ImageError, OptionsError
from l2l_core.ops import NumpyOps

RNG = np.random.default_rng(0)
REFERENCE = RNG.random((60, 70))
IMAGE = REFERENCE + 0.2 * RNG.standard_normal((60, 70))


@pytest.mark.parametrize("shape", [(60, 70), (14, 30, 31)])
@pytest.mark.parametrize("data_range", [1.0, 4095.0])
def test_ssim_is_that_of_scikit_image(shape, data_range):
    reference = data_range * RNG.random(shape)
    image = reference + 0.2 * data_range * RNG.standard_normal(shape)
    expected = structural_similarity(
        reference,
        image,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert get("metric", "ssim")(image, reference, data_range=data_range) == pytest.approx(
        expected, abs=1e-9
    )


@pytest.mark.parametrize("name", ["ssim", "ms_ssim"])
def test_the_metric_is_one_minus_the_loss(name):
    loss = get("loss", name)(NumpyOps(), REFERENCE[None, None], IMAGE[None, None], channel_axis=1)
    got = get("metric", name)(IMAGE, REFERENCE, data_range=1.0)
    assert got == pytest.approx(1 - float(loss))


def test_ms_ssim_takes_the_settings_of_the_loss():
    image, reference = RNG.random((2, 128, 128))
    values = {
        get("metric", "ms_ssim", **options)(image, reference, data_range=1.0)
        for options in ({}, {"scales": 2}, {"preset": "paper-5"}, {"weights": [0.5, 0.5]})
    }
    assert len(values) == 4
    with pytest.raises(OptionsError, match="leave one of them out"):
        get("metric", "ms_ssim", scales=2, preset="paper-3")


def test_only_whole_windows_within_the_mask_count():
    mask = np.zeros(IMAGE.shape, dtype=bool)
    mask[10:40, 20:65] = True
    inside = (slice(10, 40), slice(20, 65))
    expected = get("metric", "ssim")(IMAGE[inside], REFERENCE[inside], data_range=1.0)
    got = get("metric", "ssim")(IMAGE, REFERENCE, data_range=1.0, mask=mask)
    assert got == pytest.approx(expected)


def test_a_mask_too_small_for_a_window_is_named():
    mask = np.zeros(IMAGE.shape, dtype=bool)
    mask[10:20, 10:20] = True
    with pytest.raises(ImageError, match="no whole window of 11 pixels at scale 1"):
        get("metric", "ssim")(IMAGE, REFERENCE, data_range=1.0, mask=mask)
    mask[10:30, 10:30] = True
    with pytest.raises(ImageError, match="at scale 2"):
        get("metric", "ms_ssim")(IMAGE, REFERENCE, data_range=1.0, mask=mask)


def test_opposite_images_are_below_zero():
    for name in ("ssim", "ms_ssim"):
        assert get("metric", name)(1.0 - REFERENCE, REFERENCE, data_range=1.0) < -0.5


@pytest.mark.parametrize("scales", [1, 3, 5])
def test_each_number_of_scales_is_that_of_another_implementation(scales):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("pytorch_msssim")
    reference = np.random.default_rng(scales).random((176, 176))
    image = 0.7 * reference + 0.3 * np.random.default_rng(9).random((176, 176))
    pair = [torch.from_numpy(a)[None, None] for a in (image, reference)]
    weights = {
        1: [1.0],
        3: [0.2096, 0.4659, 0.3245],
        5: [0.0448, 0.2856, 0.3001, 0.2363, 0.1333],
    }[scales]
    expected = theirs.ms_ssim(*pair, data_range=1.0, weights=weights).item()
    got = get("metric", "ms_ssim", scales=scales)(image, reference, data_range=1.0)
    assert got == pytest.approx(expected, abs=1e-5)
    if scales == 1:
        assert got == pytest.approx(get("metric", "ssim")(image, reference, data_range=1.0))
