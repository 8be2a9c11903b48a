from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from l2l_core.errors import OutputError
from l2l_core.streaming.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST: dict[str, Any] = {
    "input": {"path": "slide.zarr", "sha256": "abc"},
    "model": {"sha256": "def"},
    "options": {"tile": None, "dtype": "float32"},
    "grid": {"version": 1, "levels": [{"shape": [100, 200]}]},
}
UNITS = [(0, 0, 0), (0, 0, 5), (0, 1, 0), (3, 0, 2000)]

BEGIN = """
import sys
from l2l_core.errors import OutputError
from l2l_core.streaming.ledger import Ledger
MANIFEST = {"input": {}, "model": {}, "options": {}, "grid": {}}
"""
EMPTY: dict[str, Any] = {"input": {}, "model": {}, "options": {}, "grid": {}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "restored.zarr.l2l"


@pytest.fixture
def filled(folder: Path) -> Path:
    """Return a ledger with a few lines of every kind."""
    with Ledger.open(folder, MANIFEST) as ledger:
        ledger.note("created", output="mean", store="restored.zarr")
        ledger.acknowledge(UNITS[0], seconds=1.5, worker="thread 1", pixels=100)
        ledger.fail(UNITS[1], "the chunk c/0/5 cannot be decoded\n¶")
        ledger.acknowledge(UNITS[2], seconds=0.5, worker="Gerät 2", pixels=50)
        ledger.fail((0, 0, 7), "no memory")
        ledger.acknowledge(UNITS[1], seconds=1.0, worker="thread 1", pixels=100)
    return folder


def lines(folder: Path) -> list[bytes]:
    return (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)


def put(folder: Path, content: bytes) -> None:
    (folder / "ledger.jsonl").write_bytes(content)


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BEGIN + dedent(code), *map(str, arguments)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def holding(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold a ledger."""
    code = """
        with Ledger.open(sys.argv[1], MANIFEST) as ledger:
            ledger.acknowledge((0, 0, 0))
            print("open", flush=True)
            sys.stdin.read()
        """
    with python(code, folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


def test_what_was_done_is_found_again(filled: Path) -> None:
    with Ledger.open(filled, MANIFEST) as ledger:
        assert ledger.status == "unfinished"
        assert set(ledger.done) == {UNITS[0], UNITS[1], UNITS[2]}
        assert ledger.failures() == [((0, 0, 7), "no memory")]
        assert ledger.notes("created") == [{"output": "mean", "store": "restored.zarr"}]
        assert ledger.notes("other") == []
        assert ledger.totals == {"seconds": 3.0, "pixels": 250}


def test_status(folder: Path) -> None:
    with Ledger.open(folder, MANIFEST) as ledger:
        assert ledger.status == "new"
        ledger.acknowledge(UNITS[0])
        assert ledger.status == "new"
    with Ledger.open(folder, MANIFEST) as ledger:
        assert ledger.status == "unfinished"
        ledger.finish()
        ledger.finish()
        assert ledger.status == "finished"
    with Ledger.open(folder, MANIFEST) as ledger:
        assert ledger.status == "finished"
    assert len(lines(folder)) == 2


def test_a_failed_unit_stays_open_with_its_last_reason(folder: Path) -> None:
    with Ledger.open(folder, MANIFEST) as ledger:
        ledger.fail(UNITS[0], "once")
        ledger.fail(UNITS[0], "twice")
        assert ledger.failures() == [(UNITS[0], "twice")]
        assert UNITS[0] not in ledger.done
    with Ledger.open(folder, MANIFEST) as ledger:
        assert ledger.failures() == [(UNITS[0], "twice")]
        ledger.acknowledge(UNITS[0])
        assert not ledger.failures()
        # Whoever failed at it has begun by removing its files.
        ledger.fail(UNITS[0], "done again, for nothing")
        assert UNITS[0] not in ledger.done
    with Ledger.open(folder, MANIFEST) as ledger:
        assert UNITS[0] not in ledger.done


def test_a_unit_that_is_acknowledged_twice_counts_once(folder: Path) -> None:
    with Ledger.open(folder, MANIFEST) as ledger:
        for _ in range(2):
            ledger.acknowledge(UNITS[0], pixels=9)
        assert len(ledger.done) == 1
        assert ledger.totals == {"pixels": 9}
    assert len(lines(folder)) == 1


def test_numbers_of_numpy_are_taken(folder: Path) -> None:
    unit = (np.int64(0), np.int32(1), np.int64(70))
    with Ledger.open(folder, MANIFEST) as ledger:
        ledger.acknowledge(unit, pixels=np.int64(4))
        assert unit in ledger.done
        assert (0, 1, 70) in ledger.done
    with Ledger.open(folder, MANIFEST) as ledger:
        assert set(ledger.done) == {(0, 1, 70)}


def test_numbers_in_a_note_come_back_exactly(folder: Path) -> None:
    numbers = [0.1, 1e-300, float(np.float32(1) / 3), np.inf, -0.0]
    with Ledger.open(folder, MANIFEST) as ledger:
        ledger.note("statistics", low=np.array(numbers), none=np.nan)
    with Ledger.open(folder, MANIFEST) as ledger:
        (note,) = ledger.notes("statistics")
    assert [x.hex() for x in note["low"]] == [float(x).hex() for x in numbers]
    assert np.isnan(note["none"])


def test_it_opens_after_a_kill_at_any_byte(filled: Path) -> None:
    content = (filled / "ledger.jsonl").read_bytes()
    whole = lines(filled)
    assert len(whole) == 6
    for length in range(len(content) + 1):
        put(filled, content[:length])
        with Ledger.open(filled, MANIFEST) as ledger:
            ledger.acknowledge((9, 9, 9))
        kept = [line for i, line in enumerate(whole) if sum(map(len, whole[: i + 1])) <= length]
        assert lines(filled)[:-1] == kept
        with Ledger.open(filled, MANIFEST) as ledger:
            assert (9, 9, 9) in ledger.done


@pytest.mark.parametrize("end", [b"\0", b"\n"])
def test_a_block_of_zeros_after_a_power_cut_is_cut_off(filled: Path, end: bytes) -> None:
    whole = lines(filled)
    put(filled, b"".join(whole[:-1]) + bytes(len(whole[-1]) - 1) + end)
    with Ledger.open(filled, MANIFEST) as ledger:
        assert set(ledger.done) == {UNITS[0], UNITS[2]}
    assert lines(filled) == whole[:-1]


def test_damage_to_any_other_line_is_said(filled: Path) -> None:
    whole = lines(filled)
    for number in range(len(whole) - 1):
        for at in range(len(whole[number])):
            damaged = bytearray(whole[number])
            damaged[at] ^= 1
            put(filled, b"".join([*whole[:number], bytes(damaged), *whole[number + 1 :]]))
            with pytest.raises(OutputError, match=r"ledger.jsonl is damaged: line \d .*--restart"):
                Ledger.open(filled, MANIFEST)


def test_zeros_in_any_other_line_are_damage(filled: Path) -> None:
    whole = lines(filled)
    for zeros in (bytes(len(whole[2])), bytes(len(whole[2]) - 1) + b"\n"):
        put(filled, b"".join([*whole[:2], zeros, *whole[3:]]))
        with pytest.raises(OutputError, match="is damaged: line 3 was altered"):
            Ledger.open(filled, MANIFEST)


@pytest.mark.parametrize("keep", [(1, 2, 3, 4, 5), (0, 1, 3, 4, 5), (0, 2, 1, 3), (0, 1, 1, 2)])
def test_lines_that_are_missing_moved_or_doubled_are_said(
    filled: Path, keep: tuple[int, ...]
) -> None:
    whole = lines(filled)
    put(filled, b"".join(whole[number] for number in keep))
    with pytest.raises(OutputError, match="lines before it are missing"):
        Ledger.open(filled, MANIFEST)


def test_lines_of_another_restoration_do_not_fit(filled: Path, tmp_path: Path) -> None:
    other = {**MANIFEST, "input": {"path": "other.zarr"}}
    Ledger.open(tmp_path / "other", other).close()
    put(tmp_path / "other", b"".join(lines(filled)))
    with pytest.raises(OutputError, match="is damaged: line 1 "):
        Ledger.open(tmp_path / "other", other)


def test_a_lost_file_is_said(filled: Path) -> None:
    manifest = (filled / "manifest.json").read_bytes()
    (filled / "manifest.json").unlink()
    with pytest.raises(OutputError, match=r"manifest.json is missing.*--restart"):
        Ledger.open(filled, MANIFEST)
    (filled / "manifest.json").write_bytes(manifest)
    (filled / "ledger.jsonl").unlink()
    with pytest.raises(OutputError, match=r"ledger.jsonl cannot be read \(No such file"):
        Ledger.open(filled, MANIFEST)
    with Ledger.open(filled, MANIFEST, restart=True) as ledger:
        assert ledger.status == "new"


def test_a_killed_process_leaves_all_that_it_was_told_is_safe(folder: Path) -> None:
    code = """
        with Ledger.open(sys.argv[1], MANIFEST) as ledger:
            for index in range(len(ledger.done), 10**6):
                ledger.acknowledge((0, 0, index), seconds=1 / 3, worker="w" * (index % 50))
                print(index, flush=True)
        """
    last = -1
    for pause in (0.0, 0.01, 0.03):
        with python(code, folder) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
            said = [int(x) for x in (first + process.stdout.read()).splitlines(True) if "\n" in x]
        assert process.returncode == -signal.SIGKILL
        assert said[0] > last
        with Ledger.open(folder, EMPTY) as ledger:
            last = len(ledger.done) - 1
            assert set(ledger.done) == {(0, 0, index) for index in range(last + 1)}
            assert last >= said[-1]


def test_an_interrupt_at_any_moment_leaves_it_whole(folder: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, interrupt)
    stopped = 0
    try:
        with Ledger.open(folder, MANIFEST) as ledger:
            for index in range(400):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + index))
                    ledger.acknowledge((0, 0, index), worker="w" * (400 - index))
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except KeyboardInterrupt:
                    stopped += 1
            ledger.acknowledge((0, 1, 0))
            known = set(ledger.done)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert stopped
    with Ledger.open(folder, MANIFEST) as ledger:
        assert set(ledger.done) >= known


def test_a_second_process_is_refused(folder: Path) -> None:
    with holding(folder) as process:
        message = (
            rf"another process \(number {process.pid} on {os.uname().nodename}\) works at the "
            rf"restoration noted in {folder}; wait until it ends, or stop it$"
        )
        for restart in (False, True):
            with pytest.raises(OutputError, match=message):
                Ledger.open(folder, EMPTY, restart=restart)
        standing = Ledger.summary(folder)
        assert standing is not None
        assert len(standing.done) == 1
    with Ledger.open(folder, EMPTY) as ledger:
        assert len(ledger.done) == 1


def test_the_lock_is_given_back_whatever_ends_the_opening(filled: Path) -> None:
    with pytest.raises(OutputError, match="cannot go on"):
        Ledger.open(filled, EMPTY)
    with Ledger.open(filled, MANIFEST), pytest.raises(OutputError, match="another process"):
        Ledger.open(filled, MANIFEST)
    Ledger.open(filled, MANIFEST).close()


def test_another_restoration_is_refused(filled: Path) -> None:
    other = {**MANIFEST, "model": {"sha256": "xyz"}}
    message = "MODEL is not the one that it began with.*--restart"
    with pytest.raises(OutputError, match=message):
        Ledger.open(filled, other)
    with Ledger.open(filled, MANIFEST) as ledger:
        assert len(ledger.done) == 3


def test_restart_begins_anew(filled: Path) -> None:
    other = {**MANIFEST, "model": {"sha256": "xyz"}}
    with Ledger.open(filled, MANIFEST) as ledger:
        ledger.save_state("statistics-0", {}, {"counts": np.arange(3)})
    with Ledger.open(filled, other, restart=True) as ledger:
        assert ledger.status == "new"
        assert not ledger.done
        assert not ledger.notes("created")
        assert not list(filled.glob("statistics-0*"))
        ledger.acknowledge(UNITS[3])
    with Ledger.open(filled, other) as ledger:
        assert set(ledger.done) == {UNITS[3]}
    assert Ledger.read_manifest(filled) == other


def test_restart_mends_a_damaged_manifest(filled: Path) -> None:
    (filled / "manifest.json").write_bytes(b'{"what": ')
    with pytest.raises(OutputError, match=r"manifest.json is damaged.*--restart"):
        Ledger.open(filled, MANIFEST)
    with Ledger.open(filled, MANIFEST, restart=True) as ledger:
        assert ledger.status == "new"


def test_a_restart_killed_half_way_leaves_nothing_done(filled: Path) -> None:
    put(filled, b"")
    with Ledger.open(filled, MANIFEST) as ledger:
        assert not ledger.done
    (filled / "manifest.json").unlink()
    with Ledger.open(filled, EMPTY) as ledger:
        assert ledger.status == "new"


@pytest.mark.parametrize("name", ["thesis.txt", "manifest.json", "ledger.jsonl", "a.state"])
@pytest.mark.parametrize("restart", [False, True])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, name: str, restart: bool) -> None:
    (tmp_path / name).write_text('{"name": "years of work"}')
    (tmp_path / "work.txt").write_text("more")
    first = "work.txt" if name == "ledger.jsonl" else name
    with pytest.raises(OutputError, match=f"holds {first}, which is not of a ledger.*--ledger"):
        Ledger.open(tmp_path, MANIFEST, restart=restart)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "work.txt"])


def test_restart_removes_nothing_but_its_own(filled: Path) -> None:
    (filled / "notes.txt").write_text("mine")
    with Ledger.open(filled, MANIFEST, restart=True) as ledger:
        assert not ledger.done
    assert (filled / "notes.txt").read_text() == "mine"


def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(OutputError, match=r"cannot be the folder of a ledger \(Not a directory"):
        Ledger.open(path, MANIFEST)
    with pytest.raises(OutputError, match=r"\(Not a directory\); choose another"):
        Ledger.open(path / "ledger", MANIFEST)
    assert path.read_text() == "x"


def test_no_permission_is_said() -> None:
    user = os.geteuid()
    with TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        if user == 0:
            os.seteuid(65534)  # root may write anywhere
        try:
            with pytest.raises(
                OutputError, match=r"written or locked \(Permission denied\); choose"
            ):
                Ledger.open(Path(name) / "ledger", MANIFEST)
        finally:
            os.seteuid(user)
            Path(name).chmod(0o755)


def test_a_full_disk_loses_nothing_that_was_acknowledged(folder: Path) -> None:
    code = """
        import resource
        with Ledger.open(sys.argv[1], MANIFEST) as ledger:
            former = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, former[1]))
            index = 0
            try:
                for index in range(100):
                    ledger.acknowledge((0, 0, index))
            except OutputError as error:
                print(error)
            try:
                ledger.save_state("statistics", {"text": "x" * 1000}, {})
            except OutputError as error:
                print(error)
            print(index, len(ledger.done))
            # There is room again, and it goes on where it was.
            resource.setrlimit(resource.RLIMIT_FSIZE, former)
            ledger.acknowledge((0, 0, 1000))
        """
    with python(code, folder) as process:
        output, errors = process.communicate()
    first, second, counts = output.splitlines()
    assert "ledger.jsonl cannot be written (File too large); all units acknowledged" in first
    assert "the checkpoint 'statistics' cannot be written (File too large)" in second, errors
    index, done = map(int, counts.split())
    assert 3 < index == done < 50
    with Ledger.open(folder, EMPTY) as ledger:
        assert set(ledger.done) == {*((0, 0, i) for i in range(index)), (0, 0, 1000)}


def test_a_full_disk_at_the_beginning_is_said(folder: Path) -> None:
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        try:
            Ledger.open(sys.argv[1], MANIFEST)
        except OutputError as error:
            print(error)
        """
    with python(code, folder) as process:
        output, errors = process.communicate()
    assert "the manifest of the restoration cannot be written (File too large)" in output, errors
    with Ledger.open(folder, EMPTY) as ledger:
        assert ledger.status == "new"


