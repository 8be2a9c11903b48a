from __future__ import annotations

import copy
import json
import random
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.errors import ImageError, ImageFormatError, StatisticsError, WorkersError
from l2l_core.images.image import Image, ImageInfo
from l2l_core.images.measuring import Measuring
from l2l_core.images.normalization import Method, Normalization, measure
from l2l_core.images.reading import open_image
from l2l_core.streaming.execution import Outcome, Task, Threads, Workers
from l2l_core.streaming.measuring import (
    BlockGroups,
    Group,
    State,
    measure_image,
    partial_of,
    pixels_before,
    pixels_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

RNG = np.random.default_rng(5)


class Chunked:
    """Pixels that are stored in chunks, and remember what was read."""

    def __init__(self, pixels: np.ndarray, chunks: tuple[int, ...]) -> None:
        self.pixels, self.chunks = pixels, chunks
        self.reads: list[tuple[slice, ...]] = []

    def read(self, index: tuple[slice, ...]) -> np.ndarray:
        self.reads.append(index)
        return self.pixels[index].copy()


IMAGES: dict[str, Image] = {}


def image_of(pixels: np.ndarray, axes: str, chunks: tuple[int, ...]) -> Image:
    info = ImageInfo("slide.zarr", axes, pixels.shape, pixels.dtype.name)
    IMAGES["slide"] = Image(info, Chunked(pixels, chunks))
    return IMAGES["slide"]


def measure_group(context: Mapping[str, Any], group: Group) -> Any:
    measuring = Measuring.from_dict(json.loads(json.dumps(context["measuring"])))
    return partial_of(IMAGES[context["image"]], measuring, group)


class Disorderly(Workers):
    """Workers that answer in any order."""

    def __init__(self, seed: int, count: int = 3) -> None:
        self._random, self._count = random.Random(seed), count
        self.most = 0

    @property
    def count(self) -> int:
        return self._count

    def describe(self) -> str:
        return "workers in disorder"

    def run(
        self, task: Task, context: Mapping[str, Any], items: Iterable[Any]
    ) -> Iterator[Outcome]:
        source = iter(items)
        held: list[Group] = []
        while True:
            while len(held) < 3 * self._count and (item := next(source, None)) is not None:
                held.append(item)
            if not held:
                return
            item = held.pop(self._random.randrange(len(held)))
            yield Outcome(item, task(context, item))

    def stop_taking(self) -> None:
        """Nobody asks for it here."""

    def close(self) -> None:
        """Nothing is held."""


class Notebook:
    """Keeps every state that was saved, as JSON and bytes would keep it."""

    def __init__(self, state: State | None = None) -> None:
        self.states: list[State] = []
        self._first = state

    def load(self) -> State | None:
        return self._first

    def save(self, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        kept = {key: array.copy() for key, array in arrays.items()}
        for array in kept.values():
            array.flags.writeable = False
        self.states.append((json.loads(json.dumps(facts, allow_nan=False)), kept))


def numbers(
    image: Image,
    workers: Workers | None = None,
    notebook: Notebook | None = None,
    *,
    block: int = 64,
    group: int = 256,
    task: Task = measure_group,
    progress: Any = None,
    **options: Any,
) -> Normalization:
    notebook = notebook or Notebook()
    measuring = start(image, **options)
    with workers or Threads(2) as crew:
        return measure_image(
            measuring,
            BlockGroups.of(image, block, group),
            task,
            crew,
            {"image": "slide"},
            load=notebook.load,
            save=notebook.save,
            progress=progress,
            every=0.0,
        )


def start(image: Image, **options: Any) -> Measuring:
    sizes = image.info.sizes
    return Measuring.start(image.dtype, sizes.get("C", 1), where=image.info.path, **options)


def pixels_like(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    pixels = RNG.normal(100, 60, shape).clip(0, 250)
    if dtype == "float32":
        pixels = RNG.normal(10, 500, shape).astype(np.float32)
        pixels.flat[::7] = np.nan
        pixels.flat[::11] = 0
    return pixels.astype(dtype)


@given(
    shape=st.lists(st.integers(1, 14), min_size=2, max_size=4),
    side=st.integers(1, 9),
    block=st.integers(1, 500),
    group=st.integers(1, 3000),
)
def test_groups_cover_each_pixel_once_with_whole_chunks(
    shape: list[int], side: int, block: int, group: int
) -> None:
    seen = np.zeros(shape, int)
    image = image_of(seen, "TZYX"[-len(shape) :], (side,) * len(shape))
    groups = BlockGroups.of(image, block, group)
    for index in range(len(groups)):
        assert pixels_of(groups[index]) > 0
        for box in groups[index]:
            seen[tuple(slice(*ends) for ends in box)] += 1
            for (first, last), size in zip(box, shape, strict=True):
                assert first % min(side, size) == 0
                assert last == size or last % side == 0
    assert (seen == 1).all()


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40)),
    block=st.integers(1, 500),
)
def test_blocks_of_groups_are_those_of_the_image_in_order(
    shape: tuple[int, int, int], block: int
) -> None:
    image = image_of(np.zeros(shape), "ZYX", (1, 8, 8))
    groups = BlockGroups.of(image, block, 4 * block)
    found = [box for index in range(len(groups)) for box in groups[index]]
    expected = [
        tuple((part.start, part.stop) for part in place.values()) for place in image.blocks(block)
    ]
    assert found == expected


