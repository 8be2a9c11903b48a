from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.images.decoded import ChunkedSource, DecodedBlocks
from l2l_core.images.image import Image, from_array
from l2l_core.images.reading import open_image
from l2l_core.images.writing import write_image
from l2l_core.images.zarr_stores import ZarrSource


class _Blocks:
    """An array stored in blocks, which counts how often it is read."""

    def __init__(self, array, chunks):
        self.array, self.chunks, self.reads = array, chunks, 0

    def read(self, index):
        self.reads += 1
        return self.array[index].copy()


def _image(array, axes, chunks):
    source = _Blocks(array, chunks)
    return Image(from_array(array, axes).info, source), source


def _kept(image, source, store):
    return Image(image.info, ChunkedSource(source, image.shape, image.dtype, store))


@st.composite
def _reads(draw):
    shape = draw(st.tuples(*(st.integers(1, 9) for _ in range(3))))
    chunks = draw(st.tuples(*(st.integers(1, 5) for _ in range(3))))
    where = {}
    for axis, size in zip("ZYX", shape, strict=True):
        start = draw(st.integers(0, size - 1))
        where[axis] = slice(start, draw(st.integers(start + 1, size)), draw(st.integers(1, 2)))
    return shape, chunks, where


@given(_reads(), st.integers(0, 3000))
def test_what_is_read_is_what_is_there(case, limit):
    shape, chunks, where = case
    array = np.arange(np.prod(shape)).reshape(shape)
    image, source = _image(array, "ZYX", chunks)
    kept = _kept(image, source, DecodedBlocks(limit))
    for _ in range(2):
        np.testing.assert_array_equal(kept.read(**where), image.read(**where))


def test_a_block_is_decoded_once():
    image, source = _image(np.arange(64 * 64).reshape(64, 64), "YX", (32, 64))
    kept = _kept(image, source, DecodedBlocks(10**6))
    for x in range(20):
        kept.read(Y=slice(20, 30), X=slice(x, x + 9))
    assert source.reads == 1
    kept.read(Y=slice(20, 40))
    assert source.reads == 2


def test_the_caller_may_write_to_what_it_reads():
    image, source = _image(np.zeros((8, 8)), "YX", (8, 8))
    kept = _kept(image, source, DecodedBlocks(10**6))
    kept.read()[...] = 1
    assert kept.read().sum() == 0


def test_the_store_holds_no_more_than_its_limit_and_drops_what_was_used_least_recently():
    image, source = _image(np.zeros((100, 10, 10), np.uint8), "ZYX", (1, 10, 10))
    store = DecodedBlocks(1000)
    kept = _kept(image, source, store)
    for z in (*range(10), 0, 10):
        kept.read(Z=z)
        assert store.size <= 1000
    before = source.reads
    kept.read(Z=0)
    assert source.reads == before
    kept.read(Z=1)
    assert source.reads == before + 1


def test_two_images_do_not_mix():
    store = DecodedBlocks(10**6)
    first = _kept(*_image(np.zeros((8, 8)), "YX", (8, 8)), store)
    second = _kept(*_image(np.ones((8, 8)), "YX", (8, 8)), store)
    assert first.read().max() == 0
    assert second.read().min() == 1


def test_what_was_opened_earlier_is_never_taken_for_what_is_open_now():
    store = DecodedBlocks(10**6)
    for value in range(50):
        # The former source is gone, and its place in memory free for the next one.
        kept = _kept(*_image(np.full((8, 8), value), "YX", (8, 8)), store)
        assert kept.read().min() == value


@pytest.mark.parametrize("fill", [0, 7, np.nan])
def test_a_block_of_fill_values_alone_is_not_kept(fill):
    array = np.full((8, 16), fill, np.float32)
    array[:, 8:] = 3
    array[1, 7] = fill
    image, source = _image(array, "YX", (8, 8))
    kept = Image(
        image.info,
        ChunkedSource(source, image.shape, image.dtype, DecodedBlocks(10**6), fill=fill),
    )
    for _ in range(3):
        np.testing.assert_array_equal(kept.read(), array)
    assert source.reads == 3 + 1
    array[1, 6] = 5
    for _ in range(3):
        np.testing.assert_array_equal(kept.read(), array)
    assert source.reads == 3 + 1 + 1


def test_a_chunk_of_a_store_on_disk_is_decoded_once(tmp_path, monkeypatch):
    array = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    write_image(tmp_path / "a.zarr", array, "YX")
    image = open_image(tmp_path / "a.zarr")
    reads = []
    whole = ZarrSource.read
    monkeypatch.setattr(ZarrSource, "read", lambda *args: reads.append(1) or whole(*args))
    for x in range(20):
        part = image.read(Y=slice(3, 9), X=slice(x, x + 9))
        np.testing.assert_array_equal(part, array[3:9, x : x + 9])
    assert len(reads) == 1


def test_threads_read_a_compressed_file_at_once(tmp_path):
    array = np.random.default_rng(0).integers(0, 999, (4, 90, 70)).astype(np.uint16)
    path = tmp_path / "packed.tif"
    tifffile.imwrite(path, array, compression="zlib", metadata={"axes": "ZYX"},
                     photometric="minisblack")  # fmt: skip
    kept = open_image(path)

    def same(seed):
        rng = np.random.default_rng(seed)
        z, y, x = (int(rng.integers(n)) for n in (4, 60, 40))
        part = kept.read(Z=z, Y=slice(y, y + 30), X=slice(x, x + 30))
        return np.array_equal(part, array[z : z + 1, y : y + 30, x : x + 30])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(same, range(200)))


def test_what_is_read_once_is_not_kept(tmp_path):
    import zarr

    from l2l_core.images.decoded import SHARED, read_once
    from l2l_core.images.reading import open_image

    zarr.create_array(
        str(tmp_path / "a.zarr"), data=np.arange(64 * 64).reshape(64, 64), chunks=(16, 16),
        dimension_names=("y", "x"),
    )  # fmt: skip
    with open_image(tmp_path / "a.zarr") as image:
        before = SHARED.size
        with read_once():
            once = image.read(Y=slice(3, 40))
        assert SHARED.size == before
        kept = image.read(Y=slice(3, 40))
        assert SHARED.size > before or before >= SHARED.limit
    np.testing.assert_array_equal(once, kept)
