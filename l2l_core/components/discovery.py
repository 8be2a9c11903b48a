"""Find plugins through entry points and take their records, one guard around each of their parts.

A plugin that cannot be imported, yields something else than records, misspells a hook, raises
while it yields, or was written for another version of the interfaces becomes one
:class:`Broken` line; what it registered before it failed, and everybody else, stays usable.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import EntryPoint, distributions
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pluggy
from attrs import define

from l2l_core.components import hookspecs
from l2l_core.components.records import API, KINDS, ComponentInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

    def broken(self, what: str, *, component: str = "", remedy: str = "") -> Broken:
        """Return the line about something in this plugin that cannot be used.

        Parameters
        ----------
        what : str
            What is wrong.
        component : str, optional
            Kind and name of the component, where it is about one alone.
        remedy : str, optional
            What to do; by default to update, uninstall or block the distribution.
        """
        return Broken(
            component or self.name,
            self.distribution,
            f"{what}; {remedy or remedy_for(self.distribution)}",
        )


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
    # A damaged installation may have neither, whatever the type says.
    name, version = (dist.name, dist.version) if dist is not None else ("", "")
    return name or "an unknown distribution", version or ""


def _listed(variable: str) -> frozenset[str] | None:
    """Return the comma-separated names of an environment variable, None where it is not set."""
    value = os.environ.get(variable)
    if value is None:
        return None
    return frozenset(_normal(name) for name in value.split(",") if name.strip())


def _normal(name: str) -> str:
    """Return a name in which dashes, dots, underscores and capitals make no difference."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _names(entry_point: EntryPoint) -> frozenset[str]:
    return frozenset({_normal(entry_point.name), _normal(distribution_of(entry_point)[0])})


def is_own(entry_point: EntryPoint) -> bool:
    """Whether a plugin comes with this software."""
    return distribution_of(entry_point)[0] == OWN_DISTRIBUTION


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
        names = _names(entry_point)
        let_in = not names & blocked and (pinned is None or names & pinned)
        if is_own(entry_point) or let_in:
            kept.append(entry_point)
    # Installed metadata has no order of its own; ours comes first and the rest by name, so that
    # two machines with the same packages list them alike.
    return sorted(
        {(ep.name, ep.value, distribution_of(ep)): ep for ep in kept}.values(),
        key=lambda ep: (not is_own(ep), distribution_of(ep), ep.name, ep.value),
    )


def pinned_in_vain(candidates: Iterable[EntryPoint]) -> list[str]:
    """Return the names in ``L2L_PLUGINS`` that no installed plugin or distribution has."""
    known = {name for entry_point in candidates for name in _names(entry_point)}
    return sorted((_listed("L2L_PLUGINS") or frozenset()) - known)


def installed() -> list[EntryPoint]:
    """Return the entry points of all installed plugins, those left out included."""
    found: dict[str, list[EntryPoint]] = {}
    for distribution in distributions():
        # One damaged installation, of whatever package, must not hide all plugins.
        try:
            plugins = [ep for ep in distribution.entry_points if ep.group == hookspecs.GROUP]
            # Names are parsed from long files, so only where there is something to name.  The
            # first on the path is the one that Python imports.
            if plugins:
                found.setdefault(_normal(distribution.name), plugins)
        except Exception:  # noqa: S112 - pip says what is wrong with it, whenever it is used
            continue
    return [entry_point for entry_points in found.values() for entry_point in entry_points]


def import_plugin(entry_point: EntryPoint) -> Plugin | Broken:
    """Import what an entry point names; whatever that raises becomes a :class:`Broken`."""
    distribution, version = distribution_of(entry_point)
    try:
        with _quiet_stdout():
            module = entry_point.load()
    # A stranger's module may raise anything, SystemExit included; none of it may end our process.
    except (Exception, SystemExit) as error:
        return Broken(
            entry_point.name,
            distribution,
            f"cannot be imported from {entry_point.value!r}: {_said(error)}; "
            f"{remedy_for(distribution)}",
        )
    if not isinstance(module, ModuleType):
        return Broken(
            entry_point.name,
            distribution,
            f"the entry point names a {type(module).__name__}, {entry_point.value!r}; expected a "
            f"module with hook implementations; {remedy_for(distribution)}",
        )
    return Plugin(entry_point.name, distribution, version, module)


