from __future__ import annotations

import hashlib
import itertools
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from l2l_core.images.ome_zarr_pyramid import (
    StoreLayout,
    create_store,
    open_levels,
)
from l2l_core.images.places import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from l2l_core.images.places import Place

RNG = np.random.default_rng(7)
# Neither side is a multiple of the unit, so that shards and chunks stick out.
SHAPE = (2, 150, 84)
LEVELS = (
    (SHAPE, (1, 16, 16), (1, 64, 64)),
    ((2, 75, 42), (1, 16, 16), (1, 32, 32)),
    ((2, 38, 21), (1, 16, 16), (1, 16, 16)),
)
PIXELS = RNG.integers(0, 1000, SHAPE).astype(np.uint16)
WHOLE = tuple((0, size) for size in SHAPE)


def layout(version: str = "0.5", **facts: Any) -> StoreLayout:
    return StoreLayout("CYX", facts.pop("dtype", "uint16"), LEVELS, version=version, **facts)


@pytest.fixture(params=["0.4", "0.5"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return tmp_path / "a.zarr"
    return f"memory://{uuid.uuid4().hex}/a.zarr"


def units(level: int = 0) -> Iterator[tuple[tuple[int, int], ...]]:
    shape, _, unit = LEVELS[level]
    yield from itertools.product(
        *(
            [(low, min(low + side, size)) for low in range(0, size, side)]
            for size, side in zip(shape, unit, strict=True)
        )
    )


def part(area: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    return tuple(slice(*ends) for ends in area)


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_units_make_the_whole(version: str, place: Place) -> None:
    create_store(place, layout(version))
    writer = open_levels(place, layout(version))
    for area in reversed(list(units())):
        writer.write(0, area, PIXELS[part(area)])
    np.testing.assert_array_equal(writer.read(0, WHOLE), PIXELS, strict=True)
    array = zarr.open_array(open_store(place), path="0", mode="r")
    np.testing.assert_array_equal(array[...], PIXELS)


@pytest.mark.parametrize("area", list(units()))
def test_clearing_a_unit_leaves_its_neighbours(
    area: tuple[tuple[int, int], ...], version: str, place: Place
) -> None:
    create_store(place, layout(version))
    writer = open_levels(place, layout(version))
    writer.write(0, WHOLE, PIXELS)
    writer.write(1, tuple((0, size) for size in LEVELS[1][0]), PIXELS[:, :75, :42])
    writer.clear(0, area)
    expected = PIXELS.copy()
    expected[part(area)] = 0
    np.testing.assert_array_equal(writer.read(0, WHOLE), expected)
    assert writer.read(1, ((0, 2), (0, 75), (0, 42))).all() == PIXELS[:, :75, :42].all()
    writer.clear(0, area)
    writer.write(0, area, PIXELS[part(area)])
    np.testing.assert_array_equal(writer.read(0, WHOLE), PIXELS)
