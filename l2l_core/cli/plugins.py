"""``l2l plugins``: which components there are, what they take, and whether they are sound."""

from __future__ import annotations

import warnings

import click

from l2l_core.cli.output import columns, say, say_json
from l2l_core.components.records import KINDS, RestorerInfo
from l2l_core.components.registry import (
    PluginWarning,
    Registry,
    is_available,
    missing_requirements,
    registry,
)


@click.group()
def command() -> None:
    """List, show, check and write components: methods, losses, metrics, ..."""


def _registry() -> Registry:
    # These commands show what is broken as part of their result.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        return registry()


@command.command("list")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only components of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def list_(kind: str | None, as_json: bool) -> None:
    """List all components, and what is broken."""
    known = _registry()
    kinds = [kind] if kind else list(KINDS)
    found = [r for k in kinds for r in known.of_kind(k)]
    if as_json:
        say_json(
            {
                "components": [
                    {
                        "kind": r.kind,
                        "name": r.info.name,
                        "engine": r.info.engine if isinstance(r.info, RestorerInfo) else "",
                        "summary": r.info.summary,
                        "frameworks": sorted(r.info.frameworks),
                        "available": is_available(r),
                        "distribution": r.distribution,
                        "version": r.version,
                    }
                    for r in found
                ],
                "broken": [
                    {"name": b.name, "distribution": b.distribution, "error": b.error}
                    for b in known.broken
                ],
            }
        )
        return
    rows = []
    for r in found:
        missing = missing_requirements(r)
        note = f"(needs {', '.join(missing)})" if missing else ""
        engine = r.info.engine if isinstance(r.info, RestorerInfo) else ""
        rows.append((r.kind, r.info.name, engine, r.distribution, r.info.summary, note))
    say(columns(rows, indent=0))
