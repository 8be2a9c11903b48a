"""What a worker does, on a thread here or in a process elsewhere: measure, restore, halve.

Each function takes the facts that all items share and one item.  A process keeps one model, loaded
when its first item comes, and looks once whether it is the one that the work was begun with.
"""

from __future__ import annotations

import platform
import uuid
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from l2l_core.config import ComponentConfig
from l2l_core.errors import (
    ComponentError,
    DeviceError,
    ImageFormatError,
    ModelError,
    ModelNotFoundError,
    StatisticsError,
    UnfitWorkerError,
)
from l2l_core.images.measuring import Measuring
from l2l_core.images.places import as_place
from l2l_core.models.facts import fingerprint
from l2l_core.streaming.allocation import give_back_large_blocks
from l2l_core.streaming.in_memory import tiled
from l2l_core.streaming.jobs import close_images
from l2l_core.streaming.measuring import BlockGroups, Group, partial_of
from l2l_core.streaming.residents import borrowed, device_lock
from l2l_core.streaming.tile_size import halved
from l2l_core.streaming.tiling import plan
from l2l_core.streaming.unit_work import damage, pyramid_unit, restore_unit
from l2l_core.workflows.chained_model import with_fills
from l2l_core.workflows.model import load_model
from l2l_core.workflows.odd_images import listening
from l2l_core.workflows.restore_whole import restore_whole
from l2l_core.workflows.worker_fitness import check_there, check_version, seen, sees

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
"""Models of this process that their owner lets its threads use, by the run."""

_largest: dict[str, int] = {}
"""Pixels of a tile that the device had memory for, once a larger one did not fit, by the run."""

