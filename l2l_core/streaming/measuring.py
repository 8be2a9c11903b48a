"""Exact numbers of an image larger than memory, by many workers, and restartable.

The image is read in groups of blocks.  What a group adds up to is small, and is merged in the order
of the groups, so that the numbers are the same bit by bit however many workers there are, whichever
is the first to answer, and wherever a run was cut off and taken up again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from attrs import define, field
from numpy.typing import NDArray

from l2l_core.errors import ImageError, L2LError, WorkersError
from l2l_core.images.axes import at
from l2l_core.images.decoded import read_once
from l2l_core.images.image import block_sides
from l2l_core.images.measuring import Measuring, Partial
from l2l_core.images.statistics import by_channel

if TYPE_CHECKING:
    from l2l_core.images.image import Image
    from l2l_core.images.normalization import Normalization
    from l2l_core.streaming.execution import Task, Workers

Group: TypeAlias = tuple[tuple[tuple[int, int], ...], ...]
"""Blocks that are measured together: of each block, the range along each axis."""

State: TypeAlias = tuple[dict[str, Any], dict[str, NDArray[Any]]]
"""How far a run has come: plain values, and arrays."""

BLOCK = 2**22
"""Pixels that are read at once."""

GROUP = 2**26
"""Pixels of one item of work: some seconds of it."""

_VERSION = 1

# Groups for each worker that may be ahead of the one that is merged next. Workers hold two or
# three each, so only one that is far behind the others makes them wait.
_AHEAD = 6


@define(frozen=True)
class BlockGroups:
    """The groups of blocks of an image, each computed when it is asked for.

    Parameters
    ----------
    shape : tuple of int
        Of the image.
    sides : tuple of int
        Of a block: whole chunks of the file.
    together : int
        How many blocks, which follow one another, are a group.
    """

    shape: tuple[int, ...]
    sides: tuple[int, ...]
    together: int

    @classmethod
    def of(cls, image: Image, block: int = BLOCK, group: int = GROUP) -> Self:
        """Return the groups of an image.

        Parameters
        ----------
        image : Image
        block, group : int
            About how many pixels each has.
        """
        if 0 in image.shape:
            return cls(image.shape, image.shape, 1)
        sides = block_sides(image.shape, image.chunks, block)
        return cls(image.shape, sides, max(1, group // prod(sides)))

    @property
    def _counts(self) -> tuple[int, ...]:
        return tuple(-(-n // side) for n, side in zip(self.shape, self.sides, strict=True) if side)

    @property
    def _blocks(self) -> int:
        return 0 if 0 in self.shape else prod(self._counts)

    def __len__(self) -> int:
        """Return how many groups there are."""
        return -(-self._blocks // self.together)

    def __getitem__(self, index: int) -> Group:
        """Return the blocks of one group, in the order of the image's memory."""
        if not 0 <= index < len(self):
            raise IndexError(f"there is no group {index}; there are {len(self)}, counted from 0")
        first = index * self.together
        return tuple(map(self._block, range(first, min(first + self.together, self._blocks))))

    def _block(self, number: int) -> tuple[tuple[int, int], ...]:
        box = []
        for size, side, count in zip(
            reversed(self.shape), reversed(self.sides), reversed(self._counts), strict=True
        ):
            number, place = divmod(number, count)
            box.append((place * side, min((place + 1) * side, size)))
        return tuple(reversed(box))


def pixels_of(group: Group) -> int:
    """Return how many pixels a group has."""
    return sum(prod(stop - start for start, stop in box) for box in group)


def partial_of(image: Image, measuring: Measuring, group: Group) -> Partial:
    """Return what the blocks of one group add up to; a worker's task.

    Parameters
    ----------
    image : Image
    measuring : Measuring
        In the pass that is being made.
    group : tuple
        One of :class:`BlockGroups`.
    """
    partial = measuring.fresh()
    with read_once():
        for box in group:
            place = {axis: slice(*ends) for axis, ends in zip(image.axes, box, strict=True)}
            for channel, pixels in by_channel(image, place):
                measuring.add(partial, channel, pixels)
    return partial


