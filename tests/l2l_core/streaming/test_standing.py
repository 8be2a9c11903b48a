from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from l2l_core.streaming.standing import Standing, UnitSet

units = st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 3000))


@given(st.lists(st.tuples(st.booleans(), units)))
def test_a_set_of_units_is_a_set(steps: list[tuple[bool, tuple[int, int, int]]]) -> None:
    ours, expected = UnitSet(), set()
    for add, unit in steps:
        (ours.add if add else ours.discard)(unit)
        (expected.add if add else expected.discard)(unit)
    assert list(ours) == sorted(expected)
    assert len(ours) == len(expected)
    assert ours == expected
    assert all((unit in ours) == (unit in expected) for _, unit in steps)
    assert ours.count(0, 0) == sum(unit[:2] == (0, 0) for unit in expected)
    assert "unit" not in ours


def test_a_million_units_take_little_memory() -> None:
    tracemalloc.start()
    done = UnitSet((0, 0, index) for index in range(10**5))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(done) == 10**5
    assert size < 60_000


def test_what_is_added_to_a_finished_batch_makes_it_unfinished() -> None:
    standing = Standing({})
    finished = {"note": "finished", "facts": {}}
    assert not standing.finished
    for record, after in (
        ({"note": "image", "facts": {"number": 0}}, False),
        (finished, True),
        ({"note": "place", "facts": {"out": "here"}}, True),
        ({"note": "image", "facts": {"number": 1}}, False),
        ({"done": [1, 0, 0], "facts": {}}, False),
        (finished, True),
        ({"failed": [1, 0, 0], "reason": "damaged"}, False),
    ):
        standing.take(record)
        assert standing.finished is after
