from math import isnan, nan

import numpy as np
import pytest

from l2l_core.workflows.fold_statistics import (
    finite_mean,
    interval,
    paired_tests,
    relative_change,
)


def test_the_interval_is_the_one_of_a_textbook():
    # n = 5, mean 10, standard deviation 2.5, t(0.975, 4) = 2.7764: 10 ± 3.1042.
    found = interval([7.0, 8.5, 10.0, 11.0, 13.5])
    spread = np.std([7.0, 8.5, 10.0, 11.0, 13.5], ddof=1)
    assert (found.mean, found.count) == (10.0, 5)
    assert found.high - found.mean == pytest.approx(2.776445 * spread / 5**0.5, rel=1e-6)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_the_interval_holds_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(4)
    found = [interval(rng.normal(3.0, 2.0, 4).tolist()) for _ in range(2000)]
    held = sum(one.low <= 3.0 <= one.high for one in found) / len(found)
    # A normal quantile in place of Student's would hold it in 0.85.
    assert 0.935 < held < 0.965


def test_one_value_has_no_interval_and_none_no_mean():
    assert interval([2.0, nan]).mean == 2.0
    assert isnan(interval([2.0]).low)
    assert isnan(interval([]).mean)
    assert isnan(finite_mean([nan]))


def test_a_change_is_relative_to_the_amount_before():
    assert relative_change(0.5, 0.25) == -50
    assert relative_change(-0.1, 0.1) == pytest.approx(200)
    assert isnan(relative_change(0.0, 1.0))


def test_the_tests_agree_with_their_definitions():
    # All of six differences of one sign: of 64 signs two are as extreme, 2 / 64.
    first = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    second = [0.2, 0.4, 0.6, 0.8, 1.0, 1.2]
    found = paired_tests(first, second)
    assert found.pairs == 6
    assert found.difference == pytest.approx(0.35)
    assert found.wilcoxon_p == pytest.approx(2 / 64)
    # t = mean / (s / sqrt(n)) = 0.35 / (0.18708 / 2.44949) = 4.5826 with 5 degrees of freedom.
    assert found.t_p == pytest.approx(0.005934, rel=1e-3)


def test_images_without_a_score_are_no_pairs():
    found = paired_tests([0.1, nan, 0.3, 0.4], [0.3, 0.2, nan, 0.5])
    assert found.pairs == 2
    assert found.difference == pytest.approx(0.15)
    alone = paired_tests([0.1, nan], [0.3, 0.2])
    assert (alone.pairs, isnan(alone.t_p), isnan(alone.wilcoxon_p)) == (1, True, True)


def test_methods_that_do_not_differ_have_p_of_one():
    found = paired_tests([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    assert (found.difference, found.t_p, found.wilcoxon_p) == (0.0, 1.0, 1.0)


def test_equal_differences_end_in_no_warning():
    found = paired_tests([1.0, 0.1, 0.7], [1.3, 0.4, 1.0])
    assert found.t_p == 0.0
    assert found.wilcoxon_p == pytest.approx(2 / 8)
