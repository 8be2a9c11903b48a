"""Options behind a colon, with and without the quotes that a shell takes away."""

import pytest

from l2l_core.config_file import apply_overrides
from l2l_core.errors import OptionsError
from l2l_core.workflows.filters import parse_options
from l2l_core.workflows.fold_methods import find_methods, refuse_same


@pytest.mark.parametrize(
    "text", ["mode='edge', size=3", "mode=edge, size=3", " mode = edge ,size=3"]
)
def test_a_plain_word_needs_no_quotes(text):
    assert parse_options(text, where="filter") == {"mode": "edge", "size": 3}


def test_words_of_toml_stay_what_they_are():
    assert parse_options("tune=true, mode=edge", where="filter") == {"tune": True, "mode": "edge"}
    assert parse_options("preset='a=b, c'", where="loss") == {"preset": "a=b, c"}
    assert parse_options("tune={mode=edge}", where="filter") == {"tune": {"mode": "edge"}}


@pytest.mark.parametrize("text", ["mode=edge:size=3", "mode=", "mode", "a=1}, b={c=2"])
def test_what_is_no_option_is_refused(text):
    with pytest.raises(OptionsError, match="cannot be read"):
        parse_options(text, where="filter")


def test_a_loss_keeps_its_options_without_quotes():
    (method,) = find_methods(
        {"data": {"input": "a", "target": "b"}},
        "here",
        losses=["ms_ssim:preset=paper-5"],
        variants=[],
        filters=[],
        train=True,
    )
    (change,) = method.overrides
    assert apply_overrides({}, [change]) == {
        "loss": {"name": "ms_ssim", "options": {"preset": "paper-5"}}
    }


def test_two_methods_of_one_name_are_refused():
    with pytest.raises(OptionsError, match="'runs/a' is given twice; leave one out"):
        refuse_same(["mae", "runs/a", "runs/a"])
    with pytest.raises(OptionsError, match="can be called 'input'"):
        refuse_same(["input", "mae"])