def test_what_a_kill_left_half_written_is_removed(filled: Path) -> None:
    for name in (".manifest.json.0123abcd.part", ".statistics-0.state.0123abcd.part"):
        (filled / name).write_text("half")
    (filled / ".mine.part").write_text("whole")
    Ledger.open(filled, MANIFEST).close()
    assert [path.name for path in filled.glob(".*")] == [".mine.part"]


@pytest.mark.parametrize("arrays", [{}, {"a": np.arange(6, dtype=np.uint64).reshape(2, 3)}])
def test_a_checkpoint_comes_back(filled: Path, arrays: dict[str, Any]) -> None:
    arrays = {**arrays, "scalar": np.float64(0.1), "turned": np.arange(6.0).reshape(2, 3).T}
    facts = {"passes": 2, "low": -np.inf, "text": "µ\n"}
    with Ledger.open(filled, MANIFEST) as ledger:
        assert ledger.load_state("statistics-0") is None
        ledger.save_state("statistics-0", {}, {})
        assert ledger.load_state("statistics-0") == ({}, {})
        ledger.save_state("statistics-0", facts, arrays)
    with Ledger.open(filled, MANIFEST) as ledger:
        found = ledger.load_state("statistics-0")
        assert found is not None
        assert found[0] == facts
        assert found[1].keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[1][name], array, strict=True)
        ledger.drop_state("statistics-0")
        ledger.drop_state("statistics-0")
        assert ledger.load_state("statistics-0") is None


