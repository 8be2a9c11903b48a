"""Check a configuration against the components that it names, and its parts against each other.

Every check returns its problems as lines that end in the path of what is wrong
(``@ loss.options.scales``), so that a configuration is mended in one go.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import attrs
from attrs import define

from l2l_core.components.discovery import Registration
from l2l_core.components.engines import for_training
from l2l_core.components.filters import made_step
from l2l_core.components.options import structure, unstructure
from l2l_core.components.records import RestorerInfo
from l2l_core.components.registry import load, registry
from l2l_core.config import ComponentConfig, DataConfig, NormalizeConfig, RunConfig
from l2l_core.errors import ComponentError, DataError, L2LError, OptionsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from l2l_core.components.loss import Loss
    from l2l_core.config import PatchesConfig, RestorerConfig, TrainConfig


def check_components(config: RunConfig) -> list[str]:
    """Return what is wrong with a configuration, one line a problem; an empty list if nothing is.

    Imports the components that it names, and the framework that they stand on.
    """
    return problems_of_tables(
        {field.name: getattr(config, field.name) for field in attrs.fields(RunConfig)}
    )


def problems_of_tables(tables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with those tables of a configuration that are sound in themselves.

    Parameters
    ----------
    tables : mapping
        Tables by name, as in :class:`~l2l_core.config.RunConfig`.  A table that was not sound is
        left out, and so is every check that needs it; an item of ``augment`` or ``loss`` that was
        not sound is None.  A table that the configuration does not have is there with its default.
    """
    problems: list[str] = []
    if "data" in tables:
        problems += _data(tables["data"])
    if "normalize" in tables:
        problems += _normalize(tables["normalize"])
    for index, augmenter in enumerate(tables.get("augment", ())):
        if augmenter is not None:
            problems += _component("augmenter", augmenter, f"augment[{index}]")[1]
    if "train" in tables:
        problems += _train(tables["train"])
    losses, found = _losses(tables.get("loss", {}))
    problems += found
    if "restorer" in tables:
        method, found = _method(tables["restorer"])
        problems += found
        problems += _chain(tables["restorer"], tables.get("patches"))
        if method is not None:
            problems += _losses_fit(method, tables.get("loss"), losses)
            if "patches" in tables:
                problems += _patches_fit(method, tables["patches"])
    return problems


def missing_images(data: DataConfig, base: Path) -> list[str]:
    """Return what a configuration names as data and is not there, one line each.

    A configuration may be written before its images are where it says, so this is no error.

    Parameters
    ----------
    data : DataConfig
    base : Path
        Folder that relative paths start from.
    """
    from l2l_core.images.reading import list_images

    named = {"input": data.input, "target": data.target, "table": data.table}
    missing = []
    for key, given in named.items():
        for text in [given] if isinstance(given, str) else given:
            place = (base / text).resolve()
            try:
                if text and not (key == "table" and place.is_file()):
                    list_images(place)
            except DataError as error:
                missing.append(f"{error} @ data.{key}")
    return missing


def with_all_options(config: RunConfig) -> RunConfig:
    """Return a configuration with the options of its components written out, defaults included.

    Raises
    ------
    ComponentError
        If a component cannot be loaded, or does not take its options.
    """

    def filled(kind: str, component: ComponentConfig) -> Any:
        cls = load(registry().find(kind, component.name))
        options = unstructure(structure(component.options, cls))
        return attrs.evolve(component, options=options)

    restorer = config.restorer
    method = load(for_training(restorer.name, restorer.backend))
    options = unstructure(structure(restorer.options, method.Options))
    metrics = [
        ComponentConfig(name=metric) if isinstance(metric, str) else metric
        for metric in config.train.metrics
    ]
    chain = tuple(
        attrs.evolve(step, options=unstructure(made_step(step.name, step.options).options))
        for step in restorer.chain
    )
    return attrs.evolve(
        config,
        augment=tuple(filled("augmenter", augmenter) for augmenter in config.augment),
        restorer=attrs.evolve(restorer, options=options, chain=chain),
        loss={role: filled("loss", loss) for role, loss in config.loss.items()},
        train=attrs.evolve(
            config.train, metrics=tuple(filled("metric", metric) for metric in metrics)
        ),
    )


