"""What a worker does, on a thread here or in a process elsewhere: measure, restore, halve.

Each function takes the facts that all items share and one item.  A process keeps one model, loaded
when its first item comes, and looks once whether it is the one that the work was begun with.
"""

from __future__ import annotations

import platform
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.errors import (
    ComponentError,
    ImageFormatError,
    ModelError,
    ModelNotFoundError,
    StatisticsError,
)
from l2l_core.images.measuring import Measuring
from l2l_core.images.places import as_place
from l2l_core.models.facts import fingerprint
from l2l_core.streaming.measuring import BlockGroups, Group, partial_of
from l2l_core.streaming.residents import borrowed, device_lock
from l2l_core.streaming.tiling import plan
from l2l_core.streaming.unit_work import damage, pyramid_unit, restore_unit
from l2l_core.workflows.model import load_model
from l2l_core.workflows.restore_whole import restore_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from l2l_core.images.image import Image
    from l2l_core.images.measuring import Partial
    from l2l_core.images.normalization import Normalization
    from l2l_core.streaming.boxes import Numbers
    from l2l_core.streaming.jobs import ImageJob, UnitItem
    from l2l_core.workflows.array_restoration import Model
    from l2l_core.workflows.restoration import RestoreOptions

_lent: dict[str, Model] = {}
"""Models of this process that their owner lets its threads use, by their key."""

_fitting: dict[str, tuple[int, ...]] = {}
"""The tile that a model's device had memory for, once a larger one did not fit."""


@define(frozen=True)
class ModelFacts:
    """Which model a worker loads.

    Parameters
    ----------
    where : str
        Folder, or name of a filter.
    backend, device : str
        As for :func:`~l2l_core.workflows.model.load_model`.
    identity : str
        Hash of all that decides what the model computes.
    supplier : str
        Distribution and version that its restorer comes from.
    """

    where: str
    backend: str
    device: str
    identity: str
    supplier: str

    @classmethod
    def of(cls, model: Model) -> ModelFacts:
        """Return the facts of a model that is loaded here."""
        return cls(
            where=model.where,
            backend=model.engine or "auto",
            device=model.restorer.device,
            identity=identity(model),
            supplier=model.info.supplier,
        )


def identity(model: Model) -> str:
    """Return a hash of all that decides what a model computes: weights, options, engine."""
    facts = model.provenance()
    decisive = ("restorer", "engine", "options", "units", "model_sha256")
    return fingerprint({key: facts[key] for key in decisive})


def lend(facts: ModelFacts, model: Model) -> None:
    """Let tasks on threads of this process use a model that is loaded already."""
    _lent[facts.identity] = model


def take_back(facts: ModelFacts) -> None:
    """End what :func:`lend` began."""
    _lent.pop(facts.identity, None)
    _fitting.pop(facts.identity, None)


@contextmanager
def model_of(facts: ModelFacts) -> Iterator[Model]:
    """Hold the model of a job: lent by its owner, or loaded once in this process.

    Raises
    ------
    ComponentError
        If its restorer is not installed here; names the distribution.
    ModelError
        If the folder is not there, or holds another model by now.
    """
    if facts.identity in _lent:
        yield _lent[facts.identity]
        return
    with borrowed(f"model {facts}", lambda: _loaded(facts)) as model:
        yield model


def _loaded(facts: ModelFacts) -> Model:
    here = platform.node()
    try:
        model = load_model(facts.where, facts.backend, facts.device)
    except (ComponentError, ModelNotFoundError) as error:
        raise ComponentError(
            f"the worker on {here} cannot load {facts.where}, which needs {facts.supplier}: "
            f"{error}. Install {facts.supplier.replace(' ', '==')} there, and see to it that the "
            "model lies at the same path on all machines"
        ) from error
    if identity(model) != facts.identity:
        model.close()
        raise ModelError(
            f"the worker on {here} found another model at {facts.where} than the restoration was "
            "begun with; give it the same folder and the same version of the software"
        )
    return model


def measure_group(context: Mapping[str, Any], group: Group) -> Partial:
    """Measure some blocks of the image ``context["job"]``."""
    job: ImageJob = context["job"]
    image = job.opened()
    job.guard.check(job.source.place)
    found = _added_up(job, image, Measuring.from_dict(context["measuring"]), group)
    job.guard.check(job.source.place)
    return found


def _added_up(job: ImageJob, image: Image, measuring: Measuring, group: Group) -> Partial:
    try:
        return partial_of(image, measuring, group)
    except ImageFormatError as error:
        box = {
            axis: (min(block[i][0] for block in group), max(block[i][1] for block in group))
            for i, axis in enumerate(image.axes)
        }
        raise damage(job, box, error) from error


