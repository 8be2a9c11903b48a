"""Take the numbers that normalise a large image, by all workers, and from where a kill left it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from l2l_core.streaming.measuring import BlockGroups, measure_image, pixels_before
from l2l_core.streaming.scheduler import own_version
from l2l_core.workflows.streamed_tasks import measure_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from l2l_core.images.measuring import Measuring
    from l2l_core.images.normalization import Normalization
    from l2l_core.streaming.execution import Workers
    from l2l_core.streaming.jobs import ImageJob
    from l2l_core.streaming.ledger import Ledger
    from l2l_core.workflows.restoration import Watcher


def measured(
    job: ImageJob,
    start: Measuring,
    advice: str,
    ledger: Ledger,
    state: str,
    *,
    workers: Workers,
    watcher: Watcher,
    tell: Callable[[str], None],
) -> Normalization:
    """Return the numbers of an image that has many units.

    Parameters
    ----------
    job : ImageJob
    start : Measuring
        Before its first pass.
    advice : str
        Ends the sentence about a chunk that is damaged.
    ledger : Ledger
        Keeps how far this is.
    state : str
        Name of that checkpoint.
    workers : Workers
    watcher : Watcher
    tell : callable
        Told in a sentence what is odd about the pixels, if anything is.

    Raises
    ------
    ImageError
        If a chunk is damaged, or the image has changed.
    StatisticsError
        If the image gives no usable numbers.
    UnfitWorkerError
        If a worker does not see the image, or is of another version.
    WorkersError
        If the workers are gone.
    """
    image = job.opened()
    groups, saved = BlockGroups.of(image), ledger.load_state(state)
    display = watcher.pixels(
        f"statistics of {image.info.path}",
        prod(image.shape) * start.passes_left,
        pixels_before(start, groups, saved),
    )
    try:
        found = measure_image(
            start,
            groups,
            measure_group,
            workers,
            {"job": job, "version": own_version(), "advice": advice},
            load=lambda: saved,
            save=lambda facts, arrays: ledger.save_state(state, facts, arrays),
            progress=display,
            tell=tell,
        )
    finally:
        display.close()
    ledger.drop_state(state)
    return found