@define(frozen=True)
class _Method:
    """The restorer that a configuration trains; `options` is None where they are not sound."""

    registration: Registration
    cls: Any
    options: Any

    @property
    def name(self) -> str:
        return self.registration.info.name

    @property
    def info(self) -> RestorerInfo:
        info = self.registration.info
        assert isinstance(info, RestorerInfo)  # noqa: S101 - the registry keeps kinds apart
        return info


def _data(data: DataConfig) -> list[str]:
    if not data.input and not data.table:
        return ["neither input images nor a table of pairs is given @ data.input"]
    if data.table and (data.input or data.target):
        return ["a table names the pairs, so that input and target are left out @ data.table"]
    return []


def _normalize(normalize: NormalizeConfig) -> list[str]:
    return [
        f"the lower percentile, {side.low:g}, is not below the upper one, {side.high:g} "
        f"@ normalize.{name}.low"
        for name, side in (("input", normalize.input), ("target", normalize.target))
        if side.method == "percentile" and not side.low < side.high
    ]


def _train(train: TrainConfig) -> list[str]:
    problems = []
    for index, metric in enumerate(train.metrics):
        config = ComponentConfig(name=metric) if isinstance(metric, str) else metric
        problems += _component("metric", config, f"train.metrics[{index}]")[1]
    return problems


def _component(
    kind: str, config: ComponentConfig, path: str
) -> tuple[tuple[Registration, Any] | None, list[str]]:
    """Return the record and the instance that a table asks for, or what is wrong with it."""
    try:
        registration = registry().find(kind, config.name)
        cls = load(registration)
    except ComponentError as error:
        return None, [f"{error} @ {path}"]
    try:
        return (registration, structure(config.options, cls, where=f"{path}.options")), []
    except OptionsError as error:
        return None, str(error).splitlines()


def _losses(
    configs: Mapping[str, ComponentConfig | None],
) -> tuple[dict[str, tuple[Registration, Loss]], list[str]]:
    losses = {}
    problems: list[str] = []
    for role, config in configs.items():
        if config is not None:
            made, found = _component("loss", config, _loss_path(configs, role))
            problems += found
            if made is not None:
                losses[role] = made
    return losses, problems


def _loss_path(configs: Mapping[str, Any], role: str) -> str:
    # A single loss is usually written as [loss], without its role.
    return "loss" if set(configs) == {"target"} else f"loss.{role}"


def _method(config: RestorerConfig) -> tuple[_Method | None, list[str]]:
    """Return the method that a configuration trains, or what is wrong with it."""
    key = "name"
    try:
        records = registry().engines(config.name)
        if any(isinstance(r.info, RestorerInfo) and r.info.trains for r in records):
            key = "backend"
        registration = for_training(config.name, config.backend)
        cls = load(registration)
    except ComponentError as error:
        return None, [f"{error} @ restorer.{key}"]
    try:
        options = structure(config.options, cls.Options, where="restorer.options")
    except OptionsError as error:
        return _Method(registration, cls, None), str(error).splitlines()
    return _Method(registration, cls, options), []


def _chain(config: RestorerConfig, patches: PatchesConfig | None) -> list[str]:
    """Return what is wrong with the filters that follow a method."""
    problems: list[str] = []
    for index, step in enumerate(config.chain):
        path = f"restorer.chain[{index}]"
        try:
            made = made_step(step.name, step.options)
        except OptionsError as error:
            own = f" @ restorer {step.name}"
            problems += [
                line.replace(own, f" @ {path}.options", 1) if own in line else f"{line} @ {path}"
                for line in str(error).splitlines()
            ]
            continue
        except ComponentError as error:
            problems.append(f"{error} @ {path}.name")
            continue
        if patches is not None and len(made.geometry.axes) > len(patches.shape):
            problems.append(
                f"restorer {step.name!r} with these options works in {made.geometry.axes}, and "
                f"patches of shape {list(patches.shape)} make a method of planes; give it options "
                f"for planes, or let it follow by --then when stacks are restored @ {path}.options"
            )
        made.close()
    return problems


