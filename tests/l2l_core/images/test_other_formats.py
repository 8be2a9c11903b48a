from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from l2l_core.errors import ImageFormatError
from l2l_core.images.reading import open_image

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("suffix", [".czi", ".lif", ".nd2"])
def test_a_missing_reader_names_the_extra(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bioio", None)
    path = tmp_path / f"cell{suffix}"
    path.write_bytes(b"x")
    with pytest.raises(ImageFormatError, match=r"pip install 'label2label\[bioformats\]'"):
        open_image(path)


def test_a_file_that_bioio_cannot_read_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("bioio")
    path = tmp_path / "cell.czi"
    path.write_bytes(b"this is a letter")
    with pytest.raises(ImageFormatError, match="bioio cannot read the file"):
        open_image(path)
