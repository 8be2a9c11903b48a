import threading
import time

import pytest

from l2l_core.streaming.residents import borrowed, device_lock, release_residents, resident


@pytest.fixture(autouse=True)
def nobody_left():
    yield
    release_residents()


class Model:
    def __init__(self, name, closed):
        self.name, self.closed = name, closed

    def close(self):
        self.closed.append(self.name)


def test_the_same_key_gives_the_same_object():
    first = resident("model:a", object)
    assert resident("model:a", object) is first


def test_a_new_key_closes_the_former_before_the_new_one_is_made():
    closed = []
    resident("model:a", lambda: Model("a", closed))

    def make():
        assert closed == ["a"]
        return Model("b", closed)

    assert resident("model:b", make).name == "b"
    assert resident("model:a", lambda: Model("a again", closed)).name == "a again"
    assert closed == ["a", "b"]


def test_the_kind_is_the_first_word_of_the_key():
    closed = []
    resident("model Facts(path='c:/a')", lambda: Model("a", closed))
    resident("model: b", lambda: Model("b", closed))
    assert closed == ["a"]


def test_objects_of_two_kinds_stay_side_by_side():
    closed = []
    model = resident("model:a", lambda: Model("a", closed))
    resident("image:a", object)
    assert resident("model:a", object) is model
    assert closed == []


def test_what_is_borrowed_is_closed_when_the_last_borrower_gives_it_back():
    closed = []
    with borrowed("model:a", lambda: Model("a", closed)) as first:
        with borrowed("model:a", object) as second:
            assert second is first
            resident("model:b", lambda: Model("b", closed))
            assert closed == []
        assert closed == []
    assert closed == ["a"]


def test_what_is_borrowed_stays_for_the_next():
    closed = []
    with borrowed("model:a", lambda: Model("a", closed)) as first:
        pass
    assert resident("model:a", object) is first
    assert closed == []


def test_an_object_without_close_is_simply_forgotten():
    assert resident("number:1", lambda: 1) == 1
    assert resident("number:2", lambda: 2) == 2


def test_what_cannot_be_made_is_not_kept():
    def broken():
        raise ValueError("no such model")

    with pytest.raises(ValueError, match="no such model"):
        resident("model:a", broken)
    assert resident("model:a", lambda: 7) == 7


def test_many_threads_that_ask_at_once_make_it_once():
    made = []

    def make():
        time.sleep(0.02)
        made.append(1)
        return object()

    found = []
    threads = [
        threading.Thread(target=lambda: found.append(resident("model:a", make))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    assert len(set(map(id, found))) == 1


def test_another_kind_does_not_wait_for_one_that_is_being_made():
    begun, go_on = threading.Event(), threading.Event()

    def make():
        begun.set()
        assert go_on.wait(10)
        return 1

    slow = threading.Thread(target=resident, args=("model:a", make))
    slow.start()
    assert begun.wait(10)
    assert resident("image:a", lambda: 2) == 2
    go_on.set()
    slow.join()


def test_what_is_released_is_closed_and_made_anew():
    closed = []
    resident("model:a", lambda: Model("a", closed))
    release_residents()
    assert closed == ["a"]
    assert resident("model:a", lambda: Model("new", closed)).name == "new"


def test_one_thread_computes_at_a_time():
    with device_lock("gpu:0"):
        assert not device_lock("gpu:0").acquire(blocking=False)
        with device_lock("gpu:1"):
            assert device_lock("gpu:1").locked()