def test_an_image_of_a_million_million_pixels_is_divided_at_once() -> None:
    class Huge:
        chunks = (512, 512)

    image = Image(ImageInfo("huge.zarr", "YX", (10**6, 10**6), "uint16"), Huge())  # type: ignore[arg-type]
    groups = BlockGroups.of(image)
    assert len(groups) < 40_000
    last = groups[len(groups) - 1]
    assert last[-1] == ((999_936, 1_000_000), (999_424, 1_000_000))
    with pytest.raises(IndexError):
        groups[len(groups)]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("ignore", [None, 0.0])
@pytest.mark.parametrize("chunks", [(1, 8, 8), (2, 5, 64), (3, 32, 48)])
def test_percentiles_are_those_of_numpy(
    dtype: str, ignore: float | None, chunks: tuple[int, ...]
) -> None:
    pixels = pixels_like(dtype, (3, 32, 48))
    counted = pixels[np.isfinite(pixels) & (pixels != ignore)].astype(np.float64)
    low, high = np.percentile(counted, (2, 99.8))
    expected = Normalization((low,), (high - low,))
    image = image_of(pixels, "ZYX", chunks)
    for workers in (Threads(1), Threads(3), Disorderly(1)):
        assert numbers(image, workers, ignore=ignore) == expected


@pytest.mark.parametrize("method", ["mean_std", "min_max", "percentile"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_the_last_bit_depends_on_no_worker_and_no_grouping(method: Method, dtype: str) -> None:
    image = image_of(pixels_like(dtype, (3, 64, 48)), "ZYX", (1, 8, 8))
    found = {
        numbers(image, workers, group=group, method=method)
        for workers, group in [
            (Threads(1), 64),
            (Threads(3), 256),
            (Disorderly(2), 64),
            (Disorderly(3, count=1), 1000),
            (Disorderly(4, count=9), 10**9),
        ]
    }
    assert len(found) == 1


@pytest.mark.parametrize("method", ["mean_std", "min_max", "percentile", "none"])
def test_numbers_are_those_of_an_image_that_fits_into_memory(method: Method) -> None:
    pixels = pixels_like("float32", (2, 3, 40, 40))
    image = image_of(pixels, "CZYX", (1, 1, 16, 16))
    found = numbers(image, Disorderly(1), block=2**22, group=2**22, method=method)
    assert found == measure(image, method=method)
    assert found.channels == 2


@pytest.mark.parametrize("method", ["mean_std", "percentile"])
def test_a_run_goes_on_from_everything_that_was_saved(method: Method) -> None:
    image = image_of(pixels_like("float32", (2, 2, 24, 24)), "CZYX", (1, 1, 8, 8))
    book = Notebook()
    groups = BlockGroups.of(image, 64, 256)
    expected = numbers(image, Threads(1), book, method=method)
    passes = 2 if method == "percentile" else 1
    assert len(book.states) == passes * len(groups)
    source = image._source
    assert isinstance(source, Chunked)
    for state in copy.deepcopy(book.states):
        source.reads.clear()
        measured: list[int] = []
        again = numbers(image, Threads(2), Notebook(state), method=method, progress=measured.append)
        assert again == expected
        before = pixels_before(start(image, method=method), groups, state)
        assert before > 0
        assert before + sum(measured) == passes * image.info.shape[0] * 2 * 24 * 24
        # What is finished is not read again.
        size = sum(pixels_of_index(index) for index in source.reads)
        assert size == sum(measured)


def pixels_of_index(index: tuple[slice, ...]) -> int:
    return int(np.prod([part.stop - part.start for part in index]))


def test_what_was_saved_for_another_purpose_is_not_used() -> None:
    image = image_of(pixels_like("uint16", (32, 32)), "YX", (8, 8))
    book = Notebook()
    numbers(image, None, book, low=10, high=90)
    state = book.states[0]
    assert numbers(image, None, Notebook(state)) == numbers(image)
    groups = BlockGroups.of(image, 64, 256)
    assert pixels_before(start(image), groups, state) == 0
    other = BlockGroups.of(image, 64, 128)
    assert pixels_before(start(image, low=10, high=90), other, state) == 0
    assert pixels_before(start(image, low=10, high=90), groups, state) > 0


def failing(context: Mapping[str, Any], group: Group) -> Any:
    if group[0][0][0] >= 16:
        raise FAILURE
    return measure_group(context, group)


FAILURE: Exception


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ImageFormatError("slide.zarr: a chunk"), ImageFormatError, "^slide.zarr: a chunk$"),
        (ImageFormatError("a chunk"), ImageFormatError, "^slide.zarr: a chunk$"),
        (KeyError("x"), ImageError, r"slide.zarr: .* cannot be measured \(KeyError: 'x'\)"),
        (ValueError(), ImageError, r"slide.zarr: .* cannot be measured \(ValueError\)"),
    ],
)
def test_the_error_of_a_group_names_the_image_and_costs_no_other_group(
    error: Exception, kind: type[Exception], message: str
) -> None:
    global FAILURE
    FAILURE = error
    image = image_of(pixels_like("uint16", (32, 32)), "YX", (8, 8))
    expected = numbers(image)
    book = Notebook()
    with pytest.raises(kind, match=message):
        numbers(image, Threads(1), book, task=failing)
    facts, _ = book.states[-1]
    assert facts["next"] == 2
    assert numbers(image, None, Notebook(book.states[-1])) == expected


