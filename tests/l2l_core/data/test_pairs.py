import time

import numpy as np
import pytest
import tifffile

from l2l_core.config import DataConfig, SelectConfig
from l2l_core.data.pairs import _groups, _Row, channel_count, find_pairs
from l2l_core.errors import AxesError, DataError, ImageError, PairingError


def _save(path, array, axes=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.asarray(array, np.uint16)
    metadata = {"axes": axes} if axes else None
    tifffile.imwrite(path, array, photometric="minisblack", metadata=metadata)


@pytest.fixture
def folders(tmp_path):
    for number in (1, 2, 3):
        _save(tmp_path / "ac15" / f"cell{number}_ac15.tif", np.full((8, 9), number))
        _save(tmp_path / "phal" / f"cell{number}_phalloidin.tif", np.full((8, 9), 10 * number))
    return tmp_path


def test_two_folders_are_matched_by_name(folders):
    found = find_pairs(DataConfig(input="ac15", target="phal"), folders)
    values = [(int(p.input.read()[0, 0]), int(p.target.read()[0, 0])) for p in found.pairs]
    assert values == [(1, 10), (2, 20), (3, 30)]
    assert len({pair.group for pair in found.pairs}) == 3
    assert "cell1_ac15.tif -> " in found.describe().splitlines()[0]
    assert len(found.paths) == 6


def test_globs_and_lists_are_matched_by_name(folders):
    data = DataConfig(
        input=("ac15/cell1*.tif", "ac15/cell3*.tif"), target=("phal/*1_*.tif", "phal/*3_*.tif")
    )
    found = find_pairs(data, folders)
    assert [int(pair.target.read()[0, 0]) for pair in found.pairs] == [10, 30]


def test_a_missing_partner_is_reported_with_all_that_lack_one(folders):
    (folders / "phal" / "cell2_phalloidin.tif").unlink()
    _save(folders / "phal" / "cell7_phalloidin.tif", np.zeros((8, 9)))
    with pytest.raises(PairingError) as caught:
        find_pairs(DataConfig(input="ac15", target="phal"), folders)
    message = str(caught.value)
    assert "3 inputs, 3 targets, 2 pairs" in message
    assert "cell2_ac15.tif" in message
    assert "cell7_phalloidin.tif" in message
    assert "cell1_" not in message
    assert "data.match" in message


def test_partners_of_different_shape_are_both_named(folders):
    _save(folders / "phal" / "cell2_phalloidin.tif", np.zeros((8, 7)))
    with pytest.raises(
        PairingError, match=r"cell2_ac15.tif \(YX 8 x 9\).*cell2_phal.*\(YX 8 x 7\).*along X"
    ):
        find_pairs(DataConfig(input="ac15", target="phal"), folders)


def test_two_channels_of_one_file(tmp_path):
    array = np.arange(2 * 4 * 5 * 6).reshape(4, 2, 5, 6)
    _save(tmp_path / "both.ome.tif", array, "ZCYX")
    data = DataConfig(
        input="both.ome.tif",
        input_select=SelectConfig(c=0),
        target_select=SelectConfig(c=1),
        select=SelectConfig(z="1:3"),
    )
    (pair,) = find_pairs(data, tmp_path).pairs
    np.testing.assert_array_equal(pair.input.read(), array[1:3, :1])
    np.testing.assert_array_equal(pair.target.read(), array[1:3, 1:])


def test_frames_of_a_movie_are_partners_in_their_order(tmp_path):
    movie = np.arange(10)[:, None, None] * np.ones((1, 4, 4))
    _save(tmp_path / "movie.tif", movie)
    data = DataConfig(
        input="movie.tif",
        axes="TYX",
        input_select=SelectConfig(t="::2"),
        target_select=SelectConfig(t="1::2"),
    )
    (pair,) = find_pairs(data, tmp_path).pairs
    assert pair.input.read()[:, 0, 0].tolist() == [0, 2, 4, 6, 8]
    assert pair.target.read()[:, 0, 0].tolist() == [1, 3, 5, 7, 9]


def test_unequal_numbers_of_frames_are_refused(tmp_path):
    _save(tmp_path / "movie.tif", np.zeros((9, 4, 4)))
    data = DataConfig(
        input="movie.tif",
        axes="TYX",
        input_select=SelectConfig(t="::2"),
        target_select=SelectConfig(t="1::2"),
    )
    with pytest.raises(PairingError, match=r"TYX 5 x 4 x 4.*TYX 4 x 4 x 4.*differ along T"):
        find_pairs(data, tmp_path)


def test_one_file_for_both_needs_two_selections(folders):
    for data in (
        DataConfig(input="ac15"),
        DataConfig(input="ac15", target="ac15"),
        DataConfig(input="ac15", input_select=SelectConfig(c=0), target_select=SelectConfig(c="0")),
    ):
        with pytest.raises(DataError, match=r"the same pixels|selects along C"):
            find_pairs(data, folders)


def _table(folder, text, name="pairs.csv", encoding="utf-8"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding=encoding)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_lists_pairs_relative_to_itself(folders, separator, encoding):
    rows = [
        ["input", "target", "animal"],
        ["../ac15/cell1_ac15.tif", "../phal/cell3_phalloidin.tif", "A"],
        ["../ac15/cell2_ac15.tif", "../phal/cell1_phalloidin.tif", "B"],
        ["", "", ""],
        ["../ac15/cell3_ac15.tif", "../phal/cell2_phalloidin.tif", "A"],
    ]
    text = "\r\n".join(separator.join(row) for row in rows) + "\r\n"
    _table(folders / "lists", text, encoding=encoding)
    found = find_pairs(DataConfig(table="lists/pairs.csv", group="column:animal"), folders)
    assert [int(pair.target.read()[0, 0]) for pair in found.pairs] == [30, 10, 20]
    assert [pair.group for pair in found.pairs] == ["A", "B", "A"]


def test_rows_that_share_a_file_are_one_group(folders):
    _table(
        folders,
        "input,target\n"
        "ac15/cell1_ac15.tif,phal/cell1_phalloidin.tif\n"
        "ac15/cell2_ac15.tif,phal/cell1_phalloidin.tif\n"
        "ac15/cell2_ac15.tif,phal/cell2_phalloidin.tif\n"
        "ac15/cell3_ac15.tif,phal/cell3_phalloidin.tif\n",
    )
    groups = [pair.group for pair in find_pairs(DataConfig(table="pairs.csv"), folders).pairs]
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_a_file_is_one_group_by_whatever_name_it_goes(folders):
    (folders / "link.tif").symlink_to(folders / "phal" / "cell1_phalloidin.tif")
    _table(
        folders,
        "input,target\n"
        "ac15/cell1_ac15.tif,phal/cell1_phalloidin.tif\n"
        "ac15/cell2_ac15.tif,ac15/../phal/cell1_phalloidin.tif\n"
        "ac15/cell3_ac15.tif,link.tif\n",
    )
    pairs = find_pairs(DataConfig(table="pairs.csv"), folders).pairs
    assert len({pair.group for pair in pairs}) == 1


def test_thousands_of_rows_that_share_a_target_are_grouped_at_once(tmp_path):
    rows = [_Row(str(n), tmp_path / f"{n}.tif", tmp_path / "mean.tif") for n in range(20_000)]
    began = time.process_time()
    assert len(set(_groups(rows))) == 1
    # Going along the whole chain for each row takes minutes.
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "group", "words"),
    [
        ("input;benchmark\na;b\n", "file", "has no column 'target'; its columns are input, bench"),
        ("input,target\n", "file", "has a header but no rows"),
        ("input,target\na.tif,\n", "file", "line 2: the column target is empty"),
        ("input,target\na,b\n", "column:animal", "has no column 'animal'"),
    ],
)
def test_a_table_that_does_not_serve_is_refused(tmp_path, text, group, words):
    _table(tmp_path, text)
    with pytest.raises(PairingError, match=words):
        find_pairs(DataConfig(table="pairs.csv", group=group), tmp_path)


