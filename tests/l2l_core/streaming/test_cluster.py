import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from l2l_core import errors
from l2l_core.errors import ConfigError, L2LError, MissingDependencyError, OutputError, WorkersError
from l2l_core.streaming.execution import make_workers

pytest.importorskip("distributed")

from l2l_core.streaming.cluster import Cluster
from l2l_core.streaming.local_cluster import LocalCluster

TASKS = """
    import os
    import signal
    import time
    from importlib import import_module
    from pathlib import Path


    class PluginError(Exception):
        def __init__(self, where, value):
            super().__init__(f"{where}: {value}")


    def squared(context, item):
        return item**2 + context["more"]


    def slow(context, item):
        time.sleep(context["seconds"])
        return item


    def noting(context, item):
        with Path(context["notes"]).open("a") as notes:
            notes.write(f"{item}\\n")
        time.sleep(context["seconds"])
        return item


    def deadly(context, item):
        if item == context["deadly"]:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        return item


    def failing(context, item):
        module, name, arguments = item
        raise getattr(import_module(module), name)(*arguments)


    def surroundings(context, item):
        time.sleep(0.2)
        return os.getpid(), dict(os.environ)
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """Return a module that workers can import too."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "tasks_of_the_test.py").write_text(dedent(TASKS))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        import tasks_of_the_test

        yield tasks_of_the_test
        del sys.modules["tasks_of_the_test"]


def started(workers, **options):
    return Cluster.start(workers, grace=5, **options)


@pytest.fixture(scope="module")
def notices():
    return []


@pytest.fixture(scope="module")
def cluster(tasks, notices):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS", raising=False)
        cluster = started(2, notice=notices.append)
    with cluster:
        yield cluster


def test_each_item_comes_out_once_with_its_result(cluster, tasks):
    outcomes = list(cluster.run(tasks.squared, {"more": 1}, range(60)))
    assert {outcome.item: outcome.result for outcome in outcomes} == {
        i: i**2 + 1 for i in range(60)
    }
    assert len(outcomes) == 60
    assert {outcome.worker for outcome in outcomes} <= {"worker 1", "worker 2"}


def test_items_are_taken_as_there_is_room(cluster, tasks):
    taken = []

    def items():
        for item in range(40):
            taken.append(item)
            yield item

    for ended, _ in enumerate(cluster.run(tasks.squared, {"more": 0}, items())):
        assert len(taken) <= ended + 6
    assert len(taken) == 40


def test_the_line_about_it_says_where_to_watch(cluster):
    assert cluster.count == 2
    line = cluster.describe()
    assert line.startswith("2 processes on this computer, dashboard http://127.0.0.1:")
    assert line.endswith("/status")


def test_each_worker_computes_with_its_share_of_the_cores(cluster, tasks):
    outcomes = list(cluster.run(tasks.surroundings, {}, range(8)))
    environments = {outcome.worker: outcome.result[1] for outcome in outcomes}
    assert len({outcome.result[0] for outcome in outcomes}) == 2
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert {e["OMP_NUM_THREADS"] for e in environments.values()} == {str(share)}


def every_error():
    return [
        name
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, L2LError)
    ]


def test_errors_of_this_project_come_back_as_what_they_are(cluster, tasks):
    items = [("l2l_core.errors", name, ("slide.zarr is broken",)) for name in every_error()]
    for outcome in cluster.run(tasks.failing, {}, items):
        assert type(outcome.error) is getattr(errors, outcome.item[1])
        assert str(outcome.error) == "slide.zarr is broken"


def test_errors_with_more_arguments_come_back_whole(cluster, tasks):
    items = [
        ("l2l_core.errors", "OutputError", (28, "No space left on device", "out.zarr")),
        ("builtins", "OSError", (28, "No space left on device", "out.zarr")),
        ("builtins", "KeyError", ("absent",)),
    ]
    found = {
        o.item[1]: o.error for o in cluster.run(tasks.failing, {}, items) if o.error is not None
    }
    assert isinstance(found["OutputError"], OutputError)
    assert found["OutputError"].errno == found["OSError"].errno == 28
    assert str(found["KeyError"]) == "'absent'"


def test_an_error_that_only_the_worker_knows_keeps_its_name_and_message(cluster, tasks):
    (outcome,) = cluster.run(
        tasks.failing, {}, [("tasks_of_the_test", "PluginError", ("tile 3", 7))]
    )
    assert type(outcome.error) is RuntimeError
    assert str(outcome.error) == "PluginError: tile 3: 7"


def test_where_an_error_was_raised_is_not_lost(cluster, tasks):
    (outcome,) = cluster.run(tasks.failing, {}, [("builtins", "ValueError", ("wrong",))])
    assert "in failing" in str(outcome.error.__cause__)
    assert "tasks_of_the_test.py" in str(outcome.error.__cause__)