def test_an_interrupt_is_saved() -> None:
    image = image_of(pixels_like("uint16", (32, 32)), "YX", (8, 8))
    book = Notebook()

    def stop(pixels: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        numbers(image, Threads(1), book, progress=stop)
    assert [facts["next"] for facts, _ in book.states] == [1]


def test_an_image_without_pixels_that_count_is_refused_after_one_pass() -> None:
    pixels = np.full((2, 16, 16), np.nan, np.float32)
    pixels[0] = RNG.normal(size=(16, 16))
    image = image_of(pixels, "CYX", (1, 8, 8))
    with pytest.raises(StatisticsError, match=r"slide.zarr, channel 1: there is no finite pixel"):
        numbers(image)
    source = image._source
    assert isinstance(source, Chunked)
    assert sum(map(pixels_of_index, source.reads)) == pixels.size


def test_an_image_without_any_pixel_is_refused() -> None:
    image = image_of(np.zeros((0, 16), np.uint16), "YX", (8, 8))
    with pytest.raises(StatisticsError, match=r"slide.zarr: there is no finite pixel"):
        numbers(image)


def test_results_do_not_pile_up_behind_a_group_that_is_late() -> None:
    image = image_of(pixels_like("uint16", (512, 16)), "YX", (1, 16))
    asked: list[Group] = []
    ahead: list[int] = []

    def measure_late(context: Mapping[str, Any], group: Group) -> Any:
        asked.append(group)
        if group[0][0][0] == 0:
            while not ahead or ahead[-1] < len(asked):
                ahead.append(len(asked))
                time.sleep(0.1)
        return measure_group(context, group)

    found = numbers(image, Threads(2), block=16, group=16, task=measure_late)
    assert found == measure(image)
    assert len(asked) == len(set(asked)) == 512
    assert 2 < ahead[-1] <= 12


def test_workers_that_stopped_are_reported() -> None:
    image = image_of(pixels_like("uint16", (32, 32)), "YX", (8, 8))
    workers = Threads(1)
    workers.stop_taking()
    with pytest.raises(WorkersError, match=r"slide.zarr: the workers stopped before"):
        numbers(image, workers)


def measure_file(context: Mapping[str, Any], group: Group) -> Any:
    with open_image(context["path"]) as image:
        return partial_of(image, Measuring.from_dict(context["measuring"]), group)


@pytest.mark.parametrize("name", ["slide.npy", "slide.tif"])
def test_a_file_is_measured_by_tasks_that_open_it(tmp_path: Path, name: str) -> None:
    from l2l_core.images.writing import write_image

    pixels = pixels_like("uint16", (64, 64))
    write_image(tmp_path / name, pixels, "YX")
    with open_image(tmp_path / name) as image, Threads(2) as workers:
        found = measure_image(
            Measuring.start("uint16", 1, where=name),
            BlockGroups.of(image, 512, 1024),
            measure_file,
            workers,
            {"path": str(tmp_path / name)},
            load=lambda: None,
            save=lambda facts, arrays: None,
        )
    assert found == measure(pixels, "YX")
