import threading
import time
from itertools import count, islice

import numpy as np
import pytest

from l2l_backends.training.batches import (
    batch_indices,
    collate,
    prefetched,
    validation_indices,
)
from l2l_core.components import Paired, Single, Unpaired


class Numbered:
    """Sample i is i everywhere; the later ones are ready sooner."""

    def __getitem__(self, index):
        time.sleep(0.002 * (index % 3 == 0))
        return Single(np.full((1, 2, 2), index, np.float32))


def test_batches_come_in_order_whatever_the_threads():
    batches = prefetched(Numbered(), (batch_indices(step, 2) for step in range(20)), workers=4)
    firsts = [batch.input[:, 0, 0, 0].tolist() for batch in batches]
    assert firsts == [[2 * step, 2 * step + 1] for step in range(20)]


def test_an_endless_list_is_made_only_a_few_batches_ahead():
    asked = []

    class Watched(Numbered):
        def __getitem__(self, index):
            asked.append(index)
            return super().__getitem__(index)

    batches = prefetched(Watched(), ([step] for step in count()), workers=2)
    assert len(list(islice(batches, 5))) == 5
    batches.close()
    assert max(asked) < 5 + 2 + 1


def test_closing_ends_the_threads():
    before = threading.active_count()
    batches = prefetched(Numbered(), ([step] for step in count()), workers=3)
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_what_a_sample_raises_is_raised_where_it_is_due():
    class Failing(Numbered):
        def __getitem__(self, index):
            if index == 3:
                raise ValueError("image 3 is damaged")
            return super().__getitem__(index)

    batches = prefetched(Failing(), ([step] for step in range(6)), workers=2)
    assert len(list(islice(batches, 3))) == 3
    with pytest.raises(ValueError, match="image 3"):
        next(batches)


def test_collating_keeps_the_kind_and_puts_the_batch_in_front():
    a, b = np.zeros((2, 3, 4), np.float32), np.ones((1, 3, 4), np.float32)
    batch = collate([Paired(a, b)] * 5)
    assert isinstance(batch, Paired)
    assert batch.input.shape == (5, 2, 3, 4)
    assert batch.target.shape == (5, 1, 3, 4)
    assert isinstance(collate([Unpaired(a, b)]), Unpaired)


def test_validation_leaves_nothing_out():
    assert [list(r) for r in validation_indices(5, 2)] == [[0, 1], [2, 3], [4]]
    assert validation_indices(0, 2) == []
