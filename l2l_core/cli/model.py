"""``l2l model``: what is known of a model, and models to and from other software."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from l2l_core.cli import export_onnx
from l2l_core.cli.foreign_models import export_csbdeep, import_csbdeep
from l2l_core.cli.output import columns, say, say_json

if TYPE_CHECKING:
    from l2l_core.models.model_file import ModelRecord, SideNormalization


@click.group()
def command() -> None:
    """Show what is known of a model, and take models from other software and back."""


command.add_command(import_csbdeep)
command.add_command(export_csbdeep)
command.add_command(export_onnx.command)


@command.command("info")
@click.argument("model", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def info(model: str, as_json: bool) -> None:
    """Show what MODEL, a run or model folder or a CARE folder, was trained on and how.

    Needs no framework: everything is in its files.
    """
    from l2l_core.components.options import unstructure
    from l2l_core.workflows.model import find_record

    record = find_record(model)
    if as_json:
        say_json(unstructure(record))
    else:
        say(columns(_rows(record), indent=0))


def _rows(record: ModelRecord) -> list[tuple[str, str]]:
    geometry, training = record.geometry, record.training
    normalization = record.normalization
    rows = [
        ("method", record.restorer),
        ("supplied by", record.supplier),
        ("options", _listed(record.options)),
        *_chain(record),
        ("works in", geometry.axes),
        ("channels", f"{record.channels_in} in, {record.channels_out} out"),
        ("outputs", ", ".join(geometry.outputs)),
        ("halo", _sides(geometry.halo)),
        ("multiple", _sides(geometry.multiple)),
        ("input normalised by", _normalized(normalization.input)),
        ("target normalised by", _normalized(normalization.target)),
        ("comes out in units of", normalization.output),
        ("tensors", f"{len(record.tensors)}, {_parameters(record):,} parameters"),
        ("identity", record.sha256),
    ]
    if imported := training.get("imported"):
        rows.append(("imported from", f"{imported['format']}, {imported.get('weights', '')}"))
    if "fit" in training:
        fit, config = training.get("fit", {}), training.get("config", {})
        losses = [one["name"] for one in config.get("loss", {}).values()]
        rows += [
            ("trained on", f"{training.get('pairs')} pairs; {training.get('split')}"),
            ("loss", ", ".join(losses)),
            ("best epoch", f"{fit.get('best_epoch')} of {fit.get('epochs')}"),
            ("best loss", f"{fit.get('best_loss'):.5g}"),
            ("seed", str(config.get("seed"))),
            ("overrides", ", ".join(training.get("overrides", ())) or "none"),
            ("versions", _listed(training.get("versions", {}))),
        ]
    for side in ("input", "target"):
        mean = record.appearance.get(side, {}).get("mean", {})
        for number, channel in enumerate(mean.get("channels", ())):
            known = {**channel, **(channel.get("contrast") or {})}
            shown = ("michelson", "rms", "mean", "std", "noise")
            text = ", ".join(f"{key} {known[key]:.3g}" for key in shown if key in known)
            rows.append((f"{side} looked like", f"channel {number}: {text}"))
    return rows


def _chain(record: ModelRecord) -> list[tuple[str, str]]:
    return [(f"then {step.name}", _listed(step.options) or "as it is") for step in record.chain]


def _sides(values: tuple[int | None, ...]) -> str:
    return " x ".join("whole axis" if value is None else str(value) for value in values) + " px"


def _normalized(side: SideNormalization) -> str:
    spec = side.spec
    how: str = spec.method
    if how == "percentile":
        how = f"percentiles {spec.low:g} and {spec.high:g}"
    if side.numbers is None:
        return f"{how} of each image"
    numbers = ", ".join(
        f"(x - {offset:g}) / {scale:g}"
        for offset, scale in zip(side.numbers.offset, side.numbers.scale, strict=True)
    )
    of = "each image; over the training set" if spec.scope == "image" else "all training images:"
    return f"{how} of {of} {numbers}"


def _parameters(record: ModelRecord) -> int:
    from math import prod

    return sum(prod(tensor.shape) for tensor in record.tensors.values())


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
