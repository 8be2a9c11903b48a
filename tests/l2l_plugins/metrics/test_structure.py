"""Structure against the truth, drawn so that every share can be counted by hand."""

import numpy as np
import pytest
from attrs import evolve
from scipy.ndimage import gaussian_filter

from l2l_core.components.factory import get
from l2l_core.data.simulation import SPECIMENS, simulate_pair
from l2l_core.errors import ImageError, OptionsError, StatisticsError

TRUTH = np.zeros((40, 60))
TRUTH[10:13, 5:45] = 1.0  # 120 pixels


def metrics(image, truth=TRUTH, *, mask=None, **options):
    return [
        get("metric", name, **options)(image, truth, mask=mask)
        for name in ("structure_precision", "structure_recall", "hallucination_rate")
    ]


def test_half_of_the_structure_and_as_much_that_is_invented():
    image = np.zeros_like(TRUTH)
    image[10:13, 5:25] = 5.0  # 60 of the 120
    image[30:33, 5:25] = 5.0  # one object of 60 that is nowhere near
    assert metrics(image, tolerance=0) == pytest.approx([0.5, 0.5, 0.5])
    # Two pixels beside the end count as found.
    assert metrics(image, tolerance=2) == pytest.approx([0.5, 66 / 120, 0.5])


def test_what_lies_beside_the_truth_by_less_than_the_tolerance_is_real():
    image = np.roll(TRUTH, 2, axis=0)
    assert metrics(image, tolerance=0) == pytest.approx([1 / 3, 1 / 3, 1.0])
    assert metrics(image, tolerance=2) == pytest.approx([1.0, 1.0, 0.0])
    away = np.roll(TRUTH, 6, axis=0)
    assert metrics(away, tolerance=2) == pytest.approx([0.0, 0.0, 1.0])


def test_objects_that_touch_at_a_corner_are_one_and_small_ones_can_be_left_out():
    image = TRUTH.copy()
    image[25, 20] = image[26, 21] = image[35, 50] = 1.0
    rate = get("metric", "hallucination_rate")
    assert rate(image, TRUTH) == pytest.approx(2 / 3)
    assert get("metric", "hallucination_rate", smallest=2)(image, TRUTH) == pytest.approx(1 / 2)
    assert get("metric", "hallucination_rate", smallest=3)(image, TRUTH) == 0.0


def test_an_object_is_invented_where_less_than_half_of_it_is_near_structure():
    image = TRUTH.copy()
    image[10:13, 5:] = 1.0  # 120 real ones and 45 that go on beyond the end
    precision, recall, rate = metrics(image, tolerance=0)
    assert (precision, recall, rate) == pytest.approx((120 / 165, 1.0, 0.0))
    image = np.zeros_like(TRUTH)
    image[10:13, 41:] = 1.0  # 12 of 57
    assert metrics(image, tolerance=0)[2] == 1.0


def test_a_restoration_of_nothing_finds_nothing_and_has_no_share_that_is_real():
    precision, recall, rate = metrics(np.full_like(TRUTH, 3.0))
    assert np.isnan(precision)
    assert recall == 0.0
    assert np.isnan(rate)


def test_an_image_that_is_bright_all_over_is_not_precise():
    image = np.ones_like(TRUTH)
    image[0, 0] = 0.0
    precision, recall, rate = metrics(image, tolerance=0)
    assert (precision, recall, rate) == pytest.approx((120 / 2399, 1.0, 1.0))


def test_structure_that_is_real_and_faint_may_be_shown_and_need_not_be_found():
    truth = TRUTH.copy()
    truth[30, 10:40] = 0.2  # under the threshold, above a quarter of it
    given = {"tolerance": 0, "truth_threshold": 0.5}
    assert metrics(TRUTH, truth, **given) == [1.0, 1.0, 0.0]
    assert metrics((truth > 0).astype(float), truth, **given) == [1.0, 1.0, 0.0]
    truth[30, 10:40] = 0.1
    precision, recall, rate = metrics((truth > 0).astype(float), truth, **given)
    assert (precision, recall, rate) == pytest.approx((120 / 150, 1.0, 0.5))


