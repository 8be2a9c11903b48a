"""Options of the commands that put several methods side by side."""

from __future__ import annotations

import click

loss = click.option(
    "--loss",
    "losses",
    multiple=True,
    metavar="NAME[:OPTIONS]",
    help="Train with this loss instead of the configuration's; may be repeated.",
)
variant = click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="'LABEL KEY=VALUE ...'",
    help="Train with these changes to the configuration; may be repeated.",
)
filter_ = click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME[:OPTIONS]",
    help="A filter to compare with; gaussian:tune=true takes the options that are best on the "
    "images that train. May be repeated.",
)
truth = click.option(
    "--truth",
    default="",
    type=click.Path(),
    help="True images of simulated specimens, for metrics that need the truth.",
)
overrides = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a value of the configuration for all methods; may be repeated.",
)
resume = click.option("--resume", is_flag=True, help="Go on with what is in --out.")
