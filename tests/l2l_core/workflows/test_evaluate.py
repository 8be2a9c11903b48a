import numpy as np
import pytest

from l2l_core.components.factory import get
from l2l_core.errors import ImageError, OptionsError, UnknownComponentError
from l2l_core.workflows.evaluate import evaluate, make_metrics, score, split_metrics

RNG = np.random.default_rng(2)
REFERENCE = RNG.random((3, 24, 26)) * 50
IMAGE = REFERENCE + RNG.normal(0, 2, REFERENCE.shape)


def test_planes_are_scored_one_by_one_with_the_data_range_that_is_said():
    psnr = get("metric", "psnr")
    scores = score(IMAGE, REFERENCE, axes="ZYX", metrics={"psnr": psnr})
    data_range = REFERENCE.max() - REFERENCE.min()
    expected = [
        psnr(one, other, data_range=data_range) for one, other in zip(IMAGE, REFERENCE, strict=True)
    ]
    assert scores.values["psnr"] == pytest.approx(expected)
    assert scores.data_range == pytest.approx(data_range)
    assert "reference" in scores.data_range_source
    assert scores.mean("psnr") == pytest.approx(np.mean(expected))


def test_a_fitted_gain_undoes_other_units_and_is_reported():
    nrmse = get("metric", "nrmse")
    scores = score((REFERENCE - 7) / 4, REFERENCE, axes="ZYX", metrics={"nrmse": nrmse}, fit=True)
    assert scores.gains == pytest.approx([4] * 3)
    assert scores.offsets == pytest.approx([7] * 3)
    assert scores.mean("nrmse") == pytest.approx(0, abs=1e-9)


def test_axes_in_another_order_are_the_same_planes():
    metrics = {"pearson": get("metric", "pearson")}
    one = score(IMAGE, REFERENCE, axes="ZYX", metrics=metrics)
    other = score(
        np.moveaxis(IMAGE, 0, 2), np.moveaxis(REFERENCE, 0, 2), axes="YXZ", metrics=metrics
    )
    assert one.values["pearson"] == pytest.approx(other.values["pearson"])


def test_a_constant_reference_has_no_data_range():
    with pytest.raises(ImageError, match="constant"):
        score(IMAGE, np.ones_like(IMAGE), axes="ZYX", metrics={})


def test_images_of_different_fields_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", IMAGE[0])
    np.save(tmp_path / "b.npy", REFERENCE[0, :-1])
    with pytest.raises(ImageError, match=r"\(24, 26\).*\(23, 26\)"):
        evaluate(tmp_path / "a.npy", tmp_path / "b.npy")


def test_an_unknown_metric_suggests_the_nearest(tmp_path):
    np.save(tmp_path / "a.npy", IMAGE[0])
    with pytest.raises(UnknownComponentError, match="'psnr'"):
        evaluate(tmp_path / "a.npy", tmp_path / "a.npy", metrics=["pnsr"])


def test_metrics_of_one_image_need_no_reference(tmp_path):
    np.save(tmp_path / "a.npy", IMAGE)
    scores = evaluate(tmp_path / "a.npy", axes="ZYX")
    assert set(scores.values) == {"michelson_contrast", "rms_contrast"}
    assert scores.data_range is None
    contrast = get("metric", "rms_contrast")
    assert scores.values["rms_contrast"] == pytest.approx([contrast(plane) for plane in IMAGE])
    with pytest.raises(ImageError, match="none was given"):
        evaluate(tmp_path / "a.npy", axes="ZYX", metrics=["nrmse"])
    with pytest.raises(ImageError, match="fitted to a reference"):
        evaluate(tmp_path / "a.npy", axes="ZYX", fit=True)


def test_a_comma_stands_before_a_metric_or_before_a_further_option():
    assert split_metrics("psnr, ms_ssim:scales=5,filter_size=7 ,nrmse:normalization=mean,") == [
        "psnr",
        "ms_ssim:scales=5,filter_size=7",
        "nrmse:normalization=mean",
    ]
    assert split_metrics("ms_ssim,scales=5") == ["ms_ssim:scales=5"]
    assert split_metrics("a:b=[1, 2],c=3,d") == ["a:b=[1, 2],c=3", "d"]
    assert split_metrics("scales=5") == ["scales=5"]
    assert split_metrics("") == []


def test_options_stand_behind_a_metrics_name():
    made = make_metrics(["nrmse:normalization=min-max", "michelson_contrast:sample=0.01"])
    assert list(made.values()) == [
        get("metric", "nrmse", normalization="min-max"),
        get("metric", "michelson_contrast", sample=0.01),
    ]
    windows = [
        "ms_ssim:scales=5,filter_size=7",
        "ms_ssim:scales=5:filter_size=7",
        "ms_ssim:preset=paper-5",
        "ms_ssim:preset='paper-5'",
    ]
    first, second, third, fourth = make_metrics(windows).values()
    assert first == second == get("metric", "ms_ssim", scales=5, filter_size=7)
    assert third == fourth == get("metric", "ms_ssim", preset="paper-5")
    with pytest.raises(OptionsError, match="without a value"):
        make_metrics(["nrmse:mean"])
    with pytest.raises(OptionsError, match="normalization"):
        make_metrics(["nrmse:normalization=7"])
