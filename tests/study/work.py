"""What a claim needs done, group by group, by several processes; whatever is done stays."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.study import numbers_of_images, scoring
from tests.study.claims import CLAIMS, Table
from tests.study.numbers_of_images import NUMBERS
from tests.study.plan import SUPERPOSED
from tests.study.separation import SEPARATION, score_separation
from tests.study.specimens import simulate
from tests.study.training import make

EVERY = {**CLAIMS, NUMBERS.number: NUMBERS, SEPARATION.number: SEPARATION}
EVERY = {number: EVERY[number] for number in sorted(EVERY)}


def carry_out(study, numbers, workers):
    """Do what some claims need that is not done yet."""
    jobs = list(_jobs(study, numbers))
    # Processes that each take all cores stand in each other's way.
    threads = max(1, (os.cpu_count() or 1) // workers)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = {pool.submit(job, study, *given): name for name, job, given in jobs}
        for done, job in enumerate(as_completed(waiting), start=1):
            if job.exception() is not None:
                pool.shutdown(cancel_futures=True)
            job.result()
            print(f"{done} of {len(jobs)}: {waiting[job]}", file=sys.stderr, flush=True)
    if NUMBERS.number in numbers:
        numbers_of_images.score_by_patch(study)


def _jobs(study, numbers):
    """Yield what can be done side by side: a name, a function, and what it is given."""
    claims = [EVERY[number] for number in numbers]
    wanted = {specimen for claim in claims for specimen in claim.specimens}
    filters = any(claim.filters for claim in claims)
    # The longest first, or one process is busy with it when all else is done.
    if NUMBERS.number in numbers:
        yield "cross-validation", _cross_validate, ()
    for group in study.groups():
        if group.specimen in wanted:
            yield group.name, _group, (group, filters)
    if NUMBERS.number in numbers:
        for training in study.by_patch():
            yield training.name, _train, (training,)


def _cross_validate(study):
    numbers_of_images.cross_validate(study)


def _train(study, training):
    simulate(study, training.group)
    make(study, training)


def _group(study, group, filters):
    simulate(study, group)
    for training in study.of_group(group):
        make(study, training)
    if group.specimen == SUPERPOSED:
        score_separation(study, group)
        return
    scoring.score_raw(study, group)
    scoring.score_networks(study, group)
    if filters:
        scoring.score_filters(study, group)


def statements(study, number):
    """Return the statements of a claim whose scores are there."""
    claim = EVERY[number]
    return list(claim.statements(study if claim is NUMBERS else Table(study)))
