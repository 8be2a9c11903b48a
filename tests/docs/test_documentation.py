"""The README and the pages of docs say what is so: options, keys, defaults, links and examples."""

from __future__ import annotations

import doctest
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from l2l_core import config
from l2l_core.cli.main import COMMANDS, cli
from l2l_core.components.documentation import Option, options_of
from l2l_core.components.records import KINDS
from l2l_core.components.registry import load, registry

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "study").glob("*.md")),
]
CONFIGURATION = ROOT / "docs" / "configuration.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def fenced(page: Path, *languages: str) -> list[str]:
    """Return the blocks of code of a page in one of these languages."""
    return [code for language, code in _FENCE.findall(text_of(page)) if language in languages]


def commands() -> list[tuple[str, str]]:
    """Return (page, command) for every line of a block for the shell that calls l2l."""
    found = []
    for page in PAGES:
        for code in fenced(page, "sh", "console"):
            for line in code.replace("\\\n", " ").splitlines():
                line = line.strip().removeprefix("$ ")
                if line.startswith("l2l "):
                    found.append((page.name, line))
    return found


@pytest.fixture
def parse(monkeypatch):
    """Return a function that has click read a command line to its end without running it."""
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: None)

    def read(line: str) -> None:
        cli.main(shlex.split(line, comments=True)[1:], prog_name="l2l", standalone_mode=False)

    return read


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_of_the_pages_can_be_given(parse, page, line):
    try:
        parse(line)
    except click.ClickException as error:
        pytest.fail(f"{page} has the command {line!r}: {error.format_message()}")


@pytest.mark.parametrize(
    "line",
    [
        "l2l restore model image.tif --out r.tif --overlap 32",
        "l2l restore model image.tif",
        "l2l model information runs/actin",
        "l2l train actin.toml --out runs/actin --set",
    ],
)
def test_a_command_that_cannot_be_given_would_be_found(parse, line):
    with pytest.raises(click.UsageError):
        parse(line)


def test_commands_in_running_text_exist():
    for page in PAGES:
        for words in re.findall(r"`l2l ([a-z]+)", text_of(page)):
            assert words in cli.list_commands(click.Context(cli)), f"{page.name}: l2l {words}"


def test_every_command_has_its_place_in_the_page_of_commands():
    page = text_of(ROOT / "docs" / "commands.md")
    names = [name for group in COMMANDS.values() for name in group]
    missing = [name for name in names if f"### l2l {name}" not in page]
    assert not missing


# --- configuration.md -----------------------------------------------------------------------------


def tables() -> dict[str, list[tuple[str, str, str]]]:
    """Return key, type and default of each row of the tables of configuration.md, by heading."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    heading = ""
    for line in text_of(CONFIGURATION).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").replace("`", "").strip()
            found.setdefault(heading, [])
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[heading].append((cells[0].strip("`"), cells[1], cells[2]))
            assert cells[3], f"{heading}: {cells[0]} has no meaning"
    return found


def rows(cls: type, *, only: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """Return the rows that a class's options should have in the tables."""

    def default(option: Option) -> str:
        if option.required:
            return "required"
        return f"`{option.default}`" if option.default else ""

    return [
        (option.name, option.kind, default(option))
        for option in options_of(cls)
        if not only or option.name in only
    ]


@pytest.mark.parametrize(
    ("heading", "cls", "only"),
    [
        ("The whole file", config.RunConfig, ("seed",)),
        ("Table [data]", config.DataConfig, ()),
        ("Table [data.select]", config.SelectConfig, ()),
        ("Table [normalize]", config.NormalizeConfig, ()),
        ("Table [normalize.input]", config.NormalizerConfig, ()),
        ("Table [patches]", config.PatchesConfig, ()),
        ("Table [[augment]]", config.AugmenterConfig, ()),
        ("Table [restorer]", config.RestorerConfig, ()),
        ("Table [loss]", config.ComponentConfig, ()),
        ("Table [train]", config.TrainConfig, ()),
    ],
)
def test_every_key_is_documented_with_its_type_and_default(heading, cls, only):
    assert tables()[heading] == rows(cls, only=only)


