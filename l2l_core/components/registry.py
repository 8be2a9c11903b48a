"""The registry: which components there are, whose they are, and the class behind each.

Looking one up is three questions with three different answers: is there one of this name (else
the known ones and the nearest), may it be used (else both distributions that claim the key), and
is what it stands on installed (else what to install).
"""

from __future__ import annotations

import difflib
import importlib
import sys
import warnings
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.components import discovery
from l2l_core.components.discovery import (
    OWN_DISTRIBUTION,
    Broken,
    Plugin,
    Registration,
    remedy_for,
)
from l2l_core.components.records import KINDS
from l2l_core.errors import (
    ComponentError,
    ConflictingComponentsError,
    MissingDependencyError,
    UnknownComponentError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class PluginWarning(UserWarning):
    """A plugin, or a component of one, is left out."""


@define(frozen=True)
class Registry:
    """All usable components, and what is broken.

    Parameters
    ----------
    components : tuple of Registration
        Usable components; no key occurs twice within a kind.
    broken : tuple of Broken
        What was left out, and why.
    conflicts : dict
        From (kind, key) to the sentence about a key that two distributions claim.
    """

    components: tuple[Registration, ...]
    broken: tuple[Broken, ...]
    conflicts: dict[tuple[str, tuple[str, ...]], str]

    def of_kind(self, kind: str) -> tuple[Registration, ...]:
        """Return the components of one kind.

        Raises
        ------
        UnknownComponentError
            If there is no such kind.
        """
        if kind not in KINDS:
            raise UnknownComponentError(_unknown("kind of component", kind, KINDS))
        return tuple(found for found in self.components if found.kind == kind)

    def engines(self, name: str) -> tuple[Registration, ...]:
        """Return the records of one restorer, one for each engine.

        Raises
        ------
        UnknownComponentError
            If no restorer has this name.
        ConflictingComponentsError
            If two distributions claim all there is of this name.
        """
        found = tuple(r for r in self.of_kind("restorer") if r.info.name == name)
        if not found:
            self._raise_conflict("restorer", name)
            raise UnknownComponentError(self._unknown_name("restorer", name))
        return found

    def find(self, kind: str, name: str, engine: str | None = None) -> Registration:
        """Return the record of a component.

        Parameters
        ----------
        kind : str
            One of ``restorer``, ``loss``, ``augmenter``, ``metric``, ``ops``, ``model_format``.
        name : str
            Its name.
        engine : str, optional
            The engine, for a restorer that has several.

        Raises
        ------
        UnknownComponentError
            If no component has this name; lists the known ones and suggests the nearest.
        ConflictingComponentsError
            If two distributions claim it.
        """
        if kind == "restorer":
            found = self.engines(name)
            if engine is None and len(found) == 1:
                return found[0]
            for registration in found:
                if registration.info.key == (name, engine):
                    return registration
            self._raise_conflict(kind, name, engine)
            engines = [registration.info.key[1] or "none" for registration in found]
            if engine is None:
                raise ComponentError(
                    f"restorer {name!r} runs on several engines ({', '.join(engines)}); "
                    "name the one that is meant"
                )
            raise UnknownComponentError(
                f"restorer {name!r} has no engine {engine!r}; it has {', '.join(engines)}"
            )
        for registration in self.of_kind(kind):
            if registration.info.name == name:
                return registration
        self._raise_conflict(kind, name)
        raise UnknownComponentError(self._unknown_name(kind, name))

    def _raise_conflict(self, kind: str, name: str, engine: str | None = None) -> None:
        for (claimed_kind, key), sentence in self.conflicts.items():
            if (claimed_kind, key[0]) == (kind, name) and engine in (None, *key[1:]):
                raise ConflictingComponentsError(sentence)

    def _unknown_name(self, kind: str, name: str) -> str:
        return _unknown(kind, name, {found.info.name for found in self.of_kind(kind)})


def _unknown(what: str, got: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(got, names, n=1)
    suggestion = f", did you mean {near[0]!r}?" if near else "."
    return f"no {what} is called {got!r}{suggestion} Known: {', '.join(names) or 'none'}"


def build(plugins: Iterable[Plugin | Broken]) -> Registry:
    """Return the registry of these plugins: records checked, clashes settled or reported."""
    broken: list[Broken] = []
    found: list[Registration] = []
    for plugin in plugins:
        if isinstance(plugin, Broken):
            broken.append(plugin)
            continue
        for record in discovery.records(plugin):
            (broken if isinstance(record, Broken) else found).append(record)  # type: ignore[arg-type]
    claims: dict[tuple[str, tuple[str, ...]], list[Registration]] = {}
    for registration in found:
        claims.setdefault((registration.kind, registration.info.key), []).append(registration)
    components: list[Registration] = []
    conflicts: dict[tuple[str, tuple[str, ...]], str] = {}
    for (kind, key), claimants in claims.items():
        settled, refused, sentence = _settle(kind, key, claimants)
        components.extend(settled)
        broken.extend(refused)
        if sentence:
            conflicts[kind, key] = sentence
    return Registry(tuple(components), tuple(broken), conflicts)


def _settle(
    kind: str, key: tuple[str, ...], claimants: list[Registration]
) -> tuple[list[Registration], list[Broken], str]:
    """Return who keeps a key, who is refused, and the sentence about it where nobody keeps it."""
    label = f"{kind} {' on '.join(part for part in key if part)}"
    if len(claimants) == 1:
        return claimants, [], ""
    own = [claimant for claimant in claimants if claimant.own]
    if own:
        return own[:1], [_refused(label, c) for c in claimants if not c.own], ""
    parties = [f"{c.distribution} {c.version} ({c.info.target})" for c in claimants]
    names = sorted({claimant.distribution for claimant in claimants})
    if len(names) == 1:
        sentence = f"{label} is registered more than once by {' and by '.join(parties)}"
        remedy = remedy_for(names[0])
    else:
        sentence = f"{label} is registered by {' and by '.join(parties)}; none of them is used"
        remedy = (
            "keep one of them, and uninstall the others or leave them out, as with "
            + " or ".join(
                f"L2L_BLOCK_PLUGINS={','.join(n for n in names if n != kept)}" for kept in names
            )
        )
    sentence = f"{sentence}; {remedy}"
    return [], [Broken(label, name, sentence) for name in names], sentence


def _refused(label: str, newcomer: Registration) -> Broken:
    return Broken(
        label,
        newcomer.distribution,
        f"{newcomer.distribution} {newcomer.version} registers {label}, a name of "
        f"{OWN_DISTRIBUTION}'s own that cannot be replaced; ask its author for another name, or "
        f"leave it out with L2L_BLOCK_PLUGINS={newcomer.distribution}",
    )


@cache
def registry() -> Registry:
    """Return the registry of all installed plugins, built once a process.

    What is broken is said in one warning each.
    """
    candidates = discovery.installed()
    found = build(discovery.import_plugin(entry) for entry in discovery.selected(candidates))
    said = [f"plugin {b.name} of {b.distribution}: {b.error}" for b in found.broken]
    if vain := discovery.pinned_in_vain(candidates):
        said.append(f"L2L_PLUGINS names {', '.join(vain)}, but no such plugin is installed")
    for sentence in said:
        warnings.warn(sentence, PluginWarning, stacklevel=2)
    return found


def missing_requirements(registration: Registration) -> tuple[str, ...]:
    """Return the modules that a component stands on and that are not installed."""
    return tuple(name for name in registration.info.requires if not _importable(name))


def is_available(registration: Registration) -> bool:
    """Whether everything that a component stands on is installed; imports nothing."""
    return not missing_requirements(registration)


def _importable(name: str) -> bool:
    # Looking for a submodule would import its parents.
    name = name.partition(".")[0]
    try:
        return name in sys.modules or find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def load(registration: Registration) -> Any:
    """Import and return the class that a record names.

    Raises
    ------
    MissingDependencyError
        If a module that it stands on is not installed; names what to install.
    ComponentError
        If the target cannot be imported or does not exist.
    """
    found = load_target(registration, registration.info.target)
    if not isinstance(found, type):
        info = registration.info
        raise ComponentError(
            f"{info.kind} {info.name} of {registration.distribution}: {info.target!r} is a "
            f"{type(found).__name__}; expected a class; {remedy_for(registration.distribution)}"
        )
    return found


def load_target(registration: Registration, target: str) -> Any:
    """Import what a string ``"package.module:name"`` of a record names; raises as :func:`load`."""
    info = registration.info
    missing = missing_requirements(registration)
    if missing:
        remedy = f"; pip install {info.install!r}" if info.install else ""
        raise MissingDependencyError(
            f"{info.kind} {' on '.join(k for k in info.key if k)} of {registration.distribution} "
            f"needs {', '.join(missing)}, which is not installed{remedy}"
        )
    module_name, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    # Foreign code runs here for the first time, and may fail in any way.
    except (Exception, SystemExit) as error:
        raise ComponentError(
            f"{info.kind} {info.name} of {registration.distribution} cannot be loaded from "
            f"{target!r}: {type(error).__name__}: {error}; "
            f"{remedy_for(registration.distribution)}"
        ) from error
    return found
