"""Whether a worker can take part in a restoration: its version, and what it sees of the input."""

from __future__ import annotations

import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from l2l_core.errors import ImageError, ImageNotFoundError, UnfitWorkerError
from l2l_core.images.places import Place, as_place, exists
from l2l_core.streaming.scheduler import own_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from l2l_core.streaming.jobs import ImageJob


def check_version(context: Mapping[str, Any]) -> None:
    """See that this worker, which may have come late, is of the version that sent the work.

    Raises
    ------
    UnfitWorkerError
        If it is not.
    """
    here = own_version()
    begun = context.get("version", here)
    if here != begun:
        raise UnfitWorkerError(
            f"the worker on {platform.node()} runs label2label {here}, and the restoration is "
            f"made with {begun}; install {begun} there, or end that worker, and give the same "
            "command again"
        )


@contextmanager
def seen(place: str, check: Callable[[], object]) -> Iterator[None]:
    """Tell an image that cannot be read from one that this machine does not see at all.

    Parameters
    ----------
    place : str
        Where the image is.
    check : callable
        Raises ImageNotFoundError where nothing is there.

    Raises
    ------
    UnfitWorkerError
        If nothing is there.
    """
    try:
        yield
    except ImageError as error:
        try:
            check()
        except ImageNotFoundError as missing:
            raise UnfitWorkerError(
                f"the worker on {platform.node()} does not find {place}: {missing}. All machines "
                "need the same path to the input"
            ) from error
        except ImageError:
            # What is wrong with it stands in the first one.
            pass
        raise


def sees(job: ImageJob) -> AbstractContextManager[None]:
    """Do the same for the image of a job, as it was when the work began."""
    return seen(job.source.place, lambda: job.guard.check(job.source.place))


def check_there(place: Place) -> None:
    """See that there is something at a place.

    Raises
    ------
    ImageNotFoundError
        If not.
    """
    if not exists(place):
        raise ImageNotFoundError(f"{place}: the image is not there any more; bring it back")


def changed_here(job: ImageJob) -> ImageError | None:
    """Return what happened to an image since the work on it began, as it is seen from here."""
    try:
        job.guard.check(job.source.place)
    except ImageError as error:
        return error
    return None


def gone_here(place: str) -> ImageError | None:
    """Return that an image is not there, as it is seen from here."""
    try:
        check_there(as_place(place))
    except ImageError as error:
        return error
    return None