def test_the_slope_beside_bright_structure_is_none_of_its_own():
    distance = np.abs(np.arange(61) - 30.0)
    truth = np.exp(-(distance**2) / (2 * 2.0**2)) * np.ones((40, 1))
    image = (distance <= 8) * np.ones((40, 1))
    # Above half of the crest are 5 columns, above a quarter of the threshold 7.
    precision = metrics(image, truth, tolerance=2, truth_threshold=0.8)[0]
    assert precision == pytest.approx((5 + 2 * 2) / 17)


def test_noise_of_a_truth_is_not_real():
    rng = np.random.default_rng(0)
    truth = TRUTH + rng.normal(1.0, 0.15, TRUTH.shape)
    image = np.zeros_like(TRUTH)
    image[20:40] = 1.0  # where there is nothing but noise
    precision, _, rate = metrics(image, truth, tolerance=0)
    assert precision < 0.02
    assert rate == 1.0


def test_of_a_hazy_image_no_more_counts_than_could_be_real():
    image = 0.9 * (np.arange(60) < 50) * np.ones((40, 1)) + 0.1 * TRUTH
    image[20:23, 5:45] += 0.05  # fainter than the structure, brighter than the cell
    assert metrics(image, tolerance=0) == [1.0, 1.0, 0.0]
    assert metrics(image, tolerance=0, percentile=15.0)[0] == pytest.approx(120 / 2000)


@pytest.mark.parametrize("name", ["actin", "tubulin", "caveolae", "paxillin"])
def test_images_of_a_specimen_are_ranked_by_what_they_show(name):
    specimen = SPECIMENS[name]
    fwhm = 1000 * specimen.fwhm_um(specimen.benchmark) / specimen.pixel_size_nm
    tolerance = max(fwhm / 2, 1.5)
    pair = simulate_pair(evolve(specimen, size=(256, 256)), seed=1)
    truth = pair.truth.astype(np.float64)
    images = {
        "blurred again": gaussian_filter(truth, fwhm / 2.355),
        "compressed": truth / (truth + 0.3),
        "benchmark": pair.benchmark,
        "raw": pair.input,
        "noise": np.random.default_rng(0).standard_normal(truth.shape),
        "elsewhere": np.roll(truth, (85, 128), (0, 1)),
    }
    found = {key: metrics(image, truth, tolerance=tolerance) for key, image in images.items()}
    for key in ("blurred again", "compressed"):
        assert found[key][0] > 0.97
        assert found[key][1] > 0.95
        assert found[key][2] < 0.02
    precision = {key: values[0] for key, values in found.items()}
    assert precision["blurred again"] >= precision["benchmark"] > 1.5 * precision["raw"]
    assert precision["raw"] > 1.5 * max(precision["noise"], precision["elsewhere"])
    rate = {key: values[2] for key, values in found.items()}
    assert rate["benchmark"] < rate["raw"] - 0.1
    assert rate["noise"] > 0.8


def test_thresholds_are_options():
    image = np.arange(100.0).reshape(10, 10)
    truth = np.zeros((10, 10))
    truth[8:], truth[9] = 0.4, 1.0
    by_percentile = {"percentile": 80.0, "tolerance": 0}
    assert metrics(image, truth, **by_percentile, truth_threshold=0.5)[0] == pytest.approx(0.5)
    assert metrics(image, truth, **by_percentile, truth_threshold=0.2)[0] == pytest.approx(1.0)
    with pytest.raises(OptionsError, match="percentile"):
        get("metric", "structure_recall", percentile=100.0)
    with pytest.raises(OptionsError, match="tolerance"):
        get("metric", "structure_recall", tolerance=-1.0)