def restore_item(context: Mapping[str, Any], item: UnitItem) -> dict[str, Any]:
    """Restore and write a unit.

    Returns
    -------
    dict
        ``numbers`` that were taken of the image, where the item brought none.
    """
    facts: ModelFacts = context["model"]
    job, numbers = item.job, item.numbers
    measured: dict[str, Any] = {}
    with model_of(facts) as model:
        if numbers is None:
            numbers = measured["numbers"] = measure_here(model, job, context["options"])
        fitting = _fitting.get(facts.identity, job.tile)
        asked = tuple(min(sides) for sides in zip(fitting, job.tile, strict=True))
        tile = restore_unit(
            model.restorer,
            job,
            job.grid.unit(item.stage, item.index),
            numbers,
            tile=asked,
            lock=device_lock,
        )
    # A tile is smaller where the image is, too, which says nothing of the next image.
    if tile != plan(job.frame.sides, job.frame.geometry, asked).tile:
        _fitting[facts.identity] = tile
    return measured


def halve_item(context: Mapping[str, Any], item: UnitItem) -> dict[str, Any]:
    """Write levels of the pyramid above those that restoring wrote."""
    pyramid_unit(item.job, item.job.grid.unit(item.stage, item.index))
    return {}


def start_measuring(model: Model, image: Image, options: RestoreOptions) -> Measuring | None:
    """Return the search for an image's numbers, None where the method needs none of them.

    A filter of raw intensities needs the mean of an image that may have pixels without a value.
    """
    if model.restorer.normalizes:
        if (options.statistics or model.statistics) == "model":
            return None
        spec = model.info.normalization.input.spec
        method, low, high, ignore = spec.method, spec.low, spec.high, options.ignore
    elif image.dtype.kind == "f":
        method, low, high, ignore = "mean_std", 0.0, 100.0, None
    else:
        return None
    return Measuring.start(
        image.dtype,
        image.info.sizes.get("C", 1),
        method=method,
        low=low,
        high=high,
        where=image.info.path,
        ignore=ignore,
    )


def numbers_of(model: Model, image: Image, take: Callable[[], Normalization] | None) -> Numbers:
    """Return what takes an image to the method's units and back.

    Parameters
    ----------
    model : Model
    image : Image
    take : callable, optional
        Takes the numbers of the image; None where :func:`start_measuring` found none to take.

    Raises
    ------
    StatisticsError
        If the image gives no usable numbers.
    """
    if model.restorer.normalizes:
        return model.numbers(take() if take else model.measure(image, statistics="model"))
    try:
        return model.numbers(None, take().offset if take else None)
    except StatisticsError:
        # A filter has nothing against an image that is flat, or has no pixel with a value.
        return model.numbers(None)


def taken(
    measuring: Measuring,
    image: Image,
    add: Callable[[Image, Measuring, Group], Partial] = partial_of,
) -> Normalization:
    """Return the numbers of an image, taken here, block by block."""
    groups = BlockGroups.of(image)
    while not measuring.done:
        found = measuring.fresh()
        for index in range(len(groups)):
            found = measuring.merge(found, add(image, measuring, groups[index]))
        measuring = measuring.finish(found)
    return measuring.normalization()


def measure_here(model: Model, job: ImageJob, options: RestoreOptions) -> Numbers:
    """Take the numbers of an image that is one unit, where the unit is restored."""
    image = job.opened()
    start = start_measuring(model, image, options)
    add = partial(_added_up, job)
    return numbers_of(model, image, None if start is None else lambda: taken(start, image, add))


@define(frozen=True)
class WholeItem:
    """An image that goes into one file.

    Parameters
    ----------
    image : int
        Which of the job's images.
    source, out : str
    pixels : int
        Of the image.
    """

    image: int
    source: str
    out: str
    pixels: int

    @property
    def key(self) -> tuple[int, int, int]:
        """The image's name in the ledger, as its only unit."""
        return (self.image, 0, 0)


def whole_item(context: Mapping[str, Any], item: WholeItem) -> dict[str, Any]:
    """Restore an image that goes into one file, in memory."""
    # Not more than one at a time in a process: each is held whole.
    with model_of(context["model"]) as model, device_lock:
        restored = restore_whole(
            model,
            as_place(item.source),
            Path(item.out),
            context["options"],
            restart=context["restart"],
        )
    return {"restored": restored}
