"""``l2l doctor``: what there is on this machine, and what is broken."""

from __future__ import annotations

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def command(as_json: bool) -> None:
    """Show versions, devices, engines, memory, and what is broken."""
