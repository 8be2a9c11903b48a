from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.config import ComponentConfig, DataConfig, RunConfig
from l2l_core.config_file import (
    apply_overrides,
    check_components,
    load_config,
    parse_config,
    resolved,
    to_toml,
)
from l2l_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[..., None]

DATA = '[data]\ninput = "a"\ntarget = "b"\n'


def problems(source: str | dict[str, Any]) -> list[str]:
    """Return the problems of a configuration without the header and the indentation."""
    with pytest.raises(ConfigError) as raised:
        parse_config(source, "run.toml")
    first, *rest = str(raised.value).splitlines()
    if rest:
        assert first == f"run.toml has {len(rest)} problems:"
        return [line.removeprefix("  ") for line in rest]
    assert first.startswith("run.toml: ")
    return [first.removeprefix("run.toml: ")]


def test_two_folders_are_a_whole_configuration() -> None:
    config = parse_config(DATA, "run.toml")
    assert config == RunConfig(data=DataConfig(input="a", target="b"))
    assert check_components(config) == []


def test_tables_become_frozen_values() -> None:
    config = parse_config(
        """
        seed = 7
        loss = "mse"
        augment = ["flip", {name = "rotate90", probability = 0.5}]
        [data]
        input = ["a", "b"]
        target = "c"
        select = {z = "0:14", c = 1}
        [normalize.input]
        method = "mean_std"
        [patches]
        shape = [16, 64, 64]
        [train]
        metrics = ["psnr", {name = "ssim"}]
        """,
        "run.toml",
    )
    assert config.seed == 7
    assert config.loss == {"target": ComponentConfig(name="mse")}
    assert [(a.name, a.probability) for a in config.augment] == [("flip", 1.0), ("rotate90", 0.5)]
    assert config.data.input == ("a", "b")
    assert (config.data.select.z, config.data.select.c) == ("0:14", 1)
    assert config.normalize.input.method == "mean_std"
    assert config.normalize.target.method == "percentile"
    assert config.patches.shape == (16, 64, 64)
    assert config.train.metrics == ("psnr", ComponentConfig(name="ssim"))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.seed = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        'loss = "mse"',
        'loss = {name = "mse"}',
        'loss = {target = "mse"}',
        'loss = {target = {name = "mse", options = {}}}',
    ],
)
def test_a_loss_is_written_in_four_ways(text: str) -> None:
    config = parse_config(f"{text}\n{DATA}", "run.toml")
    assert config.loss == {"target": ComponentConfig(name="mse")}


def test_all_problems_come_at_once_each_with_its_path() -> None:
    found = problems(
        """
        seed = -1
        lss = "mse"
        [data]
        input = "a"
        target = "b"
        validaton = 0.1
        [normalize.input]
        low = 99.9
        [normalize.target]
        method = "percntile"
        [patches]
        shape = [64]
        [[augment]]
        name = "flop"
        probability = 2
        [restorer]
        name = "carre"
        devise = "cpu"
        [loss]
        name = "ms_ssim"
        options = {scale = 3}
        [train]
        epochs = 0
        batch_size = "16"
        precision = "mixd"
        metrics = ["psn"]
        """
    )
    expected = [
        "unknown key 'lss', did you mean 'loss'?",
        "'seed' must be >= 0: -1 @ seed",
        "unknown key 'validaton', did you mean 'validation'? @ data",
        (
            "expected one of 'percentile', 'mean_std', 'min_max', 'none'; did you mean "
            "'percentile'? @ normalize.target.method"
        ),
        "Length of 'shape' must be >= 2: 1 @ patches.shape",
        "no augmenter is called 'flop', did you mean 'flip'?",
        "'probability' must be <= 1: 2.0 @ augment[0].probability",
        "no restorer is called 'carre', did you mean 'care'?",
        "unknown key 'devise', did you mean 'device'? @ restorer",
        "unknown key 'scale', did you mean 'scales'? @ loss.options",
        "'epochs' must be >= 1: 0 @ train.epochs",
        "got '16', expected a whole number @ train.batch_size",
        "did you mean 'mixed'? @ train.precision",
        "no metric is called 'psn', did you mean 'psnr'?",
    ]
    for part in expected:
        assert sum(part in problem for problem in found) == 1, part
    assert len(found) == len(expected)


