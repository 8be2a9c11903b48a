import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_backends.training.progress import Progress
from l2l_core.components import Schedule
from l2l_core.errors import RunError


def rates(losses, **schedule):
    """Return the learning rates of the epochs that follow each loss."""
    plan = Schedule(learning_rate=1.0, epochs=1000, **schedule)
    progress, found = Progress(learning_rate=1.0), []
    for loss in losses:
        progress = progress.after(loss, plan)
        found.append(progress.learning_rate)
    return found


def test_rate_is_halved_after_patience_epochs_without_a_better_loss():
    assert rates([5, 6, 6, 6, 6, 6, 6], plateau_patience=3) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_a_better_loss_by_however_little_begins_the_count_anew():
    assert rates([5, 6, 6, 5 - 1e-12, 6, 6, 6], plateau_patience=3) == [1] * 6 + [0.5]


def test_an_equal_loss_is_no_better():
    assert rates([5, 5, 5], plateau_patience=2) == [1, 1, 0.5]


def test_rate_stays_above_the_least():
    assert rates([1] + [2] * 4, plateau_patience=1, min_learning_rate=0.3) == [
        1,
        0.5,
        0.3,
        0.3,
        0.3,
    ]


def test_a_rate_that_begins_below_the_least_is_never_raised():
    assert rates([1, 2, 2], plateau_patience=1, min_learning_rate=2.0) == [1, 1, 1]


def test_patience_zero_keeps_the_rate():
    assert set(rates([1] + [2] * 30, plateau_patience=0)) == {1.0}


def keras_rates(losses, patience):
    """ReduceLROnPlateau as its documentation tells it, with min_delta 0 and no cool-down."""
    rate, best, wait, found = 1.0, float("inf"), 0, []
    for loss in losses:
        if loss < best:
            best, wait = loss, 0
        else:
            wait += 1
            if wait >= patience:
                rate, wait = rate * 0.5, 0
        found.append(rate)
    return found


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 6))
def test_rates_are_keras(losses, patience):
    assert rates(losses, plateau_patience=patience, min_learning_rate=0.0) == keras_rates(
        losses, patience
    )


def test_stops_at_the_last_epoch_or_early():
    plan = Schedule(epochs=10, early_stopping=2)
    progress = Progress(learning_rate=1.0)
    for loss in (3.0, 2.0, 2.5):
        progress = progress.after(loss, plan)
        assert progress.stopped(plan) is None
    progress = progress.after(2.5, plan)
    assert progress.stopped(plan) == "early"
    assert (progress.best_epoch, progress.best_loss) == (2, 2.0)
    assert progress.stopped(Schedule(epochs=4)) == "finished"
    assert progress.stopped(Schedule(epochs=5)) is None


def test_facts_come_back_exactly_through_json():
    progress = Progress(learning_rate=4e-4)
    for loss in (0.1, 1 / 3, 0.30000000000000004):
        progress = progress.after(loss, Schedule(plateau_patience=1, plateau_factor=1 / 3))
    assert Progress.from_facts(json.loads(json.dumps(progress.to_facts()))) == progress


def test_a_state_that_lacks_facts_is_refused():
    with pytest.raises(RunError, match="learning_rate"):
        Progress.from_facts({"epoch": 3})
