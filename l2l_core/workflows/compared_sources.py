"""What a comparison is given: a configuration, finished runs, filters and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from l2l_core.config import RunConfig
from l2l_core.config_file import apply_overrides, parse_config, parse_toml, read_text
from l2l_core.errors import OptionsError
from l2l_core.workflows.compared_plan import METRICS, TRUTH_METRICS, MethodComparison
from l2l_core.workflows.fold_images import FoldImages, open_images
from l2l_core.workflows.fold_methods import Method, filter_method, find_methods, refuse_same
from l2l_core.workflows.fold_scores import ChosenMetric, choose_metrics, refuse_tuning_by_truth
from l2l_core.workflows.given_runs import GivenRun, open_runs

if TYPE_CHECKING:
    from collections.abc import Sequence


@define(frozen=True, eq=False)
class Sources:
    """What is compared, read and understood, but for the images that are compared on.

    Parameters
    ----------
    config : Path, optional
        The configuration.
    text : str
        It, verbatim; empty where there is none.
    tables : mapping
        It with all changes.
    settings : RunConfig, optional
    base : Path
        Folder that its paths start from.
    every : FoldImages, optional
        All its images.
    runs : tuple of GivenRun
    trained, filters : tuple of Method
        What is trained, and what needs no training.
    metrics : tuple of ChosenMetric
    """

    config: Path | None
    text: str
    tables: Mapping[str, Any]
    settings: RunConfig | None
    base: Path
    every: FoldImages | None
    runs: tuple[GivenRun, ...]
    trained: tuple[Method, ...]
    filters: tuple[Method, ...]
    metrics: tuple[ChosenMetric, ...]


def read_sources(
    places: Sequence[str | Path], plan: MethodComparison, overrides: Sequence[str]
) -> Sources:
    """Return what is compared.

    Parameters
    ----------
    places : sequence of str or Path
        At most one configuration (``.toml``), and folders of runs or models.
    plan : MethodComparison
    overrides : sequence of str
        Changes to the configuration.

    Raises
    ------
    ConfigError, OptionsError, ImageError
        If the configuration, methods or metrics are wrong, or there is nothing to compare.
    ModelError
        If there is no model where a run should be.
    DataError, ImageError
        If the configuration's images cannot be used.
    """
    config = _only_config(places)
    runs = open_runs([one for one in places if Path(one) != config])
    truth = bool(plan.truth)
    names = plan.metrics or METRICS + TRUTH_METRICS * truth
    metrics = choose_metrics(names, truth=truth, alone=True)
    filters = tuple(filter_method(text) for text in plan.filters)
    if any(one.grid for one in filters):
        _refuse_tuning(metrics)
    text, tables, settings, base = "", {}, None, Path()
    if config is not None:
        text = read_text(config)
        tables = apply_overrides(parse_toml(text, str(config)), overrides)
        settings = parse_config(tables, str(config))
        base = config.resolve().parent
    elif plan.losses or plan.variants or overrides:
        raise OptionsError(
            "--loss, --variant and --set change a configuration, and none is given; runs are "
            "finished and only restore"
        )
    trained = _trained(config, tables, plan)
    labels = [one.label for one in (*trained, *filters)] + [run.label for run in runs]
    if not labels:
        raise OptionsError(
            "there is no method to compare: give a configuration to train, folders of finished "
            "runs, or filters with --filter"
        )
    refuse_same(labels)
    every = open_images(settings, base) if settings else None
    return Sources(config, text, tables, settings, base, every, runs, trained, filters, metrics)


def _trained(
    config: Path | None, tables: Mapping[str, Any], plan: MethodComparison
) -> tuple[Method, ...]:
    """Return what is trained."""
    if config is not None and plan.train:
        return find_methods(
            tables,
            str(config),
            losses=plan.losses,
            variants=plan.variants,
            filters=(),
            train=True,
        )
    if plan.losses or plan.variants:
        raise OptionsError(
            "without training there are no losses and no variants; leave --no-training out, or "
            "leave them out"
        )
    return ()


def _refuse_tuning(metrics: Sequence[ChosenMetric]) -> None:
    refuse_tuning_by_truth(metrics)
    if not metrics[0].reference:
        raise OptionsError(
            f"the first metric, {metrics[0].label!r}, tunes the filters, and compares with no "
            "benchmark; name another one first"
        )


def _only_config(places: Sequence[str | Path]) -> Path | None:
    """Return the configuration among some places, None where there is none."""
    found = [Path(one) for one in places if Path(one).suffix == ".toml"]
    if len(found) > 1:
        raise OptionsError(
            f"{' and '.join(map(str, found))} are {len(found)} configurations; give one, and what "
            "differs as --variant, or train each by itself and give the runs"
        )
    return found[0] if found else None
