from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.data.names import match_names, report_lonely, stem
from l2l_core.errors import PairingError


def _paths(folder, *names):
    return [Path(folder) / f"{name}.tif" for name in names]


def _keys(inputs, targets, pattern=""):
    matched = match_names(_paths("in", *inputs), _paths("out", *targets), pattern)
    assert not report_lonely(matched)
    return [(stem(a), stem(b)) for _, a, b in matched.partners]


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (["a", "b", "c"], ["a", "b", "c"]),
        (["cell01_ac15", "cell02_ac15"], ["cell01_phalloidin", "cell02_phalloidin"]),
        (["raw_1", "raw_2", "raw_10"], ["clean_1", "clean_2", "clean_10"]),
        (["x1", "x2"], ["clean-x1-z", "clean-x2-z"]),
        (["wt_actin", "mut_actin"], ["wt_tubulin", "mut_tubulin"]),
        (["C1-image10", "C1-image20"], ["C2-image10", "C2-image20"]),
        (["20200101_A", "20200102_A"], ["20200101_B", "20200102_B"]),
        (["wtactin", "mutactin"], ["wttubulin", "muttubulin"]),
        (["label_a"], ["something_else"]),
    ],
)
def test_partners_are_found(inputs, targets):
    assert _keys(inputs, targets) == list(zip(inputs, targets, strict=True))


def test_no_number_is_cut_in_two():
    inputs, targets = _paths("in", "frame1", "frame2"), _paths("out", "frame11", "frame21")
    assert len(match_names(inputs, targets).lonely_inputs) == 2


def test_the_order_of_the_files_does_not_matter():
    assert _keys(["a1", "a2"], ["b2", "b1"]) == [("a1", "b1"), ("a2", "b2")]


@given(
    st.lists(st.from_regex(r"[a-z]{1,4}[0-9]{1,3}", fullmatch=True), min_size=2, unique=True),
    st.from_regex(r"[a-z0-9]{0,4}_", fullmatch=True),
    st.from_regex(r"_[a-z0-9]{0,4}", fullmatch=True),
    st.randoms(),
)
def test_partners_are_found_whatever_stands_around_their_names(names, prefix, suffix, random):
    targets = [f"{prefix}{name}{suffix}" for name in names]
    shuffled = list(targets)
    random.shuffle(shuffled)
    assert _keys(names, shuffled) == list(zip(names, targets, strict=True))


def test_the_report_names_who_is_alone_on_both_sides():
    matched = match_names(
        _paths("in", "cell1_a", "cell2_a", "cell3_a"),
        _paths("out", "cell1_b", "cell2_b", "cell4_b"),
    )
    assert [stem(target) for _, _, target in matched.partners] == ["cell1_b", "cell2_b"]
    assert report_lonely(matched).splitlines() == [
        "  1 input without target:",
        f"    {Path('in/cell3_a.tif')}",
        "  1 target without input:",
        f"    {Path('out/cell4_b.tif')}",
    ]


def test_a_missing_partner_of_equal_names_is_the_only_one_reported():
    matched = match_names(_paths("in", "a1", "a2", "a3"), _paths("out", "a1", "a3"))
    assert report_lonely(matched).splitlines()[1:] == [f"    {Path('in/a2.tif')}"]


def test_a_long_report_is_cut():
    names = [f"n{i}" for i in range(50)]
    report = report_lonely(match_names(_paths("in", *names), _paths("out", "x", "y")))
    assert "50 inputs without target" in report
    assert "and 30 more" in report


def test_a_pattern_tells_what_is_shared():
    assert _keys(["A_7_x1", "B_8_x2"], ["q8_y1", "q7_y2"], r"(?:_|q)(\d)_") == [
        ("A_7_x1", "q7_y2"),
        ("B_8_x2", "q8_y1"),
    ]


@pytest.mark.parametrize(
    ("inputs", "targets", "pattern", "words"),
    [
        (["a1", "a2"], ["b1", "b2"], "(", "no regular expression"),
        (["a1", "a2"], ["b1", "b2"], r"\d", "has no group"),
        (["a1", "a"], ["b1", "b2"], r"(\d)", r"a\.tif does not fit data\.match"),
        (["a1x", "a1y"], ["b1", "b2"], r"(\d)", r"a1x\.tif and .*a1y\.tif both go by the name '1'"),
    ],
)
def test_a_pattern_that_does_not_serve_is_refused(inputs, targets, pattern, words):
    with pytest.raises(PairingError, match=words):
        match_names(_paths("in", *inputs), _paths("out", *targets), pattern)


def test_two_files_of_one_name_are_refused():
    inputs = [Path("x/cell.tif"), Path("y/cell.tif")]
    with pytest.raises(PairingError, match=r"both go by the name 'cell'.*data\.match"):
        match_names(inputs, _paths("out", "cell", "other"))


def test_the_stem_leaves_out_the_format_alone():
    assert [stem(Path(p)) for p in ("a/b.ome.tif", "b.01.tif", "c.OME.zarr", "d")] == [
        "b", "b.01", "c", "d",
    ]  # fmt: skip