def test_a_damaged_checkpoint_is_worked_out_again(filled: Path) -> None:
    with Ledger.open(filled, MANIFEST) as ledger:
        ledger.save_state("s", {"n": 1}, {"a": np.arange(3)})
        path = filled / "s.state"
        content = path.read_bytes()
        for at in range(len(content)):
            damaged = bytearray(content)
            damaged[at] ^= 1
            path.write_bytes(damaged)
            assert ledger.load_state("s") is None
            path.write_bytes(content[:at])
            assert ledger.load_state("s") is None
        path.write_bytes(content)
        assert ledger.load_state("s") is not None


def test_a_checkpoint_of_another_restoration_is_not_used(filled: Path, tmp_path: Path) -> None:
    with (
        Ledger.open(filled, MANIFEST) as ledger,
        Ledger.open(tmp_path / "other", EMPTY) as other,
    ):
        ledger.save_state("s", {"n": 1}, {})
        (filled / "s.state").rename(other.folder / "s.state")
        assert other.load_state("s") is None


def test_the_name_of_a_checkpoint_stays_in_the_folder(filled: Path) -> None:
    with (
        Ledger.open(filled, MANIFEST) as ledger,
        pytest.raises(ValueError, match="no name of a checkpoint"),
    ):
        ledger.save_state("../../s", {}, {})


def test_it_can_be_looked_at_while_it_is_written(filled: Path, tmp_path: Path) -> None:
    assert Ledger.summary(tmp_path / "none") is None
    with Ledger.open(filled, MANIFEST) as ledger:
        ledger.finish()
        content = (filled / "ledger.jsonl").read_bytes()
        put(filled, content + b'{"done":[0,')
        standing = Ledger.summary(filled)
        assert standing is not None
        assert standing.sections == MANIFEST
        assert standing.finished
        assert standing.done == ledger.done
        assert standing.failures() == ledger.failures()
        # Looking changes nothing.
        assert (filled / "ledger.jsonl").read_bytes() == content + b'{"done":[0,'


def test_a_person_can_read_its_lines(filled: Path) -> None:
    record = json.loads(lines(filled)[1])
    assert record["done"] == [0, 0, 0]
    assert record["facts"] == {"seconds": 1.5, "worker": "thread 1", "pixels": 100}
