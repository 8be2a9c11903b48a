"""``l2l config``: write, check and show the file that describes a training run."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from l2l_core.cli.output import remark, say, say_json
from l2l_core.errors import OutputError

PRESETS = {
    "default": "every key with its meaning",
    "small": "a first try on a laptop",
    "actin": "label2label on actin filaments",
    "tubulin": "label2label on microtubules",
    "caveolae": "label2label on puncta seen by STED",
    "paxillin": "label2label on adhesions, whose labels share a cytosol",
    "separation": "two structures out of one image",
    "noise2noise": "two noisy images of one label",
    "noise2clean": "low exposure in, high exposure out",
    "probabilistic": "a mean and its scale for every pixel",
}
"""What each preset is for."""


@click.group()
def command() -> None:
    """Write, check and show the file that describes a training run."""


overrides_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Replace a value, such as train.epochs=20 or loss.name=mse; may be repeated.",
)


@command.command("init")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="default",
    show_default=True,
    help="; ".join(f"{name}: {purpose}" for name, purpose in PRESETS.items()) + ".",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="File to write, which must not exist; the screen by default.",
)
def init(preset: str, out: Path | None) -> None:
    """Write a commented configuration to begin with.

    Only [data] has to be filled in.  The preset default holds every key with its default, the
    others what they change.
    """
    text = (files("l2l_core.cli") / "presets" / f"{preset}.toml").read_text(encoding="utf-8")
    if out is None:
        say(text.rstrip("\n"))
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise OutputError(
            f"{out} exists and is left as it is; choose another name, or remove it first"
        ) from None
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}") from error
    remark(f"wrote {out}; fill in [data], then l2l config check {out}")


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@overrides_option
def check(file: Path, overrides: tuple[str, ...]) -> None:
    """Check a configuration, all components and their options included.

    Reports every problem at once, each with its path.  The images are not looked at; where there
    are none, that is a warning.
    """
    from l2l_core.config_check import missing_images
    from l2l_core.config_file import load_config

    config = load_config(file, overrides)
    for problem in missing_images(config.data, file.resolve().parent):
        remark(f"warning: {problem}")
    say(f"{file} is sound")


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@overrides_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def show(file: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show a configuration in full, every default written out."""
    from l2l_core.config_file import load_config, resolved, to_toml

    tables = resolved(load_config(file, overrides))
    if as_json:
        say_json(tables)
    else:
        say(to_toml(tables).rstrip("\n"))
