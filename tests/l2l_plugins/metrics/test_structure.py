"""Structure against the truth, drawn so that every share can be counted by hand."""

import numpy as np
import pytest

from l2l_core.components.factory import get
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


def test_a_restoration_of_nothing_invents_nothing_and_finds_nothing():
    assert metrics(np.full_like(TRUTH, 3.0)) == [1.0, 0.0, 0.0]


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
