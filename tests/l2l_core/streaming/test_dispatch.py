import os
import signal
import sys
from textwrap import dedent

import pytest

pytest.importorskip("distributed")

from l2l_core.streaming.cluster import Cluster

TASK = """
    import os
    import time
    from pathlib import Path

    def noting(context, item):
        with Path(context["notes"]).open("a") as notes:
            notes.write(f"{item}\\n")
        time.sleep(0.02)
        return os.getpid()
"""


@pytest.fixture
def noting(tmp_path, monkeypatch):
    (tmp_path / "task_of_the_dispatch.py").write_text(dedent(TASK))
    monkeypatch.syspath_prepend(str(tmp_path))
    import task_of_the_dispatch

    yield task_of_the_dispatch.noting
    del sys.modules["task_of_the_dispatch"]


@pytest.mark.slow
def test_what_came_out_is_not_made_again_when_the_worker_that_made_it_dies(noting, tmp_path):
    notes = tmp_path / "notes"
    came, known = [], []
    with Cluster.start(2, grace=5) as cluster:
        for outcome in cluster.run(noting, {"notes": str(notes)}, range(60)):
            assert outcome.error is None
            came.append(outcome.item)
            if len(came) in (10, 20, 30, 40):
                # What lay on it is asked for no more, so the scheduler has nothing to make anew.
                os.kill(outcome.result, signal.SIGKILL)
                known.append((list(came), len(notes.read_text().split())))
    made = notes.read_text().split()
    assert sorted(came) == list(range(60))
    for before, count in known:
        assert not set(map(str, before)) & set(made[count:])