def _losses_fit(
    method: _Method,
    configs: Mapping[str, ComponentConfig | None] | None,
    losses: Mapping[str, tuple[Registration, Loss]],
) -> list[str]:
    """Return what the restorer and its losses do not agree on: roles, framework, outputs."""
    if configs is None:
        return []
    problems = []
    roles: Sequence[str] = method.cls.roles
    for role in configs:
        if role not in roles:
            near = difflib.get_close_matches(role, [*roles, "name", "options"], n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            problems.append(
                f"restorer {method.name!r} has no loss in the role {role!r}{hint} "
                f"(its roles: {', '.join(roles) or 'none'}) @ {_loss_path(configs, role)}"
            )
    problems += [
        f"restorer {method.name!r} wants a loss in the role {role!r} @ loss"
        for role in roles
        if role not in configs
    ]
    engine = method.info.engine or "numpy"
    for role, (registration, loss) in losses.items():
        # A sum of losses runs where all of them do, which its record cannot know.
        frameworks = getattr(loss, "frameworks", None) or registration.info.frameworks
        if frameworks and engine not in frameworks:
            problems.append(
                f"loss {registration.info.name!r} runs on {', '.join(sorted(frameworks))} alone, "
                f"and restorer {method.name!r} is trained on {engine}; choose another loss or "
                f"another restorer.backend @ {_loss_path(configs, role)}"
            )
    if method.options is not None:
        problems += _outputs_fit(method, configs, losses)
    return problems


def _outputs_fit(
    method: _Method,
    configs: Mapping[str, ComponentConfig | None],
    losses: Mapping[str, tuple[Registration, Loss]],
) -> list[str]:
    given: Sequence[str] = method.cls.outputs_of(method.options)
    problems = [
        f"loss {registration.info.name!r} reads {' and '.join(loss.outputs)}, and restorer "
        f"{method.name!r} with these options gives {' and '.join(given)} alone; "
        "choose another loss, or restorer.options that give what it reads "
        f"@ {_loss_path(configs, role)}"
        for role, (registration, loss) in losses.items()
        if not set(loss.outputs) <= set(given)
    ]
    read = {output for _, loss in losses.values() for output in loss.outputs}
    unread = [output for output in given if output not in read]
    # An output that no loss looks at is never trained, and comes out as noise.
    if unread and not problems and len(losses) == len(configs):
        problems.append(
            f"restorer {method.name!r} with these options gives {' and '.join(given)}, and no "
            f"loss reads {' and '.join(unread)}; choose a loss that does @ loss"
        )
    return problems


def _patches_fit(method: _Method, patches: PatchesConfig) -> list[str]:
    """Return what is wrong with the shape of the patches for this restorer."""
    dimensions = method.info.dimensions
    if len(patches.shape) not in dimensions:
        works = " or ".join(f"{d}D" for d in sorted(dimensions))
        problem = (
            f"patches of shape {list(patches.shape)} are {len(patches.shape)}D, and restorer "
            f"{method.name!r} works in {works} @ patches.shape"
        )
        return [problem]
    if method.options is None:
        return []
    axes = "ZYX"[-len(patches.shape) :]
    try:
        restorer = method.cls(
            method.options, axes=axes, channels_in=1, channels_out=1, device="cpu"
        )
        multiple: Sequence[int] = restorer.geometry.multiple
        restorer.close()
    except L2LError as error:
        return [f"restorer {method.name!r} cannot be made: {error} @ restorer.options"]
    except Exception:
        # The channels are known from the images alone; a method that does not take one channel
        # is no fault of this configuration, and whatever else it is training will say.
        return []
    if all(side % m == 0 for side, m in zip(patches.shape, multiple, strict=True)):
        return []
    near = [max(m, round(side / m) * m) for side, m in zip(patches.shape, multiple, strict=True)]
    problem = (
        f"the sides of a patch, {list(patches.shape)}, are no multiples of {list(multiple)} as "
        f"restorer {method.name!r} wants them along {axes}; {near} would do @ patches.shape"
    )
    return [problem]