def test_a_worker_that_is_killed_costs_only_what_it_was_working_at(
    cluster, tasks, notices, tmp_path
):
    notices.clear()
    context = {"notes": str(tmp_path / "notes"), "seconds": 0.1}
    ended = []
    for outcome in cluster.run(tasks.noting, context, range(40)):
        assert outcome.error is None
        ended.append(outcome.item)
        if len(ended) == 5:
            os.kill(cluster.local.pids["worker 1"], signal.SIGKILL)
    assert sorted(ended) == list(range(40))
    done = (tmp_path / "notes").read_text().split()
    # What it was at work at, and what it had ready and had not handed over.
    assert 40 <= len(done) <= 43
    (notice,) = notices
    assert notice == (
        "worker 1 was killed by signal 9 and is started again; what it was working at is done anew"
    )


def test_a_connection_that_breaks_for_a_moment_costs_only_what_was_under_way(cluster, tasks):
    with Cluster.connect(cluster.local.address) as other:
        ended = []
        for outcome in other.run(tasks.slow, {"seconds": 0.05}, range(30)):
            assert outcome.error is None
            ended.append(outcome.item)
            if len(ended) == 5:
                other.client.loop.add_callback(other.client.scheduler_comm.comm.abort)
    assert sorted(ended) == list(range(30))


@pytest.mark.slow
def test_an_item_that_kills_every_worker_is_given_up_and_no_other(cluster, tasks):
    outcomes = {o.item: o.error for o in cluster.run(tasks.deadly, {"deadly": 3}, range(12))}
    assert sorted(outcomes) == list(range(12))
    failed = {item: error for item, error in outcomes.items() if error}
    assert list(failed) == [3]
    assert isinstance(failed[3], WorkersError)
    assert "3 workers died while they worked at this" in str(failed[3])


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_lets_those_under_way_come_out_and_then_goes_on(cluster, tasks):
    ended = []
    run = cluster.run(tasks.slow, {"seconds": 0.3}, range(1000))
    ended.append(next(run).item)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        ended.extend(outcome.item for outcome in run)
    assert 3 < len(ended) <= 20
    assert len(ended) == len(set(ended))


def test_an_interrupt_of_the_terminal_does_not_reach_the_workers(cluster):
    assert os.getpgid(0) not in {os.getpgid(pid) for pid in cluster.local.pids.values()}


def test_a_run_that_is_left_early_leaves_nothing_to_do(cluster, tasks):
    for _ in cluster.run(tasks.slow, {"seconds": 0.05}, range(100)):
        break
    assert len(list(cluster.run(tasks.squared, {"more": 0}, range(5)))) == 5


def has_workers(cluster, count):
    until = time.monotonic() + 30
    while len(cluster.client.nthreads()) != count:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_running_scheduler_is_used_by_its_address(cluster, tasks):
    has_workers(cluster, 2)
    with make_workers(None, cluster.local.address) as workers:
        assert workers.describe().startswith(f"2 workers of {cluster.local.address}, dashboard")
        assert len(list(workers.run(tasks.squared, {"more": 0}, range(5)))) == 5
    assert len(list(cluster.run(tasks.squared, {"more": 0}, range(5)))) == 5


def worker_of(address, folder, site):
    """Start a worker that has other packages on its path."""
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "l2l_core.streaming.worker_process",
            address,
            "odd",
            folder,
            "1",
        ],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": site},
    )


def test_a_worker_with_another_version_is_named(cluster, tmp_path):
    info = tmp_path / "label2label-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: label2label\nVersion: 9.9\n")
    with worker_of(cluster.local.address, str(tmp_path), str(tmp_path)) as odd:
        has_workers(cluster, 3)
        with pytest.raises(
            WorkersError, match=r"worker tcp://.* runs label2label 9\.9; expected .* everywhere"
        ):
            Cluster.connect(cluster.local.address)
        odd.stdin.close()
    has_workers(cluster, 2)


def test_after_stop_taking_those_under_way_come_out_and_no_others(cluster, tasks):
    with Cluster.connect(cluster.local.address) as other:
        ended = []
        for outcome in other.run(tasks.slow, {"seconds": 0.01}, range(1000)):
            ended.append(outcome.item)
            other.stop_taking()
        assert sorted(ended) == [0, 1, 2, 3, 4, 5]


def test_closing_is_quick_and_leaves_nothing_behind(tasks, capfd, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    threads = threading.active_count()
    cluster = started(1)
    start = time.monotonic()

    def items():
        yield from range(2)
        time.sleep(0.5)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), cluster:
        list(cluster.run(tasks.slow, {"seconds": 30}, items()))
    assert time.monotonic() - start < 8
    cluster.close()
    assert {p.pid for p in psutil.Process().children(recursive=True)} == before
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() <= threads + 3
    assert capfd.readouterr() == ("", "")


def test_a_program_that_is_killed_leaves_no_workers(tmp_path):
    script = """
        import time
        from l2l_core.streaming.cluster import Cluster

        def busy(context, item):
            print("busy", flush=True)
            time.sleep(60)

        def items():
            yield 1
            time.sleep(1)
            print(*cluster.local.pids.values(), flush=True)

        with Cluster.start(1) as cluster:
            list(cluster.run(busy, {}, items()))
    """
    # Not even a script without a guard is run again by its workers.
    (tmp_path / "script.py").write_text(dedent(script))
    program = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        text=True,
    )
    with program:
        worker = psutil.Process(int(program.stdout.readline()))
        program.kill()
        assert worker.wait(10) in (None, 0)
        # Nothing of dask is told either, by the program or by its workers.
        assert program.stderr.read() == ""