def test_percentiles_are_in_order() -> None:
    assert problems(DATA + "[normalize.input]\nlow = 50\nhigh = 40") == [
        "the lower percentile, 50, is not below the upper one, 40 @ normalize.input.low"
    ]
    assert parse_config(DATA + '[normalize.input]\nlow = 50\nhigh = 40\nmethod = "none"', "run")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the table [data] is missing"),
        ("[data]", "neither input images nor a table of pairs is given @ data.input"),
        ('[data]\ninput = "a"\ntable = "t.csv"', "a table names the pairs, so that input"),
        ("data = 3", "got 3, expected a table @ data"),
        (DATA + "[loss]", "got an empty table, expected the name of a loss"),
        ("loss = 3\n" + DATA, "got 3, expected the name of a loss"),
        (DATA + "[loss]\noptions = {}", "required key 'name' is missing @ loss"),
        (DATA + '[loss]\ntraget = "mae"', "no loss in the role 'traget', did you mean 'target'?"),
        ('augment = "flip"\n' + DATA, "got 'flip', expected a list of tables @ augment"),
        ("augment = [3]\n" + DATA, "got 3, expected a table @ augment[0]"),
        (DATA + "[patches]\nshape = [64, 0]", "'shape' must be >= 1: 0 @ patches.shape"),
        (DATA + '[patches]\nshape = "64"', "got '64', expected a list of whole numbers"),
        (DATA + "[train]\nlearning_rate = nan", "'learning_rate' must be > 0: nan"),
        (DATA + "[train]\ncompile = 1", "got 1, expected true or false @ train.compile"),
        ("seed = 2024-01-01\n" + DATA, "expected a whole number @ seed"),
    ],
)
def test_a_mistake_is_told_with_its_path(text: str, expected: str) -> None:
    assert expected in problems(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[data\ninput", "run.toml, line 1, column 6 is not valid TOML: Expected ']'"),
        ("a = 1\na = 2\nb = 3", "run.toml, line 2, column 6 is not valid TOML: Cannot overwrite"),
        ("a = [", "run.toml, end of document is not valid TOML: Invalid value"),
    ],
)
def test_a_mistake_of_syntax_is_told_with_line_and_column(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config(text, "run.toml")
    assert str(raised.value).startswith(expected)


def test_a_file_is_read_with_its_overrides_and_its_paths_stay_as_written(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(b"\xef\xbb\xbf" + DATA.encode() + "# µ\n".encode())
    config = load_config(file, ["train.epochs=3", "loss=mse"])
    assert config.train.epochs == 3
    assert config.loss["target"].name == "mse"
    assert config.data.input == "a"


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"there is no configuration .*run\.toml; l2l config init"
    ):
        load_config(tmp_path / "run.toml")
    with pytest.raises(ConfigError, match=r"is a folder; expected a TOML file"):
        load_config(tmp_path)
    (tmp_path / "config.toml").write_text(DATA, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is a folder; did you mean .*config\.toml\?"):
        load_config(tmp_path)
    (tmp_path / "latin.toml").write_bytes("# µ".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"is not text in UTF-8 \(byte 2\)"):
        load_config(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.epochs=20", {"train": {"epochs": 20}}),
        ("train.learning_rate=1e-3", {"train": {"learning_rate": 1e-3}}),
        ("train.compile = true", {"train": {"compile": True}}),
        ("restorer.name=care", {"restorer": {"name": "care"}}),
        ("data.input=/a b/c d", {"data": {"input": "/a b/c d"}}),
        ('data.input="a=b"', {"data": {"input": "a=b"}}),
        ("data.input=a=b", {"data": {"input": "a=b"}}),
        ("data.input=2024-01-01", {"data": {"input": "2024-01-01"}}),
        ("data.input=007", {"data": {"input": "007"}}),
        ("data.axes=", {"data": {"axes": ""}}),
        ("data.axes=a\nseed=3", {"data": {"axes": "a\nseed=3"}}),
        ("seed=1\nx=2", {"seed": "1\nx=2"}),
        ("patches.shape=[64, 64]", {"patches": {"shape": [64, 64]}}),
        ("loss={name='mse'}", {"loss": {"name": "mse"}}),
    ],
)
def test_an_override_sets_a_value_as_toml_with_quotes_left_out(
    override: str, expected: dict[str, Any]
) -> None:
    assert apply_overrides({}, [override]) == expected


def test_overrides_reach_into_lists_and_bare_names_and_leave_the_original_alone() -> None:
    tables = {
        "loss": "ms_ssim",
        "augment": [{"name": "flip"}, "rotate90"],
        "train": {"metrics": ["ssim"]},
    }
    before = json.dumps(tables)
    changed = apply_overrides(
        tables,
        [
            "loss.options.scales=5",
            "augment.0.probability=0.5",
            "augment[1].probability=0.25",
            "train.metrics.0.options.sigma=2.0",
        ],
    )
    assert changed == {
        "loss": {"name": "ms_ssim", "options": {"scales": 5}},
        "augment": [
            {"name": "flip", "probability": 0.5},
            {"name": "rotate90", "probability": 0.25},
        ],
        "train": {"metrics": [{"name": "ssim", "options": {"sigma": 2.0}}]},
    }
    assert json.dumps(tables) == before


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.epochs", "not of the form key=value, as in train.epochs=20"),
        ("=3", "not of the form key=value"),
        ("train..epochs=3", "not of the form key=value"),
        ("patches.shape=[64", "the value of the override 'patches.shape=[64': Unclosed array"),
        ("data.input='a", "the value of the override"),
        ("augment.2.probability=1", "augment is a list of 1; expected a position from 0 to 0"),
        ("augment.name=1", "augment is a list of 1"),
        ("seed.x=1", "seed is 1, no table"),
    ],
)
def test_an_override_that_leads_nowhere_is_told(override: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        apply_overrides({"seed": 1, "augment": ["flip"]}, [override])
    assert expected in str(raised.value)


def test_an_override_into_an_empty_list_is_told() -> None:
    with pytest.raises(ConfigError, match="augment is empty, so there is nothing at '0'"):
        apply_overrides({"augment": []}, ["augment.0.probability=1"])


def test_an_override_of_an_unknown_key_is_refused_afterwards() -> None:
    tables = apply_overrides(tomllib.loads(DATA), ["train.epoch=3"])
    assert problems(tables) == ["unknown key 'epoch', did you mean 'epochs'? @ train"]


def test_resolved_writes_every_default_out_and_gives_the_same_configuration_back() -> None:
    config = parse_config('loss = "ms_ssim"\naugment = ["flip"]\n' + DATA, "run.toml")
    plain = resolved(config)
    json.dumps(plain, allow_nan=False)
    assert plain["loss"]["target"]["options"]["sigma"] == 1.5
    assert plain["restorer"]["options"]["depth"] == 2
    again = parse_config(to_toml(plain), "resolved.toml")
    assert resolved(again) == plain
    assert (again.data, again.train, again.patches) == (config.data, config.train, config.patches)


sides = st.integers(1, 8).map(lambda n: 4 * n)


@given(
    seed=st.integers(0, 2**31),
    epochs=st.integers(1, 500),
    rate=st.floats(1e-8, 1.0),
    shape=st.tuples(sides, sides) | st.tuples(sides, sides, sides),
    text=st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1),
    low=st.floats(0, 40),
    augment=st.lists(st.sampled_from(["flip", "rotate90"]), max_size=3),
)
def test_any_sound_configuration_survives_being_written_and_read(
    seed: int,
    epochs: int,
    rate: float,
    shape: tuple[int, ...],
    text: str,
    low: float,
    augment: list[str],
) -> None:
    tables = {
        "seed": seed,
        "data": {"input": text, "match": text},
        "normalize": {"input": {"low": low}},
        "patches": {"shape": list(shape)},
        "augment": augment,
        "restorer": {"name": "linear_filter"},
        "train": {"epochs": epochs, "learning_rate": rate},
    }
    config = parse_config(tables, "tables")
    plain = resolved(config)
    again = parse_config(to_toml(plain), "text")
    assert resolved(again) == plain
    for name in ("seed", "data", "normalize", "patches", "train"):
        assert getattr(again, name) == getattr(config, name)
