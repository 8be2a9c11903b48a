import os
import signal
import threading
import time

import pytest

from l2l_core.errors import ConfigError, ImageError
from l2l_core.streaming.execution import Threads, make_workers


def squared(context, item):
    return item**2 + context.get("more", 0)


def failing_on_odd(context, item):
    if item % 2:
        raise ImageError(f"image {item} is odd")
    return item


def leaving(context, item):
    raise SystemExit(item)


def slow(context, item):
    time.sleep(context["seconds"])
    return item


class Gauge:
    """Counts how many are inside at once."""

    def __init__(self):
        self.lock, self.inside, self.most = threading.Lock(), 0, 0

    def task(self, context, item):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.01)
        with self.lock:
            self.inside -= 1


def test_each_item_comes_out_once_with_its_result():
    with Threads(3) as workers:
        outcomes = list(workers.run(squared, {"more": 1}, range(50)))
    assert {outcome.item: outcome.result for outcome in outcomes} == {
        i: i**2 + 1 for i in range(50)
    }
    assert len(outcomes) == 50
    assert {outcome.worker for outcome in outcomes} <= {"thread 1", "thread 2", "thread 3"}


def test_no_items_are_no_work():
    with Threads(2) as workers:
        assert list(workers.run(squared, {}, [])) == []


def test_an_item_that_fails_is_an_outcome_and_the_others_go_on():
    with Threads(2) as workers:
        outcomes = list(workers.run(failing_on_odd, {}, range(10)))
    failed = {outcome.item: outcome.error for outcome in outcomes if outcome.error}
    assert sorted(failed) == [1, 3, 5, 7, 9]
    assert str(failed[3]) == "image 3 is odd"
    assert isinstance(failed[3], ImageError)
    assert failed[3].__traceback__ is not None


def test_a_task_that_wants_to_end_the_program_ends_no_thread():
    with Threads(2) as workers:
        outcomes = list(workers.run(leaving, {}, range(6)))
    assert [str(outcome.error) for outcome in outcomes if outcome.item == 4] == ["SystemExit(4)"]
    assert len(outcomes) == 6


def test_items_are_taken_as_there_is_room_and_no_more_run_at_once_than_there_are_threads():
    taken = []

    def items():
        for item in range(40):
            taken.append(item)
            yield item

    gauge = Gauge()
    with Threads(3) as workers:
        for ended, _ in enumerate(workers.run(gauge.task, {}, items())):
            assert len(taken) <= ended + 4
    assert len(taken) == 40
    assert gauge.most == 3


def test_seconds_are_those_of_the_task():
    with Threads(1) as workers:
        (outcome,) = workers.run(slow, {"seconds": 0.05}, [1])
    assert 0.05 <= outcome.seconds < 5


def test_after_stop_taking_those_under_way_come_out_and_no_others():
    with Threads(2) as workers:
        ended = []
        for outcome in workers.run(slow, {"seconds": 0.01}, range(1000)):
            ended.append(outcome.item)
            workers.stop_taking()
        assert sorted(ended) == [0, 1, 2]
        assert list(workers.run(squared, {}, range(3))) == []


def test_a_run_that_is_left_early_begins_nothing_more():
    begun = []
    with Threads(1, grace=5) as workers:
        for _ in workers.run(lambda context, item: begun.append(item), {}, range(1000)):
            break
    count = len(begun)
    time.sleep(0.05)
    assert len(begun) == count <= 3


def test_two_runs_after_each_other_use_the_same_threads():
    with Threads(2) as workers:
        list(workers.run(squared, {}, range(4)))
        before = threading.active_count()
        list(workers.run(squared, {}, range(4)))
        assert threading.active_count() == before
    assert not [t for t in threading.enumerate() if t.name in ("thread 1", "thread 2")]


def test_closing_waits_for_a_stuck_task_no_longer_than_the_grace():
    release = threading.Event()
    workers = Threads(1, grace=0.1)
    run = workers.run(lambda context, item: release.wait(20) if item else None, {}, range(3))
    next(run)
    start = time.monotonic()
    run.close()
    workers.close()
    workers.close()
    assert time.monotonic() - start < 5
    release.set()


def interrupting(context, item):
    if item < 2:
        context["both have begun"].wait(10)
    if item == 0:
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
    return item


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_lets_those_under_way_come_out_and_then_goes_on():
    ended = []
    with Threads(2) as workers:
        context = {"both have begun": threading.Barrier(2)}
        run = workers.run(interrupting, context, range(1000))
        with pytest.raises(KeyboardInterrupt):
            ended.extend(outcome.item for outcome in run)
    assert sorted(ended) == [0, 1]


def test_nothing_asked_for_is_threads_here():
    with make_workers(None, None) as workers:
        assert isinstance(workers, Threads)
        assert workers.count == 3
        assert workers.describe() == "3 threads on this computer"


def test_starting_workers_and_naming_a_scheduler_exclude_each_other():
    with pytest.raises(ConfigError, match=r"2 workers .* 'tcp://node7:8786'.*give one of the two"):
        make_workers(2, "tcp://node7:8786")


def test_no_threads_are_no_workers():
    with pytest.raises(ConfigError, match="got 0 threads; expected at least 1"):
        Threads(0)
