from pathlib import Path

import pytest

from l2l_core.errors import OutputError
from l2l_core.models.folders import present, replacing


def written(folder):
    return (folder / "content").read_text()


@pytest.fixture
def folder(tmp_path):
    with replacing(tmp_path / "thing", "thing") as new:
        (new / "content").write_text("old")
    return tmp_path / "thing"


def test_a_folder_is_replaced_as_a_whole(folder):
    (folder / "more").touch()
    with replacing(folder, "thing") as new:
        assert written(folder) == "old"
        (new / "content").write_text("new")
    assert [path.name for path in folder.iterdir()] == ["content"]
    assert written(folder) == "new"
    assert [path.name for path in folder.parent.iterdir()] == ["thing"]


def _fail(new, error):
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
        pytest.raises(OutputError, match=r"thing cannot be written .*the former one is unchanged"),
        replacing(folder, "thing"),
    ):
        raise OSError(28, "No space left on device")
    assert written(folder) == "old"
    assert present(folder) == folder


def test_what_a_kill_left_is_removed(folder):
    for name in (".thing.new", ".thing.former"):
        (folder.parent / name).mkdir()
        (folder.parent / name / "content").write_text("half")
    assert present(folder) == folder
    with replacing(folder, "thing") as new:
        (new / "content").write_text("new")
    assert written(folder) == "new"
    assert [path.name for path in folder.parent.iterdir()] == ["thing"]


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="nothing was left there"),
        replacing(tmp_path / "file" / "thing", "thing") as new,
    ):
        Path(new / "content").touch()
