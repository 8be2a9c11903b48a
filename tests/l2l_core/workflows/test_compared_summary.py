"""Who wins, from scores that are written by hand."""

from math import isnan, nan

import pytest

from l2l_core.workflows.compared_report import (
    beside_table,
    best_cells,
    header_cells,
    standing_cells,
)
from l2l_core.workflows.compared_summary import summarize
from l2l_core.workflows.fold_scores import choose_metrics

NRMSE, SSIM = choose_metrics(["nrmse", "ssim"])
(CONTRAST,) = choose_metrics(["michelson_contrast"], alone=True)

INPUT = [0.50, 0.52, 0.48, 0.51, 0.49, 0.53]
GAUSSIAN = [0.40, 0.42, 0.38, 0.41, 0.39, 0.43]


def rows(metrics=(NRMSE,), **methods):
    """Return the rows of methods named by kind and name, with one value for each image."""
    found = []
    for key, values in methods.items():
        kind, _, name = key.partition("_")
        name = name or "input"
        found += [
            {
                "method": name,
                "title": name,
                "kind": kind,
                "image": f"image-{index}",
                "metrics": {one.label: [value] for one in metrics},
            }
            for index, value in enumerate(values)
        ]
    return found


def verdict(**methods):
    return summarize(rows(**methods), [NRMSE]).verdicts[0]


def test_a_network_beats_the_best_baseline_and_by_how_much_is_said():
    better = [value - 0.1 - 0.001 * index for index, value in enumerate(GAUSSIAN)]
    found = summarize(
        rows(input=INPUT, filter_gaussian=GAUSSIAN, filter_median=INPUT, network_mae=better),
        [NRMSE],
    )
    one = found.verdicts[0]
    assert one.outcome == "beats"
    assert one.text.startswith(
        "mae beats the best baseline, gaussian, in NRMSE: 0.302 against 0.405, better by 25.3 % "
        "(6 images, paired t-test p < 1e-06, Wilcoxon p = 0.031)."
    )
    assert found.verdict == "A network beats the best baseline in NRMSE."
    assert found.caution == ""


def test_no_network_beats_a_baseline_that_is_better_on_average():
    one = verdict(input=INPUT, filter_gaussian=GAUSSIAN, network_mae=INPUT, network_mse=[0.9] * 6)
    assert one.outcome == "behind"
    assert one.text.startswith(
        "No network beats the best baseline, gaussian, in NRMSE: the best of them, mae, has 0.505 "
        "against 0.405, worse by 24.7 %"
    )


def test_a_difference_that_may_be_chance_beats_nobody():
    mixed = [value + change for value, change in zip(GAUSSIAN, (-5, 4, -4, 4, -4, 3), strict=True)]
    found = summarize(rows(input=INPUT, filter_gaussian=GAUSSIAN, network_mae=mixed), [NRMSE])
    assert found.verdicts[0].outcome == "ahead"
    assert "which may be chance (6 images, paired t-test p = 0." in found.verdicts[0].text
    assert found.verdict.startswith("A network is ahead of the best baseline in NRMSE")


def test_the_input_is_the_baseline_where_no_filter_is_better():
    one = verdict(input=GAUSSIAN, filter_median=INPUT, network_mae=INPUT)
    assert "the best baseline, the input as it is, in NRMSE" in one.text


def test_equal_scores_beat_nobody():
    one = verdict(input=INPUT, network_identity=INPUT)
    assert one.outcome == "equal"
    assert "No network beats" in one.text


def test_the_direction_of_the_metric_decides():
    found = summarize(
        rows((NRMSE, SSIM), input=INPUT, filter_gaussian=GAUSSIAN, network_mae=INPUT),
        [NRMSE, SSIM],
    )
    assert [one.outcome for one in found.verdicts] == ["behind", "equal"]
    assert found.verdict == "No network beats the best baseline in any of 2 metrics."
    # The table marks the gaussian where less is better, and all that are equal elsewhere.
    assert best_cells(found) == {(1, 1), (0, 2), (2, 2)}
    assert header_cells(found) == ("Method", "NRMSE ↓", "SSIM ↑")


def test_some_metrics_that_are_lost_are_named():
    some = rows((NRMSE, SSIM), input=GAUSSIAN, network_mae=INPUT)
    found = summarize(some, [NRMSE, SSIM])
    assert found.verdict == (
        "No network beats the best baseline in 1 of 2 metrics: NRMSE. A network beats the best "
        "baseline in SSIM."
    )


def test_few_images_have_no_power_and_one_has_no_interval():
    one = summarize(rows(input=INPUT[:1], network_mae=GAUSSIAN[:1]), [NRMSE])
    assert one.verdicts[0].outcome == "ahead"
    assert "one image, no test" in one.verdicts[0].text
    assert one.caution.startswith("There is one image")
    assert isnan(one.standings[0].means["nrmse"].low)
    assert standing_cells(one.standings[0], [NRMSE]) == ("input", "0.500")
    five = summarize(rows(input=INPUT[:5], network_mae=GAUSSIAN[:5]), [NRMSE])
    assert "cannot fall below p = 0.062" in five.caution
    (cell,) = standing_cells(five.standings[0], [NRMSE])[1:]
    # t(0.975, 4) = 2.776 and the error of the mean 0.0158 / sqrt(5).
    assert cell == "0.500 [0.480, 0.520]"