def test_the_background_is_measured_where_the_truth_has_no_structure():
    suppression = get("metric", "background_suppression")
    image = 2.0 * TRUTH + 100.0
    image[20:30] += 0.5  # haze over a part of what is no structure
    far = np.ones(TRUTH.shape, dtype=bool)
    far[8:15, 5:45] = far[9:14, 4:46] = far[10:13, 3:47] = False
    far[8, [4, 45]] = far[14, [4, 45]] = True
    distance_two = np.count_nonzero(far)
    expected = 1 - (0.5 * 600 / distance_two) / 2.0
    assert suppression(image, TRUTH) == pytest.approx(expected, rel=1e-3)
    assert suppression(7 * image - 50, TRUTH) == pytest.approx(suppression(image, TRUTH))
    assert suppression(TRUTH, TRUTH) == pytest.approx(1.0)
    assert suppression(1.0 - TRUTH + 0.1 * np.eye(40, 60), TRUTH) < 0


@pytest.mark.parametrize(
    "name",
    ["structure_precision", "structure_recall", "hallucination_rate", "background_suppression"],
)
def test_without_a_truth_there_is_a_sentence(name):
    with pytest.raises(ImageError, match="none was given"):
        get("metric", name)(TRUTH)
    with pytest.raises(StatisticsError, match="constant truth"):
        get("metric", name)(TRUTH, np.zeros_like(TRUTH))


def test_images_without_background_or_structure_give_a_sentence():
    with pytest.raises(StatisticsError, match="smaller tolerance"):
        get("metric", "background_suppression", tolerance=100.0)(TRUTH, TRUTH)
    with pytest.raises(StatisticsError, match="aligned to the truth"):
        get("metric", "background_suppression")(1.0 - TRUTH, TRUTH)


def test_what_is_masked_is_neither_restored_nor_true():
    image = TRUTH.copy()
    image[30:33, 5:25] = 1.0
    mask = np.ones(TRUTH.shape, dtype=bool)
    mask[25:] = False
    image[38, 50] = np.nan
    assert metrics(image, mask=mask) == [1.0, 1.0, 0.0]


def test_what_is_masked_leaves_no_room_for_structure():
    image = TRUTH * np.linspace(1.0, 2.0, 60)
    mask = np.zeros(TRUTH.shape, dtype=bool)
    mask[9:13] = True
    assert metrics(image, mask=mask, tolerance=0) == [1.0, 1.0, 0.0]
    assert metrics(image, mask=mask, tolerance=2) == [1.0, 1.0, 0.0]


def test_a_tolerance_for_each_axis_is_an_ellipsoid():
    truth, image = np.zeros((9, 15, 15)), np.zeros((9, 15, 15))
    truth[4, 7, 7] = image[6, 7, 7] = 1.0
    precision = "structure_precision"
    assert get("metric", precision, tolerance=[2.0, 1.0, 1.0])(image, truth) == 1.0
    assert get("metric", precision, tolerance=[1.0, 2.0, 2.0])(image, truth) == 0.0
    assert get("metric", precision, tolerance=[0.0, 3.0, 3.0])(image, truth) == 0.0
    beside = np.zeros_like(truth)
    beside[5, 8, 8] = 1.0  # 1/4 + 2/9 of the radii, then 1/4 + 2/2
    assert get("metric", precision, tolerance=[2.0, 3.0, 3.0])(beside, truth) == 1.0
    assert get("metric", precision, tolerance=[2.0, 1.4, 1.4])(beside, truth) == 0.0
    same, one = ([2.0, 2.0], 2.0)
    for shifted in (np.roll(TRUTH, 2, axis=0), np.roll(TRUTH, (2, 1), axis=(0, 1))):
        assert metrics(shifted, tolerance=same) == metrics(shifted, tolerance=one)
    with pytest.raises(ImageError, match="got 2 tolerances for images of 3 spatial axes"):
        get("metric", precision, tolerance=[2.0, 2.0])(image, truth)
    with pytest.raises(OptionsError, match="tolerance"):
        get("metric", precision, tolerance=[2.0, -1.0])