@pytest.mark.slow
def test_workers_that_stay_away_end_the_run_and_say_what_is_safe(tasks):
    local = LocalCluster(1, 2)
    try:
        with Cluster.connect(local.address, patience=1.5) as workers:
            run = workers.run(tasks.slow, {"seconds": 0.1}, range(1000))
            next(run)
            os.kill(local.pids["worker 1"], signal.SIGKILL)
            with pytest.raises(
                WorkersError,
                match=r"no worker of tcp://.* for 1\.5 s; all that is finished is safe",
            ):
                list(run)
    finally:
        local.close()


@pytest.mark.slow
def test_a_scheduler_that_goes_away_ends_the_run_and_says_what_is_safe(tasks):
    local = LocalCluster(1, 2)
    try:
        with Cluster.connect(local.address, timeout=10, patience=5) as workers:
            run = workers.run(tasks.slow, {"seconds": 0.1}, range(1000))
            next(run)
            local.close()
            with pytest.raises(WorkersError, match="all that is finished is safe"):
                list(run)
    finally:
        local.close()


def test_a_port_where_nobody_listens_is_told_in_a_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start, said = time.monotonic(), []

    def notice(sentence):
        said.append((sentence, time.monotonic() - start))

    with pytest.raises(WorkersError, match=f"no dask scheduler answers at 'tcp://127.0.0.1:{port}"):
        Cluster.connect(f"tcp://127.0.0.1:{port}", timeout=1, notice=notice)
    assert time.monotonic() - start < 5
    ((sentence, after),) = said
    assert sentence == (
        f"asking for the scheduler tcp://127.0.0.1:{port}; waiting up to 1 s for its answer"
    )
    assert after < 1


def test_something_that_listens_and_says_nothing_is_told_in_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(WorkersError, match="within 1 s; see that it is running"):
            Cluster.connect(f"tcp://127.0.0.1:{port}", timeout=1)
        assert time.monotonic() - start < 5


@pytest.mark.parametrize("address", ["ftp://there:1", "tcp://:x", "there", ""])
def test_what_is_no_address_is_told_in_a_sentence(address):
    with pytest.raises(WorkersError, match="expected an address such as tcp://node7:8786"):
        Cluster.connect(address, timeout=1)


def test_a_running_scheduler_is_used_by_its_file(cluster, tasks, tmp_path):
    has_workers(cluster, 2)
    file = tmp_path / "shared.json"
    writing = threading.Timer(
        0.5, lambda: file.write_text(json.dumps({"address": cluster.local.address, "id": "x"}))
    )
    writing.start()
    with make_workers(None, str(file)) as workers:
        assert workers.describe().startswith(f"2 workers of {cluster.local.address}")
    writing.join()


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "is not there"), ("", "names no"), ("{}", "names no"), ("[]", "names")],
)
def test_a_file_that_names_no_scheduler_is_told_in_a_sentence(tmp_path, content, why):
    file = tmp_path / "shared.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(WorkersError, match=rf"shared\.json {why}.*after 0\.1 s; expected what"):
        Cluster.connect(str(file), timeout=0.1)


def test_the_first_worker_may_take_its_time_and_is_waited_for_aloud(tasks, tmp_path):
    from distributed import LocalCluster as Scheduler

    with Scheduler(
        n_workers=0, processes=False, dashboard_address=None, protocol="tcp", host="127.0.0.1"
    ) as empty:
        address, said = empty.scheduler_address, []
        with pytest.raises(WorkersError, match=r"no worker of tcp://.* was ready within 2 s"):
            Cluster.connect(address, timeout=0.5, patience=2, notice=said.append)
        assert said[1:] == [f"{address} has no worker yet; waiting up to 2 s for the first"]
        late, site = [], str(Path(tasks.__file__).parent)
        folder = tmp_path / "worker"
        folder.mkdir()
        coming = threading.Timer(1.5, lambda: late.append(worker_of(address, str(folder), site)))
        coming.start()
        with Cluster.connect(address, timeout=0.5) as workers:
            assert [one.result for one in workers.run(tasks.squared, {"more": 0}, [3])] == [9]
        coming.join()
        late[0].stdin.close()
        late[0].wait(20)


def test_no_workers_are_no_cluster():
    with pytest.raises(ConfigError, match="got 0 workers; expected at least 1"):
        make_workers(0, None)


def test_a_missing_package_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'label2label\[distributed\]'"):
        make_workers(2, None)


def test_workers_that_cannot_start_are_told_with_their_last_words(monkeypatch):
    monkeypatch.setattr(sys, "path", [p for p in sys.path if "site-packages" not in p])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorkersError, match=r"worker 1 .* ended 3 times before it was ready"):
        started(1, timeout=30)
