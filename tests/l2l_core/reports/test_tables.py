import math

import pytest

from l2l_core.reports.content import MetricRow
from l2l_core.reports.tables import (
    format_number,
    mean_and_deviation,
    outcome,
    shortfall,
    tabulate,
)


def row(metric="SSIM", reference="benchmark", higher=True, **values):
    return MetricRow(
        metric=metric,
        reference=reference,
        values={name: tuple(v) for name, v in values.items()},
        higher_is_better=higher,
        data_range="1 (percentiles)",
    )


SSIM = row(input=[0.1, 0.2], gaussian=[0.4, 0.6], restoration=[0.7, 0.9])
NRMSE = row("NRMSE", "truth", higher=False, input=[0.9], gaussian=[0.3], restoration=[0.4])


def test_mean_and_sample_deviation_over_the_images():
    assert mean_and_deviation([1.0, 2.0, 6.0]) == pytest.approx((3.0, math.sqrt(7.0)))
    assert mean_and_deviation([4.0, math.nan]) == (4.0, None)
    assert math.isnan(mean_and_deviation([])[0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (0.0, "0.000"),
        (31.456, "31.46"),
        (2.5e-5, "2.50e-05"),
        (-123456.0, "-1.23e+05"),
        (math.nan, "—"),
        (math.inf, "inf"),
    ],
)
def test_numbers_are_written_with_the_digits_that_count(value, text):
    assert format_number(value) == text


def test_a_deviation_has_as_many_decimals_as_its_mean():
    cells = tabulate([row("PSNR", restoration=[20.0, 22.0])])[0].rows[0].cells
    assert cells[0].text == "21.00 ± 1.41"


def test_there_is_a_table_for_each_reference_with_all_candidates_in_order():
    tables = tabulate([SSIM, NRMSE, row("PSNR", other=[3.0])])
    assert [table.reference for table in tables] == ["benchmark", "truth"]
    assert tables[0].candidates == ("input", "gaussian", "restoration", "other")
    assert [cell.text for cell in tables[0].rows[1].cells] == ["—", "—", "—", "3.000"]
    assert tables[0].rows[0].images == 2


def test_the_best_is_marked_in_the_metrics_direction():
    higher, lower = (table.rows[0].cells for table in tabulate([SSIM, NRMSE]))
    assert [cell.best for cell in higher] == [False, False, True]
    assert [cell.best for cell in lower] == [False, True, False]
    tie = tabulate([row(input=[0.5], restoration=[0.5])])[0].rows[0].cells
    assert [cell.best for cell in tie] == [True, True]


def test_a_missing_value_is_never_the_best():
    cells = tabulate([row(input=[math.nan], restoration=[0.1])])[0].rows[0].cells
    assert [cell.best for cell in cells] == [False, True]


def test_the_warning_names_what_the_restoration_loses():
    text = shortfall([SSIM, NRMSE], "gaussian")
    assert "in 1 of 2 comparisons" in text
    assert "NRMSE against the truth (0.400, baseline 0.300)" in text
    assert "SSIM" not in text


def test_a_tie_and_a_failed_restoration_do_not_beat_the_baseline():
    assert "1 of 1" in shortfall([row(gaussian=[0.5], restoration=[0.5])], "gaussian")
    assert "1 of 1" in shortfall([row(gaussian=[0.5], restoration=[math.nan])], "gaussian")


def test_there_is_no_warning_where_the_restoration_wins_or_no_baseline_is():
    assert shortfall([SSIM], "gaussian") == ""
    assert shortfall([NRMSE], "rolling_ball") == ""
    assert shortfall([], "gaussian") == ""


def test_the_outcome_says_better_and_worse_by_direction():
    text = outcome([SSIM, NRMSE, row("PSNR", input=[9.0], restoration=[8.0])])
    assert "SSIM from 0.150 to 0.800 (better), PSNR from 9.000 to 8.000 (worse)" in text
    assert "Against the truth, from input to restoration: NRMSE from 0.900 to 0.400" in text
    assert outcome([row(gaussian=[1.0])]) == ""