def test_filters_alone_make_no_contest():
    found = summarize(rows(input=INPUT, filter_gaussian=GAUSSIAN), [NRMSE])
    assert found.verdict == "No network was compared, filters alone."
    assert found.contests == ()


def test_images_without_a_score_are_counted():
    found = summarize(rows(input=INPUT, network_mae=[nan, *GAUSSIAN[1:]]), [NRMSE])
    assert found.contests[0].tests.pairs == 5
    assert standing_cells(found.standings[1], [NRMSE])[1].endswith("], 1 without")
    assert found.standings[1].means["nrmse"].mean == pytest.approx(sum(GAUSSIAN[1:]) / 5)
    nothing = summarize(rows(input=INPUT, network_mae=[nan] * 6), [NRMSE])
    assert nothing.verdicts[0].text == "No network has a value of NRMSE to compare."


def test_a_score_that_is_missing_where_others_do_badly_makes_nobody_the_best():
    # Its only scores are those of the easy images.
    hard = [0.9, 0.9, 0.2, 0.2, 0.2, 0.2]
    median = [nan, nan, 0.21, 0.22, 0.21, 0.22]
    network = [0.8, 0.8, 0.1, 0.11, 0.1, 0.11]
    found = summarize(
        rows(input=hard, filter_gaussian=hard, filter_median=median, network_mae=network), [NRMSE]
    )
    one = found.verdicts[0]
    assert one.text.startswith("mae beats the best baseline, the input as it is, in NRMSE")
    assert best_cells(found) == {(3, 1)}


def test_the_numbers_of_a_sentence_are_of_the_images_that_both_have():
    # Over all of its images the network's mean is the worse one.
    network = [0.9, *(value - 0.01 - 0.001 * index for index, value in enumerate(GAUSSIAN[1:]))]
    gaussian = [nan, *GAUSSIAN[1:]]
    one = verdict(input=[0.95] * 6, filter_gaussian=gaussian, network_mae=network)
    assert one.outcome == "beats"
    assert "in NRMSE: 0.394 against 0.406, better by 3.0 % (5 images," in one.text


def test_a_method_with_a_score_of_few_images_takes_no_part():
    found = summarize(
        rows(input=INPUT, filter_gaussian=GAUSSIAN, filter_odd=[0.01] + [nan] * 5,
             network_mae=INPUT),
        [NRMSE],
    )  # fmt: skip
    assert found.best(NRMSE, "input", "filter").title == "gaussian"


def test_a_metric_without_a_value_is_not_said_to_be_lost():
    found = summarize(rows(input=INPUT, network_mae=[nan] * 6), [NRMSE])
    assert found.verdict == "Nothing can be said of NRMSE."
    assert summarize(rows(input=GAUSSIAN, network_mae=INPUT), [NRMSE]).verdict == (
        "No network beats the best baseline in NRMSE."
    )


def test_a_metric_of_one_image_alone_is_shown_and_wins_nothing():
    scores = rows((NRMSE, CONTRAST), input=GAUSSIAN, network_mae=INPUT)
    found = summarize(scores, [NRMSE, CONTRAST])
    # The network has more contrast in every image.
    assert found.standings[1].means["michelson_contrast"].mean > 0.5
    assert found.verdict == "No network beats the best baseline in NRMSE."
    assert [one.metric for one in (*found.verdicts, *found.contests)] == ["nrmse", "nrmse"]
    assert best_cells(found) == {(0, 1)}
    assert header_cells(found) == ("Method", "NRMSE ↓", "Michelson contrast")
    assert beside_table(found).startswith(
        "Michelson contrast is of one image alone and has no verdict: a higher contrast"
    )
    assert beside_table(summarize(scores, [NRMSE])) == ""


def test_contrasts_alone_make_no_verdict():
    found = summarize(rows((CONTRAST,), input=GAUSSIAN, network_mae=INPUT), [CONTRAST])
    assert found.verdict.startswith("Every metric is of one image alone")
    assert (found.verdicts, found.contests, best_cells(found)) == ((), (), set())


def test_the_head_of_a_table_has_units():
    chosen = choose_metrics(
        ["psnr", "frc_resolution", "line_width", "line_width:pixel_size=0.1", "nrmse"], alone=True
    )
    assert [one.title for one in chosen] == [
        "PSNR (dB)", "FRC resolution (px)", "line width (px)", "line width (pixel_size 0.1)",
        "NRMSE",
    ]  # fmt: skip


def test_a_difference_that_rounds_to_nothing_is_said_to_be_small():
    close = [value - 1e-4 - 1e-6 * index for index, value in enumerate(GAUSSIAN)]
    one = verdict(input=INPUT, filter_gaussian=GAUSSIAN, network_mae=close)
    assert one.outcome == "beats"
    assert "better by less than 0.1 % (" in one.text
