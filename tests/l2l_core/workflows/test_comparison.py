import numpy as np
import pytest
from scipy import ndimage

from l2l_core.errors import ImageError
from l2l_core.workflows.comparison import GAUSSIAN, Case, compare, examples, scaled


def case(restoration=None, **extra):
    rng = np.random.default_rng(3)
    truth = ndimage.gaussian_filter(rng.random((40, 44)), 1.5) * 100
    noisy = truth + rng.normal(0, 2.0, truth.shape)
    images = {"input": noisy, "restoration": truth if restoration is None else restoration}
    return Case("field", {**images, "benchmark": 5 * truth + 80, **extra})


def test_gain_and_offset_do_not_count_and_a_perfect_restoration_wins():
    rows = {row.metric: row for row in compare([case()], ["nrmse", "ssim"]).rows}
    assert rows["NRMSE"].values["restoration"][0] == pytest.approx(0, abs=1e-6)
    assert rows["SSIM"].values["restoration"][0] == pytest.approx(1)
    assert rows["NRMSE"].values[GAUSSIAN][0] < rows["NRMSE"].values["input"][0]
    assert not rows["NRMSE"].higher_is_better


def test_the_gaussian_is_the_best_of_several_for_each_metric():
    from l2l_core.components.factory import get
    from l2l_core.workflows.comparison import SIGMAS, matched_score

    one = case()
    found = compare([one], ["nrmse"])
    wanted = scaled(one.images["benchmark"])
    scores = {
        sigma: matched_score(
            get("metric", "nrmse"),
            ndimage.gaussian_filter(one.images["input"].astype(np.float32), sigma),
            wanted,
        )
        for sigma in SIGMAS
    }
    assert found.rows[0].values[GAUSSIAN][0] == pytest.approx(min(scores.values()))
    assert found.sigmas["NRMSE", "benchmark"] == min(scores, key=scores.get)
    assert "favours it" in found.note


def test_a_metric_that_is_not_defined_for_one_image_is_no_reason_to_stop():
    from l2l_core.components.factory import get
    from l2l_core.workflows.comparison import matched_score

    wanted = scaled(case().images["benchmark"])
    flat = np.full(wanted.shape, 3.0)
    for name in ("contrast_gain", "background_suppression", "structure_precision"):
        assert np.isnan(matched_score(get("metric", name), flat, wanted))
    assert matched_score(get("metric", "structure_recall"), flat, wanted) == 0.0
    with pytest.raises(ImageError, match="too few rings"):
        matched_score(get("metric", "frc_resolution"), wanted[:12], wanted[:12])


def test_truth_is_a_reference_of_its_own_where_there_is_one():
    with_truth = case(truth=case().images["restoration"])
    assert {row.reference for row in compare([with_truth], ["psnr"]).rows} == {
        "benchmark",
        "truth",
    }


def test_an_empty_field_is_left_out_and_nothing_to_compare_with_is_an_error():
    empty = Case("empty", {**case().images, "benchmark": np.zeros((40, 44))})
    rows = compare([case(), empty], ["psnr"]).rows
    assert len(rows[0].values["input"]) == 1
    with pytest.raises(ImageError, match="no reference"):
        compare([empty], ["psnr"])


def test_examples_show_images_in_the_order_of_comparison():
    shown = examples([case(truth=np.ones((40, 44)))])[0]
    assert list(shown.images) == ["input", "restoration", "benchmark", "truth"]


def test_a_constant_restoration_of_a_plane_scores_as_the_references_mean():
    flat = case(restoration=np.zeros((40, 44)))
    rows = {row.metric: row for row in compare([case(), flat], ["nrmse", "ssim", "pearson"]).rows}
    wanted = scaled(flat.images["benchmark"])
    error = np.sqrt(np.mean((wanted - wanted.mean()) ** 2) / np.mean(wanted**2))
    assert rows["NRMSE"].values["restoration"][1] == pytest.approx(error)
    assert rows["SSIM"].values["restoration"][1] < 0.2
    assert np.isnan(rows["PEARSON"].values["restoration"][1])


def test_a_constant_input_of_a_plane_leaves_the_choice_of_the_gaussian_to_the_others():
    one = case()
    empty = Case("empty", {**one.images, "input": np.full((40, 44), 7)})
    for metric in ("pearson", "ssim"):
        alone, both = compare([one], [metric]), compare([one, empty], [metric])
        assert alone.sigmas == both.sigmas
        assert len(compare([empty], [metric]).rows) == 1


def test_missing_pixels_are_left_out_of_every_score():
    whole = case()
    damaged = {name: np.array(image, np.float32) for name, image in whole.images.items()}
    damaged["input"][3, 4] = damaged["restoration"][3, 4] = np.nan
    damaged["benchmark"][30, 2] = np.inf
    metrics = ["psnr", "nrmse", "ssim", "pearson"]
    sound = {row.metric: row for row in compare([whole], metrics).rows}
    for row in compare([Case("damaged", damaged)], metrics).rows:
        for name in ("input", GAUSSIAN):
            expected = sound[row.metric].values[name][0]
            assert row.values[name][0] == pytest.approx(expected, rel=0.05, abs=0.02)


def test_a_plane_of_which_nothing_is_known_has_no_score():
    unknown = Case("lost", {**case().images, "input": np.full((40, 44), np.nan)})
    assert np.isnan(compare([unknown], ["ssim"]).rows[0].values["input"][0])
    with pytest.raises(ImageError, match="no reference"):
        compare([Case("lost", {**case().images, "benchmark": np.full((40, 44), np.nan)})])