def measure_image(
    measuring: Measuring,
    groups: BlockGroups,
    task: Task,
    workers: Workers,
    context: Mapping[str, Any],
    *,
    load: Callable[[], State | None],
    save: Callable[[dict[str, Any], dict[str, NDArray[Any]]], None],
    progress: Callable[[int], None] | None = None,
    tell: Callable[[str], None] | None = None,
    every: float = 20.0,
) -> Normalization:
    """Take the numbers of an image: exactly, and from where an earlier run was cut off.

    Parameters
    ----------
    measuring : Measuring
        Before its first pass.
    groups : BlockGroups
    task : callable
        Opens the image that `context` names, and returns what :func:`partial_of` gives for
        ``Measuring.from_dict(context["measuring"])`` and its item, a group.
    workers : Workers
    context : mapping of str to object
        What the task is to know, in plain values; ``"measuring"`` is added.
    load : callable
        Returns what was saved last, or None.
    save : callable
        Keeps how far the run is: plain values and arrays.
    progress : callable, optional
        Told the number of pixels of each group that was measured, in each pass anew.
    tell : callable, optional
        Told in a sentence what is odd about the pixels, if anything is.
    every : float
        Seconds between two calls of `save` at least.

    Returns
    -------
    Normalization

    Raises
    ------
    StatisticsError
        If the image gives no usable numbers.
    ImageError
        If a group of it cannot be measured.
    WorkersError
        If the workers stopped before that was done.
    L2LError
        What the task raised.
    """
    course = _Course.resumed(measuring, groups, load()) or _Course(measuring, groups)
    saved = time.monotonic()
    try:
        while not course.measuring.done:
            for pixels in course.make_pass(task, workers, context):
                if progress is not None:
                    progress(pixels)
                if course.unsaved and time.monotonic() - saved >= every:
                    course.save(save)
                    saved = time.monotonic()
    except (Exception, KeyboardInterrupt):
        # What is wrong with one group, or that the user went home, is no loss for the others.
        if course.unsaved:
            course.save(save)
        raise
    if tell is not None and course.measuring.remark:
        tell(course.measuring.remark)
    return course.measuring.normalization()


def pixels_before(measuring: Measuring, groups: BlockGroups, state: State | None) -> int:
    """Return how many pixels a run that goes on from `state` need not measure again.

    Parameters
    ----------
    measuring, groups
        As :func:`measure_image` takes them.
    state : (dict, dict) or None
        What its `load` returns.
    """
    course = _Course.resumed(measuring, groups, state)
    return course.pixels if course else 0


@define
class _Course:
    """How far measuring has come: the pass, and the groups of it that are merged."""

    measuring: Measuring
    groups: BlockGroups
    found: Partial = field(factory=dict)
    next: int = 0
    pixels: int = 0
    unsaved: bool = False
    _purpose: dict[str, Any] = field(init=False)
    _early: dict[int, Partial] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._purpose = {
            "version": _VERSION,
            "measuring": self.measuring.to_dict(),
            "shape": list(self.groups.shape),
            "sides": list(self.groups.sides),
            "together": self.groups.together,
        }

    @classmethod
    def resumed(cls, measuring: Measuring, groups: BlockGroups, state: State | None) -> Self | None:
        """Return the course that was saved; None if nothing was, or another image's."""
        course = cls(measuring, groups)
        if state is None or state[0].get("purpose") != course._purpose:
            return None
        facts, arrays = state
        course.measuring = Measuring.from_dict(facts["measuring"])
        course.next, course.pixels = facts["next"], facts["pixels"]
        course.found = {key: array.copy() for key, array in arrays.items()}
        return course

    def save(self, save: Callable[[dict[str, Any], dict[str, NDArray[Any]]], None]) -> None:
        facts = {
            "purpose": self._purpose,
            "measuring": self.measuring.to_dict(),
            "passes_left": self.measuring.passes_left,
            "next": self.next,
            "pixels": self.pixels,
        }
        save(facts, self.found)
        self.unsaved = False

    def make_pass(self, task: Task, workers: Workers, context: Mapping[str, Any]) -> Iterator[int]:
        """Yield the pixels of each group that is measured, until a pass is complete."""
        context = {**context, "measuring": self.measuring.to_dict()}
        while (first := self.next) < len(self.groups):
            yield from self._run(task, workers, context)
            if self.next == first:
                raise WorkersError(
                    f"{at(self.measuring.where)}the workers stopped before the image was measured; "
                    "start again, which goes on from here"
                )
        self.measuring = self.measuring.finish(self.found)
        self.found, self.next = self.measuring.fresh(), 0

    def _run(self, task: Task, workers: Workers, context: Mapping[str, Any]) -> Iterator[int]:
        """Measure groups until none is left, or one is so late that results would pile up."""
        numbers: dict[Group, int] = {}
        outcomes = workers.run(task, context, self._items(numbers, _AHEAD * workers.count))
        try:
            for outcome in outcomes:
                if outcome.error is not None:
                    raise _named(outcome.error, self.measuring.where) from outcome.error
                self._early[numbers.pop(outcome.item)] = outcome.result
                while self.next in self._early:
                    self._merge(self._early.pop(self.next))
                yield pixels_of(outcome.item)
        finally:
            if isinstance(outcomes, Generator):
                outcomes.close()

    def _items(self, numbers: dict[Group, int], ahead: int) -> Iterator[Group]:
        index = self.next
        while index < min(len(self.groups), self.next + ahead):
            group = self.groups[index]
            numbers[group] = index
            yield group
            index += 1

    def _merge(self, partial: Partial) -> None:
        self.found = self.measuring.merge(self.found, partial)
        self.pixels += pixels_of(self.groups[self.next])
        self.next += 1
        self.unsaved = True


def _named(error: Exception, where: str) -> Exception:
    """Return an error of a group that says of which image."""
    if not isinstance(error, L2LError):
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return ImageError(f"{at(where)}the image cannot be measured ({why})")
    return error if where in str(error) else type(error)(f"{where}: {error}")
