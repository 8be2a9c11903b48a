"""``l2l plugins``: which components there are, what they take, and whether they are sound."""

from __future__ import annotations

import shutil
import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from l2l_core.cli.output import columns, remark, say, say_json
from l2l_core.components.records import KINDS, MetricInfo, RestorerInfo
from l2l_core.components.registry import (
    PluginWarning,
    Registry,
    is_available,
    load,
    missing_requirements,
    registry,
)
from l2l_core.errors import ComponentError, MissingDependencyError, UnknownComponentError

if TYPE_CHECKING:
    from l2l_core.components.discovery import Registration


@click.group()
def command() -> None:
    """List, show, check and write components: methods, losses, metrics, augmenters."""


def _registry() -> Registry:
    # These commands show what is broken as part of their result.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        return registry()


def _engine(registration: Registration) -> str:
    info = registration.info
    return info.engine if isinstance(info, RestorerInfo) else ""


@command.command("list")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Only components of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def list_(kind: str | None, as_json: bool) -> None:
    """List all components, and below them what is broken.

    Imports no framework; what a component stands on and is not installed is told.
    """
    known = _registry()
    found = {k: known.of_kind(k) for k in ([kind] if kind else KINDS)}
    if as_json:
        components = [_facts(r) for registrations in found.values() for r in registrations]
        broken = [
            {"name": b.name, "distribution": b.distribution, "error": b.error} for b in known.broken
        ]
        say_json({"components": components, "broken": broken})
        return
    rows = {k: [_row(r) for r in registrations] for k, registrations in found.items()}
    lines = columns([row for group in rows.values() for row in group])
    for k, group in rows.items():
        say([f"{k}:", *(lines.pop(0) for _ in group)] if group else f"{k}: none")
    if known.broken:
        say(["", "broken:"])
        say(f"  {b.name} of {b.distribution}: {b.error}" for b in known.broken)


def _facts(registration: Registration) -> dict[str, Any]:
    return {
        "kind": registration.kind,
        "name": registration.info.name,
        "engine": _engine(registration),
        "summary": registration.info.summary,
        "frameworks": sorted(registration.info.frameworks),
        "available": is_available(registration),
        "distribution": registration.distribution,
        "version": registration.version,
    }


def _row(registration: Registration) -> tuple[str, ...]:
    info = registration.info
    remarks = "" if registration.own else f" [{registration.distribution} {registration.version}]"
    if missing := missing_requirements(registration):
        remarks += f" (not available: {', '.join(missing)} is not installed)"
    return info.name, _engine(registration), f"{info.summary}{remarks}"


@command.command("show")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
def show(kind: str, name: str) -> None:
    """Show one component: what it is for, where it comes from, and its options."""
    known = _registry()
    found = known.engines(name) if kind == "restorer" else (known.find(kind, name),)
    say([f"{kind} {name}: {found[0].info.summary}", ""])
    for registration in found:
        rows = [
            ("from", f"{registration.distribution} {registration.version}"),
            ("class", registration.info.target),
            *_particulars(registration),
        ]
        say(columns(rows, indent=0))
    if kind in ("ops", "model_format"):
        return
    usable = next((r for r in found if is_available(r)), found[0])
    try:
        cls = load(usable)
    except MissingDependencyError as error:
        remark(f"The options are not shown: {error}")
        return
    say(["", "options:"])
    say(_options(cls.Options if kind == "restorer" else cls))


def _particulars(registration: Registration) -> list[tuple[str, str]]:
    info = registration.info
    rows = []
    if isinstance(info, RestorerInfo):
        rows.append(("engine", info.engine or "none is needed"))
        rows.append(("learns from", "nothing" if not info.trains else f"{info.supervision} images"))
        rows.append(("works in", " and ".join(f"{d}D" for d in sorted(info.dimensions))))
    elif isinstance(info, MetricInfo):
        rows.append(("reference", "needed" if info.needs_reference else "not needed"))
        rows.append(("better", "higher" if info.higher_is_better else "lower"))
        spans = {"reference": "the reference's span by default", "unused": "not used"}
        rows.append(("data range", spans.get(info.data_range, info.data_range)))
        rows.append(("unit", info.unit or "none, a plain number"))
    elif registration.kind == "loss":
        rows.append(("runs on", ", ".join(sorted(info.frameworks)) or "every framework"))
    if missing := missing_requirements(registration):
        remedy = f"; pip install '{info.install}'" if info.install else ""
        rows.append(("not available", f"{', '.join(missing)} is not installed{remedy}"))
    return rows


def _options(cls: type) -> list[str]:
    from l2l_core.components.documentation import options_of

    width = min(shutil.get_terminal_size().columns, 100) - 6
    lines = []
    for option in options_of(cls):
        if option.required:
            lines.append(f"  {option.name}  ({option.kind}; must be given)")
        elif option.default:
            lines.append(f"  {option.name} = {option.default}  ({option.kind})")
        else:
            lines.append(f"  {option.name}  ({option.kind}; may be left out)")
        lines += [f"      {line}" for line in textwrap.wrap(option.text, width)]
    return lines or ["  none"]


@command.command("check")
@click.argument("name", default="")
def check(name: str) -> None:
    """Import components and check that they keep to their interfaces.

    NAME is a component, a plugin or a distribution; all are checked without it. Exits with 1 if
    anything is broken. What has to be run to be told is in the suites of l2l_core.testing.
    """
    from l2l_core.components.checking import SUITES, problems_with

    known = _registry()
    chosen = [
        r
        for kind in KINDS
        for r in known.of_kind(kind)
        if name in ("", r.info.name, r.plugin, r.distribution)
    ]
    broken = [b for b in known.broken if name in ("", b.distribution, *b.name.split())]
    if not chosen and not broken:
        raise UnknownComponentError(
            f"no component, plugin or distribution is called {name!r}; l2l plugins list shows all"
        )
    failed = bool(broken)
    for registration in chosen:
        label = " ".join((registration.kind, *(part for part in registration.info.key if part)))
        try:
            problems = problems_with(registration)
        except ComponentError as error:
            say(f"skipped  {label}: {error}")
            continue
        failed |= bool(problems)
        say([f"BROKEN   {label}: {problem}" for problem in problems] or f"ok       {label}")
    say(f"BROKEN   {b.name} of {b.distribution}: {b.error}" for b in broken)
    if suites := {SUITES[r.kind] for r in chosen if r.kind in SUITES and name}:
        say(
            f"To test what it computes, inherit {' and '.join(sorted(suites))} of l2l_core.testing."
        )
    if failed:
        click.get_current_context().exit(1)


@command.command("new")
@click.argument("folder", type=click.Path(path_type=Path))
def new(folder: Path) -> None:
    """Write a small working plugin, with a loss and its tests, into a new FOLDER.

    The folder's name becomes the package's; its loss is ready to be replaced by yours.
    """
    from l2l_core.cli.plugin_template import write_plugin

    written = write_plugin(folder)
    say([f"wrote {path}" for path in written])
    remark(f"next: pip install -e {folder}, l2l plugins check {written[0].stem}, pytest {folder}")
