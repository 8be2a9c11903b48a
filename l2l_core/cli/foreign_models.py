"""``l2l model import-csbdeep`` and ``export-csbdeep``: models to and from CSBDeep."""

from __future__ import annotations

import click

from l2l_core.cli.output import remark, say


@click.command("import-csbdeep")
@click.argument("folder", type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="Model folder to write.")
@click.option("--weights", default="", help="File of weights, where the folder has several.")
def import_csbdeep(folder: str, out: str, weights: str) -> None:
    """Write the CARE model in FOLDER, trained by CSBDeep, as a model of label2label.

    Needs no TensorFlow. A folder can also be given as it is wherever a MODEL is asked for.
    """
    from l2l_core.workflows.foreign_models import import_model

    record = import_model(folder, out, format="csbdeep", weights=weights)
    imported = record.training["imported"]
    say(
        f"{out}: {record.restorer}, {record.axes}, {record.channels_in} in, "
        f"{record.channels_out} out, from {imported['weights']}"
    )


@click.command("export-csbdeep")
@click.argument("model", type=click.Path())
@click.option("--out", required=True, type=click.Path(), help="Folder to write; must be new.")
def export_csbdeep(model: str, out: str) -> None:
    """Write MODEL as a folder that CSBDeep 0.8.2 opens and that predicts the same.

    Needs neither TensorFlow nor CSBDeep.
    """
    from l2l_core.workflows.foreign_models import export_model
    from l2l_core.workflows.model import existing

    record, state = existing(model)
    notes = export_model(record, state, out, format="csbdeep")
    say(f"{out}: config.json and weights_best.h5 for csbdeep.models.CARE")
    for note in notes:
        remark(note)
    if record.chain:
        remark(record.without_chain)
