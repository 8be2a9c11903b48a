"""The stores of a restoration elsewhere, where a kill leaves what is half made or half deleted."""

import uuid
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import zarr

from l2l_core.errors import OutputError
from l2l_core.images import open_image
from l2l_core.workflows.restore import restore_file

UNIT = 64


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 500, shape).astype(np.uint16)


class Cut(OSError):
    """What a protocol raises when the network goes."""


@contextmanager
def cut_after(count, *names):
    """Let a file system in memory do so many of some operations, and no more."""
    from fsspec.implementations.memory import MemoryFileSystem

    left = [count]

    def counted(former):
        def operation(self, *args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise Cut("the network is gone")
            return former(self, *args, **kwargs)

        return operation

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(MemoryFileSystem, name, counted(getattr(MemoryFileSystem, name)))
        yield


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("operation", ["rm_file", "pipe_file"])
def test_a_store_elsewhere_half_made_or_deleted_is_made_anew(
    operation, count, version, toy, tmp_path
):
    zarr.create_array(str(tmp_path / "image.zarr"), data=noise(60, 70), chunks=(32, 32))
    out = f"memory://{uuid.uuid4().hex}/out.ome.zarr"
    options = {"unit": UNIT, "version": version, "ledger": tmp_path / "ledger"}

    def restored(**more):
        return restore_file(toy(), tmp_path / "image.zarr", out, **options, **more)

    if operation == "rm_file":
        restored()
    with cut_after(count, operation), suppress(OutputError):
        restored(restart=True)
    assert not restored().skipped
    np.testing.assert_array_equal(open_image(out).read(), toy().restore(noise(60, 70)))