_RUNS = 64
"""A worker is not told when a run ends, and remembers the tiles of no more than these."""


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
    then : tuple of ComponentConfig
        Filters that follow it.
    run : str
        Token of this run and no other.
    """

    where: str
    backend: str
    device: str
    identity: str
    supplier: str
    then: tuple[ComponentConfig, ...] = ()
    run: str = ""

    @classmethod
    def of(cls, model: Model) -> ModelFacts:
        """Return the facts of a model that is loaded here, for a run that begins."""
        return cls(
            # A worker elsewhere stands in another folder.
            where=str(Path(model.where).resolve()) if Path(model.where).exists() else model.where,
            backend=model.engine or "auto",
            device=model.restorer.device,
            identity=identity(model),
            supplier=model.info.supplier,
            then=model.then,
            run=uuid.uuid4().hex,
        )


def identity(model: Model) -> str:
    """Return a hash of all that decides what a model computes: weights, options, engine."""
    facts = model.provenance()
    decisive = ("restorer", "engine", "options", "units", "model_sha256", "chain")
    return fingerprint({key: facts[key] for key in decisive if key in facts})


def lend(facts: ModelFacts, model: Model) -> None:
    """Let tasks on threads of this process use a model that is loaded already."""
    _lent[facts.run] = model


def take_back(facts: ModelFacts) -> None:
    """End what :func:`lend` began, and keep nothing of the run in this process."""
    _lent.pop(facts.run, None)
    _largest.pop(facts.run, None)
    close_images(facts.run)


@contextmanager
def model_of(facts: ModelFacts) -> Iterator[Model]:
    """Hold the model of a job: lent by its owner, or loaded once in this process.

    Raises
    ------
    UnfitWorkerError
        If its restorer is not installed here, which names the distribution; or if the folder is
        not there, or holds another model by now.
    """
    if facts.run in _lent:
        yield _lent[facts.run]
        return
    # A worker keeps its model from one run to the next, and one for each device.
    kind = f"model-{facts.device.replace(':', '-')}"
    with borrowed(f"{kind}: {evolve(facts, run='')}", lambda: _loaded(facts)) as model:
        yield model


def _loaded(facts: ModelFacts) -> Model:
    here = platform.node()
    try:
        model = load_model(facts.where, facts.backend, facts.device, then=facts.then)
    except (ComponentError, ModelNotFoundError) as error:
        raise UnfitWorkerError(
            f"the worker on {here} cannot load {facts.where}, which needs {facts.supplier}: "
            f"{error}. Install {facts.supplier.replace(' ', '==')} there, and see to it that the "
            "model lies at the same path on all machines"
        ) from error
    except (ModelError, DeviceError) as error:
        raise UnfitWorkerError(
            f"the worker on {here} cannot load {facts.where}: {error}"
        ) from error
    if identity(model) != facts.identity:
        model.close()
        raise UnfitWorkerError(
            f"the worker on {here} found another model at {facts.where} than the restoration was "
            "begun with; give it the same folder and the same version of the software"
        )
    return model


def measure_group(context: Mapping[str, Any], group: Group) -> Partial:
    """Measure some blocks of the image ``context["job"]``."""
    check_version(context)
    job: ImageJob = context["job"]
    give_back_large_blocks()
    measuring, advice = Measuring.from_dict(context["measuring"]), context.get("advice", "")
    with sees(job):
        image = job.opened()
        job.guard.check(job.source.place)
        found = _added_up(job, advice, image, measuring, group)
        job.guard.check(job.source.place)
    return found


def advice_on_damage(model: Model) -> str:
    """Return what can be done where the numbers that normalise an image cannot be taken."""
    if not model.restorer.normalizes:
        return ""
    advice = ". The image is normalised by its own statistics, which need every pixel"
    if model.info.normalization.input.numbers is not None:
        advice += "; those of the model do without: --statistics model, with --restart"
    return advice


def _added_up(
    job: ImageJob, advice: str, image: Image, measuring: Measuring, group: Group
) -> Partial:
    try:
        return partial_of(image, measuring, group)
    except ImageFormatError as error:
        box = {
            axis: (min(block[i][0] for block in group), max(block[i][1] for block in group))
            for i, axis in enumerate(image.axes)
        }
        found = damage(job, box, error)
        raise type(found)(f"{found}{advice}") from error


def restore_item(context: Mapping[str, Any], item: UnitItem) -> dict[str, Any]:
    """Restore and write a unit.

    Returns
    -------
    dict
        ``numbers`` that were taken of the image, where the item brought none, with ``remarks`` on
        what is odd about them, and what the method found ``odd`` about its pixels.
    """
    check_version(context)
    give_back_large_blocks()
    facts: ModelFacts = context["model"]
    job, numbers = item.job, item.numbers
    measured: dict[str, Any] = {}
    with model_of(facts) as model, sees(job):
        if numbers is None:
            measured["remarks"] = []
            numbers = measured["numbers"] = measure_here(
                model, job, context["options"], measured["remarks"].append
            )
        asked = _affordable(job, _largest.get(facts.run))
        tile = restore_unit(
            model.restorer,
            job,
            job.grid.unit(item.stage, item.index),
            numbers,
            steps=model.steps,
            tile=asked,
            lock=device_lock(model.restorer.device),
        )
        measured["odd"] = model.take_remarks()
    if prod(tile) < prod(asked):
        _remember(facts.run, prod(tile))
    return measured


def _affordable(job: ImageJob, largest: int | None) -> tuple[int, ...]:
    """Return the job's tile, halved for as long as it has more pixels than once were too many.

    Pixels hold for any image, sides do not: those of a long strip are too short for a square.
    """
    tiles = plan(job.frame.sides, tiled(job.frame.geometry), job.tile)
    while largest is not None and prod(tiles.tile) > largest:
        smaller = halved(tiles)
        if smaller is None:
            break
        tiles = plan(tiles.shape, tiles.geometry, smaller)
    return tiles.tile


def _remember(run: str, pixels: int) -> None:
    _largest[run] = min(pixels, _largest.get(run, pixels))
    while len(_largest) > _RUNS:
        del _largest[next(iter(_largest))]


def halve_item(context: Mapping[str, Any], item: UnitItem) -> dict[str, Any]:
    """Write levels of the pyramid above those that restoring wrote."""
    check_version(context)
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
        numbers = model.numbers(take() if take else model.measure(image, statistics="model"))
    else:
        try:
            numbers = model.numbers(None, take().offset if take else None)
        except StatisticsError:
            # A filter has nothing against an image that is flat, or has no pixel with a value.
            numbers = model.numbers(None)
    return with_fills(model, image, numbers)


def taken(
    measuring: Measuring,
    image: Image,
    add: Callable[[Image, Measuring, Group], Partial] = partial_of,
    tell: Callable[[str], None] | None = None,
) -> Normalization:
    """Return the numbers of an image, taken here, block by block; `tell` what is odd about it."""
    groups = BlockGroups.of(image)
    while not measuring.done:
        found = measuring.fresh()
        for index in range(len(groups)):
            found = measuring.merge(found, add(image, measuring, groups[index]))
        measuring = measuring.finish(found)
    if tell is not None and measuring.remark:
        tell(measuring.remark)
    return measuring.normalization()


def measure_here(
    model: Model, job: ImageJob, options: RestoreOptions, tell: Callable[[str], None]
) -> Numbers:
    """Take the numbers of an image that is one unit, where the unit is restored."""
    image = job.opened()
    start = start_measuring(model, image, options)
    add = partial(_added_up, job, advice_on_damage(model))
    take = None if start is None else lambda: taken(start, image, add, tell)
    return numbers_of(model, image, take)


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
    check_version(context)
    source = as_place(item.source)
    # Not more than one at a time on a device: each is held whole.
    with (
        model_of(context["model"]) as model,
        device_lock(model.restorer.device),
        seen(item.source, lambda: check_there(source)),
        listening() as odd,
    ):
        restored = restore_whole(
            model,
            source,
            Path(item.out),
            context["options"],
            restart=context["restart"],
        )
    return {"restored": restored, "odd": odd}
