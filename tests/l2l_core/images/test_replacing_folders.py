import os
import stat
import time

import pytest

from l2l_core.errors import OutputError
from l2l_core.images.replacing import present, replacing


def written(folder):
    return (folder / "content").read_text()


@pytest.fixture
def folder(tmp_path):
    with replacing(tmp_path / "thing", "thing") as new:
        new.mkdir()
        (new / "content").write_text("old")
    return tmp_path / "thing"


def test_a_folder_is_replaced_as_a_whole(folder):
    (folder / "more").touch()
    with replacing(folder, "thing") as new:
        assert written(folder) == "old"
        new.mkdir()
        (new / "content").write_text("new")
    assert [path.name for path in folder.iterdir()] == ["content"]
    assert written(folder) == "new"
    assert [path.name for path in folder.parent.iterdir()] == ["thing"]


def _fail(new, error):
    new.mkdir()
    (new / "content").write_text("new")
    raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_leaves_the_former(folder, error):
    with pytest.raises(error), replacing(folder, "thing") as new:
        _fail(new, error)
    assert written(folder) == "old"
    assert [path.name for path in folder.parent.iterdir()] == ["thing"]


def test_a_failed_write_after_a_kill_between_the_renames_puts_the_former_back(folder):
    folder.rename(folder.parent / ".thing.former")
    assert present(folder).name == ".thing.former"
    with (
        pytest.raises(OutputError, match=r"thing cannot be written .*before is unchanged"),
        replacing(folder, "thing"),
    ):
        raise OSError(28, "No space left on device")
    assert written(folder) == "old"
    assert present(folder) == folder


def test_what_a_kill_left_is_removed_and_what_somebody_may_be_writing_is_not(folder):
    for name in (".thing.1a.part", ".thing.2b.part", ".thing.former", ".thing2.3c.part"):
        (folder.parent / name).mkdir()
        (folder.parent / name / "content").write_text("half")
    two_days_ago = time.time() - 2 * 24 * 3600
    for name in (".thing.1a.part", ".thing2.3c.part"):
        os.utime(folder.parent / name, (two_days_ago, two_days_ago))
    assert present(folder) == folder
    with replacing(folder, "thing") as new:
        new.mkdir()
        (new / "content").write_text("new")
    assert written(folder) == "new"
    left = {path.name for path in folder.parent.iterdir()}
    assert left == {"thing", ".thing.2b.part", ".thing2.3c.part"}


@pytest.mark.parametrize("times", [1, 2])
def test_of_a_link_what_it_leads_to_is_replaced(folder, times):
    link = folder.parent / "link"
    link.symlink_to(folder)
    for _ in range(times):
        with replacing(link, "thing") as new:
            new.mkdir()
            (new / "content").write_text("new")
    assert link.is_symlink()
    assert written(folder) == "new"
    assert {path.name for path in folder.parent.iterdir()} == {"thing", "link"}


def test_a_disk_that_flushes_no_folders_will_do(folder, monkeypatch):
    sync = os.fsync

    def refuse(number):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(22, "Invalid argument")
        sync(number)

    monkeypatch.setattr(os, "fsync", refuse)
    with replacing(folder, "thing") as new:
        new.mkdir()
        (new / "content").write_text("new")
    assert written(folder) == "new"


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="nothing was written"),
        replacing(tmp_path / "file" / "thing", "thing") as new,
    ):
        new.mkdir()