def test_every_table_of_a_configuration_is_documented():
    headings = " ".join(tables())
    for option in options_of(config.RunConfig):
        if option.name != "seed":
            assert f"[{option.name}]" in headings, option.name


def components() -> list[tuple[str, str]]:
    """Return (kind, name) of every built-in component that has options or could have some."""
    found = [
        (kind, registration.info.name)
        for kind in KINDS
        if kind not in ("ops", "model_format")  # neither has options
        for registration in registry().of_kind(kind)
        if registration.own
    ]
    return sorted(set(found))


@pytest.mark.parametrize(("kind", "name"), components())
def test_every_built_in_component_is_documented_with_its_options(kind, name):
    found = registry().engines(name) if kind == "restorer" else (registry().find(kind, name),)
    for registration in found:
        for module in registration.info.requires:
            pytest.importorskip(module)
    cls = load(found[0])
    expected = rows(cls.Options if kind == "restorer" else cls)
    if name == "sum":
        from l2l_plugins.losses.weighted_sum import Term

        expected += rows(Term)
    if name == "chain":
        from l2l_plugins.restorers.chain import Step

        expected += rows(Step)
    assert tables()[f"{kind} {name}"] == expected


@pytest.mark.parametrize(
    ("page", "code"), [(page.name, code) for page in PAGES for code in fenced(page, "toml")]
)
def test_every_piece_of_a_configuration_is_sound_as_far_as_it_goes(page, code):
    from l2l_core.config_file import parse_config

    values = tomllib.loads(code)
    if "project" in values:  # the entry point of a plugin
        return
    parse_config({"data": {"input": "images"}, **values}, page)


# --- python.md ------------------------------------------------------------------------------------


def test_the_examples_in_python_do_what_the_page_says():
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "python.md"), module_relative=False, encoding="utf-8"
    )
    assert tried > 10
    assert not failed


@pytest.mark.parametrize(
    ("page", "code"), [(page.name, code) for page in PAGES for code in fenced(page, "python")]
)
def test_every_block_of_python_is_python(page, code):
    if ">>>" not in code:
        compile(code, page, "exec")


def test_every_public_name_is_on_the_page_of_python():
    import l2l_core

    page = text_of(ROOT / "docs" / "python.md")
    assert not [name for name in l2l_core.__all__ if f"`{name}" not in page]


# --- files.md and tiling.md -----------------------------------------------------------------------


def test_the_keys_of_model_and_run_are_documented():
    import attrs

    from l2l_core.models.model_file import ModelRecord
    from l2l_core.models.run_folder import RunRecord

    page = text_of(ROOT / "docs" / "files.md")
    for record in (ModelRecord, RunRecord):
        names = [field.name for field in attrs.fields(record) if field.name != "normalization"]
        assert not [name for name in names if f"`{name}`" not in page]


def test_the_table_of_reach_is_that_of_the_network():
    from l2l_backends.care_network import CareNetwork, CareOptions

    found = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$",
                       text_of(ROOT / "docs" / "tiling.md"), re.MULTILINE)  # fmt: skip
    assert len(found) > 5
    for depth, kernel, halo, multiple, lattice in (map(int, row) for row in found):
        geometry = CareNetwork(CareOptions(depth=depth, kernel=kernel), "YX").geometry()
        assert geometry.halo == (halo, halo)
        assert geometry.multiple == (multiple, multiple)
        assert geometry.lattice_halo == (lattice, lattice)


# --- links ----------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings of a page get, on GitHub as in mkdocs."""
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in _LINK.findall(text_of(page)):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "api/" in path or target.exists():
            if anchor and target.suffix == ".md":
                assert anchor in anchors(target), f"{page.name}: {link}"
            continue
        pytest.fail(f"{page.name}: {link} leads nowhere")