def test_a_table_in_another_encoding_is_refused(tmp_path):
    _table(tmp_path, "input,target\nzellkörper.tif,b.tif\n", encoding="latin-1")
    with pytest.raises(PairingError, match="no text in UTF-8"):
        find_pairs(DataConfig(table="pairs.csv"), tmp_path)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (DataConfig(), DataError, r"data\.input is empty"),
        (DataConfig(table="none.csv"), PairingError, r"none\.csv.*no such file"),
        (DataConfig(input="nowhere", target="phal"), DataError, "nowhere"),
        (DataConfig(input="empty", target="phal"), DataError, "empty"),
        (DataConfig(input="ac15", target="phal", group="column:day"), DataError, "no data.table"),
        (DataConfig(input="ac15", target="phal", axes="ZYX"), AxesError, "cell1_ac15"),
        (DataConfig(input="bad", target="phal"), PairingError, "cell2"),
    ],
)
def test_bad_input_is_one_sentence(folders, data, error, words):
    (folders / "empty").mkdir()
    _save(folders / "bad" / "cell1_ac15.tif", np.zeros((8, 9)))
    with pytest.raises(error, match=words):
        find_pairs(data, folders)


def test_a_truncated_file_is_named(folders):
    path = folders / "ac15" / "cell2_ac15.tif"
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(ImageError, match="cell2_ac15"):
        find_pairs(DataConfig(input="ac15", target="phal"), folders)


def test_channels_have_to_agree_over_the_images(tmp_path):
    _save(tmp_path / "in" / "a.tif", np.zeros((2, 8, 8)), "CYX")
    _save(tmp_path / "in" / "b.tif", np.zeros((8, 8)))
    for name in "ab":
        _save(tmp_path / "out" / f"{name}.tif", np.zeros((8, 8)))
    pairs = find_pairs(DataConfig(input="in", target="out"), tmp_path).pairs
    assert channel_count((pair.target for pair in pairs), "target") == 1
    with pytest.raises(PairingError, match=r"a\.tif.*b\.tif.*data\.input_select"):
        channel_count((pair.input for pair in pairs), "input")


@pytest.mark.real_data
def test_real_pairs_open(real_data):
    data = DataConfig(
        input="label_a.ome.tif", target="label_b.ome.tif", select=SelectConfig(z="0:14")
    )
    (pair,) = find_pairs(data, real_data / "vesicles-two-labels").pairs
    assert pair.sizes == {"T": 1, "Z": 14, "Y": 152, "X": 172}
