"""Find plugins through entry points and take their records, one guard around each of their parts.

A plugin that cannot be imported, yields something else than records, misspells a hook, raises
while it yields, or was written for another version of the interfaces becomes one
:class:`Broken` line; what it registered before it failed, and everybody else, stays usable.
"""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING

import pluggy
from attrs import define

from l2l_core.components import hookspecs
from l2l_core.components.records import API, KINDS, ComponentInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OWN_DISTRIBUTION = "label2label"


@define(frozen=True)
class Plugin:
    """One entry point of the group ``l2l.plugins``, imported.

    Parameters
    ----------
    name : str
        Name of the entry point.
    distribution, version : str
        Which installed package it belongs to.
    module : module
        What the entry point names.
    """

    name: str
    distribution: str
    version: str
    module: ModuleType


@define(frozen=True)
class Registration:
    """A record together with who registered it."""

    info: ComponentInfo
    distribution: str
    version: str
    plugin: str

    @property
    def kind(self) -> str:
        """Kind of component."""
        return self.info.kind

    @property
    def own(self) -> bool:
        """Whether it comes with this software."""
        return self.distribution == OWN_DISTRIBUTION


@define(frozen=True)
class Broken:
    """A plugin, or one component of it, that cannot be used, and why.

    Parameters
    ----------
    name : str
        The plugin's entry point, or the component's kind and name.
    distribution : str
        Who to tell.
    error : str
        One sentence.
    """

    name: str
    distribution: str
    error: str


def distribution_of(entry_point: EntryPoint) -> tuple[str, str]:
    """Return name and version of the distribution that an entry point belongs to."""
    dist = entry_point.dist
    return (dist.name, dist.version) if dist is not None else ("unknown distribution", "")


def _listed(variable: str) -> frozenset[str] | None:
    """Return the comma-separated names of an environment variable, None where it is not set."""
    value = os.environ.get(variable)
    if value is None:
        return None
    return frozenset(name.strip() for name in value.split(",") if name.strip())


def selected(candidates: Iterable[EntryPoint]) -> list[EntryPoint]:
    """Leave out what ``L2L_PLUGINS`` and ``L2L_BLOCK_PLUGINS`` exclude.

    Both list plugins or distributions, separated by commas.  ``L2L_PLUGINS`` pins the set of
    plugins beside our own, and where it is empty there are none; ``L2L_BLOCK_PLUGINS`` leaves out
    what it names.  Our own are never left out.
    """
    pinned = _listed("L2L_PLUGINS")
    blocked = _listed("L2L_BLOCK_PLUGINS") or frozenset()
    kept = []
    for entry_point in candidates:
        distribution, _ = distribution_of(entry_point)
        names = {entry_point.name, distribution}
        own = distribution == OWN_DISTRIBUTION
        if own or (not names & blocked and (pinned is None or names & pinned)):
            kept.append(entry_point)
    # Installed metadata has no order of its own; ours comes first and the rest by name, so that
    # two machines with the same packages list them alike.
    return sorted(
        {(ep.name, ep.value, distribution_of(ep)): ep for ep in kept}.values(),
        key=lambda ep: (distribution_of(ep)[0] != OWN_DISTRIBUTION, distribution_of(ep), ep.name),
    )


def installed() -> list[EntryPoint]:
    """Return the entry points of all installed plugins that the environment lets in."""
    return selected(entry_points(group=hookspecs.GROUP))


def import_plugin(entry_point: EntryPoint) -> Plugin | Broken:
    """Import what an entry point names; whatever that raises becomes a :class:`Broken`."""
    distribution, version = distribution_of(entry_point)
    try:
        module = entry_point.load()
    # A stranger's module may raise anything, SystemExit included; none of it may end our process.
    except (Exception, SystemExit) as error:
        return Broken(
            entry_point.name,
            distribution,
            f"cannot be imported from {entry_point.value!r}: {_said(error)}",
        )
    if not isinstance(module, ModuleType):
        return Broken(
            entry_point.name,
            distribution,
            f"the entry point names a {type(module).__name__}, {entry_point.value!r}; expected a "
            "module with hook implementations",
        )
    return Plugin(entry_point.name, distribution, version, module)


def records(plugin: Plugin) -> Iterator[Registration | Broken]:
    """Take the records of one plugin, each hook implementation in a guard of its own."""
    # One manager a plugin: a mistake in a signature is then reported against its author alone,
    # and check_pending() names nobody else's misspelt hook.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin.module, plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        yield Broken(plugin.name, plugin.distribution, _hook_mistake(error))
    implemented = False
    for hook_name, kind in hookspecs.HOOKS.items():
        for implementation in getattr(manager.hook, hook_name).get_hookimpls():
            implemented = True
            yield from _guarded(plugin, hook_name, kind, implementation.function)
    if not implemented and not manager.get_hookcallers(plugin.module):
        yield Broken(
            plugin.name,
            plugin.distribution,
            f"{plugin.module.__name__} implements no hook; expected functions marked @hookimpl "
            f"and named {', '.join(hookspecs.HOOKS)}",
        )


def _guarded(
    plugin: Plugin, hook: str, kind: str, function: object
) -> Iterator[Registration | Broken]:
    try:
        found = function()  # type: ignore[operator]
        for record in () if found is None else found:
            yield _checked(plugin, hook, kind, record)
    except (Exception, SystemExit) as error:
        yield Broken(plugin.name, plugin.distribution, f"{hook}() failed: {_said(error)}")


def _checked(plugin: Plugin, hook: str, kind: str, record: object) -> Registration | Broken:
    expected = KINDS[kind]
    if not isinstance(record, expected):
        return Broken(
            plugin.name,
            plugin.distribution,
            f"{hook}() yielded a {type(record).__name__}; expected {expected.__name__}",
        )
    if record.api != API:
        return Broken(
            f"{kind} {record.name}",
            plugin.distribution,
            f"was written for version {record.api} of the interfaces, and this is version {API}; "
            "install releases of label2label and of the plugin that fit each other",
        )
    return Registration(record, plugin.distribution, plugin.version, plugin.name)


def _hook_mistake(error: pluggy.PluginValidationError) -> str:
    """Return pluggy's finding in one line, with the hooks that there are."""
    first = " ".join(str(error).split())
    return f"{first}; the hooks are {', '.join(hookspecs.HOOKS)}, without arguments"


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
