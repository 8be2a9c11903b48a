"""SSIM and MS-SSIM against other people's implementations, and where those fail."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.metrics import structural_similarity

from l2l_core.components.factory import get
from l2l_core.errors import OptionsError
from l2l_core.ops import NumpyOps
from l2l_core.testing.frameworks import differentiable_ops
from l2l_plugins.losses import structural_similarity as module
from l2l_plugins.losses.similarity import (
    SMALLEST_TERM,
    Window,
    combined,
    similarity_terms,
    usable_scales,
)
from l2l_plugins.losses.structural_similarity import PRESETS, MsSsimLoss, SsimLoss

OPS = NumpyOps()


def images(shape, noise=0.2, seed=0):
    """Return a smooth target and a noisy prediction, (N, C, [Z,] Y, X) float64."""
    rng = np.random.default_rng(seed)
    target = ndimage.gaussian_filter(rng.random(shape), [0, 0] + [1.5] * (len(shape) - 2))
    target = (target - target.min()) / np.ptp(target)
    return target, target + noise * rng.standard_normal(shape)


def value(loss, target, prediction, mask=None):
    return float(loss(OPS, target, prediction, channel_axis=1, mask=mask))


@pytest.fixture(autouse=True)
def _say_everything_again():
    module._say_what_fits.cache_clear()


@pytest.mark.parametrize("shape", [(64, 77), (16, 40, 33)])
@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_ssim_is_that_of_scikit_image(shape, noise, scale):
    target, prediction = (scale * x for x in images((1, 1, *shape), noise))
    expected = structural_similarity(
        target[0, 0],
        prediction[0, 0],
        data_range=scale,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert 1 - value(SsimLoss(data_range=scale), target, prediction) == pytest.approx(
        expected, abs=1e-5
    )


@pytest.mark.parametrize("shape", [(2, 1, 176, 192), (1, 2, 256, 208), (1, 1, 48, 176, 176)])
@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_ms_ssim_is_that_of_pytorch_msssim(shape, noise):
    torch = pytest.importorskip("torch", reason="pytorch-msssim needs torch")
    theirs = pytest.importorskip("pytorch_msssim")
    target, prediction = images(shape, noise)
    double = torch.from_numpy(target), torch.from_numpy(prediction)
    for weights in (PRESETS["paper-3"][0], PRESETS["paper-5"][0], (0.3, 0.7)):
        if len(weights) > 3 and len(shape) == 5:
            continue  # Theirs does not filter along a Z that is shorter than the window.
        # In float64 but for its window.
        expected = theirs.ms_ssim(*double, data_range=1.0, weights=list(weights)).item()
        loss = MsSsimLoss(weights=weights)
        assert 1 - value(loss, target, prediction) == pytest.approx(expected, abs=1e-5)
        for ops in differentiable_ops().values():
            single = [ops.from_numpy(x.astype(np.float32)) for x in (target, prediction)]
            got = 1 - float(ops.to_numpy(loss(ops, *single, channel_axis=1)))
            assert got == pytest.approx(expected, abs=1e-5)


def test_the_presets_are_the_papers_settings():
    three, five = MsSsimLoss(preset="paper-3"), MsSsimLoss(preset="paper-5")
    assert three.exponents == (0.2096, 0.4659, 0.3245)
    assert (three.window.size, three.window.sigma) == (11, 1.5)
    assert five.exponents == (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    assert (five.window.size, five.window.sigma) == (7, 1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value(five, *images((1, 1, 128, 128)))


def test_three_scales_are_the_default():
    assert MsSsimLoss() == get("loss", "ms_ssim")
    assert MsSsimLoss().exponents == MsSsimLoss(preset="paper-3").exponents
    assert [sum(MsSsimLoss(scales=n).exponents) for n in range(1, 6)] == pytest.approx(
        [1.0, 1.0, 1.0, 1.0, 1.0], abs=2e-4
    )


def test_one_scale_is_ssim_even_below_zero():
    target, prediction = images((2, 2, 40, 41))
    for wrong in (prediction, 1.0 - target, -target):
        one = value(MsSsimLoss(scales=1), target, wrong)
        assert one == pytest.approx(value(SsimLoss(), target, wrong), abs=1e-6)
    assert value(MsSsimLoss(scales=1), target, 1.0 - target) > 1.0


@pytest.mark.parametrize(
    ("side", "scales"), [(128, 3), (64, 3), (44, 3), (43, 2), (32, 2), (22, 2), (21, 1), (16, 1)]
)
def test_small_patches_are_compared_at_fewer_scales_which_is_said_once(side, scales):
    target, prediction = images((2, 1, side, side + 3))
    loss = MsSsimLoss()
    assert usable_scales((side, side + 3), 3, 11) == scales
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        got, *_ = [value(loss, target, prediction) for _ in range(3)]
    assert len(said) == (1 if scales < 3 else 0)
    weights = np.array(PRESETS["paper-3"][0][:scales])
    expected = value(MsSsimLoss(weights=tuple(weights / weights.sum())), target, prediction)
    assert got == pytest.approx(expected, abs=1e-9 if scales < 3 else 1e-4)
    if said:
        message = str(said[0].message)
        assert f"got {side} x {side + 3}" in message
        assert f"it uses {scales} scale" in message
        assert "at least 44 pixels" in message


def test_the_message_names_a_filter_that_fits():
    with pytest.warns(UserWarning, match=r"5 scales.*filter_size = 7$"):
        value(MsSsimLoss(scales=5), *images((1, 1, 128, 128)))


@settings(max_examples=40, deadline=None)
@given(
    sides=st.lists(st.integers(1, 40), min_size=2, max_size=3),
    scales=st.integers(1, 5),
    opposite=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:MS-SSIM")
def test_patches_of_any_size_have_finite_values_and_gradients(sides, scales, opposite):
    target, prediction = (
        images((1, 1, *sides), noise=0.3)
        if np.prod(sides) > 1
        else (
            np.ones((1, 1, *sides)),
            np.zeros((1, 1, *sides)),
        )
    )
    prediction = -target if opposite else prediction
    loss = MsSsimLoss(scales=scales)
    assert -1e-6 <= value(loss, target, prediction) <= 2 + 1e-6
    assert value(loss, target, target) == pytest.approx(0.0, abs=1e-12)
    for ops in differentiable_ops().values():
        wanted = ops.from_numpy(target.astype(np.float32))
        found, gradient = ops.value_and_gradient(
            lambda x, ops=ops, wanted=wanted: loss(ops, wanted, x, channel_axis=1),
            prediction.astype(np.float32),
        )
        assert np.isfinite(found)
        assert np.isfinite(gradient).all()


def test_the_last_pixel_of_an_odd_side_counts_at_the_finest_scale_only():
    target, prediction = images((1, 1, 65, 64))
    loss = MsSsimLoss(weights=(1e-9, 1.0))
    changed = prediction.copy()
    changed[..., -1, :] += 5.0
    # The finest scale has no weight here, and the coarser one does not see the last row.
    assert value(loss, target, changed) == pytest.approx(value(loss, target, prediction), abs=1e-7)
    changed[..., -2, :] += 5.0
    assert value(loss, target, changed) > value(loss, target, prediction) + 1e-3


def test_thin_stacks_keep_their_scales():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        target, prediction = images((1, 1, 5, 48, 48))
        assert 0 < value(MsSsimLoss(), target, prediction) < 1
        one = images((1, 1, 1, 48, 48))
        flat = [x[:, :, 0] for x in one]
        assert value(MsSsimLoss(), *one) == pytest.approx(value(MsSsimLoss(), *flat))


def terms(*values):
    return [np.array(v) for v in values]


@given(st.lists(st.floats(2 * SMALLEST_TERM, 1.0), min_size=1, max_size=5))
def test_positive_terms_combine_as_published(values):
    weights = [1.0 / len(values)] * len(values)
    expected = np.prod(np.power(values, weights))
    assert combined(OPS, terms(*values), weights) == pytest.approx(expected, abs=1e-6)


@given(
    st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3),
    st.integers(0, 2),
    st.floats(1e-4, 0.5),
)
def test_combined_terms_rise_with_each_of_them(values, which, step):
    weights = PRESETS["paper-3"][0]
    higher = [v + step if i == which else v for i, v in enumerate(values)]
    before, after = (float(combined(OPS, terms(*v), weights)) for v in (values, higher))
    assert after > before
    assert before >= -1 - 1e-9


def test_combined_terms_have_no_step_at_zero():
    weights = PRESETS["paper-3"][0]
    for at in (0.0, SMALLEST_TERM):
        close = [float(combined(OPS, terms(at + d, 0.5, 0.5), weights)) for d in (-1e-11, 1e-11)]
        assert close[1] - close[0] < 1e-5


@pytest.mark.parametrize("loss", [SsimLoss(), MsSsimLoss()])
def test_float32_holds_on_a_large_offset(loss):
    target, prediction = images((1, 1, 64, 64))
    expected = value(loss, target, prediction)
    for ops in differentiable_ops().values():
        # 1000 + values of a float32 have 4 digits left behind the point.
        a, b = ((x + 1000).astype(np.float32) for x in (target, prediction))
        exact = value(loss, a.astype(np.float64), b.astype(np.float64))
        got = loss(ops, ops.from_numpy(a), ops.from_numpy(b), channel_axis=1)
        assert float(ops.to_numpy(got)) == pytest.approx(exact, abs=1e-5)
        assert exact != pytest.approx(expected, abs=1e-5)  # luminance depends on the offset


@pytest.mark.parametrize("loss", [SsimLoss(), MsSsimLoss()])
def test_half_precision_is_computed_in_float32(loss):
    target, prediction = images((1, 1, 64, 64))
    for ops in differentiable_ops().values():
        halves = [ops.cast(ops.from_numpy(x), "float16") for x in (target, prediction)]
        got = loss(ops, *halves, channel_axis=1)
        assert ops.dtype(got) == "float32"
        rounded = [x.astype(np.float16).astype(np.float64) for x in (target, prediction)]
        assert float(ops.to_numpy(got)) == pytest.approx(value(loss, *rounded), abs=1e-5)


def test_descending_from_the_opposite_reaches_the_target():
    """Plain gradient steps from the inverted image end near the target, at every scale."""
    target, _ = images((1, 1, 48, 48))
    loss = MsSsimLoss()
    for ops in differentiable_ops().values():
        wanted = ops.from_numpy(target)
        prediction = 1.0 - target
        start = value(loss, target, prediction)
        momentum = np.zeros_like(target)
        for _ in range(300):
            _, gradient = ops.value_and_gradient(
                lambda x, ops=ops, wanted=wanted: loss(ops, wanted, x, channel_axis=1), prediction
            )
            norm = np.abs(gradient).max() + 1e-12
            momentum = 0.9 * momentum + 0.1 * gradient / norm
            prediction = prediction - 0.02 * momentum
        assert start > 1.0
        assert value(loss, target, prediction) < 0.1


def test_a_mask_selects_images_and_windows():
    target, prediction = images((2, 1, 64, 64))
    mask = np.ones((2, 1, 1, 1))
    mask[1] = 0.0
    for loss in (SsimLoss(), MsSsimLoss()):
        expected = value(loss, target[:1], prediction[:1])
        assert value(loss, target, prediction, mask) == pytest.approx(expected)
    half = np.ones((2, 1, 64, 64))
    half[..., 32:] = 0.0
    changed = prediction.copy()
    changed[..., 32 + 10 :] += 1.0
    assert value(SsimLoss(), target, changed, half) == pytest.approx(
        value(SsimLoss(), target, prediction, half)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": 6}, r"'scales' must be <= 5: 6 @ loss ms_ssim\.scales"),
        ({"scales": 0}, r"scales"),
        ({"scales": 2, "preset": "paper-3"}, "scales = 2 and 3 scales in preset 'paper-3'"),
        ({"weights": [0.5, 0.5], "preset": "paper-3"}, "weights and preset"),
        ({"weights": [0.5, 0.5], "scales": 3}, "scales = 3 and 2 scales in weights"),
        ({"weights": []}, "1 to 5 numbers above 0"),
        ({"weights": [0.5, -0.5]}, "1 to 5 numbers above 0"),
        ({"preset": "paper3"}, "did you mean 'paper-3'"),
        ({"filter_size": 4}, "expected an odd number"),
        ({"sigma": 0.0}, "sigma"),
        ({"data_range": 0.0}, "data_range"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(OptionsError, match=message):
        get("loss", "ms_ssim", **options)


@pytest.mark.parametrize("loss", [SsimLoss(), MsSsimLoss()])
def test_rounding_leaves_no_pole_on_huge_plateaus(loss):
    """Where huge images are flat, float32 leaves noise of either sign for their variance."""
    rng = np.random.default_rng(0)
    levels = 1e6 * rng.random((8, 2, 1, 6, 6))
    for target, prediction in np.kron(levels, np.ones((16, 16))):
        for ops in differentiable_ops().values():
            a, b = (ops.from_numpy(x[None].astype(np.float32)) for x in (target, prediction))
            for one, two in ((a, b), (a, a + 0.01 * b), (a, -a)):
                found = float(ops.to_numpy(loss(ops, one, two, channel_axis=1)))
                assert -1e-6 <= found <= 2.0 + 1e-6
                value_there, gradient = ops.value_and_gradient(
                    lambda x, ops=ops, one=one: loss(ops, one, x, channel_axis=1),
                    ops.to_numpy(two),
                )
                assert np.isfinite(value_there)
                assert np.isfinite(gradient).all()


@pytest.mark.parametrize("loss", [SsimLoss(), MsSsimLoss()])
def test_the_gradient_at_huge_opposite_images_is_more_than_rounding(loss):
    """It is a billionth of a billionth there, and still points the right way in float32."""
    target, _ = images((1, 1, 48, 48))
    target = 1e6 * (target - target.mean())
    for ops in differentiable_ops().values():
        gradients = []
        for dtype in (np.float64, np.float32):
            wanted = ops.from_numpy(target.astype(dtype))
            _, gradient = ops.value_and_gradient(
                lambda x, ops=ops, wanted=wanted: loss(ops, wanted, x, channel_axis=1),
                -target.astype(dtype),
            )
            gradients.append(gradient.astype(np.float64).ravel())
        exact, single = (gradient / np.linalg.norm(gradient) for gradient in gradients)
        assert exact @ single > 0.99


def test_whole_windows_keep_one_masked_voxel_out_of_every_scale():
    target, prediction = images((1, 1, 48, 50, 52))
    mask = np.ones(target.shape)
    mask[..., 3, 4, 5] = 0.0
    found = []
    for wrong in (-100.0, 100.0):
        prediction[..., 3, 4, 5] = wrong
        terms, weights = similarity_terms(
            OPS,
            target,
            prediction,
            window=Window(11, 1.5, 1e-4, 9e-4),
            scales=3,
            channel_axis=1,
            mask=mask,
            whole_windows=True,
        )
        assert min(weight.item() for weight in weights) > 0
        found.append([term.item() for term in terms])
    assert found[0] == pytest.approx(found[1], abs=1e-9)
