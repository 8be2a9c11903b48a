"""Kill restorations at random moments, go on with them, and look for anything that is not right.

The processes that are killed are those that were started here, and their own children.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
from attrs import define, field

from l2l_core.streaming.ledger import Ledger
from l2l_core.streaming.units import Grid
from tests.benchmarks import counted_restorer, mosaics

PATIENCE = 300.0
"""Seconds after which a run that neither ends nor acknowledges a unit is taken to hang."""

_ORPHANS = 15.0
_LOOK = 0.001


@define(frozen=True)
class Setting:
    """What is restored, and by whom.

    Parameters
    ----------
    name : str
    shape : (int, int)
    unit : int
    arguments : tuple of str
        Further ones of ``l2l restore``.
    workers : int
        Processes of a cluster on this computer, 0 for threads.
    seconds : float
        That the filter takes for each unit, besides what it computes.
    """

    name: str
    shape: tuple
    unit: int
    arguments: tuple = ()
    workers: int = 0
    seconds: float = 0.05


@define
class Findings:
    """What became of restorations that were killed again and again.

    ``kills`` counts those of the program, ``worker_kills`` those of one of its workers;
    ``late_kills`` are those of both when all units of the first stage were acknowledged: while
    upper levels and metadata were written.  The other lists should stay empty.
    """

    units: int = 0
    restorations: int = 0
    kills: int = 0
    worker_kills: int = 0
    late_kills: int = 0
    recomputed: int = 0
    computed_again: list = field(factory=list)
    written_again: list = field(factory=list)
    acknowledged_again: list = field(factory=list)
    differing: list = field(factory=list)
    leftovers: list = field(factory=list)
    orphans: list = field(factory=list)
    longest_ending: float = 0.0

    @property
    def wrong(self):
        """All that should not be, by name."""
        names = (
            *("computed_again", "written_again", "acknowledged_again"),
            *("differing", "leftovers", "orphans"),
        )
        return {name: found for name in names if (found := getattr(self, name))}


@define
class _Known:
    """What was acknowledged at one moment: the units, their files, and how long the log was."""

    done: set
    files: dict
    logged: int


class Victim:
    """A restoration of one image that can be begun, killed and gone on with.

    Parameters
    ----------
    folder : Path
        An empty one, for all that is written.
    setting : Setting
    """

    def __init__(self, folder, setting):
        self.setting = setting
        self.folder = folder
        self.work, self.temporary = folder / "work", folder / "temporary"
        self.log = folder / "computed.log"
        self.log_of_errors = folder / "stderr.log"
        self.image = folder / "image.zarr"
        self.work.mkdir(parents=True)
        self.temporary.mkdir()
        mosaics.numbered(self.image, setting.shape, setting.unit)
        self.environment = {
            **os.environ,
            "PYTHONPATH": counted_restorer.install(folder / "site"),
            "TMPDIR": str(self.temporary),
            "OMP_NUM_THREADS": "1",
            counted_restorer.LOG: str(self.log),
        }
        self.stores = [self.work / "restored.zarr", self.work / "restored_scale.zarr"]
        self.ledger = self.work / "restored.zarr.l2l"
        self.known = []

    def begin(self):
        """Return the process of ``l2l restore``, which begins or goes on."""
        options = f"seconds={self.setting.seconds},tile={2 * self.setting.unit}"
        workers = ["--workers", str(self.setting.workers)] if self.setting.workers else []
        with self.log_of_errors.open("wb") as errors:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "l2l_core.cli.main", "restore", f"counted:{options}"),
                    *(str(self.image), "--out", str(self.stores[0]), "--all-outputs"),
                    *("--dtype", "uint16", "--unit", str(self.setting.unit)),
                    *(*workers, *self.setting.arguments),
                ],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )

    def forget(self):
        """Delete what was written."""
        for path in self.work.iterdir():
            shutil.rmtree(path)
        self.log.unlink(missing_ok=True)
        self.known = []

    def acknowledged(self):
        """Return how many units are."""
        try:
            return (self.ledger / "ledger.jsonl").read_bytes().count(b'{"done":')
        except FileNotFoundError:
            return 0

    def computed(self):
        """Return the unit of each computation so far."""
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []

    @property
    def grid(self):
        """The units."""
        return Grid.from_dict(Ledger.read_manifest(self.ledger)["grid"]["grid"])

    def remember(self):
        """Note what is acknowledged now, for :meth:`judge` to look whether it stays untouched."""
        standing = Ledger.summary(self.ledger)
        grid = self.grid
        files = {
            path: path.stat().st_mtime_ns
            for _, stage, index in standing.done
            for path in self._files(grid, stage, index)
            if path.exists()
        }
        done = {index for _, stage, index in standing.done if stage == 0}
        self.known.append(_Known(done, files, len(self.computed())))
        return standing

    def _files(self, grid, stage, index):
        """Yield the files of a unit in every store."""
        unit = grid.unit(stage, index)
        old = "0.4" in self.setting.arguments
        for level in grid.written_levels(stage):
            sides = grid.levels[level].chunks if old else grid.levels[level].unit
            rows, columns = (
                range(start // side, -(-stop // side))
                for (start, stop), side in zip(grid.area(unit, level), sides, strict=True)
            )
            for store in self.stores:
                top = store / str(level) if old else store / str(level) / "c"
                yield from (top / str(y) / str(x) for y in rows for x in columns)

    def content(self):
        """Return a hash of every file of the stores."""
        return {
            str(path.relative_to(self.work)): hashlib.sha256(path.read_bytes()).hexdigest()
            for store in self.stores
            for path in sorted(store.rglob("*"))
            if path.is_file()
        }

    def judge(self, expected, findings):
        """Compare what was written in the end, and how, with an undisturbed run."""
        found = self.content()
        findings.differing += sorted(
            name for name in {*found, *expected} if found.get(name) != expected.get(name)
        )
        ours = {self.ledger, *self.stores}
        findings.leftovers += [str(p) for p in self.work.iterdir() if p not in ours]
        findings.leftovers += [str(path) for path in self.temporary.iterdir()]
        lines = (self.ledger / "ledger.jsonl").read_text().splitlines()
        times = Counter(line.partition("]")[0] for line in lines if line.startswith('{"done":'))
        findings.acknowledged_again += [unit for unit, count in times.items() if count > 1]
        computed = self.computed()
        for known in self.known:
            findings.computed_again += sorted(known.done.intersection(computed[known.logged :]))
            findings.written_again += [
                str(path)
                for path, time_ns in known.files.items()
                if not path.exists() or path.stat().st_mtime_ns != time_ns
            ]
        findings.recomputed += len(computed) - self.grid.count(0)
        findings.restorations += 1


def undisturbed(victim):
    """Return the content that a run without a kill writes."""
    process = victim.begin()
    _until(victim, process, None)
    content = victim.content()
    victim.forget()
    return content


def kill_again_and_again(victim, expected, rng, findings, most=1000):
    """Restore once, with kills at random moments on the way, and judge what came of it.

    Parameters
    ----------
    victim : Victim
    expected : dict
        From :func:`undisturbed`.
    rng : numpy.random.Generator
    findings : Findings
        Counts and complaints are added to it.
    most : int
        Kills at the most.
    """
    process, grid = victim.begin(), None
    while True:
        if grid is None:
            # The first kill comes after the first unit.
            _until(victim, process, 1)
            grid = victim.grid
            first = grid.count(0)
            total = sum(map(grid.count, range(grid.stages)))
            findings.units = total
        enough = findings.kills + findings.worker_kills >= most
        so_far = victim.acknowledged()
        if enough or so_far == total:
            break
        target, pause = _moment(rng, victim.setting, so_far, first, total)
        if not _until(victim, process, target, pause):
            break
        if victim.setting.workers and rng.random() < 2 / 3:
            _kill_a_worker(victim, process, rng, findings, first)
            continue
        process = _kill(victim, process, findings, first)
    _until(victim, process, None)
    victim.judge(expected, findings)
    victim.forget()


def _moment(rng, setting, so_far, first, total):
    """Return after how many units the next kill comes, and how much later."""
    if rng.random() < 0.3:
        # Upper levels and metadata take much less time than units, and are to be met as well.
        return int(rng.integers(max(first, so_far + 1), total + 1)), rng.uniform(0, 0.04)
    step = int(rng.integers(1, max(3, total // 4)))
    return min(so_far + step, total), rng.uniform(0, 2 * setting.seconds + 0.02)


def _until(victim, process, target, pause=0.0):
    """Wait until so many units are acknowledged, and a while; False if the run ended before."""
    changed, seen = time.monotonic(), -1
    while process.poll() is None:
        now = victim.acknowledged()
        if target is not None and now >= target:
            time.sleep(pause)
            break
        if now != seen:
            changed, seen = time.monotonic(), now
        if time.monotonic() - changed > PATIENCE:
            process.kill()
            raise RuntimeError(f"the run hangs at {now} units:\n{_said(victim)}")
        time.sleep(_LOOK)
    if process.poll() not in (None, 0):
        raise RuntimeError(f"the run ended with {process.returncode}:\n{_said(victim)}")
    return process.poll() is None


def _said(victim):
    return victim.log_of_errors.read_text(errors="replace")[-4000:]


def _workers(process):
    """Return the worker processes of a run."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if any("worker_process" in part for part in child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def _kill(victim, process, findings, first):
    """Kill a run, and return the one that goes on, at once."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.kill()
    start = time.monotonic()
    process.wait()
    _count(victim, findings, first, "kills")
    following = victim.begin()
    alive = psutil.wait_procs(children, timeout=_ORPHANS)[1]
    findings.longest_ending = max(findings.longest_ending, time.monotonic() - start)
    for orphan in alive:
        findings.orphans.append(f"process {orphan.pid}")
        orphan.kill()
    return following


def _kill_a_worker(victim, process, rng, findings, first):
    workers = _workers(process)
    if workers:
        # What it had noted before it died counts; what is acknowledged meanwhile as well.
        workers[int(rng.integers(len(workers)))].kill()
        _count(victim, findings, first, "worker_kills")


def _count(victim, findings, first, kind):
    """Count a kill, unless all was done before it."""
    standing = victim.remember()
    if standing.finished:
        return
    setattr(findings, kind, getattr(findings, kind) + 1)
    findings.late_kills += standing.done.count(0, 0) == first


def kill(folder, setting, kills, seed):
    """Restore the image of a setting again and again until it was killed so many times.

    Returns
    -------
    Findings
    """
    victim = Victim(Path(folder), setting)
    expected = undisturbed(victim)
    findings, rng = Findings(), np.random.default_rng(seed)
    while findings.kills + findings.worker_kills < kills:
        kill_again_and_again(victim, expected, rng, findings, kills)
    return findings