def records(plugin: Plugin) -> Iterator[Registration | Broken]:
    """Take the records of one plugin, each hook implementation in a guard of its own."""
    implemented = False
    # A copy: a hook that imports a module of its own package adds a name to this one.
    for name, function in list(vars(plugin.module).items()):
        options = _marks(function)
        if not isinstance(options, dict) or not callable(function):
            continue
        implemented = True
        hook = options.get("specname") or name
        if mistake := _mistake(plugin.name, hook, function):
            yield plugin.broken(mistake)
        else:
            yield from _guarded(plugin, hook, function)
    if not implemented:
        yield plugin.broken(
            f"{plugin.module.__name__} implements no hook; expected functions marked @hookimpl "
            f"and named {_or(hookspecs.HOOKS)}"
        )


def _marks(member: object) -> object:
    """Return what ``@hookimpl`` left on a member of a module, None where it left nothing."""
    try:
        return getattr(member, f"{hookspecs.PROJECT}_impl", None)
    # A module may hold proxies that raise whatever they are asked.
    except Exception:
        return None


def _mistake(plugin: str, hook: str, function: Callable[..., object]) -> str:
    """Return what is wrong with a hook implementation before it is called, or nothing."""
    if hook not in hookspecs.HOOKS:
        near = difflib.get_close_matches(hook, hookspecs.HOOKS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return f"there is no hook {hook!r}{hint} The hooks are {_or(hookspecs.HOOKS)}"
    # A manager for each, so that a mistake in one implementation costs no other one.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(SimpleNamespace(**{hook: function}), plugin)
    except pluggy.PluginValidationError as error:
        return f"{hook}() is not as it should be, without arguments: {_said(error)}"
    return ""


def _guarded(
    plugin: Plugin, hook: str, function: Callable[..., object]
) -> Iterator[Registration | Broken]:
    expected = KINDS[hookspecs.HOOKS[hook]]
    try:
        with _quiet_stdout():
            found = function()
        if found is None:
            return
        if isinstance(found, str | Mapping) or not isinstance(found, Iterable):
            yield plugin.broken(
                f"{hook}() returned a {type(found).__name__}; expected it to yield records of "
                f"the type {expected.__name__}"
            )
            return
        iterator, end = iter(found), object()
        while True:
            with _quiet_stdout():
                record = next(iterator, end)
            if record is end:
                return
            yield _checked(plugin, hook, expected, record)
    # A generator that raised is finished, so only what it had yet to yield is lost.
    except (Exception, SystemExit) as error:
        yield plugin.broken(f"{hook}() failed: {_said(error)}")


def _checked(
    plugin: Plugin, hook: str, expected: type[ComponentInfo], record: object
) -> Registration | Broken:
    if not isinstance(record, expected):
        return plugin.broken(
            f"{hook}() yielded a {type(record).__name__}; expected {expected.__name__}"
        )
    if record.api != API:
        older = isinstance(record.api, int) and record.api > API
        return plugin.broken(
            f"was written for version {record.api} of the interfaces, and this is version {API}",
            component=f"{record.kind} {record.name}",
            remedy="update label2label, or install an older release of " + plugin.distribution
            if older
            else "",
        )
    hash(record.key)  # a stranger's own kind of record may fail here, inside the guard
    return Registration(record, plugin.distribution, plugin.version, plugin.name)


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Send what a plugin prints to stderr: stdout belongs to the command, and may be JSON."""
    with redirect_stdout(sys.stderr):
        yield


def _or(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"


def remedy_for(distribution: str) -> str:
    """Return what to do about a distribution's broken plugin."""
    if distribution == OWN_DISTRIBUTION:
        return f"install {OWN_DISTRIBUTION} again"
    return (
        f"update or uninstall {distribution}, or leave it out with L2L_BLOCK_PLUGINS={distribution}"
    )


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
